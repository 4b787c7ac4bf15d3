/* The front as comma-separated values. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "report/report.h"

/* Metrics of no table, which not every design need have. */
struct extras {
    size_t n;
    const char **name; /* [n] ascending */
};

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static struct extras collect_extras(const struct sofa_study *s, struct sofa_str *out)
{
    struct extras e = {0, NULL};
    size_t all = 0;

    for (size_t i = 0; i < s->n_front; i++)
        all += s->trial[s->front[i]].n_extra;
    e.name = calloc(all + 1, sizeof *e.name);
    out->failed = out->failed || !e.name;
    for (size_t i = 0, n = 0; e.name && i < s->n_front; i++)
        for (size_t k = 0; k < s->trial[s->front[i]].n_extra; k++)
            e.name[n++] = s->trial[s->front[i]].extra[k].name;
    if (e.name)
        qsort(e.name, all, sizeof *e.name, compare_names);
    for (size_t i = 0; e.name && i < all; i++)
        if (!e.n || strcmp(e.name[i], e.name[e.n - 1]) != 0)
            e.name[e.n++] = e.name[i];
    return e;
}

/* In quotes where they are needed. */
static void add_text(const char *text, struct sofa_str *out)
{
    if (!text[strcspn(text, ",\"\r\n")]) {
        sofa_str_add(out, text);
        return;
    }
    sofa_str_add(out, "\"");
    for (; *text; text++) {
        sofa_str_add(out, *text == '"' ? "\"" : "");
        sofa_str_add_bytes(out, text, 1);
    }
    sofa_str_add(out, "\"");
}

static void add_head(const struct sofa_problem *p, const struct extras *e, struct sofa_str *out)
{
    sofa_str_add(out, "id");
    for (size_t i = 0; i < p->space->dims; i++)
        sofa_str_addf(out, ",%s", p->space->dim[i].name);
    for (size_t i = 0; i < p->n_metrics; i++)
        sofa_str_addf(out, ",%s", p->metric[i].name);
    for (size_t i = 0; i < e->n; i++) {
        sofa_str_add(out, ",");
        add_text(e->name[i], out);
    }
    sofa_str_add(out, "\n");
}

/* An empty cell for what isn't known. */
static void add_value(double value, struct sofa_str *out)
{
    sofa_str_add(out, ",");
    if (!isnan(value))
        sofa_str_add_double(out, value);
}

static void add_row(const struct sofa_problem *p, const struct extras *e, const struct sofa_trial *t, struct sofa_str *out)
{
    size_t k = 0;

    sofa_str_addf(out, "%zu", t->id);
    for (size_t i = 0; i < p->space->dims; i++) {
        const struct sofa_space_dim *d = &p->space->dim[i];

        if (d->parameter->kind == SOFA_PARAMETER_CHOICE) {
            sofa_str_add(out, ",");
            add_text(d->parameter->names[(int)d->value[t->x[i]]], out);
        } else {
            add_value(d->value[t->x[i]], out);
        }
    }
    for (size_t i = 0; i < p->n_metrics; i++)
        add_value(t->metric[i], out);
    for (size_t i = 0; i < e->n; i++) {
        bool has = k < t->n_extra && strcmp(t->extra[k].name, e->name[i]) == 0;

        add_value(has ? t->extra[k++].value : (double)NAN, out);
    }
    sofa_str_add(out, "\n");
}

void sofa_report_csv(const struct sofa_study *study, struct sofa_str *out)
{
    struct extras e = collect_extras(study, out);

    add_head(study->problem, &e, out);
    for (size_t i = 0; i < study->n_front; i++)
        add_row(study->problem, &e, &study->trial[study->front[i]], out);
    free(e.name);
}

#include "model/validate.h"

#include <math.h>
#include <string.h>
#include <strings.h>

#include "model/validate_values.h"

const int sofa_validate_permille[SOFA_VALIDATE_LEVELS] = {187, 123, 74};

double sofa_validate_published(const struct sofa_validation *v, const char *name)
{
    for (size_t i = 0; i < v->published->n_rows; i++)
        if (strcmp(v->published->row[i].name, name) == 0)
            return v->published->row[i].value;
    return NAN;
}

/* "a3.latency": a normalised figure of another accelerator. */
static double accelerator_row(const struct sofa_validation *v, const char *name, bool *known)
{
    const struct sofa_published *p = v->published;

    for (size_t i = 0; i < p->n_accelerators; i++) {
        size_t n = strlen(p->accelerator[i].name);
        struct sofa_normalised all;

        if (strncasecmp(name, p->accelerator[i].name, n) != 0 || name[n] != '.')
            continue;
        all = sofa_normalise(&p->accelerator[i], p->inputs.work_gop);
        *known = true;
        if (strcmp(name + n, ".core_energy_efficiency") == 0)
            return all.core_gops_per_w;
        if (strcmp(name + n, ".energy_efficiency") == 0)
            return all.device_gops_per_w;
        if (strcmp(name + n, ".area_efficiency") == 0)
            return all.gops_per_mm2;
        if (strcmp(name + n, ".latency") == 0)
            return 1e3 * all.latency_s;
        break;
    }
    *known = false;
    return NAN;
}

/* Whatever has that name in the tables. */
static double value_of(const struct sofa_validation *v, const char *name, bool *known)
{
    const struct sofa_validate_values *const table[] = {&sofa_validate_chip, &sofa_validate_arithmetic,
                                                        &sofa_validate_model, &sofa_validate_steps};

    *known = true;
    for (size_t t = 0; t < sizeof table / sizeof *table; t++)
        for (size_t i = 0; i < table[t]->n; i++)
            if (strcmp(table[t]->value[i].name, name) == 0)
                return table[t]->value[i].value(v, table[t]->value[i].what);
    return accelerator_row(v, name, known);
}

double sofa_validate_row(const struct sofa_validation *v, const struct sofa_published_row *row, bool *known)
{
    *known = true;
    return row->why ? NAN : value_of(v, row->name, known);
}

/* Three digits, and all that stand before the point. */
static void add_number(struct sofa_str *text, double x)
{
    sofa_str_addf(text, fabs(x) >= 1000 ? "%.0f" : "%.3g", x);
}

enum sofa_code sofa_validate_note(const struct sofa_validation *v, const struct sofa_published_row *row,
                                  struct sofa_str *text, struct sofa_err *err)
{
    const char *from = row->why ? row->why : row->note ? row->note : "", *open, *close;
    char name[64];
    bool known;

    sofa_str_clear(text);
    for (; (open = strchr(from, '{')) && (close = strchr(open, '}')); from = close + 1) {
        size_t n = (size_t)(close - open - 1);
        double x;

        if (n >= sizeof name)
            n = sizeof name - 1;
        memcpy(name, open + 1, n);
        name[n] = '\0';
        sofa_str_add_bytes(text, from, (size_t)(open - from));
        x = value_of(v, name, &known);
        if (!known)
            return sofa_fail(err, SOFA_E_INPUT, "the note of '%s' asks for '%s', which nothing computes", row->name,
                             name);
        add_number(text, x);
    }
    sofa_str_add(text, from);
    return text->failed ? sofa_fail_nomem(err, "a note") : SOFA_OK;
}

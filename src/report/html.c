/* The page: one file that needs nothing else. */
#include "report/html.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/str.h"
#include "model/model.h"
#include "report/picture.h"

static void element(struct sofa_str *out, const char *open, const char *text, const char *close)
{
    sofa_str_add(out, open);
    sofa_report_escape(text, out);
    sofa_str_add(out, close);
}

static void add_head(const struct sofa_report_data *d, struct sofa_str *out)
{
    sofa_str_add(out, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
    element(out, "<title>", d->name, ": sofa-dse report</title>\n<style>\n");
    sofa_str_add(out, sofa_html_style);
    element(out, "</style>\n</head>\n<body>\n<header>\n<h1>", d->name, "</h1>\n");
    sofa_str_addf(out, "<div class=\"soft\">Design-space exploration %s</div>\n<dl>\n",
                  d->outside ? "with an outside evaluator" : "of a sparse-attention accelerator");
    for (size_t i = 0; i < d->n_facts; i++) {
        element(out, "<div><dt>", d->fact[i].name, "</dt>");
        element(out, "<dd>", d->fact[i].text, "</dd></div>\n");
    }
    sofa_str_add(out, "</dl>\n</header>\n<main>\n");
}

/* The best value of an objective on the front, NAN where the front is empty. */
static double best_of(const struct sofa_report_data *d, size_t k)
{
    double best = NAN;

    for (size_t i = 0; i < d->history.n_trials; i++)
        if (d->on_front[i] &&
            !(d->objective[k].sign * d->history.trial[i].metric[k] >= d->objective[k].sign * best))
            best = d->history.trial[i].metric[k];
    return best;
}

static void value_cell(const struct sofa_report_objective *o, double value, struct sofa_str *out)
{
    char text[SOFA_REPORT_TEXT_MAX];

    sofa_report_value_text(o, value, text);
    element(out, "<td>", isnan(value) ? "" : text, "</td>");
}

static void add_objectives(const struct sofa_report_data *d, struct sofa_str *out)
{
    sofa_str_add(
        out,
        "<h2>Objectives</h2>\n<div class=\"scroll\"><table class=\"plain\">\n<thead><tr><th>objective</th><th>goal</th>"
        "<th>best on the front</th><th>constraint</th><th>reference point</th><th>what it is</th></tr></thead>\n<tbody>\n");
    for (size_t k = 0; k < d->n_objectives; k++) {
        const struct sofa_report_objective *o = &d->objective[k];
        const struct sofa_metric *m = d->outside ? NULL : sofa_metric_find(o->name);

        element(out, "<tr><td>", o->name, "</td>");
        sofa_str_add(out, o->sign > 0 ? "<td>minimize</td>" : "<td>maximize</td>");
        value_cell(o, best_of(d, k), out);
        value_cell(o, o->limit, out);
        value_cell(o, o->reference, out);
        element(out, "<td>", m ? m->help : "", "</td></tr>\n");
    }
    sofa_str_add(out, "</tbody></table></div>\n");
    if (d->n_constraints)
        sofa_str_add(out, "<p class=\"soft\">Constraints: ");
    for (size_t i = 0; i < d->n_constraints; i++)
        element(out, i ? ", " : "", d->constraint[i], i + 1 == d->n_constraints ? "</p>\n" : "");
}

/* Parameters of layers stand together: from `first` on, how many have the same name before the dot. */
static size_t group_length(const struct sofa_report_data *d, size_t first)
{
    const char *name = d->history.parameter[first];
    size_t length = strcspn(name, "."), n = 1;

    while (name[length] && first + n < d->history.n_parameters &&
           strncmp(d->history.parameter[first + n], name, length + 1) == 0)
        n++;
    return n;
}

static void group_name(const struct sofa_report_data *d, size_t first, size_t n, char *buf, size_t size)
{
    const char *name = d->history.parameter[first];

    snprintf(buf, size, "%.*s", n > 1 ? (int)strcspn(name, ".") : (int)strlen(name), name);
}

/* "6 / 6 / 10 %": the unit once, where all have the same. */
static void group_text(const struct sofa_report_data *d, const struct sofa_history_trial *t, size_t first,
                       size_t n, struct sofa_str *out)
{
    char text[SOFA_REPORT_TEXT_MAX], next[SOFA_REPORT_TEXT_MAX];
    size_t number;

    for (size_t i = first; i < first + n; i++) {
        sofa_report_parameter_text(d->parameter[i], t->value[i], text);
        number = strcspn(text, " ");
        if (i + 1 < first + n) {
            sofa_report_parameter_text(d->parameter[i + 1], t->value[i + 1], next);
            if (strcmp(text + number, next + strcspn(next, " ")) == 0)
                text[number] = '\0';
        }
        sofa_str_addf(out, "%s%s", i > first ? " / " : "", text);
    }
}

static void sortable(struct sofa_str *out, const char *name)
{
    element(out, "<th scope=\"col\"><button>", name, "</button></th>");
}

static void add_front_head(const struct sofa_report_data *d, struct sofa_str *out)
{
    char name[SOFA_REPORT_TEXT_MAX];
    size_t n;

    sofa_str_add(out, "<thead><tr>");
    sortable(out, "id");
    for (size_t k = 0; k < d->n_objectives; k++)
        sortable(out, d->objective[k].name);
    for (size_t i = 0; i < d->history.n_parameters; i += n) {
        n = group_length(d, i);
        group_name(d, i, n, name, sizeof name);
        sortable(out, name);
    }
    sofa_str_add(out, "</tr></thead>\n");
}

static void add_front_row(const struct sofa_report_data *d, const struct sofa_history_trial *t,
                          struct sofa_str *out)
{
    struct sofa_str text = SOFA_STR_INIT;
    char value[SOFA_REPORT_TEXT_MAX];
    size_t n;

    sofa_str_addf(out, "<tr data-i=\"%zu\"><td data-v=\"%zu\">%zu</td>", t->id, t->id, t->id);
    for (size_t k = 0; k < d->n_objectives; k++) {
        sofa_report_value_text(&d->objective[k], t->metric[k], value);
        sofa_str_addf(out, "<td data-v=\"%.17g\">", t->metric[k]);
        element(out, "", value, "</td>");
    }
    for (size_t i = 0; i < d->history.n_parameters; i += n) {
        n = group_length(d, i);
        sofa_str_clear(&text);
        group_text(d, t, i, n, &text);
        sofa_str_addf(out, isinf(t->value[i]) ? "<td data-v=\"Infinity\">" : "<td data-v=\"%.17g\">",
                      t->value[i]);
        element(out, "", text.text, "</td>");
    }
    sofa_str_add(out, "</tr>\n");
    out->failed = out->failed || text.failed;
    sofa_str_release(&text);
}

struct by_objective {
    double y;
    size_t trial;
};

static int compare_by_objective(const void *a, const void *b)
{
    const struct by_objective *p = a, *q = b;

    return p->y != q->y ? (p->y > q->y) - (p->y < q->y) : (p->trial > q->trial) - (p->trial < q->trial);
}

static void add_front(const struct sofa_report_data *d, struct sofa_str *out)
{
    struct by_objective *row = calloc(d->n_front + 1, sizeof *row);
    size_t n = 0;

    if (!row) {
        out->failed = true;
        return;
    }
    for (size_t i = 0; i < d->history.n_trials; i++)
        if (d->on_front[i])
            row[n++] = (struct by_objective){d->objective[0].sign * d->history.trial[i].metric[0], i};
    qsort(row, n, sizeof *row, compare_by_objective);
    sofa_str_add(
        out,
        "<h2>The front</h2>\n<p class=\"soft\">No evaluated design is better than one of these in every objective. "
        "A click on a heading sorts.</p>\n<div class=\"scroll\"><table id=\"front\">\n");
    add_front_head(d, out);
    sofa_str_add(out, "<tbody>\n");
    for (size_t i = 0; i < n; i++)
        add_front_row(d, &d->history.trial[row[i].trial], out);
    sofa_str_add(out, "</tbody></table></div>\n");
    free(row);
}

static void add_legend(struct sofa_str *out)
{
    sofa_str_add(
        out,
        "<div class=\"legend\"><span><svg viewBox=\"-9 -6 18 12\"><circle class=\"f\" r=\"4\"/></svg>on the front</span>"
        "<span><svg viewBox=\"-9 -6 18 12\"><path class=\"stairs\" d=\"M-8 0H8\"/></svg>best in these two alone</span>"
        "<span><svg viewBox=\"-9 -6 18 12\"><circle class=\"t\" r=\"2.8\"/></svg>evaluated</span>"
        "<span><svg viewBox=\"-9 -6 18 12\"><circle class=\"i\" r=\"2.8\"/></svg>violates a constraint</span>"
        "<span><svg viewBox=\"-9 -6 18 12\"><path class=\"limit\" d=\"M-8 0H8\"/></svg>constraint</span>"
        "<span><svg viewBox=\"-9 -6 18 12\"><path class=\"reference\" d=\"M-8 0H8\"/></svg>reference point</span></div>\n");
}

/* Pictures thin out what is many; the page says so. */
static void add_thinning(const struct sofa_report_data *d, struct sofa_str *out)
{
    size_t every = d->history.n_trials / SOFA_REPORT_DRAWN_MAX + 1;

    if (every > 1)
        sofa_str_addf(
            out,
            "<p class=\"soft\">Of the %zu evaluations the pictures show the front and every %zuth of the others.</p>\n",
            d->history.n_trials, every);
}

static void add_scatters(const struct sofa_report_data *d, struct sofa_str *out)
{
    if (d->n_objectives < 2)
        return;
    sofa_str_add(out, "<h2>Objectives against each other</h2>\n");
    add_legend(out);
    add_thinning(d, out);
    sofa_str_add(out, "<div class=\"cards\">\n");
    for (size_t x = 0; x < d->n_objectives; x++) {
        for (size_t y = x + 1; y < d->n_objectives; y++) {
            sofa_str_add(out, "<div class=\"card pair\">");
            sofa_svg_scatter(d, x, y, false, out);
            sofa_str_add(out, "</div>\n");
        }
    }
    sofa_str_add(out, "</div>\n");
}

static void add_convergence(const struct sofa_report_data *d, struct sofa_str *out)
{
    sofa_str_add(
        out,
        "<h2>Progress of the search</h2>\n<p class=\"soft\">Hypervolume between the front and the reference point, "
        "in the product of the objectives' units.</p>\n<div class=\"card\">");
    sofa_svg_convergence(d, out);
    sofa_str_add(out, "</div>\n");
}

static void add_parameters(const struct sofa_report_data *d, struct sofa_str *out)
{
    char title[2 * SOFA_REPORT_TEXT_MAX];

    sofa_str_add(out, "<h2>Parameters</h2>\n<p><label>All evaluations by the value of each parameter, against "
                      "<select id=\"against\">");
    for (size_t k = 0; k < d->n_objectives; k++) {
        sofa_svg_objective_title(d, k, title, sizeof title);
        sofa_str_addf(out, "<option value=\"%zu\">", k);
        element(out, "", title, "</option>");
    }
    sofa_str_add(out, "</select></label></p>\n<div class=\"cards small\">\n");
    for (size_t i = 0; i < d->history.n_parameters; i++) {
        element(out, "<div class=\"card\"><h3>", d->history.parameter[i], "</h3>");
        for (size_t k = 0; k < d->n_objectives; k++) {
            sofa_str_addf(out, "<div data-y=\"%zu\"%s>", k, k ? " hidden" : "");
            sofa_svg_parameter(d, i, k, out);
            sofa_str_add(out, "</div>");
        }
        sofa_str_add(out, "</div>\n");
    }
    sofa_str_add(out, "</div>\n");
}

/* A text inside quotes of a JSON that stands inside a page: '<' could end the script. */
static void add_json_text(const char *text, struct sofa_str *out)
{
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;

        if (c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' || c < 0x20)
            sofa_str_addf(out, "\\u%04x", c);
        else
            sofa_str_add_bytes(out, text, 1);
    }
}

/* What hovering over a trial tells. */
static void trial_text(const struct sofa_report_data *d, size_t i, struct sofa_str *text)
{
    const struct sofa_history_trial *t = &d->history.trial[i];
    char value[SOFA_REPORT_TEXT_MAX];
    size_t n;

    sofa_str_addf(text, "evaluation %zu, %s", t->id,
                  d->on_front[i] ? "on the front" : sofa_trial_status_names[t->status]);
    sofa_str_addf(text, "%s%s\n", *t->reason ? ": " : "", t->reason);
    for (size_t k = 0; k < d->n_objectives; k++) {
        sofa_report_value_text(&d->objective[k], t->metric[k], value);
        sofa_str_addf(text, "\n%s  %s", d->objective[k].name, value);
    }
    sofa_str_add(text, "\n");
    for (size_t p = 0; p < d->history.n_parameters; p += n) {
        n = group_length(d, p);
        group_name(d, p, n, value, sizeof value);
        sofa_str_addf(text, "\n%s  ", value);
        group_text(d, t, p, n, text);
    }
}

static void add_trials(const struct sofa_report_data *d, struct sofa_str *out)
{
    struct sofa_str text = SOFA_STR_INIT;
    const char *comma = "";

    sofa_str_add(out,
                 "<div id=\"tip\" role=\"tooltip\"></div>\n<script type=\"application/json\" id=\"trials\">{");
    for (size_t i = 0; i < d->history.n_trials; i++) {
        if (!sofa_report_is_drawn(d, i, SOFA_REPORT_DRAWN_MAX))
            continue;
        sofa_str_clear(&text);
        trial_text(d, i, &text);
        sofa_str_addf(out, "%s\n\"%zu\":\"", comma, d->history.trial[i].id);
        add_json_text(text.text, out);
        sofa_str_add(out, "\"");
        comma = ",";
    }
    sofa_str_add(out, "}\n</script>\n");
    out->failed = out->failed || text.failed;
    sofa_str_release(&text);
}

static void add_page(const struct sofa_report_data *d, struct sofa_str *out)
{
    add_head(d, out);
    add_objectives(d, out);
    add_front(d, out);
    add_scatters(d, out);
    add_convergence(d, out);
    add_parameters(d, out);
    sofa_str_add(out, "</main>\n<footer>Made by sofa-dse " PACKAGE_VERSION " from study.db and pareto.json; "
                      "<code>sofa-dse report</code> makes it again.</footer>\n");
    add_trials(d, out);
    sofa_str_addf(out, "<script>\n%s</script>\n</body>\n</html>\n", sofa_html_script);
}

static enum sofa_code finish(const struct sofa_str *text, const char *file, struct sofa_err *err)
{
    return text->failed ? sofa_fail_nomem(err, file)
                        : sofa_file_write_atomic(file, text->text, text->length, err);
}

enum sofa_code sofa_report_html(const char *folder, const char *file, struct sofa_err *err)
{
    struct sofa_str text = SOFA_STR_INIT;
    struct sofa_report_data data;
    enum sofa_code rc;

    SOFA_TRY(sofa_report_data_read(folder, &data, err));
    add_page(&data, &text);
    rc = finish(&text, file, err);
    sofa_report_data_release(&data);
out:
    sofa_str_release(&text);
    return rc;
}

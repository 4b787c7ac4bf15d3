/* Pictures of a study: objectives against each other, the search over time, parameters. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report/picture.h"
#include "report/svg_frame.h"

/* Lowest and highest value of the feasible trials, or of all where there are fewer than two; limit and
 * reference are taken in where they are near. */
static void objective_axis(const struct sofa_report_data *d, size_t k, size_t ticks, double start, double end,
                           struct sofa_axis *axis)
{
    const struct sofa_report_objective *o = &d->objective[k];
    double near[] = {o->limit, o->reference}, low = INFINITY, high = -INFINITY;
    size_t feasible = 0;

    for (size_t i = 0; i < d->history.n_trials; i++)
        feasible += d->history.trial[i].status == SOFA_TRIAL_FEASIBLE;
    for (size_t i = 0; i < d->history.n_trials; i++) {
        double v = d->history.trial[i].metric[k];

        if (!isfinite(v) || (feasible >= 2 && d->history.trial[i].status != SOFA_TRIAL_FEASIBLE))
            continue;
        low = fmin(low, v);
        high = fmax(high, v);
    }
    for (size_t i = 0; i < sizeof near / sizeof *near && low < high; i++) {
        double room = 0.5 * (high - low);

        if (near[i] >= low - room && near[i] <= high + room) {
            low = fmin(low, near[i]);
            high = fmax(high, near[i]);
        }
    }
    sofa_axis_init(axis, low, high, o->shown_unit, ticks, start, end);
}

static void add_point(const struct sofa_report_data *d, const struct sofa_svg_frame *f, size_t i, double x,
                      double y, struct sofa_str *out)
{
    const struct sofa_history_trial *t = &d->history.trial[i];
    const char *kind = d->on_front[i] ? "f" : t->status == SOFA_TRIAL_FEASIBLE ? "t" : "i";

    if (isfinite(x) && isfinite(y) && x >= f->left && x <= f->right && y >= f->top && y <= f->bottom)
        sofa_str_addf(out, "<circle class=\"%s\" cx=\"%.1f\" cy=\"%.1f\" r=\"%s\" data-i=\"%zu\"/>\n", kind, x,
                      y, d->on_front[i] ? "4" : "2.8", t->id);
}

/* The front last, so that it lies on top. */
static void add_points(const struct sofa_report_data *d, const struct sofa_svg_frame *f, size_t x, size_t y,
                       struct sofa_str *out)
{
    for (int front = 0; front < 2; front++) {
        for (size_t i = 0; i < d->history.n_trials; i++) {
            const double *m = d->history.trial[i].metric;

            if (d->on_front[i] == (front == 1) && sofa_report_is_drawn(d, i, SOFA_REPORT_DRAWN_MAX))
                add_point(d, f, i, sofa_axis_place(&f->x, m[x]), sofa_axis_place(&f->y, m[y]), out);
        }
    }
}

struct pair {
    double x, y; /* minimised */
};

static int compare_pairs(const void *a, const void *b)
{
    const struct pair *p = a, *q = b;

    return p->x != q->x ? (p->x > q->x) - (p->x < q->x) : (p->y > q->y) - (p->y < q->y);
}

/* The designs that are best in these two objectives alone, joined by steps: what is beyond was not reached. */
static void add_stairs(const struct sofa_report_data *d, const struct sofa_svg_frame *f, size_t x, size_t y,
                       struct sofa_str *out)
{
    const struct sofa_report_objective *ox = &d->objective[x], *oy = &d->objective[y];
    struct pair *pair = calloc(d->n_front + 1, sizeof *pair);
    double best = INFINITY;
    size_t n = 0;

    if (!pair) {
        out->failed = true;
        return;
    }
    for (size_t i = 0; i < d->history.n_trials && n < d->n_front; i++)
        if (d->on_front[i])
            pair[n++] = (struct pair){ox->sign * d->history.trial[i].metric[x],
                                      oy->sign * d->history.trial[i].metric[y]};
    qsort(pair, n, sizeof *pair, compare_pairs);
    sofa_str_add(out, "<path class=\"stairs\" d=\"");
    for (size_t i = 0; i < n; i++) {
        double px = sofa_axis_place(&f->x, ox->sign * pair[i].x),
               py = sofa_axis_place(&f->y, oy->sign * pair[i].y);

        if (!(pair[i].y < best) || !isfinite(px) || !isfinite(py))
            continue;
        sofa_str_addf(out, isinf(best) ? "M%.1f %.1f" : "H%.1fV%.1f", px, py);
        best = pair[i].y;
    }
    sofa_str_add(out, "\"/>\n");
    free(pair);
}

/* A line across the picture at a value of one axis. */
static void add_across(const struct sofa_svg_frame *f, bool vertical, double value, const char *classes,
                       struct sofa_str *out)
{
    double at = sofa_axis_place(vertical ? &f->x : &f->y, value);

    if (vertical)
        sofa_svg_line(out, classes, at, f->top, at, f->bottom);
    else
        sofa_svg_line(out, classes, f->left, at, f->right, at);
}

#define ROW 16.0 /* height a line of text needs */

/* What lies beyond a constraint, shaded, with the limit written at its line. */
static void add_limit(const struct sofa_svg_frame *f, bool vertical, const struct sofa_report_objective *o,
                      struct sofa_str *out)
{
    const struct sofa_axis *a = vertical ? &f->x : &f->y;
    double at = sofa_axis_place(a, o->limit), end = o->limit_above ? a->end : a->start, from = fmin(at, end),
           size = fabs(end - at);
    char value[SOFA_REPORT_TEXT_MAX], text[SOFA_REPORT_TEXT_MAX + 8];

    sofa_report_value_text(o, o->limit, value);
    snprintf(text, sizeof text, "%s %s", o->limit_above ? "≤" : "≥", value);
    sofa_str_addf(out, "<rect class=\"beyond\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"/>\n",
                  vertical ? from : f->left, vertical ? f->top : from, vertical ? size : f->right - f->left,
                  vertical ? f->bottom - f->top : size);
    add_across(f, vertical, o->limit, "limit", out);
    if (vertical)
        sofa_svg_text(out, o->limit_above ? "note limited end" : "note limited", at + (o->limit_above ? -5 : 5),
                      f->bottom - 6, "", text);
    else
        sofa_svg_text(out, "note limited end", f->right - 5, at + (o->limit_above == (size >= ROW) ? -5 : 13),
                      "", text);
}

/* Limit and reference of one objective; a limit that the picture doesn't reach is written in `note`. */
static void add_bounds(const struct sofa_svg_frame *f, bool vertical, const struct sofa_report_objective *o,
                       struct sofa_str *note, struct sofa_str *out)
{
    const struct sofa_axis *a = vertical ? &f->x : &f->y;
    char value[SOFA_REPORT_TEXT_MAX];

    if (!isnan(o->limit) && sofa_axis_holds(a, o->limit)) {
        add_limit(f, vertical, o, out);
    } else if (!isnan(o->limit)) {
        sofa_report_value_text(o, o->limit, value);
        sofa_str_addf(note, "%slimit %s %s %s, not in the picture", *note->text ? "; " : "", o->name,
                      o->limit_above ? "≤" : "≥", value);
    }
    if (o->reference != o->limit && sofa_axis_holds(a, o->reference))
        add_across(f, vertical, o->reference, "reference", out);
}

struct legend {
    const char *mark, *text;
    double width;
};

/* A row of what the marks mean, for a picture that stands alone. */
static void add_legend(double x, double y, struct sofa_str *out)
{
    static const struct legend rows[] = {
        {"<circle class=\"f\" r=\"4\"/>", "on the front", 104},
        {"<circle class=\"t\" r=\"2.8\"/>", "evaluated", 88},
        {"<circle class=\"i\" r=\"2.8\"/>", "violates a constraint", 146},
        {"<path class=\"limit\" d=\"M-7 0H7\"/>", "constraint", 94},
        {"<path class=\"reference\" d=\"M-7 0H7\"/>", "reference point", 110},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        sofa_str_addf(out, "<g transform=\"translate(%g %g)\">%s</g>\n", x + 6, y - 4, rows[i].mark);
        sofa_svg_text(out, "note", x + 18, y, "", rows[i].text);
        x += rows[i].width;
    }
}

static void scatter_frame(const struct sofa_report_data *d, size_t x, size_t y, bool standalone,
                          struct sofa_svg_frame *f)
{
    f->left = standalone ? 72 : 64;
    f->right = standalone ? 704 : 446;
    f->top = standalone ? 74 : 22;
    f->bottom = standalone ? 400 : 290;
    objective_axis(d, x, standalone ? 8 : 5, f->left, f->right, &f->x);
    objective_axis(d, y, standalone ? 7 : 5, f->bottom, f->top, &f->y);
}

void sofa_svg_scatter(const struct sofa_report_data *data, size_t x, size_t y, bool standalone,
                      struct sofa_str *out)
{
    struct sofa_str note = SOFA_STR_INIT, title = SOFA_STR_INIT;
    struct sofa_svg_frame f;

    sofa_str_addf(&title, "%s: %s against %s, %zu designs evaluated", data->name, data->objective[y].name,
                  data->objective[x].name, data->history.n_trials);
    scatter_frame(data, x, y, standalone, &f);
    sofa_svg_begin(out, f.right + 16, f.bottom + 50, standalone, title.text);
    if (standalone) {
        sofa_svg_text(out, "title", 16, 26, "", title.text);
        add_legend(16, 50, out);
    }
    sofa_svg_x_axis(&f, out);
    sofa_svg_y_axis(&f, out);
    add_bounds(&f, true, &data->objective[x], &note, out);
    add_bounds(&f, false, &data->objective[y], &note, out);
    sofa_svg_border(&f, out);
    add_stairs(data, &f, x, y, out);
    add_points(data, &f, x, y, out);
    sofa_svg_titles(&f, data->objective[x].name, data->objective[y].name, out);
    if (*note.text)
        sofa_svg_text(out, "note end", f.right, f.top - 7, "", note.text);
    sofa_str_add(out, "</svg>\n");
    out->failed = out->failed || note.failed || title.failed;
    sofa_str_release(&note);
    sofa_str_release(&title);
}

/* An axis without margins, where its ends mean something. */
static void trim(struct sofa_axis *a, double low, double high)
{
    size_t kept = 0;

    if (!(low < high))
        return;
    a->low = low;
    a->high = high;
    for (size_t i = 0; i < a->n_ticks; i++)
        if (sofa_axis_holds(a, a->tick[i]))
            a->tick[kept++] = a->tick[i];
    a->n_ticks = kept;
}

void sofa_svg_convergence(const struct sofa_report_data *data, struct sofa_str *out)
{
    struct sofa_svg_frame f = {.left = 84, .right = 1184, .top = 14, .bottom = 220};
    double most = 0, x = 0;

    for (size_t i = 0; i < data->n_steps; i++)
        most = fmax(most, data->step[i].hypervolume);
    sofa_axis_init(&f.x, 0, (double)data->history.n_trials, "1", 10, f.left, f.right);
    sofa_axis_init(&f.y, 0, most, "1", 4, f.bottom, f.top);
    trim(&f.x, 0, (double)data->history.n_trials);
    trim(&f.y, 0, f.y.high);
    sofa_svg_begin(out, 1200, 270, false, "hypervolume over evaluations");
    sofa_svg_x_axis(&f, out);
    sofa_svg_y_axis(&f, out);
    sofa_svg_border(&f, out);
    sofa_str_addf(out, "<path class=\"progress\" d=\"M%.1f %.1f", sofa_axis_place(&f.x, 0),
                  sofa_axis_place(&f.y, 0));
    for (size_t i = 0; i < data->n_steps; i++) {
        x = sofa_axis_place(&f.x, (double)data->step[i].after);
        sofa_str_addf(out, "H%.1fV%.1f", x, sofa_axis_place(&f.y, data->step[i].hypervolume));
    }
    sofa_str_add(out, "\"/>\n");
    sofa_svg_titles(&f, "evaluations", "hypervolume", out);
    sofa_str_add(out, "</svg>\n");
}

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* The values a parameter was given, ascending; the caller frees. */
static double *levels_of(const struct sofa_report_data *d, size_t parameter, size_t *n)
{
    double *level = calloc(d->history.n_trials + 1, sizeof *level);
    size_t all = 0;

    *n = 0;
    for (size_t i = 0; level && i < d->history.n_trials; i++)
        if (!isnan(d->history.trial[i].value[parameter]))
            level[all++] = d->history.trial[i].value[parameter];
    if (level)
        qsort(level, all, sizeof *level, compare_doubles);
    for (size_t i = 0; i < all; i++)
        if (!*n || level[i] != level[*n - 1])
            level[(*n)++] = level[i];
    return level;
}

#define LETTER 6.0 /* widths of a tick's letters, about */

/* As many of the levels are written as there is room for, evenly: the first always. */
static void add_levels(const struct sofa_svg_frame *f, const struct sofa_parameter *p, const double *level, size_t n,
                       struct sofa_str *out)
{
    double slot = (f->right - f->left) / (double)n, widest = 0;
    char text[SOFA_REPORT_TEXT_MAX];
    size_t every;

    for (size_t i = 0; i < n; i++) {
        sofa_report_parameter_text(p, level[i], text);
        widest = fmax(widest, LETTER * (double)strlen(text) + 6);
    }
    every = (size_t)ceil(widest / slot);
    for (size_t i = 0; i < n; i += every) {
        sofa_report_parameter_text(p, level[i], text);
        sofa_svg_text(out, "tick mid", f->left + ((double)i + 0.5) * slot, f->bottom + 15, "", text);
    }
}

/* Points of one level lie side by side: a golden-ratio sequence spreads them without chance. */
static double spread(size_t i)
{
    double t = (double)i * 0.61803398874989485;

    return 0.7 * (t - floor(t) - 0.5);
}

#define PARAMETER_POINTS_MAX 500

void sofa_svg_objective_title(const struct sofa_report_data *data, size_t k, char *buf, size_t size)
{
    struct sofa_axis axis;

    objective_axis(data, k, 4, 0, 1, &axis);
    sofa_svg_axis_title(data->objective[k].name, &axis, buf, size);
}

void sofa_svg_parameter(const struct sofa_report_data *data, size_t parameter, size_t y, struct sofa_str *out)
{
    struct sofa_svg_frame f = {.left = 44, .right = 290, .top = 12, .bottom = 130};
    size_t n = 0;
    double *level = levels_of(data, parameter, &n), slot = (f.right - f.left) / (double)(n ? n : 1);

    if (!level) {
        out->failed = true;
        return;
    }
    objective_axis(data, y, 4, f.bottom, f.top, &f.y);
    sofa_svg_begin(out, 300, 152, false, data->history.parameter[parameter]);
    sofa_svg_y_axis(&f, out);
    sofa_svg_border(&f, out);
    add_levels(&f, data->parameter[parameter], level, n, out);
    for (int front = 0; front < 2; front++) {
        for (size_t i = 0; i < data->history.n_trials; i++) {
            const struct sofa_history_trial *t = &data->history.trial[i];
            const double *at = bsearch(&t->value[parameter], level, n, sizeof *level, compare_doubles);

            if (at && data->on_front[i] == (front == 1) && sofa_report_is_drawn(data, i, PARAMETER_POINTS_MAX))
                add_point(data, &f, i, f.left + ((double)(at - level) + 0.5 + spread(i)) * slot,
                          sofa_axis_place(&f.y, t->metric[y]), out);
        }
    }
    sofa_str_add(out, "</svg>\n");
    free(level);
}

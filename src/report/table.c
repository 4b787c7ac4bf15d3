/* The front as a table for a terminal. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/unit.h"
#include "report/picture.h"
#include "report/report.h"

#define CELL_MAX 128
#define TABLE_WIDTH 118 /* columns: parameters that don't fit are left to the files */

struct table {
    size_t rows, columns;
    char (*cell)[CELL_MAX]; /* [rows][columns], the first row is the head */
};

static char *cell(const struct table *t, size_t row, size_t column)
{
    return t->cell[row * t->columns + column];
}

/* Parameters of layers side by side: "tiles 8/8/16/4", "pattern none window:64 window:64/topk". */
static size_t group_length(const struct sofa_space *space, size_t first)
{
    size_t n = 1;

    if (space->dim[first].layer < 0)
        return 1;
    while (first + n < space->dims && space->dim[first + n].parameter == space->dim[first].parameter)
        n++;
    return n;
}

static void value_text(const struct sofa_space_dim *d, int level, char *out, size_t size)
{
    char text[SOFA_PARAMETER_TEXT_MAX];

    sofa_parameter_text(d->parameter, d->value[level], text);
    if (d->layer >= 0)
        text[strcspn(text, " ")] = '\0'; /* a row of ratios needs no unit of its own */
    snprintf(out + strlen(out), size - strlen(out), "%s%s", d->layer > 0 ? (d->parameter->patterns ? " " : "/") : "", text);
}

static void fill_group(const struct sofa_study *s, struct table *t, size_t first, size_t n, size_t column)
{
    const struct sofa_space_dim *d = &s->problem->space->dim[first];

    snprintf(cell(t, 0, column), CELL_MAX, "%s%s", d->parameter->key,
             d->layer >= 0 && strcmp(d->parameter->unit, "%") == 0 ? " %" : "");
    for (size_t r = 0; r < s->n_front; r++)
        for (size_t k = 0; k < n; k++)
            value_text(d + k, s->trial[s->front[r]].x[first + k], cell(t, r + 1, column), CELL_MAX);
}

static void fill_objective(const struct sofa_study *s, struct table *t, size_t objective, size_t column)
{
    const struct sofa_metric *m = s->problem->objective[objective].metric;
    const char *unit = m->source == SOFA_METRIC_OUTSIDE ? m->unit : sofa_report_shown_unit(m->name, m->unit);

    snprintf(cell(t, 0, column), CELL_MAX, "%s", m->name);
    for (size_t r = 0; r < s->n_front; r++)
        sofa_quantity_text(sofa_problem_value(s->problem, m, s->trial[s->front[r]].metric), unit, cell(t, r + 1, column));
}

static size_t column_width(const struct table *t, size_t column)
{
    size_t width = 0;

    for (size_t r = 0; r < t->rows; r++) {
        size_t n = strlen(cell(t, r, column));

        width = n > width ? n : width;
    }
    return width;
}

static void print_table(const struct table *t, size_t always, struct sofa_str *out)
{
    size_t shown = 0, width = 0, dropped;

    while (shown < t->columns && (shown < always || width + column_width(t, shown) + 2 <= TABLE_WIDTH))
        width += column_width(t, shown++) + 2;
    for (size_t r = 0; r < t->rows; r++) {
        for (size_t c = 0; c < shown; c++)
            sofa_str_addf(out, "%s%*s", c ? "  " : "", (int)column_width(t, c), cell(t, r, c));
        sofa_str_add(out, "\n");
    }
    dropped = t->columns - shown;
    if (dropped)
        sofa_str_addf(out, "(%zu more column%s in pareto.csv)\n", dropped, dropped == 1 ? "" : "s");
}

void sofa_report_table(const struct sofa_study *study, struct sofa_str *out)
{
    const struct sofa_problem *p = study->problem;
    struct table t = {.rows = study->n_front + 1, .columns = 1 + p->n_objectives + p->space->dims};
    size_t column = 1 + p->n_objectives, n;

    t.cell = calloc(t.rows * t.columns, sizeof *t.cell);
    if (!t.cell) {
        out->failed = true;
        return;
    }
    snprintf(cell(&t, 0, 0), CELL_MAX, "id");
    for (size_t r = 0; r < study->n_front; r++)
        snprintf(cell(&t, r + 1, 0), CELL_MAX, "%zu", study->front[r]);
    for (size_t i = 0; i < p->n_objectives; i++)
        fill_objective(study, &t, i, 1 + i);
    for (size_t i = 0; i < p->space->dims; i += n, column++) {
        n = group_length(p->space, i);
        fill_group(study, &t, i, n, column);
    }
    /* groups use fewer columns than there are axes; rows are laid out anew */
    for (size_t r = 0; r < t.rows; r++)
        memmove(t.cell + r * column, t.cell + r * t.columns, column * sizeof *t.cell);
    t.columns = column;
    print_table(&t, 1 + p->n_objectives, out);
    free(t.cell);
}

/* The kernels' steps apart: scores at members, softmax over slots, weighted sums. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "acsr/impl.h"

#define CHUNK 128 /* keys of a run whose scores are in scratch together */

enum sofa_code sofa_acsr_values_new(const struct sofa_pattern *pattern, struct sofa_arena *arena,
                                    struct sofa_acsr_values *values, struct sofa_err *err)
{
    for (size_t p = 0; p <= pattern->n_parts; p++) {
        size_t n = p < pattern->n_parts ? pattern->rows * pattern->part[p].width : pattern->rest.start[pattern->rows];

        values->value[p] = sofa_arena_zalloc(arena, n + 1, sizeof(float));
        if (!values->value[p])
            return sofa_fail_nomem(err, "the values of a pattern");
    }
    return SOFA_OK;
}

/* One step over one part, or over the remainder (part = n_parts). */
struct step {
    const struct sofa_acsr_kernel *kernel;
    const struct sofa_pattern *pattern;
    size_t part;
    float *value;
    bool scores; /* else weighted sums */
};

/* Where the slot of key t of a row's group stands. */
static float *slots(const struct step *s, const struct sofa_acsr_group *g, int32_t row, int32_t t)
{
    const struct sofa_acsr *part = &s->pattern->part[s->part];
    int32_t column = g->origin + g->stride * t;

    return s->value + (size_t)row * part->width + (size_t)((column - part->row[row].first) / part->row[row].stride);
}

/* Scores [n][LANES] of keys from `from` on to or from their slots. */
static void move(const struct step *s, const struct sofa_acsr_work *w, const struct sofa_acsr_block *block,
                 const struct sofa_acsr_run *run, int32_t from, int32_t to)
{
    const struct sofa_acsr_group *g = &w->plan->group[block->group];

    if (!s->scores)
        memset(w->score, 0, (size_t)(to - from) * SOFA_ACSR_LANES * sizeof *w->score);
    for (uint32_t l = 0; l < block->lanes; l++) {
        int32_t begin = run->begin[l] > from ? run->begin[l] : from, end = run->end[l] < to ? run->end[l] : to;
        float *value = begin < end ? slots(s, g, block->row[l], begin) : NULL;

        for (int32_t t = begin; t < end; t++) {
            float *score = w->score + (size_t)(t - from) * SOFA_ACSR_LANES + l;

            if (s->scores)
                value[t - begin] = *score;
            else
                *score = value[t - begin];
        }
    }
}

static void add_sums(const struct sofa_acsr_work *w, size_t lane, int32_t row)
{
    for (size_t c = 0; c < w->d; c++)
        w->out[(size_t)row * w->d + c] += w->sum[lane * w->dp + c];
}

static void step_block(const struct step *s, const struct sofa_acsr_work *w, const struct sofa_acsr_block *block)
{
    if (s->scores)
        s->kernel->pack(w, block, (float)(1 / sqrt((double)w->d)));
    else
        memset(w->sum, 0, w->dp * SOFA_ACSR_LANES * sizeof *w->sum);
    for (size_t i = 0; i < block->n_runs; i++) {
        const struct sofa_acsr_run *run = &w->plan->run[block->first_run + i];

        for (int32_t from = run->from; from < run->to; from += CHUNK) {
            int32_t to = run->to - from < CHUNK ? run->to : from + CHUNK;

            if (s->scores)
                s->kernel->scores(w, from, (size_t)(to - from));
            move(s, w, block, run, from, to);
            if (!s->scores)
                s->kernel->weigh(w, from, (size_t)(to - from));
        }
    }
    for (uint32_t l = 0; l < block->lanes && !s->scores; l++)
        add_sums(w, l, block->row[l]);
}

static void step_line(const struct step *s, const struct sofa_acsr_work *w, const struct sofa_acsr_line *line)
{
    float *value = s->value + (line->column ? (size_t)(line->column - s->pattern->rest.column)
                                            : (size_t)line->row * s->pattern->part[s->part].width);

    if (s->scores) {
        s->kernel->line_scores(w, line, value);
        return;
    }
    memset(w->sum, 0, w->dp * sizeof *w->sum);
    s->kernel->line_weigh(w, line, value);
    add_sums(w, 0, line->row);
}

/* The part alone, as a pattern of its own. */
static struct sofa_pattern part_alone(const struct sofa_pattern *pattern, size_t part, const size_t *no_start)
{
    struct sofa_pattern alone = {.rows = pattern->rows, .columns = pattern->columns};

    if (part == pattern->n_parts) {
        alone.rest = pattern->rest;
        return alone;
    }
    alone.n_parts = 1;
    alone.part = &pattern->part[part];
    alone.rest = (struct sofa_csr){pattern->rows, pattern->columns, no_start, NULL};
    return alone;
}

static enum sofa_code walk(const struct step *s, const struct sofa_acsr_operands *operands, struct sofa_arena *arena,
                           struct sofa_err *err)
{
    size_t *no_start = sofa_arena_zalloc(arena, s->pattern->rows + 1, sizeof *no_start);
    struct sofa_pattern alone = part_alone(s->pattern, s->part, no_start);
    struct sofa_acsr_plan plan;
    struct sofa_acsr_work all;
    enum sofa_code rc;
    float *packed;

    if (!no_start)
        return sofa_fail_nomem(err, "the plan of a part");
    SOFA_TRY(sofa_acsr_plan_build(&alone, SOFA_ACSR_ALL, arena, &plan, err));
    SOFA_TRY(sofa_acsr_work_init(&all, &plan, operands, arena, err));
    packed = sofa_arena_alloc(arena, sofa_acsr_packed_size(&all) + 1, sizeof *packed);
    if (!packed)
        return sofa_fail_nomem(err, "packed keys");
    for (size_t i = 0; i < plan.n_blocks; i++) {
        struct sofa_acsr_work w = all;

        if (i == 0 || plan.block[i].group != plan.block[i - 1].group)
            w = sofa_acsr_work_group(&all, &plan.group[plan.block[i].group], packed);
        for (; i + 1 < plan.n_blocks && plan.block[i + 1].group == plan.block[i].group; i++)
            step_block(s, &w, &plan.block[i]);
        step_block(s, &w, &plan.block[i]);
    }
    for (size_t i = 0; i < plan.n_lines; i++)
        step_line(s, &all, &plan.line[i]);
out:
    return rc;
}

static enum sofa_code walk_parts(const struct sofa_acsr_kernel *kernel, const struct sofa_pattern *pattern, bool scores,
                                 const struct sofa_acsr_operands *operands, const struct sofa_acsr_values *values,
                                 struct sofa_arena *arena, struct sofa_err *err)
{
    struct sofa_arena_mark mark = sofa_arena_mark(arena);
    enum sofa_code rc = SOFA_OK;

    for (size_t p = 0; p <= pattern->n_parts; p++) {
        struct step s = {kernel, pattern, p, values->value[p], scores};

        SOFA_TRY(walk(&s, operands, arena, err));
        sofa_arena_rewind(arena, mark);
    }
out:
    sofa_arena_rewind(arena, mark);
    return rc;
}

enum sofa_code sofa_acsr_sddmm(const struct sofa_acsr_kernel *kernel, const struct sofa_pattern *pattern,
                               const struct sofa_acsr_operands *operands, struct sofa_acsr_values *values,
                               struct sofa_arena *arena, struct sofa_err *err)
{
    struct sofa_acsr_operands o = {operands->d, operands->q, operands->k, NULL, NULL};

    return walk_parts(kernel, pattern, true, &o, values, arena, err);
}

enum sofa_code sofa_acsr_spmm(const struct sofa_acsr_kernel *kernel, const struct sofa_pattern *pattern,
                              const struct sofa_acsr_values *values, const struct sofa_acsr_operands *operands,
                              struct sofa_arena *arena, struct sofa_err *err)
{
    struct sofa_acsr_operands o = {operands->d, NULL, NULL, operands->v, operands->out};

    memset(operands->out, 0, pattern->rows * operands->d * sizeof *operands->out);
    return walk_parts(kernel, pattern, false, &o, values, arena, err);
}

/* The slots of a row in one part or the remainder. */
static float *row_slots(const struct sofa_pattern *pattern, const struct sofa_acsr_values *values, size_t p, size_t row,
                        size_t *n)
{
    if (p == pattern->n_parts) {
        *n = pattern->rest.start[row + 1] - pattern->rest.start[row];
        return values->value[p] + pattern->rest.start[row];
    }
    *n = (size_t)pattern->part[p].row[row].count;
    return values->value[p] + row * pattern->part[p].width;
}

static void softmax_row(const struct sofa_acsr_kernel *kernel, const struct sofa_pattern *pattern,
                        struct sofa_acsr_values *values, size_t row)
{
    float most = -FLT_MAX, total = 0, *x;
    size_t n;

    for (size_t p = 0; p <= pattern->n_parts; p++) {
        x = row_slots(pattern, values, p, row, &n);
        most = kernel->max(x, n, most);
    }
    for (size_t p = 0; p <= pattern->n_parts; p++) {
        x = row_slots(pattern, values, p, row, &n);
        total += kernel->exp_sum(x, n, most);
    }
    for (size_t p = 0; p <= pattern->n_parts; p++) {
        x = row_slots(pattern, values, p, row, &n);
        for (size_t i = 0; i < n; i++)
            x[i] /= total;
    }
}

void sofa_acsr_softmax(const struct sofa_acsr_kernel *kernel, const struct sofa_pattern *pattern,
                       struct sofa_acsr_values *values)
{
    for (size_t row = 0; row < pattern->rows; row++)
        softmax_row(kernel, pattern, values, row);
}

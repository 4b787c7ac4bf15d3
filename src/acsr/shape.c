#include "acsr/shape.h"

#include "acsr/emit.h"

#include <stdlib.h>
#include <string.h>

#define CANDIDATES 64 /* shapes that are counted; patterns with more have none that is common */

static bool same_run(const struct sofa_acsr_run *a, const struct sofa_acsr_run *b)
{
    if (a->to - a->from != b->to - b->from)
        return false;
    for (size_t l = 0; l < SOFA_ACSR_LANES; l++) {
        bool none = a->begin[l] >= a->end[l];

        if (none != (b->begin[l] >= b->end[l]))
            return false;
        if (!none && (a->begin[l] - a->from != b->begin[l] - b->from || a->end[l] - a->from != b->end[l] - b->from))
            return false;
    }
    return true;
}

static bool same_shape(const struct sofa_acsr_plan *plan, const struct sofa_acsr_block *a, const struct sofa_acsr_block *b)
{
    const struct sofa_acsr_group *ga = &plan->group[a->group], *gb = &plan->group[b->group];
    const struct sofa_acsr_run *ra = plan->run + a->first_run, *rb = plan->run + b->first_run;

    if (a->lanes != b->lanes || a->opens != b->opens || a->closes != b->closes || a->n_runs != b->n_runs)
        return false;
    if (ga->packed != gb->packed || (!ga->packed && ga->stride != gb->stride))
        return false;
    for (size_t l = 1; l < SOFA_ACSR_LANES; l++)
        if (a->row[l] - a->row[0] != b->row[l] - b->row[0])
            return false;
    for (size_t i = 0; i < a->n_runs; i++)
        if (ra[i].from - ra->from != rb[i].from - rb->from || !same_run(&ra[i], &rb[i]) ||
            sofa_acsr_run_has_room(plan, a, &ra[i]) != sofa_acsr_run_has_room(plan, b, &rb[i]))
            return false;
    return true;
}

struct candidate {
    size_t block, count;
    int shape;
};

static int by_count(const void *x, const void *y)
{
    const struct candidate *a = x, *b = y;

    if (a->count != b->count)
        return a->count > b->count ? -1 : 1;
    return (a->block > b->block) - (a->block < b->block);
}

/* The candidate that a block looks like; CANDIDATES where it is a new one and there is no room. */
static size_t find(const struct sofa_acsr_plan *plan, const struct candidate *c, size_t n, size_t block)
{
    for (size_t i = 0; i < n; i++)
        if (same_shape(plan, &plan->block[c[i].block], &plan->block[block]))
            return i;
    return n;
}

static size_t choose(const struct sofa_acsr_plan *plan, struct candidate *c, size_t *block)
{
    size_t n = 0, shapes = 0;

    for (size_t i = 0; i < plan->n_blocks; i++) {
        size_t at = find(plan, c, n, i);

        if (at == CANDIDATES)
            continue;
        if (at == n)
            c[n++] = (struct candidate){.block = i};
        c[at].count++;
    }
    qsort(c, n, sizeof *c, by_count);
    for (; shapes < n && shapes < SOFA_ACSR_SHAPES && c[shapes].count >= SOFA_ACSR_SHAPE_BLOCKS; shapes++) {
        block[shapes] = c[shapes].block;
        c[shapes].shape = (int)shapes;
    }
    return shapes;
}

static int32_t from_of(const struct sofa_acsr_plan *plan, size_t block)
{
    return plan->run[plan->block[block].first_run].from;
}

/* Whether block i goes on where the segment ends. */
static bool joins(const struct sofa_acsr_plan *plan, struct sofa_acsr_segment *s, size_t i, int shape)
{
    int32_t row_step = plan->block[i].row[0] - plan->block[i - 1].row[0];
    int32_t from_step = from_of(plan, i) - from_of(plan, i - 1);

    if (shape != s->shape || plan->block[i].group != plan->block[s->block].group)
        return false;
    if (shape >= 0 && s->count > 1 && (row_step != s->row_step || from_step != s->from_step))
        return false;
    s->row_step = row_step;
    s->from_step = from_step;
    return true;
}

enum sofa_code sofa_acsr_shapes_find(const struct sofa_acsr_plan *plan, struct sofa_arena *arena,
                                     struct sofa_acsr_shapes *shapes, struct sofa_err *err)
{
    struct sofa_acsr_segment *segment = sofa_arena_alloc(arena, plan->n_blocks + 1, sizeof *segment);
    struct candidate c[CANDIDATES + 1] = {{0}};

    if (!segment)
        return sofa_fail_nomem(err, "the shapes of a plan");
    *shapes = (struct sofa_acsr_shapes){.segment = segment};
    shapes->n = choose(plan, c, shapes->block);
    for (size_t i = 0; i < plan->n_blocks; i++) {
        size_t at = find(plan, c, shapes->n, i);
        int shape = at < shapes->n ? (int)at : -1;

        shapes->n_others += shape < 0;
        if (i && joins(plan, &segment[shapes->n_segments - 1], i, shape))
            segment[shapes->n_segments - 1].count++;
        else
            segment[shapes->n_segments++] = (struct sofa_acsr_segment){shape, i, 1, 0, 0};
    }
    return SOFA_OK;
}

enum sofa_code sofa_acsr_emit_check(const struct sofa_acsr_plan *plan, size_t d, struct sofa_err *err)
{
    const double run = 300, line = 60, column = 6; /* bytes of text, about */
    double bytes = run * (double)plan->n_runs + line * (double)plan->n_lines + column * (double)plan->n_empty;

    for (size_t i = 0; i < plan->n_lines; i++)
        bytes += plan->line[i].column ? column * (double)plan->line[i].count : 0;
    if (bytes > (double)SOFA_ACSR_EMIT_MOST)
        return sofa_fail(err, SOFA_E_INPUT, "the pattern is too irregular for a kernel of its own: its tables would take %.0f MB",
                         bytes / 1e6);
    if (d > SOFA_ACSR_EMIT_WIDTH)
        return sofa_fail(err, SOFA_E_INPUT, "no kernel is generated for a head width of %zu; at most %d", d, SOFA_ACSR_EMIT_WIDTH);
    return SOFA_OK;
}

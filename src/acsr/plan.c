#include "acsr/plan.h"

#include <stdlib.h>
#include <string.h>

#include "base/rng.h"

#define NEAR 1.25  /* pairs over members from which no other order of rows is tried */
#define FEW_ROWS 4 /* a group of fewer rows leaves most lanes idle: its rows are walked one by one */

/* One progression of one row, in the coordinates of its group. */
struct item {
    int32_t row, begin, end, stride;
    uint32_t group;
};

/* The items of one row in one group. */
struct row_items {
    const struct item *item;
    size_t n;
    int32_t begin, end; /* of the longest */
};

struct interval {
    int32_t begin, end;
    uint32_t lane;
};

struct builder {
    struct sofa_arena *arena;
    unsigned flags;
    size_t columns;
    bool failed;
    struct sofa_acsr_group *group;
    struct sofa_acsr_block *block;
    struct sofa_acsr_run *run;
    struct sofa_acsr_line *line;
    size_t n_groups, room_groups, n_blocks, room_blocks, n_runs, room_runs, n_lines, room_lines;
    uint64_t walked; /* keys of all runs */
    uint32_t *slot;  /* hash table of groups, 1 + index */
    size_t slots;
};

/* Room for one more element; NULL marks the builder as failed. */
static void *grow(struct builder *b, void *data, size_t n, size_t *room, size_t size)
{
    size_t more = *room ? 2 * *room : 64;
    void *copy;

    if (n < *room)
        return data;
    copy = sofa_arena_alloc(b->arena, more, size);
    if (!copy) {
        b->failed = true;
        return NULL;
    }
    if (n)
        memcpy(copy, data, n * size);
    *room = more;
    return copy;
}

/* The group of a stride and residue, made where it isn't there. */
static uint32_t find_group(struct builder *b, int32_t stride, int32_t residue)
{
    size_t at = (size_t)sofa_mix64((uint64_t)(uint32_t)stride << 32 | (uint32_t)residue) & (b->slots - 1);

    for (; b->slot[at]; at = (at + 1) & (b->slots - 1)) {
        const struct sofa_acsr_group *g = &b->group[b->slot[at] - 1];

        if (g->stride == stride && g->origin == residue)
            return b->slot[at] - 1;
    }
    b->group = grow(b, b->group, b->n_groups, &b->room_groups, sizeof *b->group);
    if (!b->group)
        return 0;
    b->group[b->n_groups++] = (struct sofa_acsr_group){
        stride, residue, (b->columns - (size_t)residue + (size_t)stride - 1) / (size_t)stride, false};
    b->slot[at] = (uint32_t)b->n_groups;
    return b->slot[at] - 1;
}

static struct item make_item(struct builder *b, int32_t row, const struct sofa_acsr_row *r)
{
    struct item item = {.row = row, .stride = 1};

    if (r->stride == 1 || b->flags & SOFA_ACSR_ALIGN) {
        item.group = find_group(b, r->stride, r->first % r->stride);
        item.begin = r->first / r->stride;
        item.end = item.begin + r->count;
    } else {
        item.group = find_group(b, 1, 0);
        item.begin = r->first;
        item.end = r->first + r->stride * (r->count - 1) + 1;
        item.stride = r->stride;
    }
    return item;
}

static size_t count_items(const struct sofa_pattern *pattern)
{
    size_t n = 0;

    for (size_t p = 0; p < pattern->n_parts; p++)
        for (size_t i = 0; i < pattern->rows; i++)
            n += pattern->part[p].row[i].count > 0;
    return n;
}

/* All items by group, and by row within a group; start[g] is where group g begins. */
static struct item *sorted_items(struct builder *b, const struct sofa_pattern *pattern, size_t n, size_t **start)
{
    struct item *item = sofa_arena_alloc(b->arena, n + 1, sizeof *item), *sorted;
    size_t at = 0, *next;

    for (b->slots = 64; b->slots < 2 * n; b->slots *= 2)
        ;
    b->slot = sofa_arena_zalloc(b->arena, b->slots, sizeof *b->slot);
    sorted = sofa_arena_alloc(b->arena, n + 1, sizeof *sorted);
    if (!item || !sorted || !b->slot)
        return NULL;
    for (size_t i = 0; i < pattern->rows; i++)
        for (size_t p = 0; p < pattern->n_parts; p++)
            if (pattern->part[p].row[i].count > 0) {
                item[at++] = make_item(b, (int32_t)i, &pattern->part[p].row[i]);
                if (b->failed)
                    return NULL;
            }
    *start = sofa_arena_zalloc(b->arena, b->n_groups + 2, sizeof **start);
    if (!*start)
        return NULL;
    next = *start + 1; /* while they are filled in, one group ahead */
    for (size_t i = 0; i < n; i++)
        (*start)[item[i].group + 2]++;
    for (size_t g = 2; g < b->n_groups + 2; g++)
        (*start)[g] += (*start)[g - 1];
    for (size_t i = 0; i < n; i++)
        sorted[next[item[i].group]++] = item[i];
    return sorted;
}

static int by_lane(const void *x, const void *y)
{
    const struct interval *a = x, *b = y;

    if (a->lane != b->lane)
        return a->lane < b->lane ? -1 : 1;
    return (a->begin > b->begin) - (a->begin < b->begin);
}

static int by_begin(const void *x, const void *y)
{
    const struct interval *a = x, *b = y;

    return (a->begin > b->begin) - (a->begin < b->begin);
}

/* They mostly stand in order already. */
static void sort(struct interval *v, size_t n, int (*compare)(const void *, const void *))
{
    for (size_t i = 1; i < n; i++)
        if (compare(&v[i - 1], &v[i]) > 0) {
            qsort(v, n, sizeof *v, compare);
            return;
        }
}

/* A row's intervals that touch become one. */
static size_t join_touching(struct interval *v, size_t n)
{
    size_t m = 0;

    for (size_t i = 0; i < n; i++) {
        if (m && v[m - 1].lane == v[i].lane && v[m - 1].end == v[i].begin)
            v[m - 1].end = v[i].end;
        else
            v[m++] = v[i];
    }
    return m;
}

static struct sofa_acsr_run *new_run(struct builder *b, int32_t from, int32_t to)
{
    struct sofa_acsr_run *run;

    b->run = grow(b, b->run, b->n_runs, &b->room_runs, sizeof *b->run);
    if (!b->run)
        return NULL;
    run = &b->run[b->n_runs++];
    *run = (struct sofa_acsr_run){.from = from, .to = to};
    b->walked += (uint64_t)(to - from);
    return run;
}

/* The piece [from, to) with the intervals that reach into it, one a lane at most. */
static void add_piece(struct builder *b, int32_t from, int32_t to, const struct interval *v, size_t n, uint32_t lanes)
{
    struct sofa_acsr_run *run = from < to ? new_run(b, from, to) : NULL;

    if (!run)
        return;
    for (size_t i = 0; i < n; i++)
        if (v[i].begin < to && v[i].end > from) {
            run->begin[v[i].lane] = v[i].begin > from ? v[i].begin : from;
            run->end[v[i].lane] = v[i].end < to ? v[i].end : to;
        }
    run->full_from = run->begin[0];
    run->full_to = run->end[0];
    for (size_t l = 1; l < lanes; l++) {
        run->full_from = run->begin[l] > run->full_from ? run->begin[l] : run->full_from;
        run->full_to = run->end[l] < run->full_to ? run->end[l] : run->full_to;
    }
}

/* [from, to) with its intervals in order of their begin, cut where a lane starts a second one. */
static void add_pieces(struct builder *b, int32_t from, int32_t to, const struct interval *v, size_t n, uint32_t lanes)
{
    int32_t until[SOFA_ACSR_LANES]; /* the end of a lane's interval in this piece */
    uint32_t seen = 0;

    for (size_t i = 0; i < n; i++) {
        if (seen >> v[i].lane & 1) {
            add_piece(b, from, v[i].begin, v, n, lanes);
            from = v[i].begin;
            for (uint32_t l = 0; l < lanes; l++)
                if (seen >> l & 1 && until[l] <= from)
                    seen &= ~(1u << l);
        }
        seen |= 1u << v[i].lane;
        until[v[i].lane] = v[i].end;
    }
    add_piece(b, from, to, v, n, lanes);
}

/* Runs of intervals: over the pieces of their union, over its hull, or over all keys. */
static void add_intervals(struct builder *b, struct interval *v, size_t n, uint32_t lanes, size_t keys)
{
    bool span = b->flags & SOFA_ACSR_SPAN, place = span && b->flags & SOFA_ACSR_PLACE;

    if (!n)
        return;
    sort(v, n, by_lane);
    n = join_touching(v, n);
    sort(v, n, by_begin);
    for (size_t i = 0, k; i < n; i = k) {
        int32_t to = v[i].end;

        for (k = i + 1; k < n && (v[k].begin <= to || !place); k++)
            to = v[k].end > to ? v[k].end : to;
        add_pieces(b, span ? v[i].begin : 0, span ? to : (int32_t)keys, v + i, k - i, lanes);
    }
}

/* A run of progressions that keep their stride, one a lane at most: the nth of each row. */
static bool add_strided(struct builder *b, const struct row_items *row, uint32_t lanes, size_t nth, size_t keys)
{
    int32_t from = INT32_MAX, to = 0, *stride;
    const struct item *found[SOFA_ACSR_LANES] = {NULL};
    struct sofa_acsr_run *run;

    for (uint32_t l = 0; l < lanes; l++)
        for (size_t i = 0, k = 0; i < row[l].n; i++) {
            if (row[l].item[i].stride == 1 || k++ != nth)
                continue;
            found[l] = &row[l].item[i];
            from = found[l]->begin < from ? found[l]->begin : from;
            to = found[l]->end > to ? found[l]->end : to;
        }
    if (!to)
        return false;
    stride = sofa_arena_zalloc(b->arena, SOFA_ACSR_LANES, sizeof *stride);
    run = b->flags & SOFA_ACSR_SPAN ? new_run(b, from, to) : new_run(b, 0, (int32_t)keys);
    if (!stride || !run) {
        b->failed = true;
        return false;
    }
    run->stride = stride;
    for (uint32_t l = 0; l < SOFA_ACSR_LANES; l++) {
        stride[l] = found[l] ? found[l]->stride : 1;
        run->begin[l] = found[l] ? found[l]->begin : 0;
        run->end[l] = found[l] ? found[l]->end : 0;
    }
    return true;
}

static void add_block(struct builder *b, uint32_t group, const struct row_items *row, uint32_t lanes)
{
    struct interval v[SOFA_ACSR_LANES * SOFA_PATTERN_PARTS_MAX];
    size_t n = 0, keys = b->group[group].keys, first = b->n_runs;
    struct sofa_acsr_block *block;

    b->block = grow(b, b->block, b->n_blocks, &b->room_blocks, sizeof *b->block);
    if (!b->block)
        return;
    block = &b->block[b->n_blocks++];
    for (uint32_t l = 0; l < lanes; l++)
        for (size_t i = 0; i < row[l].n; i++)
            if (row[l].item[i].stride == 1)
                v[n++] = (struct interval){row[l].item[i].begin, row[l].item[i].end, l};
    add_intervals(b, v, n, lanes, keys);
    for (size_t nth = 0; add_strided(b, row, lanes, nth, keys); nth++)
        ;
    *block = (struct sofa_acsr_block){
        .group = group, .first_run = (uint32_t)first, .n_runs = (uint32_t)(b->n_runs - first), .lanes = lanes};
    for (uint32_t l = 0; l < SOFA_ACSR_LANES; l++)
        block->row[l] = row[l < lanes ? l : lanes - 1].item->row;
}

static void add_blocks(struct builder *b, uint32_t group, const struct row_items *row, size_t n)
{
    for (size_t i = 0; i < n && !b->failed; i += SOFA_ACSR_LANES)
        add_block(b, group, row + i, n - i < SOFA_ACSR_LANES ? (uint32_t)(n - i) : SOFA_ACSR_LANES);
}

/* Length in powers of two, then start, end and row. */
static int by_shape(const void *x, const void *y)
{
    const struct row_items *a = x, *b = y;
    int la = 31 - __builtin_clz((unsigned)(a->end - a->begin)), lb = 31 - __builtin_clz((unsigned)(b->end - b->begin));

    if (la != lb)
        return la > lb ? -1 : 1;
    if (a->begin != b->begin)
        return a->begin < b->begin ? -1 : 1;
    if (a->end != b->end)
        return a->end < b->end ? -1 : 1;
    return (a->item->row > b->item->row) - (a->item->row < b->item->row);
}

/* Members over LANES: what no order of the rows can get below. */
static uint64_t least_walk(const struct row_items *row, size_t n)
{
    uint64_t members = 0;

    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < row[i].n; k++)
            members += (uint64_t)(row[i].item[k].end - row[i].item[k].begin);
    return members / SOFA_ACSR_LANES;
}

/* Blocks of rows as they stand, or sorted where that walks fewer keys. */
static void place_blocks(struct builder *b, uint32_t group, struct row_items *row, size_t n)
{
    size_t runs = b->n_runs, blocks = b->n_blocks;
    uint64_t walked = b->walked, as_they_stand;
    struct row_items *sorted;

    add_blocks(b, group, row, n);
    if (b->failed || n <= SOFA_ACSR_LANES || !(b->flags & SOFA_ACSR_PLACE) || !(b->flags & SOFA_ACSR_SPAN))
        return;
    if ((double)(b->walked - walked) <= NEAR * (double)least_walk(row, n))
        return;
    sorted = sofa_arena_alloc(b->arena, n, sizeof *sorted);
    if (!sorted) {
        b->failed = true;
        return;
    }
    memcpy(sorted, row, n * sizeof *row);
    qsort(sorted, n, sizeof *sorted, by_shape);
    as_they_stand = b->walked;
    for (int again = 0; again < 2; again++) {
        b->n_runs = runs;
        b->n_blocks = blocks;
        b->walked = walked;
        add_blocks(b, group, again ? row : sorted, n);
        if (b->failed || b->walked < as_they_stand)
            return;
    }
}

static void add_line(struct builder *b, struct sofa_acsr_line line)
{
    b->line = grow(b, b->line, b->n_lines, &b->room_lines, sizeof *b->line);
    if (b->line)
        b->line[b->n_lines++] = line;
}

/* The keys that the rows of a group use, from 0. */
static void trim_group(struct sofa_acsr_group *g, struct item *item, size_t n)
{
    int32_t from = INT32_MAX, to = 0;

    for (size_t i = 0; i < n; i++) {
        from = item[i].begin < from ? item[i].begin : from;
        to = item[i].end > to ? item[i].end : to;
    }
    for (size_t i = 0; i < n; i++) {
        item[i].begin -= from;
        item[i].end -= from;
    }
    g->origin += g->stride * from;
    g->keys = (size_t)(to - from);
}

static void add_group(struct builder *b, uint32_t group, struct item *item, size_t n)
{
    struct row_items *row = sofa_arena_alloc(b->arena, n, sizeof *row);
    struct sofa_acsr_group *g = &b->group[group];
    size_t rows = 0;

    if (!row) {
        b->failed = true;
        return;
    }
    if (g->stride > 1 && b->flags & SOFA_ACSR_SPAN)
        trim_group(g, item, n);
    for (size_t i = 0; i < n; i++) {
        if (!rows || row[rows - 1].item->row != item[i].row)
            row[rows++] = (struct row_items){&item[i], 0, item[i].begin, item[i].end};
        row[rows - 1].n++;
        if (item[i].end - item[i].begin > row[rows - 1].end - row[rows - 1].begin) {
            row[rows - 1].begin = item[i].begin;
            row[rows - 1].end = item[i].end;
        }
    }
    g->packed = g->stride > 1 && rows >= SOFA_ACSR_LANES;
    if (rows >= FEW_ROWS) {
        place_blocks(b, group, row, rows);
        return;
    }
    for (size_t i = 0; i < n && !b->failed; i++)
        add_line(b, (struct sofa_acsr_line){
                        .row = item[i].row,
                        .first = g->origin + g->stride * item[i].begin,
                        .stride = g->stride * item[i].stride,
                        .count = (size_t)((item[i].end - 1 - item[i].begin) / item[i].stride + 1),
                    });
}

static void add_rest(struct builder *b, const struct sofa_csr *rest)
{
    for (size_t i = 0; i < rest->rows && !b->failed; i++)
        if (rest->start[i + 1] > rest->start[i])
            add_line(b, (struct sofa_acsr_line){.row = (int32_t)i,
                                                .count = rest->start[i + 1] - rest->start[i],
                                                .column = rest->column + rest->start[i]});
}

/* Which visit of a row is its first and which its last, in the order of the kernels; lists rows without one. */
static enum sofa_code note_visits(struct builder *b, struct sofa_acsr_plan *plan, struct sofa_err *err)
{
    uint32_t *visits = sofa_arena_zalloc(b->arena, plan->rows, sizeof *visits);
    uint32_t *done = sofa_arena_zalloc(b->arena, plan->rows, sizeof *done);
    int32_t *empty = sofa_arena_alloc(b->arena, plan->rows, sizeof *empty);

    if (!visits || !done || !empty)
        return sofa_fail_nomem(err, "the plan of a pattern");
    for (size_t i = 0; i < b->n_blocks; i++)
        for (uint32_t l = 0; l < b->block[i].lanes; l++)
            visits[b->block[i].row[l]]++;
    for (size_t i = 0; i < b->n_lines; i++)
        visits[b->line[i].row]++;
    for (size_t i = 0; i < b->n_blocks; i++)
        for (uint32_t l = 0; l < b->block[i].lanes; l++) {
            int32_t row = b->block[i].row[l];

            b->block[i].opens |= (uint16_t)((done[row]++ == 0) << l);
            b->block[i].closes |= (uint16_t)((done[row] == visits[row]) << l);
        }
    for (size_t i = 0; i < b->n_lines; i++) {
        b->line[i].opens = done[b->line[i].row]++ == 0;
        b->line[i].closes = done[b->line[i].row] == visits[b->line[i].row];
    }
    for (size_t i = 0; i < plan->rows; i++) {
        plan->shared |= visits[i] > 1;
        if (!visits[i])
            empty[plan->n_empty++] = (int32_t)i;
    }
    plan->empty = empty;
    return SOFA_OK;
}

static void settle(struct builder *b, const struct sofa_pattern *pattern, struct sofa_acsr_plan *plan)
{
    plan->group = b->group;
    plan->block = b->block;
    plan->run = b->run;
    plan->line = b->line;
    plan->n_groups = b->n_groups;
    plan->n_blocks = b->n_blocks;
    plan->n_runs = b->n_runs;
    plan->n_lines = b->n_lines;
    plan->members = sofa_pattern_members(pattern);
    plan->pairs = b->walked * SOFA_ACSR_LANES;
    for (size_t i = 0; i < b->n_lines; i++)
        plan->pairs += b->line[i].count;
}

enum sofa_code sofa_acsr_plan_build(const struct sofa_pattern *pattern, unsigned flags, struct sofa_arena *arena,
                                    struct sofa_acsr_plan *plan, struct sofa_err *err)
{
    struct builder b = {.arena = arena, .flags = flags, .columns = pattern->columns};
    size_t n = count_items(pattern), *start = NULL;
    struct item *item = sorted_items(&b, pattern, n, &start);

    *plan = (struct sofa_acsr_plan){.rows = pattern->rows, .columns = pattern->columns, .flags = flags};
    if (!item)
        return sofa_fail_nomem(err, "the plan of a pattern");
    for (size_t g = 0; g < b.n_groups && !b.failed; g++)
        add_group(&b, (uint32_t)g, item + start[g], start[g + 1] - start[g]);
    add_rest(&b, &pattern->rest);
    if (b.failed)
        return sofa_fail_nomem(err, "the plan of a pattern");
    settle(&b, pattern, plan);
    return note_visits(&b, plan, err);
}

static void count_run(const struct sofa_acsr_plan *plan, const struct sofa_acsr_block *block,
                      const struct sofa_acsr_run *run, uint8_t *count)
{
    const struct sofa_acsr_group *g = &plan->group[block->group];

    for (uint32_t l = 0; l < block->lanes; l++)
        for (int32_t t = run->begin[l]; t < run->end[l]; t += run->stride ? run->stride[l] : 1)
            if (t >= run->from && t < run->to)
                count[(size_t)block->row[l] * plan->columns + (size_t)(g->origin + g->stride * t)]++;
}

void sofa_acsr_plan_count(const struct sofa_acsr_plan *plan, uint8_t *count)
{
    for (size_t i = 0; i < plan->n_blocks; i++)
        for (size_t r = 0; r < plan->block[i].n_runs; r++)
            count_run(plan, &plan->block[i], &plan->run[plan->block[i].first_run + r], count);
    for (size_t i = 0; i < plan->n_lines; i++) {
        const struct sofa_acsr_line *line = &plan->line[i];

        for (size_t s = 0; s < line->count; s++) {
            int32_t column = line->column ? line->column[s] : line->first + line->stride * (int32_t)s;

            count[(size_t)line->row * plan->columns + (size_t)column]++;
        }
    }
}

#include "acsr/cuda.h"

#include <math.h>
#include <stdio.h>

#include "acsr/facts.h"

#define BLOCK_ROWS 16
#define TILE 32
#define PER_LINE 24 /* numbers in a line of a table */

/* Rows in the order in which blocks take them, and the tiles of every block and part. */
struct layout {
    const struct sofa_pattern *pattern;
    size_t blocks;
    int32_t *order;    /* [blocks][BLOCK_ROWS], -1 past the last row */
    int32_t *residue;  /* [rows]: of an order that is tried */
    size_t tiles;      /* in all */
    struct sofa_arena arena;
};

/* The least column >= `from` of a row; -1 where there is none. */
static int64_t next_member(const struct sofa_acsr_row *row, int64_t from)
{
    int64_t s = from <= row->first ? 0 : (from - row->first + row->stride - 1) / row->stride;

    return s < row->count ? row->first + s * row->stride : -1;
}

/* The stride that all rows of a block have in a part, where they also have one residue; else 1. */
static int32_t common_stride(const struct sofa_acsr *part, const int32_t *rows)
{
    int32_t stride = 0, first = -1;

    for (size_t r = 0; r < BLOCK_ROWS; r++) {
        const struct sofa_acsr_row *row = rows[r] < 0 ? NULL : &part->row[rows[r]];

        if (!row || row->count < 2)
            continue;
        if (stride && row->stride != stride)
            return 1;
        stride = row->stride;
    }
    for (size_t r = 0; r < BLOCK_ROWS && stride > 1; r++) {
        const struct sofa_acsr_row *row = rows[r] < 0 ? NULL : &part->row[rows[r]];

        if (!row || !row->count)
            continue;
        if (first >= 0 && row->first % stride != first)
            return 1;
        first = row->first % stride;
    }
    return stride ? stride : 1;
}

/* The least member of any of the rows from a column on; -1 where there is none. */
static int64_t next_of_block(const struct sofa_acsr *part, const int32_t *rows, int64_t from)
{
    int64_t least = -1;

    for (size_t r = 0; r < BLOCK_ROWS; r++) {
        int64_t column = rows[r] < 0 ? -1 : next_member(&part->row[rows[r]], from);

        if (column >= 0 && (least < 0 || column < least))
            least = column;
    }
    return least;
}

/* The first columns of the tiles of a block in a part; where `out` is NULL they are only counted. */
static size_t list_tiles(const struct sofa_acsr *part, const int32_t *rows, struct sofa_str *out, void (*put)(struct sofa_str *, int64_t))
{
    int64_t stride = common_stride(part, rows), column = next_of_block(part, rows, 0);
    size_t n = 0;

    for (; column >= 0; column = next_of_block(part, rows, column + TILE * stride), n++)
        if (out)
            put(out, column);
    return n;
}

static size_t count_tiles(const struct layout *l)
{
    size_t n = 0;

    for (size_t b = 0; b < l->blocks; b++)
        for (size_t p = 0; p < l->pattern->n_parts; p++)
            n += list_tiles(&l->pattern->part[p], l->order + b * BLOCK_ROWS, NULL, NULL);
    return n;
}

/* Rows by residue modulo `stride` of their first column in a part, then as they stand; a counting sort. */
static void order_rows(struct layout *l, const struct sofa_acsr *part, int32_t stride)
{
    size_t rows = l->pattern->rows, n = 0;

    for (size_t i = 0; i < rows; i++)
        l->residue[i] = stride == 1 ? 0 : (part->row[i].count ? part->row[i].first : (int32_t)(i % (size_t)stride)) % stride;
    for (int32_t residue = 0; residue < stride && n < rows; residue++)
        for (size_t i = 0; i < rows; i++)
            if (l->residue[i] == residue)
                l->order[n++] = (int32_t)i;
    for (; n < l->blocks * BLOCK_ROWS; n++)
        l->order[n] = -1;
}

#define STRIDE_TRIED_MAX 1024 /* past it a block has few keys anyway */

/* Tries each part's stride and keeps the order with the fewest tiles. */
static void choose_order(struct layout *l)
{
    const struct sofa_acsr *best = NULL;
    int32_t best_stride = 1;

    order_rows(l, NULL, 1);
    l->tiles = count_tiles(l);
    for (size_t p = 0; p < l->pattern->n_parts; p++) {
        struct sofa_acsr_facts facts;
        size_t tiles;

        sofa_acsr_describe(&l->pattern->part[p], &facts);
        if (facts.stride_most == 1 || facts.stride_least != facts.stride_most || facts.stride_most > STRIDE_TRIED_MAX)
            continue;
        order_rows(l, &l->pattern->part[p], facts.stride_most);
        tiles = count_tiles(l);
        if (tiles < l->tiles) {
            l->tiles = tiles;
            best = &l->pattern->part[p];
            best_stride = facts.stride_most;
        }
    }
    order_rows(l, best, best_stride);
}

static enum sofa_code check_limits(const struct layout *l, size_t d, struct sofa_err *err)
{
    const struct sofa_pattern *p = l->pattern;
    double slots = (double)l->blocks * BLOCK_ROWS, rest = (double)p->rest.start[p->rows];
    double numbers = slots * (2 + 3 * (double)p->n_parts) + 3 * (double)l->blocks * (double)p->n_parts + rest;

    if (d < 1 || d > SOFA_ACSR_CUDA_WIDTH_MAX)
        return sofa_fail(err, SOFA_E_INPUT, "a head width of %zu; expected 1 to %d in CUDA", d, SOFA_ACSR_CUDA_WIDTH_MAX);
    if (numbers + (double)l->tiles > SOFA_ACSR_CUDA_NUMBERS_MAX)
        return sofa_fail(err, SOFA_E_INPUT, "a CUDA source of this pattern has tables of %.3g numbers; limit %zu", numbers + (double)l->tiles,
                         SOFA_ACSR_CUDA_NUMBERS_MAX);
    return SOFA_OK;
}

static enum sofa_code layout_init(struct layout *l, struct sofa_err *err)
{
    l->blocks = (l->pattern->rows + BLOCK_ROWS - 1) / BLOCK_ROWS;
    l->order = sofa_arena_alloc(&l->arena, l->blocks * BLOCK_ROWS, sizeof *l->order);
    l->residue = sofa_arena_alloc(&l->arena, l->pattern->rows, sizeof *l->residue);
    return l->order && l->residue ? SOFA_OK : sofa_fail_nomem(err, "a CUDA source");
}

/* A table is opened, filled number by number, and closed; an empty one gets a 0, for C knows no empty arrays. */
static void open_table(struct sofa_str *out, const char *name)
{
    sofa_str_addf(out, "TABLE %s[] = {", name);
}

static void put(struct sofa_str *out, int64_t number)
{
    bool fresh = out->length && out->text[out->length - 1] == '{';
    size_t line = out->length;

    while (line > 0 && out->text[line - 1] != '\n' && out->length - line < 5 * PER_LINE)
        line--;
    sofa_str_addf(out, fresh ? "\n%lld" : out->length - line < 5 * PER_LINE ? ",%lld" : ",\n%lld", (long long)number);
}

static void close_table(struct sofa_str *out)
{
    if (out->length && out->text[out->length - 1] == '{')
        put(out, 0);
    sofa_str_add(out, "};\n");
}

static void write_rows(const struct layout *l, struct sofa_str *out)
{
    const struct sofa_pattern *p = l->pattern;
    char name[32];

    open_table(out, "order");
    for (size_t s = 0; s < l->blocks * BLOCK_ROWS; s++)
        put(out, l->order[s]);
    close_table(out);
    for (size_t k = 0; k < p->n_parts; k++) {
        snprintf(name, sizeof name, "row%zu", k);
        open_table(out, name);
        for (size_t s = 0; s < l->blocks * BLOCK_ROWS; s++) {
            const struct sofa_acsr_row none = {1, 0, 0}, *r = l->order[s] < 0 ? &none : &p->part[k].row[l->order[s]];

            put(out, r->first);
            put(out, r->count);
            put(out, r->stride);
        }
        close_table(out);
    }
}

/* For each part and block: the stride between the keys of a tile, and which tiles. */
static void write_tiles(const struct layout *l, struct sofa_str *out)
{
    const struct sofa_pattern *p = l->pattern;
    size_t n = 0;

    open_table(out, "tile");
    for (size_t k = 0; k < p->n_parts; k++)
        for (size_t b = 0; b < l->blocks; b++)
            list_tiles(&p->part[k], l->order + b * BLOCK_ROWS, out, put);
    close_table(out);
    open_table(out, "walk");
    for (size_t k = 0; k < p->n_parts; k++)
        for (size_t b = 0; b < l->blocks; b++) {
            const int32_t *rows = l->order + b * BLOCK_ROWS;

            put(out, common_stride(&p->part[k], rows));
            put(out, (int64_t)n);
            n += list_tiles(&p->part[k], rows, NULL, NULL);
            put(out, (int64_t)n);
        }
    close_table(out);
}

static void write_rest(const struct layout *l, struct sofa_str *out)
{
    const struct sofa_csr *rest = &l->pattern->rest;
    size_t n = 0;

    open_table(out, "rest_start");
    for (size_t s = 0; s < l->blocks * BLOCK_ROWS; s++) {
        put(out, (int64_t)n);
        n += l->order[s] < 0 ? 0 : rest->start[l->order[s] + 1] - rest->start[l->order[s]];
    }
    put(out, (int64_t)n);
    close_table(out);
    open_table(out, "rest_column");
    for (size_t s = 0; s < l->blocks * BLOCK_ROWS; s++)
        for (size_t k = l->order[s] < 0 ? 0 : rest->start[l->order[s]]; l->order[s] >= 0 && k < rest->start[l->order[s] + 1]; k++)
            put(out, rest->column[k]);
    close_table(out);
}

/* One call for each part, with its stride as a constant where it has one, and the same list for the check. */
static void write_parts(const struct layout *l, struct sofa_str *out)
{
    struct sofa_acsr_facts facts;

    sofa_str_add(out, "#define WALK_PARTS(W)");
    for (size_t k = 0; k < l->pattern->n_parts; k++) {
        sofa_acsr_describe(&l->pattern->part[k], &facts);
        sofa_str_addf(out, " W(%zu, row%zu, %d)", k, k, facts.stride_least == facts.stride_most ? facts.stride_most : 0);
    }
    sofa_str_add(out, "\n");
}

enum sofa_code sofa_acsr_cuda(const struct sofa_pattern *pattern, size_t d, const char *name, struct sofa_str *out,
                              struct sofa_err *err)
{
    struct layout l = {.pattern = pattern, .arena = SOFA_ARENA_INIT};
    enum sofa_code rc;

    SOFA_TRY(layout_init(&l, err));
    SOFA_TRY(check_limits(&l, d, err));
    choose_order(&l);
    SOFA_TRY(check_limits(&l, d, err));
    sofa_str_add(out, "/* Attention over the pattern ");
    for (const char *c = name; *c; c++)
        sofa_str_add_bytes(out, *c >= ' ' && *c < 0x7f && *c != '*' && *c != '\\' ? c : "?", 1);
    sofa_str_addf(out, ", head width %zu.  Made by sofa-dse pattern --emit cuda. */\n", d);
    sofa_str_addf(out, "#define ROWS %zu\n#define COLUMNS %zu\n#define D %zu\n#define SCALE %#.9gf\n#define BLOCKS %zu\n#define MEMBERS %zu\n",
                  pattern->rows, pattern->columns, d, 1 / sqrt((double)d), l.blocks, sofa_pattern_members(pattern));
    sofa_str_addf(out, "#define TILES %zu\n#define REST %zu\n", l.tiles, pattern->rest.start[pattern->rows]);
    sofa_str_add(out, sofa_acsr_cuda_head);
    write_rows(&l, out);
    write_tiles(&l, out);
    write_rest(&l, out);
    write_parts(&l, out);
    sofa_str_add(out, sofa_acsr_cuda_kernel);
    sofa_str_add(out, sofa_acsr_cuda_check);
    rc = out->failed ? sofa_fail_nomem(err, "a CUDA source") : SOFA_OK;
out:
    sofa_arena_release(&l.arena);
    return rc;
}

/* The C text of a generated kernel: the loops, the shapes with their constants, tables of all else, one function. */
#include "acsr/emit.h"

#include <math.h>
#include <string.h>

#include "acsr/impl.h"
#include "acsr/shape.h"
#include "acsr/tile_text.h"

#define CHUNK 128 /* TILE_CHUNK and TILE_SLACK of tile.h, held to them by the generated text */
#define SLACK 4

static const struct isa {
    const char *name;
    const char *options[8];
} isas[] = {
    {"portable", {NULL}},
    {"avx2", {"-mavx2", "-mfma", NULL}},
    {"avx512", {"-mavx512f", "-mavx512bw", "-mavx512dq", "-mavx512vl", "-mavx512vnni", "-mfma", NULL}},
};

static const struct isa *find_isa(const char *name)
{
    for (size_t i = 0; i < sizeof isas / sizeof *isas; i++)
        if (strcmp(isas[i].name, name) == 0)
            return &isas[i];
    return &isas[0];
}

const char *const *sofa_acsr_isa_options(const char *isa)
{
    return find_isa(isa)->options;
}

struct emitter {
    const struct sofa_acsr_plan *plan;
    const struct isa *isa;
    const struct sofa_acsr_shapes *shapes;
    struct sofa_str *text;
    size_t d, dp;
};

#define EMIT(...) sofa_str_addf(e->text, __VA_ARGS__)

static void emit_integers(const struct emitter *e, const int32_t *x, size_t n)
{
    EMIT("{");
    for (size_t i = 0; i < n; i++)
        EMIT("%s%d", i ? ", " : "", x[i]);
    EMIT("}");
}

/* The lanes' intervals in the chunk of n keys from `from` on; n and 0 where there is none. */
static void limits(const struct sofa_acsr_run *run, int32_t from, int32_t n, int32_t begin[SOFA_ACSR_LANES],
                   int32_t end[SOFA_ACSR_LANES])
{
    for (size_t l = 0; l < SOFA_ACSR_LANES; l++) {
        begin[l] = run->begin[l] > from ? run->begin[l] - from : 0;
        end[l] = run->end[l] - from < n ? run->end[l] - from : n;
        if (begin[l] >= end[l]) {
            begin[l] = n;
            end[l] = 0;
        }
    }
}

/* One chunk of a shape as a constant and a call. */
static void emit_chunk(const struct emitter *e, const struct sofa_acsr_run *run, int32_t origin, int32_t from, int32_t n,
                       bool room, const char *how)
{
    int32_t begin[SOFA_ACSR_LANES], end[SOFA_ACSR_LANES];
    int32_t scores = n % SLACK && room ? n + SLACK - n % SLACK : n;

    limits(run, from, n, begin, end);
    EMIT("    {\n        static const struct chunk c = {%d, %d, %d, ", scores, run->full_from - from, run->full_to - from);
    emit_integers(e, begin, SOFA_ACSR_LANES);
    EMIT(", ");
    emit_integers(e, end, SOFA_ACSR_LANES);
    EMIT("};\n\n        CHUNK(t, k + %d * STRIDE, v + %d * STRIDE, STRIDE, &c, %s, out);\n    }\n", from - origin, from - origin,
         how);
}

/* As tile_chunk_keys of tile.h. */
static int32_t chunk_keys(int32_t n)
{
    int32_t chunks = (n + CHUNK - 1) / CHUNK;

    return ((n + chunks - 1) / chunks + SLACK - 1) / SLACK * SLACK;
}

/* As tile_alone of tile.h. */
static bool alone(const struct emitter *e, const struct sofa_acsr_block *b)
{
    const struct sofa_acsr_run *r = &e->plan->run[b->first_run];

    return b->n_runs == 1 && r->to - r->from <= CHUNK && (b->opens & b->closes) == 0xffff && e->d == e->dp;
}

static void emit_runs(const struct emitter *e, const struct sofa_acsr_block *b)
{
    const struct sofa_acsr_run *run = e->plan->run + b->first_run;
    bool out = alone(e, b), first = !out && b->opens == 0xffffu >> (SOFA_ACSR_LANES - b->lanes);

    if (!out && !first)
        EMIT("    for (size_t l = 0; l < LANES; l++)\n        tile_load(t, &rows, l, D, DP);\n");
    for (size_t i = 0; i < b->n_runs; i++) {
        int32_t n = run[i].to - run[i].from, step = chunk_keys(n);

        for (int32_t at = 0; at < n; at += step) {
            emit_chunk(e, &run[i], run->from, run[i].from + at, n - at < step ? n - at : step,
                       sofa_acsr_run_has_room(e->plan, b, &run[i]), out ? "TILE_OUT" : first ? "TILE_FIRST" : "TILE_JOIN");
            first = false;
        }
    }
    if (!out)
        EMIT("    for (size_t l = 0; l < LANES; l++)\n        tile_store(t, &rows, l, D, DP);\n");
}

static size_t stride_of(const struct emitter *e, const struct sofa_acsr_group *g)
{
    return g->packed ? e->dp : (size_t)g->stride * e->dp;
}

static void emit_shape(const struct emitter *e, size_t shape)
{
    const struct sofa_acsr_block *b = &e->plan->block[e->shapes->block[shape]];

    EMIT("\n#define STRIDE %zu\n#define CHUNK(...) (STRIDE == DP ? chunk(__VA_ARGS__) : chunk_far(__VA_ARGS__))\n"
         "static void shape_%zu(struct tile *t, const struct arrays *a, int32_t row0, const float *k, "
         "const float *v)\n{\n    const int32_t row[LANES] = {",
         stride_of(e, &e->plan->group[b->group]), shape);
    for (size_t l = 0; l < SOFA_ACSR_LANES; l++)
        EMIT("%srow0 + %d", l ? ", " : "", b->row[l] - b->row[0]);
    EMIT("};\n");
    if (alone(e, b))
        EMIT("    float *out[LANES];\n\n    for (size_t l = 0; l < LANES; l++)\n        out[l] = a->out + row[l] * D;\n");
    else
        EMIT("    const struct tile_rows rows = {row, %u, 0x%x, 0x%x, a->out, a->most, a->total};\n"
             "    float *const *out = NULL;\n\n",
             b->lanes, b->opens, b->closes);
    EMIT("    pack(t, a, row);\n");
    emit_runs(e, b);
    EMIT("}\n#undef CHUNK\n#undef STRIDE\n");
}

static void emit_other(const struct emitter *e, const struct sofa_acsr_block *b, size_t *runs)
{
    EMIT("    {");
    emit_integers(e, b->row, SOFA_ACSR_LANES);
    EMIT(", %u, 0x%x, 0x%x, %zu, %u},\n", b->lanes, b->opens, b->closes, *runs, b->n_runs);
    *runs += b->n_runs;
}

static void emit_run(const struct emitter *e, const struct sofa_acsr_run *r)
{
    EMIT("    {%d, %d, %d, %d, ", r->from, r->to, r->full_from, r->full_to);
    emit_integers(e, r->begin, SOFA_ACSR_LANES);
    EMIT(", ");
    emit_integers(e, r->end, SOFA_ACSR_LANES);
    EMIT(", 0},\n");
}

/* Blocks without a function of their own, and their runs. */
static void emit_others(const struct emitter *e)
{
    size_t runs = 0;

    EMIT("\nstatic const struct block block[] = {\n");
    for (size_t s = 0; s < e->shapes->n_segments; s++)
        for (size_t i = 0; e->shapes->segment[s].shape < 0 && i < e->shapes->segment[s].count; i++)
            emit_other(e, &e->plan->block[e->shapes->segment[s].block + i], &runs);
    EMIT("    {{0}, 0, 0, 0, 0, 0},\n};\nstatic const struct sofa_acsr_run run[] = {\n");
    for (size_t s = 0; s < e->shapes->n_segments; s++)
        for (size_t i = 0; e->shapes->segment[s].shape < 0 && i < e->shapes->segment[s].count; i++) {
            const struct sofa_acsr_block *b = &e->plan->block[e->shapes->segment[s].block + i];

            for (size_t r = 0; r < b->n_runs; r++)
                emit_run(e, &e->plan->run[b->first_run + r]);
        }
    EMIT("    {0, 0, 0, 0, {0}, {0}, 0},\n};\n");
}

static void emit_segments(const struct emitter *e)
{
    size_t other = 0;

    EMIT("static const struct segment segment[] = {\n");
    for (size_t i = 0; i < e->shapes->n_segments; i++) {
        const struct sofa_acsr_segment *s = &e->shapes->segment[i];
        const struct sofa_acsr_block *b = &e->plan->block[s->block];
        bool own = s->shape >= 0;

        EMIT("    {%d, %u, %zu, %zu, %d, %d, %d},\n", s->shape, b->group, s->count, own ? (size_t)b->row[0] : other,
             own ? s->row_step : 1, e->plan->run[b->first_run].from, s->from_step);
        other += own ? 0 : s->count;
    }
    EMIT("    {0, 0, 0, 0, 0, 0, 0},\n};\nstatic const struct group group[] = {\n");
    for (size_t g = 0; g < e->plan->n_groups; g++)
        EMIT("    {%zu, %d, %d, %d},\n", e->plan->group[g].keys, e->plan->group[g].stride, e->plan->group[g].origin,
             e->plan->group[g].packed);
    EMIT("    {0, 0, 0, 0},\n};\n");
}

/* Columns of the lines that are no progressions, if there are any. */
static void emit_columns(const struct emitter *e)
{
    bool any = false;

    for (size_t i = 0; i < e->plan->n_lines; i++) {
        const struct sofa_acsr_line *n = &e->plan->line[i];

        for (size_t s = 0; n->column && s < n->count; s++, any = true)
            EMIT("%s%d", any ? ", " : "static const int32_t column[] = {", n->column[s]);
    }
    if (any)
        EMIT("};\n");
}

static void emit_lines(const struct emitter *e)
{
    size_t at = 0;

    emit_columns(e);
    EMIT("static const struct line line[] = {\n");
    for (size_t i = 0; i < e->plan->n_lines; i++) {
        const struct sofa_acsr_line *n = &e->plan->line[i];

        EMIT("    {%d, %d, %d, ", n->row, n->opens, n->closes);
        if (n->column)
            EMIT("{column + %zu, 0, 0, %zu}},\n", at, n->count);
        else
            EMIT("{0, %d, %d, %zu}},\n", n->first, n->stride, n->count);
        at += n->column ? n->count : 0;
    }
    EMIT("    {0, 0, 0, {0, 0, 0, 0}},\n};\nstatic const int32_t empty[] = ");
    emit_integers(e, e->plan->n_empty ? e->plan->empty : (const int32_t[1]){0}, e->plan->n_empty ? e->plan->n_empty : 1);
    EMIT(";\n");
}

static void emit_calls(const struct emitter *e)
{
    EMIT("\nstatic void call(int shape, struct tile *t, const struct arrays *a, int32_t row, const float *k, const float *v)\n"
         "{\n    switch (shape) {\n");
    for (size_t i = 0; i < e->shapes->n; i++)
        EMIT("    case %zu:\n        shape_%zu(t, a, row, k, v);\n        break;\n", i, i);
    EMIT("    default:\n        (void)t, (void)a, (void)row, (void)k, (void)v;\n    }\n}\n");
}

static void emit_sizes(const struct emitter *e)
{
    size_t packed = 0;

    for (size_t g = 0; g < e->plan->n_groups; g++)
        if (e->plan->group[g].packed && e->plan->group[g].keys > packed)
            packed = e->plan->group[g].keys;
    EMIT("\n#define ROWS %zu\n#define COLUMNS %zu\n#define D %zu\n#define DP %zu /* padded */\n#define LANES TILE_LANES\n",
         e->plan->rows, e->plan->columns, e->d, e->dp);
    EMIT("#define FACTOR %af /* log2(e) / sqrt(d) */\n", (double)(float)(0x1.71547652b82fep0 / sqrt((double)e->d)));
    EMIT("#define PACKED %zu /* keys of the largest group that is copied */\n#define SEGMENTS %zu\n#define LINES %zu\n"
         "#define EMPTY %zu\n",
         packed, e->shapes->n_segments, e->plan->n_lines, e->plan->n_empty);
    EMIT("_Static_assert(TILE_CHUNK == %d && TILE_SLACK == %d && TILE_SUMS == 4, \"chunks\");\n", CHUNK, SLACK);
}

static void emit_head(const struct emitter *e)
{
    EMIT("/*\n * Attention over a pattern that is known before the data: %zu queries, %zu keys, %llu members, head width %zu.\n"
         " * Written by " PACKAGE_STRING "; the pattern is in the tables.  Compile it with\n"
         " *   cc -std=c11 -O3 -ffp-contract=off -fno-math-errno -fPIC -shared",
         e->plan->rows, e->plan->columns, (unsigned long long)e->plan->members, e->d);
    for (const char *const *o = e->isa->options; *o; o++)
        EMIT(" %s", *o);
    EMIT("\n */\n");
    for (const char *const *line = sofa_acsr_tile_text; *line; line++)
        sofa_str_add(e->text, *line);
}

enum sofa_code sofa_acsr_emit_c(const struct sofa_acsr_plan *plan, size_t d, const char *isa, struct sofa_str *text,
                                struct sofa_err *err)
{
    struct sofa_arena arena = SOFA_ARENA_INIT;
    struct sofa_acsr_shapes shapes;
    struct emitter emitter = {plan, find_isa(isa), &shapes, text, d, (d + SOFA_ACSR_LANES - 1) / SOFA_ACSR_LANES * SOFA_ACSR_LANES};
    const struct emitter *e = &emitter;
    enum sofa_code rc;

    SOFA_TRY(sofa_acsr_emit_check(plan, d, err));
    SOFA_TRY(sofa_acsr_shapes_find(plan, &arena, &shapes, err));
    emit_head(e);
    emit_sizes(e);
    for (const char *const *line = sofa_acsr_generated_head; *line; line++)
        sofa_str_add(text, *line);
    for (size_t i = 0; i < shapes.n; i++)
        emit_shape(e, i);
    emit_others(e);
    emit_segments(e);
    emit_lines(e);
    emit_calls(e);
    for (const char *const *line = sofa_acsr_generated_tail; *line; line++)
        sofa_str_add(text, *line);
    if (text->failed)
        rc = sofa_fail_nomem(err, "the text of a kernel");
out:
    sofa_arena_release(&arena);
    return rc;
}

/* sofa-dse pattern: regular sparse patterns, from generators or from a mask. */
#include <cjson/cJSON.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/pattern.h"
#include "cli/pattern_run.h"
#include "transformer/mask.h"

#define SIZE_FALLBACK 1024 /* tokens */
#define HEAD_WIDTH_FALLBACK 64

struct pattern_options {
    long size, columns; /* 0: not given */
    bool causal, regular, spans, json, run, no_jit;
    const char *tensor, *svg, *output, *isa;
    int emit;        /* of sofa_pattern_emitters, -1: not given */
    long head_width; /* 0: not given */
};

#define ROW(member, type, arg, text) .name = #member, .kind = type, .offset = offsetof(struct pattern_options, member), .argument = arg, .help = text
static const struct sofa_option options[] = {
    {ROW(size, SOFA_OPTION_INTEGER, "S", "queries (rows) of a generated pattern (default 1024)"), .least = 1, .most = INT32_MAX},
    {ROW(columns, SOFA_OPTION_INTEGER, "N", "keys (columns) of a generated pattern (default: as many as rows)"), .least = 1, .most = INT32_MAX},
    {ROW(causal, SOFA_OPTION_FLAG, NULL, "only keys up to the query itself")},
    {ROW(regular, SOFA_OPTION_FLAG, NULL, "refuses a pattern that isn't one regular part, with the row and column that break it")},
    {ROW(tensor, SOFA_OPTION_STRING, "NAME", "the mask's name in a safetensors file (default: mask, or the only one)")},
    {ROW(spans, SOFA_OPTION_FLAG, NULL, "also every row's first and last key and how many it has")},
    {ROW(svg, SOFA_OPTION_STRING, "FILE", "draws the pattern")},
    {ROW(emit, SOFA_OPTION_CHOICE, "LANGUAGE", "writes the attention over it as source code: c, cuda"), .names = sofa_pattern_emitters},
    {.name = "head-width", .kind = SOFA_OPTION_INTEGER, .offset = offsetof(struct pattern_options, head_width), .argument = "D",
     .help = "of the source code and of the run (default 64)", .least = 1, .most = 4096},
    {ROW(output, SOFA_OPTION_STRING, "FILE", "where the source code goes"), .letter = 'o'},
    {ROW(run, SOFA_OPTION_FLAG, NULL, "runs attention over it here: times, and the difference from double precision")},
    {ROW(isa, SOFA_OPTION_STRING, "NAME", "instruction set of the run and of C: auto (default), portable, avx2, avx512")},
    {.name = "no-jit", .kind = SOFA_OPTION_FLAG, .offset = offsetof(struct pattern_options, no_jit),
     .help = "runs the general kernel alone: none is written and compiled for the pattern"},
    {ROW(json, SOFA_OPTION_FLAG, NULL, "as JSON")},
};

/* What lies above the diagonal is not seen. */
static void cut_causal(uint8_t *mask, size_t side)
{
    for (size_t i = 0; i < side; i++)
        memset(mask + i * side + i + 1, 0, side - i - 1);
}

static enum sofa_code read_mask(const struct pattern_options *o, struct sofa_arena *arena, struct sofa_pattern_source *source,
                                struct sofa_err *err)
{
    struct sofa_arena scratch = SOFA_ARENA_INIT;
    size_t rows, columns;
    enum sofa_code rc;
    uint8_t *mask;

    if (o->size || o->columns)
        return sofa_fail(err, SOFA_E_USAGE, "--%s goes with generators; a mask has its own size", o->size ? "size" : "columns");
    SOFA_TRY(sofa_mask_read(source->spec, o->tensor, sofa_pattern_memory_limit(), &scratch, &mask, &rows, &columns, err));
    if (o->causal && rows != columns) {
        rc = sofa_fail_at(err, SOFA_E_INPUT, source->spec, 0, 0, "a mask of %zu by %zu can't be causal; expected a square one", rows,
                          columns);
        goto out;
    }
    if (o->causal)
        cut_causal(mask, rows);
    SOFA_TRY(sofa_pattern_from_mask(mask, rows, columns, arena, &source->pattern, err));
    if (sofa_pattern_members(&source->pattern) == 0)
        rc = sofa_fail_at(err, SOFA_E_INPUT, source->spec, 0, 0, "the mask is empty: no query sees a key");
out:
    sofa_arena_release(&scratch);
    return rc;
}

static enum sofa_code generate(const struct pattern_options *o, struct sofa_arena *arena, struct sofa_pattern_source *source,
                               struct sofa_err *err)
{
    size_t rows = o->size ? (size_t)o->size : SIZE_FALLBACK, columns = o->columns ? (size_t)o->columns : rows;
    struct sofa_pattern *pattern = &source->pattern;
    enum sofa_code rc;

    if (o->tensor)
        return sofa_fail(err, SOFA_E_USAGE, "--tensor goes with a mask in a safetensors file, not with generators");
    rc = sofa_pattern_generate(source->spec, rows, columns, o->causal, arena, pattern, err);
    if (rc != SOFA_OK && strpbrk(source->spec, "./"))
        sofa_err_append(err, "; a mask is a file NAME.npy or NAME.safetensors");
    if (rc != SOFA_OK)
        return rc;
    if (sofa_pattern_members(pattern) == 0)
        rc = sofa_fail(err, SOFA_E_INPUT, "the pattern is empty: no query of %zu sees one of %zu keys", rows, columns);
    return rc;
}

/* The pattern as one part. */
static enum sofa_code make_regular(struct sofa_arena *arena, struct sofa_pattern_source *source, struct sofa_err *err)
{
    struct sofa_acsr part;
    enum sofa_code rc = sofa_acsr_from_pattern(&source->pattern, arena, &part, err);

    if (rc == SOFA_E_INPUT)
        snprintf(err->file, sizeof err->file, "%s", source->spec);
    return rc ? rc : sofa_pattern_from_part(&part, arena, &source->pattern, err);
}

#define SPAN_BYTES 320.0 /* of a row's span in cJSON's tree and its text */

/* The tree of every row's span is larger than the pattern itself. */
static enum sofa_code check_spans(const struct pattern_options *o, const struct sofa_pattern *pattern, struct sofa_err *err)
{
    double gib = 1u << 30, bytes = SPAN_BYTES * (double)pattern->rows, limit = (double)sofa_pattern_memory_limit();

    if (o->spans && o->json && bytes > limit)
        return sofa_fail(err, SOFA_E_USAGE, "--spans as JSON needs %.3g GiB for %zu rows, limit %.3g GiB; as text it needs none", bytes / gib,
                         pattern->rows, limit / gib);
    return SOFA_OK;
}

static enum sofa_code check_emit(const struct pattern_options *o, struct sofa_err *err)
{
    if (o->emit >= 0 && !o->output)
        return sofa_fail(err, SOFA_E_USAGE, "--emit needs a file to write to: -o FILE");
    if (o->emit < 0 && o->output)
        return sofa_fail(err, SOFA_E_USAGE, "--output goes with --emit");
    if (o->emit < 0 && !o->run && (o->head_width || o->isa))
        return sofa_fail(err, SOFA_E_USAGE, "--%s goes with --emit or --run", o->head_width ? "head-width" : "isa");
    if (o->no_jit && !o->run)
        return sofa_fail(err, SOFA_E_USAGE, "--no-jit goes with --run");
    return SOFA_OK;
}

/* Prints the pattern and, where it was run, the run. */
static enum sofa_code show(const struct pattern_options *o, const struct sofa_pattern_source *source,
                           const struct sofa_pattern_run *ran, struct sofa_err *err)
{
    struct cJSON *json;

    if (!o->json) {
        sofa_pattern_print(source, o->spans);
        if (o->run)
            sofa_pattern_run_print(ran);
        return sofa_output_finish(err);
    }
    json = sofa_pattern_json(source, o->spans);
    if (o->run)
        cJSON_AddItemToObject(json, "run", sofa_pattern_run_json(ran));
    return sofa_json_print(json, err);
}

static enum sofa_code run(int argc, char **argv, struct sofa_err *err)
{
    struct pattern_options o = {.emit = -1};
    struct sofa_arena arena = SOFA_ARENA_INIT;
    struct sofa_pattern_source source;
    struct sofa_pattern_run ran;
    enum sofa_code rc;
    int operands;
    bool done;
    size_t d;

    SOFA_TRY(sofa_options_read(&sofa_cmd_pattern, argc, argv, &o, &operands, &done, err));
    if (done)
        goto out;
    SOFA_TRY(check_emit(&o, err));
    d = o.head_width ? (size_t)o.head_width : HEAD_WIDTH_FALLBACK;
    source = (struct sofa_pattern_source){.spec = argv[1], .from_file = sofa_mask_is_file(argv[1]), .causal = o.causal};
    SOFA_TRY((source.from_file ? read_mask : generate)(&o, &arena, &source, err));
    SOFA_TRY(check_spans(&o, &source.pattern, err));
    if (o.regular)
        SOFA_TRY(make_regular(&arena, &source, err));
    if (o.svg)
        SOFA_TRY(sofa_pattern_svg(&source, o.svg, err));
    if (o.emit >= 0)
        SOFA_TRY(sofa_pattern_emit(&source, o.emit, d, o.isa, o.output, err));
    if (o.run)
        SOFA_TRY(sofa_pattern_run(&source, &(struct sofa_pattern_run_options){d, o.isa, o.no_jit}, &ran, err));
    rc = show(&o, &source, &ran, err);
out:
    sofa_arena_release(&arena);
    return rc;
}

const struct sofa_command sofa_cmd_pattern = {
    "pattern",
    "pattern GENERATOR:NUMBER...[+...]|MASK.npy|MASK.safetensors [--size S] [--columns N] [--causal] [--regular] [--spans] [--svg FILE] [--emit LANGUAGE -o FILE] [--run [--no-jit]] [--head-width D] [--isa NAME] [--json]",
    "shows a regular sparse pattern: which keys each query sees, known before the data",
    options, sizeof options / sizeof *options, 1, 1, run,
};

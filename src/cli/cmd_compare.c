/* sofa-dse compare: a design beside the A100, the TPU and eight accelerators. */
#include <cjson/cJSON.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/data.h"
#include "model/roofline.h"

struct compare_options {
    struct sofa_strings workload;
    const char *hardware, *statistics, *pattern;
    bool json;
};
#define OPTION(member) .offset = offsetof(struct compare_options, member)
static const struct sofa_option options[] = {
    {.name = "workload", .kind = SOFA_OPTION_REPEATED, OPTION(workload), .argument = "FILE",
     .help = "a workload's name or file (default: bert-base-squad and llama-7b-wikitext2)"},
    {.name = "hardware", .kind = SOFA_OPTION_STRING, OPTION(hardware), .argument = "FILE",
     .help = "the design: a hardware's name or file (default: sofa-28nm)"},
    {.name = "statistics", .kind = SOFA_OPTION_STRING, OPTION(statistics), .argument = "FILE",
     .help = "statistics of the selection, a name or file (default: synthetic-k074)"},
    {.name = "pattern", .kind = SOFA_OPTION_STRING, OPTION(pattern), .argument = "SPEC",
     .help = "the mask of regular sparsity on a chip (default: a window of a tenth of the keys to either side)"},
    {.name = "json", .kind = SOFA_OPTION_FLAG, OPTION(json), .help = "as JSON"},
};

/* One line: NAN for what isn't known. */
struct line {
    char name[64], source[192];
    double gops, gops_per_w, gops_per_mm2, seconds;
    const struct sofa_chip *splat; /* whose published speed-ups stand beside it, or NULL */
};
#define LINES_MAX 64
struct lines {
    size_t count;
    struct line line[LINES_MAX];
};

static struct line *add(struct lines *l, const char *name, const char *source, double gops, double per_w, double per_mm2,
                        double s)
{
    struct line *line = &l->line[l->count < LINES_MAX ? l->count++ : LINES_MAX - 1];

    *line = (struct line){.gops = gops, .gops_per_w = per_w, .gops_per_mm2 = per_mm2, .seconds = s};
    snprintf(line->name, sizeof line->name, "%s", name);
    snprintf(line->source, sizeof line->source, "%s", source);
    return line;
}

/* The design itself: its ratio is the statistics' density, in whole thousandths. */
static enum sofa_code add_design(struct lines *l, const struct sofa_hardware *hw, const struct sofa_workload *w,
                                 const struct sofa_selection *selection, struct sofa_err *err)
{
    struct sofa_statistics statistics = {0};
    struct sofa_design design;
    struct sofa_result r;
    enum sofa_code rc;

    SOFA_TRY(sofa_hardware_design(hw, w->layers, &design, err));
    SOFA_TRY(sofa_statistics_init(&statistics, w->layers, 1, selection, err));
    for (int i = 0; i < w->layers; i++)
        design.layer[i].topk_permille = (int)fmax(1, floor(1000 * selection->density));
    sofa_model_evaluate(hw, &design, w, &statistics, &r);
    if (!r.feasible)
        rc = sofa_fail(err, SOFA_E_EVAL, "%s on %s: %s", hw->name, w->name, r.reason);
    else
        add(l, hw->name, "this model", r.throughput_gops, r.energy_efficiency, r.area_efficiency, r.latency_s);
out:
    sofa_statistics_release(&statistics);
    return rc;
}

/* Regular sparsity, on a chip that it is published for. */
static void add_regular(struct lines *l, const struct sofa_chip *c, const struct sofa_workload *w, const char *spec,
                        const struct sofa_pattern *pattern)
{
    double work = sofa_workload_dense_operations(w) * 1e-9, seconds = sofa_roofline_regular_seconds(c, w, pattern);
    double share = (double)sofa_pattern_members(pattern) / sofa_workload_visible_pairs(w);
    char name[64], source[192];

    snprintf(name, sizeof name, "%s + SPLAT", c->name);
    snprintf(source, sizeof source, "roofline, %.60s: %.1f %% of the pairs; published: %g x over Triton, %g x over TVM kernels", spec,
             100 * share, c->splat_over_triton, c->splat_over_tvm);
    add(l, name, source, work / seconds, work / seconds / c->power_w, NAN, seconds)->splat = c;
}

static void add_chip(struct lines *l, const struct sofa_chip *c, const struct sofa_workload *w, double density)
{
    double work = sofa_workload_dense_operations(w) * 1e-9;

    for (int s = 0; s < SOFA_SOFTWARE_COUNT; s++) {
        double seconds = sofa_roofline_seconds(c, w, (enum sofa_software)s, density);
        char name[64];

        snprintf(name, sizeof name, "%s %s", c->name, sofa_software_names[s]);
        add(l, name, "roofline", work / seconds, work / seconds / c->power_w, NAN, seconds);
    }
}

static enum sofa_code add_chips(struct lines *l, const struct sofa_published *p, const struct sofa_workload *w, double density,
                                const char *spec, struct sofa_err *err)
{
    struct sofa_arena arena = SOFA_ARENA_INIT;
    struct sofa_err why = SOFA_ERR_INIT;
    struct sofa_pattern pattern;
    enum sofa_code rc = SOFA_OK;
    char window[32];

    snprintf(window, sizeof window, "window:%.0f", ceil(w->keys / 10));
    spec = spec ? spec : window;
    if (sofa_pattern_generate(spec, (size_t)w->queries, (size_t)w->keys, w->causal, &arena, &pattern, &why) != SOFA_OK)
        rc = sofa_fail(err, SOFA_E_USAGE, "--pattern %s on %s: %s", spec, w->name, why.text);
    for (size_t c = 0; rc == SOFA_OK && c < p->n_chips; c++) {
        add_chip(l, &p->chip[c], w, density);
        if (p->chip[c].splat_source)
            add_regular(l, &p->chip[c], w, spec, &pattern);
    }
    sofa_arena_release(&arena);
    return rc;
}

static void add_published(struct lines *l, const struct sofa_published *p)
{
    const struct sofa_published_inputs *in = &p->inputs;

    add(l, "A100", "as published (eager)", in->gops / in->a100_speed, in->gops / in->device_w / in->a100_energy, NAN, NAN);
    add(l, "TPU", "as published: 11.1 x slower than SOFA, nothing absolute", NAN, NAN, NAN, NAN);
    add(l, "SOFA", "as published", in->gops, in->gops / in->device_w, in->gops / in->area_mm2,
        in->work_gop / in->gops * 1024 / 128);
    for (size_t i = 0; i < p->n_accelerators; i++) {
        struct sofa_normalised n = sofa_normalise(&p->accelerator[i], in->work_gop);
        bool device = !isnan(n.device_gops_per_w);

        add(l, p->accelerator[i].name, device ? "as published, at 28 nm and 1.0 V" : "as published, at 28 nm and 1.0 V, core only",
            p->accelerator[i].gops, device ? n.device_gops_per_w : n.core_gops_per_w, n.gops_per_mm2, n.latency_s);
    }
}

static void print_cell(double x)
{
    if (isnan(x))
        printf(" %12s", "-");
    else
        printf(" %12.4g", x);
}

static void print_table(const char *title, const struct lines *l)
{
    printf("%s\n%-24s %12s %12s %12s %12s  %s\n", title, "", "GOPS", "GOPS/W", "GOPS/mm2", "latency s", "source");
    for (size_t i = 0; i < l->count; i++) {
        printf("%-24s", l->line[i].name);
        print_cell(l->line[i].gops);
        print_cell(l->line[i].gops_per_w);
        print_cell(l->line[i].gops_per_mm2);
        print_cell(l->line[i].seconds);
        printf("  %s\n", l->line[i].source);
    }
    putchar('\n');
}

static void add_splat(cJSON *item, const struct sofa_chip *chip)
{
    cJSON *published = cJSON_AddObjectToObject(item, "published");

    cJSON_AddNumberToObject(published, "over_triton", chip->splat_over_triton);
    cJSON_AddNumberToObject(published, "over_tvm", chip->splat_over_tvm);
    cJSON_AddStringToObject(published, "source", chip->splat_source);
}

static void add_json(cJSON *list, const struct lines *l)
{
    for (size_t i = 0; list && i < l->count; i++) {
        cJSON *item = cJSON_CreateObject();

        cJSON_AddStringToObject(item, "name", l->line[i].name);
        cJSON_AddStringToObject(item, "source", l->line[i].source);
        cJSON_AddNumberToObject(item, "throughput_gops", l->line[i].gops);
        cJSON_AddNumberToObject(item, "energy_efficiency", l->line[i].gops_per_w);
        cJSON_AddNumberToObject(item, "area_efficiency", l->line[i].gops_per_mm2);
        cJSON_AddNumberToObject(item, "latency", l->line[i].seconds);
        if (l->line[i].splat)
            add_splat(item, l->line[i].splat);
        cJSON_AddItemToArray(list, item);
    }
}

/* One workload's table: the design, and chips under the roofline. */
static enum sofa_code compare_workload(const struct sofa_published *p, const struct sofa_hardware *hw, const char *name,
                                       const struct sofa_selection *selection, const char *pattern, cJSON *json,
                                       struct sofa_err *err)
{
    struct lines lines = {.count = 0};
    struct sofa_workload w;
    enum sofa_code rc;

    SOFA_TRY(sofa_data_workload(name, &w, err));
    SOFA_TRY(add_design(&lines, hw, &w, selection, err));
    SOFA_TRY(add_chips(&lines, p, &w, selection->density, pattern, err));
    if (json) {
        cJSON *item = cJSON_CreateObject();

        cJSON_AddStringToObject(item, "workload", w.name);
        add_json(cJSON_AddArrayToObject(item, "rows"), &lines);
        cJSON_AddItemToArray(json, item);
    } else {
        print_table(w.name, &lines);
    }
out:
    return rc;
}

static enum sofa_code compare(const struct compare_options *o, struct sofa_err *err)
{
    static const char *const standard[] = {"bert-base-squad", "llama-7b-wikitext2"};
    struct sofa_reference_data *data = calloc(1, sizeof *data);
    cJSON *json = o->json ? cJSON_CreateObject() : NULL, *list = json ? cJSON_AddArrayToObject(json, "workloads") : NULL;
    struct lines lines = {.count = 0};
    struct sofa_hardware hw = {.name = NULL};
    struct sofa_selection selection;
    enum sofa_code rc;

    if (!data || (o->json && !list)) {
        rc = sofa_fail_nomem(err, "the comparison");
        goto out;
    }
    SOFA_TRY(sofa_reference_open(data, err));
    SOFA_TRY(sofa_data_hardware(o->hardware ? o->hardware : "sofa-28nm", &hw, err));
    SOFA_TRY(sofa_data_selection(o->statistics ? o->statistics : "synthetic-k074", &selection, err));
    for (size_t i = 0; i < (o->workload.count ? o->workload.count : 2); i++)
        SOFA_TRY(compare_workload(&data->published, &hw, o->workload.count ? o->workload.item[i] : standard[i],
                                  &selection, o->pattern, list, err));
    add_published(&lines, &data->published);
    if (o->json) {
        add_json(cJSON_AddArrayToObject(json, "published"), &lines);
        rc = sofa_json_print(json, err);
        json = NULL;
    } else {
        print_table("as published, each on its own workloads", &lines);
        rc = sofa_output_finish(err);
    }
out:
    cJSON_Delete(json);
    sofa_hardware_free(&hw);
    if (data)
        sofa_reference_free(data);
    free(data);
    return rc;
}

static enum sofa_code run(int argc, char **argv, struct sofa_err *err)
{
    struct compare_options o = {.hardware = NULL};
    enum sofa_code rc;
    int operands;
    bool done;

    SOFA_TRY(sofa_options_read(&sofa_cmd_compare, argc, argv, &o, &operands, &done, err));
    if (!done)
        rc = compare(&o, err);
out:
    return rc;
}

const struct sofa_command sofa_cmd_compare = {
    "compare", "compare [--workload FILE]... [--hardware FILE] [--statistics FILE] [--pattern SPEC] [--json]",
    "a design beside the A100, the TPU and eight accelerators", options, sizeof options / sizeof *options, 0, 0, run,
};

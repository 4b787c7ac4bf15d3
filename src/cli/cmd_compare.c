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
    const char *hardware, *statistics;
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
    {.name = "json", .kind = SOFA_OPTION_FLAG, OPTION(json), .help = "as JSON"},
};

/* One line: NAN for what isn't known. */
struct line {
    char name[64];
    const char *source;
    double gops, gops_per_w, gops_per_mm2, seconds;
};
#define LINES_MAX 64
struct lines {
    size_t count;
    struct line line[LINES_MAX];
};

static void add(struct lines *l, const char *name, const char *source, double gops, double per_w, double per_mm2, double s)
{
    struct line *line = &l->line[l->count];

    if (l->count == LINES_MAX)
        return;
    l->count++;
    *line = (struct line){.source = source, .gops = gops, .gops_per_w = per_w, .gops_per_mm2 = per_mm2, .seconds = s};
    snprintf(line->name, sizeof line->name, "%s", name);
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

static void add_chips(struct lines *l, const struct sofa_published *p, const struct sofa_workload *w, double density)
{
    double work = sofa_workload_dense_operations(w) * 1e-9;

    for (size_t c = 0; c < p->n_chips; c++) {
        for (int s = 0; s < SOFA_SOFTWARE_COUNT; s++) {
            double seconds = sofa_roofline_seconds(&p->chip[c], w, (enum sofa_software)s, density);
            char name[64];

            snprintf(name, sizeof name, "%s %s", p->chip[c].name, sofa_software_names[s]);
            add(l, name, "roofline", work / seconds, work / seconds / p->chip[c].power_w, NAN, seconds);
        }
    }
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
        cJSON_AddItemToArray(list, item);
    }
}

/* One workload's table: the design, and chips under the roofline. */
static enum sofa_code compare_workload(const struct sofa_published *p, const struct sofa_hardware *hw, const char *name,
                                       const struct sofa_selection *selection, cJSON *json, struct sofa_err *err)
{
    struct lines lines = {.count = 0};
    struct sofa_workload w;
    enum sofa_code rc;

    SOFA_TRY(sofa_data_workload(name, &w, err));
    SOFA_TRY(add_design(&lines, hw, &w, selection, err));
    add_chips(&lines, p, &w, selection->density);
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
                                  &selection, list, err));
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
    "compare", "compare [--workload FILE]... [--hardware FILE] [--statistics FILE] [--json]",
    "a design beside the A100, the TPU and eight accelerators", options, sizeof options / sizeof *options, 0, 0, run,
};

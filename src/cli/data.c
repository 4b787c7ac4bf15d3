#include "cli/data.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attention/attention.h"
#include "attention/rass.h"
#include "attention/synthetic.h"
#include "base/file.h"
#include "base/str.h"

enum sofa_code sofa_data_find(const char *folder, const char *name, char **path, struct sofa_err *err)
{
    char *inside = sofa_format("%s/%s.yaml", folder, name);

    if (!inside)
        return sofa_fail_nomem(err, "a path");
    *path = strchr(name, '/') || sofa_file_exists(name) ? sofa_format("%s", name) : sofa_data_file(inside);
    free(inside);
    if (*path)
        return SOFA_OK;
    return sofa_fail(err, SOFA_E_INPUT, "there is no file '%s' and nothing of that name in %s", name, folder);
}

enum sofa_code sofa_data_hardware(const char *name, struct sofa_hardware *hw, struct sofa_err *err)
{
    char *path = NULL;
    enum sofa_code rc;

    SOFA_TRY(sofa_data_find("models/hardware", name, &path, err));
    rc = sofa_hardware_read(path, hw, err);
out:
    free(path);
    return rc;
}

enum sofa_code sofa_data_workload(const char *name, struct sofa_workload *workload, struct sofa_err *err)
{
    char *path = NULL;
    enum sofa_code rc;

    SOFA_TRY(sofa_data_find("models/workloads", name, &path, err));
    rc = sofa_workload_read(path, workload, err);
out:
    free(path);
    return rc;
}

enum sofa_code sofa_data_selection(const char *name, struct sofa_selection *selection, struct sofa_err *err)
{
    const struct sofa_workload one = {.name = "one", .layers = 1, .hidden = 1, .heads = 1, .kv_heads = 1,
                                      .head_dim = 1, .queries = 1, .keys = 1, .batch = 1};
    struct sofa_statistics statistics = {0};
    char *path = NULL;
    enum sofa_code rc;

    SOFA_TRY(sofa_data_find("models/statistics", name, &path, err));
    SOFA_TRY(sofa_statistics_read(path, &one, &statistics, err));
    *selection = statistics.head[0];
out:
    sofa_statistics_release(&statistics);
    free(path);
    return rc;
}

/* The published example of a schedule: four queries, two keys each a phase; a pair is two vectors. */
static enum sofa_code schedule_example(struct sofa_validation *v, struct sofa_err *err)
{
    static const size_t start[] = {0, 4, 8, 12, 16};
    static const uint32_t keys[] = {2, 3, 4, 7, 0, 1, 2, 3, 2, 3, 4, 7, 4, 5, 6, 7};
    const struct sofa_block block = {.rows = 4, .start = start, .keys = keys};
    const struct sofa_attention_kernel *kernel;
    struct sofa_arena arena = SOFA_ARENA_INIT;
    uint32_t stamp[8] = {0};
    enum sofa_code rc;
    size_t loads;

    v->rass_naive = 2 * (double)sofa_naive_loads(&block, 8, 2, stamp);
    SOFA_TRY(sofa_attention_kernel_find("portable", &kernel, err));
    SOFA_TRY(sofa_rass_loads(kernel, &block, 8, 2, NULL, &loads, &arena, err));
    v->rass_loads = 2 * (double)loads;
out:
    sofa_arena_release(&arena);
    return rc;
}

/* Indices that a sort in four segments selects otherwise than one of whole rows, where 1024 keys are sorted and
 * a quarter is kept, in per cent; a head of synthetic rows in the published shares of types. */
static enum sofa_code segments_example(struct sofa_validation *v, struct sofa_err *err)
{
    enum { S = 1024, H = 256, D = 64 };
    const struct sofa_attention_params params = {.tiles = 4, .topk_permille = 250, .radius = INFINITY, .khat_bits = 16,
        .q_bits = 16, .formal_bits = 16, .causal = true, .block_rows = 128, .keys_per_phase = 2};
    const struct sofa_synthetic synthetic = SOFA_SYNTHETIC_DEFAULTS;
    const struct sofa_attention_kernel *kernel;
    struct sofa_arena arena = SOFA_ARENA_INIT;
    struct sofa_attention_stats stats;
    struct sofa_quant8 x8;
    struct sofa_khat khat;
    float *x = calloc(S * H + H * D + 4 * S * D, sizeof *x), *wk = x + S * H, *q = wk + H * D;
    enum sofa_code rc;

    if (!x)
        return sofa_fail_nomem(err, "synthetic rows");
    SOFA_TRY(sofa_attention_kernel_find("auto", &kernel, err));
    SOFA_TRY(sofa_synthetic_head(&synthetic, S, H, D, x, wk, q, q + S * D, q + 2 * S * D, NULL, err));
    SOFA_TRY(sofa_attention_quantise_x(kernel, x, S, H, &arena, &x8, err));
    SOFA_TRY(sofa_attention_predict_keys(kernel, params.khat_bits, &x8, wk, D, (struct sofa_rope){NULL, NULL}, &arena,
                                         &khat, err));
    SOFA_TRY(sofa_attention_run(kernel, &params, &khat, q, q + S * D, q + 2 * S * D, q + 3 * S * D, SOFA_STATS_ALL,
                                &stats, NULL, &arena, err));
    v->segments_differ = 100 * (1 - stats.overlap_sort);
out:
    sofa_arena_release(&arena);
    free(x);
    return rc;
}

enum sofa_code sofa_reference_open(struct sofa_reference_data *data, struct sofa_err *err)
{
    struct sofa_published *p = &data->published;
    char *path = NULL, name[32];
    enum sofa_code rc;

    memset(data, 0, sizeof *data);
    SOFA_TRY(sofa_data_hardware("sofa-28nm", &data->hw, err));
    SOFA_TRY(sofa_data_find("models/published", "sofa", &path, err));
    SOFA_TRY(sofa_published_read(path, p, err));
    for (size_t i = 0; i < p->n_benchmarks; i++)
        SOFA_TRY(sofa_data_workload(p->benchmark[i], &data->benchmark[i], err));
    SOFA_TRY(sofa_data_workload("llama-7b-wikitext2", &data->llama, err));
    for (int i = 0; i < SOFA_VALIDATE_LEVELS; i++) {
        snprintf(name, sizeof name, "synthetic-k%03d", sofa_validate_permille[i]);
        SOFA_TRY(sofa_data_selection(name, &data->validation.selection[i], err));
    }
    data->validation.hw = &data->hw;
    data->validation.published = p;
    data->validation.benchmark = data->benchmark;
    data->validation.llama = &data->llama;
    SOFA_TRY(schedule_example(&data->validation, err));
    SOFA_TRY(segments_example(&data->validation, err));
out:
    free(path);
    return rc;
}

void sofa_reference_free(struct sofa_reference_data *data)
{
    sofa_hardware_free(&data->hw);
    sofa_published_free(&data->published);
}

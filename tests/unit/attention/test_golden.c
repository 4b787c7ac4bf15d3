/* Every case of tests/golden/attention, in every variant this machine runs. */
#include <math.h>

#include "attention/attention.h"
#include "base/isa.h"
#include "tests/unit/attention/safetensors_min.h"

#define FOLDER "tests/golden/attention/"

struct golden {
    size_t s, h, d;
    float *x, *wk, *q, *k, *v;
    int64_t *khat, *scores;
    uint8_t *selection;
    double *o;
    const cJSON *expect;
    struct sofa_attention_params params;
    struct sofa_rope rope;
};

static double number(const cJSON *object, const char *name)
{
    const cJSON *x = cJSON_GetObjectItem(object, name);

    assert_non_null(x);
    return cJSON_IsString(x) ? INFINITY : x->valuedouble;
}

static struct sofa_rope rope_tables(double theta, size_t s, size_t d)
{
    double *c = malloc(s * d / 2 * sizeof *c), *w = malloc(s * d / 2 * sizeof *w);

    for (size_t i = 0; i < s; i++)
        for (size_t j = 0; j < d / 2; j++) {
            double angle = (double)i * pow(theta, -2.0 * (double)j / (double)d);

            c[i * (d / 2) + j] = cos(angle);
            w[i * (d / 2) + j] = sin(angle);
        }
    return (struct sofa_rope){c, w};
}

static struct golden golden_load(const cJSON *json)
{
    struct golden g = {.params = SOFA_ATTENTION_DEFAULTS, .expect = cJSON_GetObjectItem(json, "expect")};
    const char *name = cJSON_GetObjectItem(json, "name")->valuestring;
    const cJSON *theta = cJSON_GetObjectItem(json, "rope_theta");
    char file[200];
    struct tensors in, out;

    snprintf(file, sizeof file, FOLDER "%s.in.safetensors", name);
    in = tensors_open(file);
    snprintf(file, sizeof file, FOLDER "%s.out.safetensors", name);
    out = tensors_open(file);
    g.x = tensor_copy(&in, "X", "F32", &g.s, &g.h);
    g.wk = tensor_copy(&in, "Wk", "F32", NULL, &g.d);
    g.q = tensor_copy(&in, "Q", "F32", NULL, NULL);
    g.k = tensor_copy(&in, "K", "F32", NULL, NULL);
    g.v = tensor_copy(&in, "V", "F32", NULL, NULL);
    g.khat = tensor_copy(&out, "khat", "I64", NULL, NULL);
    g.scores = tensor_copy(&out, "scores", "I64", NULL, NULL);
    g.selection = tensor_copy(&out, "selection", "U8", NULL, NULL);
    g.o = tensor_copy(&out, "O", "F64", NULL, NULL);
    tensors_close(&in);
    tensors_close(&out);
    g.params.tiles = (int)number(json, "tiles");
    g.params.topk_permille = (int)number(json, "topk_permille");
    g.params.radius = number(json, "radius");
    g.params.causal = cJSON_IsTrue(cJSON_GetObjectItem(json, "causal"));
    g.params.khat_bits = (int)number(json, "khat_bits");
    if (strcmp(cJSON_GetObjectItem(json, "reference")->valuestring, "running") == 0)
        g.params.reference = SOFA_REFERENCE_RUNNING;
    if (!cJSON_IsNull(theta))
        g.rope = rope_tables(theta->valuedouble, g.s, g.d);
    return g;
}

static void golden_free(struct golden *g)
{
    free(g->x);
    free(g->wk);
    free(g->q);
    free(g->k);
    free(g->v);
    free(g->khat);
    free(g->scores);
    free(g->selection);
    free(g->o);
    free((double *)g->rope.cos);
    free((double *)g->rope.sin);
}

static void check_statistics(const struct golden *g, const struct sofa_attention_stats *stats)
{
    const struct {
        const char *name;
        double value, tolerance;
    } row[] = {
        {"selected", stats->selected, 0},
        {"visible", stats->visible, 0},
        {"clipped", stats->clipped, 0},
        {"density", stats->density, 1e-15},
        {"mass", stats->mass, 1e-12},
        {"overlap", stats->overlap, 1e-15},
        {"overlap_sort", stats->overlap_sort, 1e-15},
        {"union_block", stats->union_block, 1e-15},
        {"union_all", stats->union_all, 1e-15},
        {"max_mispredict", stats->max_mispredict, 1e-15},
        {"rel_error", stats->rel_error, 3e-7},
        {"rass_last_rows", stats->rass_last_rows, 0},
        {"rass_per_phase", stats->rass_per_phase, 0},
        {"naive_loads", stats->naive_loads, 0},
        {"rass_loads", stats->rass_loads, 0},
        {"khat_scale", stats->khat_scale, 1e-16},
        {"logit_scale", stats->logit_scale, 1e-16},
    };

    assert_int_equal(cJSON_GetArraySize(g->expect), sizeof row / sizeof *row);
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        double expected = number(g->expect, row[i].name);

        if (!(fabs(row[i].value - expected) <= row[i].tolerance))
            fail_msg("%s: %.17g, expected %.17g", row[i].name, row[i].value, expected);
    }
}

static void check_output(const struct golden *g, const float *out)
{
    double difference = 0, norm = 0;

    for (size_t i = 0; i < g->s * g->d; i++) {
        difference += (out[i] - g->o[i]) * (out[i] - g->o[i]);
        norm += g->o[i] * g->o[i];
    }
    if (!(sqrt(difference) <= 1e-6 * sqrt(norm)))
        fail_msg("output is off by %g of its norm", sqrt(difference / norm));
}

static void check_case(const struct golden *g, const struct sofa_attention_kernel *kernel)
{
    struct sofa_arena arena = SOFA_ARENA_INIT;
    struct sofa_attention_trace trace = {malloc(g->s * g->s * sizeof *trace.scores), malloc(g->s * g->s)};
    float *out = malloc(g->s * g->d * sizeof *out);
    struct sofa_attention_stats stats;
    struct sofa_quant8 x8;
    struct sofa_khat khat;

    assert_int_equal(sofa_attention_quantise_x(kernel, g->x, g->s, g->h, &arena, &x8, NULL), SOFA_OK);
    assert_int_equal(
        sofa_attention_predict_keys(kernel, g->params.khat_bits, &x8, g->wk, g->d, g->rope, &arena, &khat, NULL),
        SOFA_OK);
    for (size_t i = 0; i < g->s * g->d; i++)
        assert_int_equal(khat.q[i], g->khat[i]);
    assert_int_equal(sofa_attention_run(kernel, &g->params, &khat, g->q, g->k, g->v, out, SOFA_STATS_ALL, &stats,
                                        &trace, &arena, NULL),
                     SOFA_OK);
    assert_memory_equal(trace.scores, g->scores, g->s * g->s * sizeof *trace.scores);
    assert_memory_equal(trace.selection, g->selection, g->s * g->s);
    check_output(g, out);
    check_statistics(g, &stats);
    free(trace.scores);
    free(trace.selection);
    free(out);
    sofa_arena_release(&arena);
}

static void every_golden_case_is_met_by_every_variant(void **state)
{
    char *path = test_source_file(FOLDER "manifest.json"), *text;
    size_t size, n, cases = 0;
    const char *const *names = sofa_isa_names(&n);
    const cJSON *json;
    cJSON *manifest;

    (void)state;
    assert_int_equal(sofa_file_read(path, 1 << 20, &text, &size, NULL), SOFA_OK);
    manifest = cJSON_Parse(text);
    cJSON_ArrayForEach(json, cJSON_GetObjectItem(manifest, "cases"))
    {
        struct golden g = golden_load(json);

        for (size_t i = 0; i < n; i++) {
            const struct sofa_attention_kernel *kernel;

            if (sofa_attention_kernel_find(names[i], &kernel, NULL) != SOFA_OK)
                continue;
            print_message("# %s, %s\n", cJSON_GetObjectItem(json, "name")->valuestring, names[i]);
            check_case(&g, kernel);
            cases++;
        }
        golden_free(&g);
    }
    assert_true(cases >= 9);
    cJSON_Delete(manifest);
    free(text);
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_golden_case_is_met_by_every_variant),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

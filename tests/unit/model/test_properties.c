/* What must hold of any design, on random ones. */
#include "tests/unit/model/sample.h"

#define DESIGNS 3000
#define MANY 20000 /* where time is compared: what would break it is rare */

static void check_sums(struct sample *x, gsl_rng *rng)
{
    static const char *const metric[SOFA_BREAKDOWN_COUNT] = {NULL, "dram_bytes", "energy", "area"};

    (void)rng;
    for (int g = SOFA_BREAKDOWN_BYTES; g < SOFA_BREAKDOWN_COUNT; g++) {
        double total = sofa_metric_value(sofa_metric_find(metric[g]), &x->r), sum = 0;
        struct sofa_part part;

        for (size_t i = 0; sofa_model_part((enum sofa_breakdown)g, i, &x->r, &part); i++) {
            assert_true(isfinite(part.value));
            sum += part.value;
        }
        assert_true(total > 0 && fabs(sum - total) <= 1e-12 * total);
    }
}

static void totals_are_the_sums_of_their_parts(void **state)
{
    (void)state;
    for_samples(1, false, DESIGNS, check_sums);
}

static void work_over_time_passes_no_peak(void **state)
{
    (void)state;
    for_samples(2, false, DESIGNS, check_peaks);
}

static void again(struct sample *x, struct sofa_design *d, struct sofa_result *r)
{
    sofa_model_evaluate(&hw, d, &x->w, &x->s, r);
    assert_true(r->feasible);
}

static void check_buffers(struct sample *x, gsl_rng *rng)
{
    double factor = 1 + 3 * gsl_rng_uniform(rng);
    struct sofa_result r;

    for (int i = 0; i < 3; i++) {
        struct sofa_design d = x->d;

        *(double *[]){&d.token_sram_bytes, &d.weight_sram_bytes, &d.temp_sram_bytes}[i] *= factor;
        again(x, &d, &r);
        assert_true(r.dram_bytes <= x->r.dram_bytes * (1 + 1e-12));
    }
}

static void more_of_a_buffer_never_adds_bytes(void **state)
{
    (void)state;
    for_samples(3, false, DESIGNS, check_buffers);
}

static void check_columns(struct sample *x, gsl_rng *rng)
{
    struct sofa_result r;

    for (int i = 0; i < 4; i++) {
        struct sofa_design d = x->d;

        if (i == 3)
            d.dram_bytes_per_s *= 1 + 3 * gsl_rng_uniform(rng);
        else
            *(int *[]){&d.dlzs_columns, &d.kv_columns, &d.sufa_columns}[i] += 2;
        again(x, &d, &r);
        assert_true(r.cycles <= x->r.cycles * (1 + 1e-12));
    }
}

static void more_columns_or_bandwidth_never_add_time(void **state)
{
    (void)state;
    for_samples(4, false, MANY, check_columns);
}

/* The published technique for each switch (RASS aside: greedy, it may lose a little).  Less work, and no more
 * time but where K and V are generated on demand: a block that generates more than its part of all of them
 * is done later, whatever the others save. */
static void check_switches(struct sample *x, gsl_rng *rng)
{
    struct sofa_result r;

    (void)rng;
    for (int i = 0; i < x->d.layers; i++)
        if (x->w.keys / x->d.layer[i].tiles < 16)
            return; /* tiles of a few keys waste sorting passes */
    for (int i = 0; i < 5; i++) {
        struct sofa_design d = x->d;

        *(int *[]){&d.prediction, &d.sort, &d.softmax, &d.pipeline, &d.kv_generation}[i] = 0;
        again(x, &d, &r);
        assert_true(r.cycles <= x->r.cycles * (1 + 1e-12) || i == 4);
        assert_true(r.dram_bytes <= x->r.dram_bytes * (1 + 1e-12));
        assert_true(r.energy_j <= x->r.energy_j * (1 + 1e-12));
        assert_true(r.operations.sufa_macs <= x->r.operations.sufa_macs * (1 + 1e-12));
        assert_true(r.operations.generation_macs <= x->r.operations.generation_macs * (1 + 1e-12));
        assert_true(r.operations.sort_cycles <= x->r.operations.sort_cycles * (1 + 1e-12));
    }
}

static void a_switch_to_the_published_technique_never_adds_work(void **state)
{
    (void)state;
    for_samples(5, false, MANY, check_switches);
}

static void the_same_statistics_for_each_head_give_the_same_result(void **state)
{
    gsl_rng *rng = sofa_rng_new(6, 1);

    (void)state;
    assert_non_null(rng);
    for (int i = 0; i < 200; i++) {
        struct sofa_statistics per_head;
        struct sample x;

        random_workload(rng, &x.w);
        random_design(rng, &hw, x.w.layers, &x.d);
        assert_true(random_statistics(rng, &x.w, &x.d, &x.s));
        assert_int_equal(sofa_statistics_init(&per_head, x.w.layers, x.w.heads, NULL, NULL), SOFA_OK);
        for (int k = 0; k < x.w.layers * x.w.heads; k++)
            per_head.head[k] = x.s.head[k / x.w.heads * x.s.heads];
        for (int k = 0; k < x.w.layers && x.s.heads > 1; k++)
            x.s.head[k] = x.s.head[k * x.s.heads];
        x.s.heads = 1;
        sofa_model_evaluate(&hw, &x.d, &x.w, &x.s, &x.r);
        if (x.r.feasible) {
            struct sofa_result r;

            sofa_model_evaluate(&hw, &x.d, &x.w, &per_head, &r);
            assert_true(fabs(r.cycles - x.r.cycles) <= 1e-9 * r.cycles);
            assert_true(fabs(r.energy_j - x.r.energy_j) <= 1e-9 * r.energy_j);
            assert_true(fabs(r.dram_bytes - x.r.dram_bytes) <= 1e-9 * r.dram_bytes);
        }
        sofa_statistics_release(&per_head);
        sofa_statistics_release(&x.s);
    }
    gsl_rng_free(rng);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(totals_are_the_sums_of_their_parts),
        cmocka_unit_test(work_over_time_passes_no_peak),
        cmocka_unit_test(more_of_a_buffer_never_adds_bytes),
        cmocka_unit_test(more_columns_or_bandwidth_never_add_time),
        cmocka_unit_test(a_switch_to_the_published_technique_never_adds_work),
        cmocka_unit_test(the_same_statistics_for_each_head_give_the_same_result),
    };

    return cmocka_run_group_tests(tests, load_chip, free_chip);
}

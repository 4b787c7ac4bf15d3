/* Blocks side by side: each instruction set gives the same, and lanes and kinds of blocks don't mix. */
#include "base/isa.h"
#include "model/block.h"
#include "tests/unit/model/sample.h"

#define DESIGNS 400
#define LANES SOFA_BLOCK_LANES

/* A batch of blocks of a random design, and what they come to. */
struct batch {
    struct sofa_plan plan;
    struct sofa_plan_layer layer[3];
    struct sofa_plan_block block[LANES];
    struct sofa_block_batch in;
    int count;
};

struct outcome {
    double time[TIME_COUNT][LANES];
    struct sofa_block_detail detail;
    double sum[SUM_COUNT];
};

static void fill_lane(struct batch *b, const struct sample *x, gsl_rng *rng, int lane)
{
    int layer = (int)sofa_rng_below(rng, (unsigned long)x->w.layers), group = x->w.heads / x->w.kv_heads;
    bool each = x->s.heads > 1;
    int position = (int)sofa_rng_below(rng, (unsigned long)group);
    struct sofa_plan_head head;

    sofa_plan_head_init(&head, &b->plan, &b->layer[layer], &x->s.head[(ptrdiff_t)layer * x->s.heads], each, position,
                        sofa_rng_below(rng, 2));
    sofa_plan_block_init(&b->block[lane], &b->plan, &b->layer[layer], &head,
                         (double)sofa_rng_below(rng, (unsigned long)b->plan.blocks));
    b->in.units[lane] = 1 + (double)sofa_rng_below(rng, 12);
    b->in.layer[lane] = &b->layer[layer];
    b->in.head[lane] = head.selection;
    b->in.block[lane] = &b->block[lane];
}

static void fill(struct batch *b, const struct sample *x, gsl_rng *rng)
{
    memset(b, 0, sizeof *b);
    sofa_plan_init(&b->plan, &hw, &x->d, &x->w, &x->s);
    for (int i = 0; i < x->w.layers; i++) {
        sofa_plan_layer_init(&b->layer[i], &b->plan, &x->d, &x->s, i);
        for (int k = 0; k < SCALED_COUNT; k++)
            b->layer[i].scale[k] = gsl_rng_uniform(rng);
    }
    b->in.kinds = 1;
    b->in.times[0] = 1;
    b->count = 1 + (int)sofa_rng_below(rng, LANES);
    for (int lane = 0; lane < b->count; lane++)
        fill_lane(b, x, rng, lane);
}

static void work_out(const struct batch *b, const char *isa, struct outcome *o)
{
    const struct sofa_block_kernel *kernel;
    struct sofa_block_sums sums = {0};
    struct sofa_block_batch in = b->in;

    memset(o, 0, sizeof *o);
    assert_int_equal(sofa_block_kernel_find(isa, &kernel, NULL), SOFA_OK);
    kernel->run(&b->plan, &in, b->count, &sums, &o->detail);
    kernel->add_up(&sums, o->sum);
    memcpy(o->time, in.time[0], sizeof o->time);
}

/* The first `n` of each row of eight. */
static bool same_lanes(const void *a, const void *b, size_t size, int n)
{
    for (size_t at = 0; at < size; at += LANES * sizeof(double))
        if (memcmp((const char *)a + at, (const char *)b + at, (size_t)n * sizeof(double)) != 0)
            return false;
    return true;
}

static bool runs_here(const char *isa)
{
    size_t index;

    return sofa_isa_find(isa, &index, NULL) == SOFA_OK;
}

static void check_sets(struct sample *x, gsl_rng *rng)
{
    const char *const *isa;
    struct outcome first;
    struct batch b;
    size_t n;

    fill(&b, x, rng);
    isa = sofa_isa_names(&n);
    work_out(&b, isa[0], &first);
    for (size_t i = 1; i < n; i++) {
        struct outcome o;

        if (!runs_here(isa[i]))
            continue;
        work_out(&b, isa[i], &o);
        assert_true(same_lanes(o.time, first.time, sizeof o.time, b.count));
        assert_true(same_lanes(&o.detail, &first.detail, sizeof o.detail, b.count));
        assert_memory_equal(o.sum, first.sum, sizeof o.sum);
    }
}

static void each_instruction_set_gives_the_same_bits(void **state)
{
    (void)state;
    for_samples(21, false, DESIGNS, check_sets);
    for_samples(22, true, DESIGNS, check_sets);
}

/* Each lane by itself. */
static void check_lanes(struct sample *x, gsl_rng *rng)
{
    double sum[SUM_COUNT] = {0};
    struct outcome all;
    struct batch b;

    fill(&b, x, rng);
    work_out(&b, NULL, &all);
    for (int lane = 0; lane < b.count; lane++) {
        struct batch alone = b;
        struct outcome o;

        alone.count = 1;
        alone.in.units[0] = b.in.units[lane];
        alone.in.layer[0] = b.in.layer[lane];
        alone.in.head[0] = b.in.head[lane];
        alone.in.block[0] = b.in.block[lane];
        work_out(&alone, NULL, &o);
        for (int i = 0; i < TIME_COUNT; i++)
            assert_true(o.time[i][0] == all.time[i][lane]);
        for (int i = 0; i < SUM_COUNT; i++)
            sum[i] += o.sum[i];
    }
    for (int i = 0; i < SUM_COUNT; i++)
        assert_true(fabs(sum[i] - all.sum[i]) <= 1e-12 * sum[i]);
}

static void a_block_comes_to_the_same_whatever_stands_beside_it(void **state)
{
    (void)state;
    for_samples(23, false, DESIGNS, check_lanes);
    for_samples(24, true, DESIGNS, check_lanes);
}

/* The first block of a head and the others, as kinds and each as a lane of its own. */
static void check_kinds(struct sample *x, gsl_rng *rng)
{
    double blocks = ceil(x->w.queries / x->d.query_lanes);
    const struct sofa_block_kernel *kernel;
    struct sofa_block_batch two;
    struct sofa_block_sums sums = {0};
    struct sofa_plan_block block[2];
    struct sofa_plan_head head;
    struct outcome separate;
    double sum[SUM_COUNT];
    struct batch b;

    if (x->w.causal || blocks < 2)
        return;
    fill(&b, x, rng);
    sofa_plan_head_init(&head, &b.plan, &b.layer[0], x->s.head, 0, 0, true);
    for (int k = 0; k < 2; k++) {
        sofa_plan_block_init(&block[k], &b.plan, &b.layer[0], &head, k);
        b.in.units[k] = k + 1; /* the first once, the second twice */
        b.in.layer[k] = &b.layer[0];
        b.in.head[k] = head.selection;
        b.in.block[k] = &block[k];
    }
    b.count = 2;
    work_out(&b, NULL, &separate);
    two = b.in;
    two.kinds = 2;
    two.times[1] = 2;
    assert_int_equal(sofa_block_kernel_find(NULL, &kernel, NULL), SOFA_OK);
    kernel->run(&b.plan, &two, 1, &sums, NULL);
    kernel->add_up(&sums, sum);
    for (int k = 0; k < 2; k++)
        for (int i = 0; i < TIME_COUNT; i++)
            assert_true(two.time[k][i][0] == separate.time[i][k]);
    for (int i = 0; i < SUM_COUNT; i++)
        assert_true(fabs(sum[i] - separate.sum[i]) <= 1e-12 * sum[i]);
}

static void kinds_of_blocks_come_to_what_they_do_one_by_one(void **state)
{
    (void)state;
    for_samples(25, false, DESIGNS, check_kinds);
}

/* Passes counted one by one: `quota` found four at a time among `inputs`, twelve looked at in a cycle. */
static double count_sort_cycles(double inputs, double quota)
{
    double sum = 0;

    for (double found = 0; found < quota; found += 4)
        sum += ceil((inputs - found) / 12);
    return sum;
}

static void check_sort(struct sample *x, gsl_rng *rng)
{
    struct outcome o;
    struct batch b;

    fill(&b, x, rng);
    work_out(&b, NULL, &o);
    for (int lane = 0; lane < b.count; lane++) {
        double row = o.detail.width[lane], feasible = ceil(row * (1 - b.in.head[lane]->clipped));
        double quota = fmin(ceil(row * b.in.layer[lane]->topk - 1e-9), feasible);

        if (o.detail.full[lane] > 0)
            assert_true(o.detail.whole[STAGE_SORT][lane] == count_sort_cycles(feasible, quota));
        if (x->d.sort == SOFA_SORT_FULL) {
            feasible = ceil(b.block[lane].fullest * (1 - b.in.head[lane]->clipped));
            assert_true(o.detail.sort[lane] == count_sort_cycles(feasible, feasible));
        }
    }
}

static void the_closed_form_of_sorting_counts_its_passes(void **state)
{
    (void)state;
    for_samples(26, false, DESIGNS, check_sort);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_instruction_set_gives_the_same_bits),
        cmocka_unit_test(a_block_comes_to_the_same_whatever_stands_beside_it),
        cmocka_unit_test(kinds_of_blocks_come_to_what_they_do_one_by_one),
        cmocka_unit_test(the_closed_form_of_sorting_counts_its_passes),
    };

    return cmocka_run_group_tests(tests, load_chip, free_chip);
}

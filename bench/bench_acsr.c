/*
 * make -s bench BENCH=acsr: attention over a pattern against our dense attention (src/attention) of the same shape, one
 * thread, float32.  Ratios come from calls in turns within one run; a row is the median of SAMPLES, in thread CPU time.
 * Density is members over all pairs; windows are those that come nearest to it.
 *
 *   X_over_own_dense     the general fused kernel over dense attention, both from their operands to the output; the plan,
 *                        which depends on the mask alone, is made before, and its time is a row of its own
 *   generated_over_general, compile, break_even_calls   kernels generated for one mask
 *   without_S_over_all   what is lost without one of the three means: span, alignment, placement
 *   steps_over_fused     the three steps apart, which store all values
 *
 * BENCH_QUICK=1: the rows with a bound alone.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "acsr/jit.h"
#include "attention/attention.h"
#include "base/rng.h"
#include "bench/bench.h"

#define SAMPLES 11
#define ENOUGH_SECONDS 4e-3 /* of calls in one sample */

struct bench {
    const struct sofa_acsr_kernel *kernel;
    const struct sofa_attention_kernel *dense;
    struct sofa_arena arena, scratch;
    struct sofa_pattern pattern;
    struct sofa_acsr_plan plan[SOFA_ACSR_ALL + 1]; /* by flags; rows 0 where not made */
    struct sofa_generated *generated;
    struct sofa_jit_facts jit;
    struct sofa_acsr_values values;
    struct sofa_acsr_operands o;
    size_t s;
    bool causal;
    char tail[96]; /* of the names of rows */
};

static double cpu_now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Of the compilers that were run and waited for. */
static double children_cpu(void)
{
    struct rusage r;

    getrusage(RUSAGE_CHILDREN, &r);
    return (double)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) + 1e-6 * (double)(r.ru_utime.tv_usec + r.ru_stime.tv_usec);
}

static void must(enum sofa_code rc, const struct sofa_err *err)
{
    if (rc == SOFA_OK)
        return;
    fprintf(stderr, "bench_acsr: %s\n", err->text);
    exit(1);
}

static float *floats(struct bench *b, size_t n, uint64_t seed)
{
    float *x = sofa_arena_alloc(&b->arena, n, sizeof *x);

    for (size_t i = 0; x && i < n; i++)
        x[i] = (float)(sofa_mix64(seed << 40 ^ i) >> 40) * 0x1p-22f - 2;
    return x;
}

static const struct sofa_acsr_plan *plan(struct bench *b, unsigned flags)
{
    struct sofa_err err = SOFA_ERR_INIT;

    if (!b->plan[flags].rows)
        must(sofa_acsr_plan_build(&b->pattern, flags, &b->arena, &b->plan[flags], &err), &err);
    return &b->plan[flags];
}

/* One call of what is timed. */
enum what { DENSE, GENERAL, GENERATED, STEPS, PLAN, WHATS };

static void call(struct bench *b, enum what what, unsigned flags)
{
    struct sofa_arena_mark mark = sofa_arena_mark(&b->scratch);
    const struct sofa_acsr_operands *o = &b->o;
    struct sofa_err err = SOFA_ERR_INIT;
    struct sofa_acsr_plan made;

    switch (what) {
    case DENSE:
        must(sofa_attention_dense(b->dense, b->s, o->d, b->causal, o->q, o->k, o->v, o->out, &b->scratch, &err), &err);
        break;
    case GENERAL:
        must(sofa_acsr_attention(b->kernel, plan(b, flags), o, &b->scratch, &err), &err);
        break;
    case GENERATED:
        must(sofa_generated_attention(b->generated, o, &b->scratch, &err), &err);
        break;
    case STEPS:
        must(sofa_acsr_sddmm(b->kernel, &b->pattern, o, &b->values, &b->scratch, &err), &err);
        sofa_acsr_softmax(b->kernel, &b->pattern, &b->values);
        must(sofa_acsr_spmm(b->kernel, &b->pattern, &b->values, o, &b->scratch, &err), &err);
        break;
    default:
        must(sofa_acsr_plan_build(&b->pattern, flags, &b->scratch, &made, &err), &err);
    }
    sofa_arena_rewind(&b->scratch, mark);
}

/* Seconds of one call. */
static double timed(struct bench *b, enum what what, unsigned flags)
{
    double start = cpu_now(), now;
    size_t n = 0;

    do {
        call(b, what, flags);
        n++;
        now = cpu_now();
    } while (now - start < ENOUGH_SECONDS);
    return (now - start) / (double)n;
}

static void row(const struct bench *b, const char *what, double value, const char *unit)
{
    char name[192];

    snprintf(name, sizeof name, "acsr.%s.s%zu.d%zu%s%s", what, b->s, b->o.d, b->tail, b->causal ? ".causal" : "");
    bench_row(name, value, unit, sofa_acsr_kernel_name(b->kernel));
}

/* Median of x/y over samples in turns; *x_s, where it is asked for, the median seconds of x. */
static double ratio(struct bench *b, enum what x, unsigned x_flags, enum what y, unsigned y_flags, double *x_s)
{
    double r[SAMPLES], t[SAMPLES];

    call(b, x, x_flags);
    call(b, y, y_flags);
    for (size_t i = 0; i < SAMPLES; i++) {
        double over = timed(b, y, y_flags);

        t[i] = timed(b, x, x_flags);
        r[i] = t[i] / over;
    }
    if (x_s)
        *x_s = bench_median(t, SAMPLES);
    return bench_median(r, SAMPLES);
}

static struct bench *bench_new(const char *isa, const char *spec, size_t s, size_t d, bool causal, const char *tail)
{
    struct bench *b = calloc(1, sizeof *b);
    struct sofa_err err = SOFA_ERR_INIT;

    if (!b)
        exit(1);
    b->s = s;
    b->causal = causal;
    snprintf(b->tail, sizeof b->tail, "%s", tail);
    must(sofa_acsr_kernel_find(isa, &b->kernel, &err), &err);
    must(sofa_attention_kernel_find(isa, &b->dense, &err), &err);
    must(sofa_pattern_generate(spec, s, s, causal, &b->arena, &b->pattern, &err), &err);
    b->o = (struct sofa_acsr_operands){d, floats(b, s * d, 1), floats(b, s * d, 2), floats(b, s * d, 3), floats(b, s * d, 4)};
    if (!b->o.q || !b->o.k || !b->o.v || !b->o.out)
        exit(1);
    return b;
}

static void bench_free(struct bench *b)
{
    sofa_generated_free(b->generated);
    sofa_arena_release(&b->scratch);
    sofa_arena_release(&b->arena);
    free(b);
}

static double density(const struct bench *b)
{
    return (double)sofa_pattern_members(&b->pattern) / ((double)b->s * (double)b->s);
}

static void over_dense(struct bench *b, const char *name)
{
    double seconds, r = ratio(b, GENERAL, SOFA_ACSR_ALL, DENSE, 0, &seconds);
    char what[64];

    snprintf(what, sizeof what, "%s_over_own_dense", name);
    row(b, what, r, "ratio");
    snprintf(what, sizeof what, "%s_density", name);
    row(b, what, density(b), "share");
    snprintf(what, sizeof what, "%s_time", name);
    row(b, what, 1e3 * seconds, "ms");
}

/* What a kernel of its own brings, and what it costs: with the compiler's time, how many calls until it has paid. */
static void generated(struct bench *b, const char *name)
{
    const char *folder = getenv("BENCH_CACHE");
    struct sofa_jit_options options = {.isa = sofa_acsr_kernel_name(b->kernel), .folder = folder ? folder : "/dev/null/none"};
    struct sofa_err err = SOFA_ERR_INIT;
    double seconds, r, compiler = children_cpu();
    char what[64];

    if (sofa_jit_load(plan(b, SOFA_ACSR_ALL), b->o.d, &options, &b->generated, &b->jit, &err) != SOFA_OK) {
        fprintf(stderr, "# no generated kernel: %s\n", err.text);
        return;
    }
    compiler = children_cpu() - compiler;
    r = ratio(b, GENERATED, SOFA_ACSR_ALL, GENERAL, SOFA_ACSR_ALL, &seconds);
    snprintf(what, sizeof what, "%s_generated_over_general", name);
    row(b, what, r, "ratio");
    snprintf(what, sizeof what, "%s_compile", name);
    row(b, what, compiler, "s (CPU of the compiler)");
    snprintf(what, sizeof what, "%s_break_even", name);
    row(b, what, r < 1 ? ceil(compiler / (seconds / r - seconds)) : (double)INFINITY, "calls");
}

static void switches(struct bench *b, const char *name)
{
    static const struct {
        const char *name;
        unsigned flag;
    } means[] = {{"span", SOFA_ACSR_SPAN}, {"alignment", SOFA_ACSR_ALIGN}, {"placement", SOFA_ACSR_PLACE}};
    char what[64];

    for (size_t i = 0; i < sizeof means / sizeof *means; i++) {
        snprintf(what, sizeof what, "%s_without_%s_over_all", name, means[i].name);
        row(b, what, ratio(b, GENERAL, SOFA_ACSR_ALL & ~means[i].flag, GENERAL, SOFA_ACSR_ALL, NULL), "ratio");
    }
}

static void steps_and_plan(struct bench *b, const char *name)
{
    struct sofa_err err = SOFA_ERR_INIT;
    char what[64];

    must(sofa_acsr_values_new(&b->pattern, &b->arena, &b->values, &err), &err);
    snprintf(what, sizeof what, "%s_steps_over_fused", name);
    row(b, what, ratio(b, STEPS, 0, GENERAL, SOFA_ACSR_ALL, NULL), "ratio");
    snprintf(what, sizeof what, "%s_plan_over_call", name);
    row(b, what, ratio(b, PLAN, SOFA_ACSR_ALL, GENERAL, SOFA_ACSR_ALL, NULL), "ratio");
}

/* The reach whose window has this many percent of the pairs, about. */
static size_t reach_of(size_t s, double percent)
{
    double share = percent / 100;

    return (size_t)((double)s * (1 - sqrt(1 - share)) + 0.5); /* 2 p s - p^2 of s^2 pairs */
}

static void bounded(const char *isa)
{
    static const int percents[] = {5, 10, 20, 36}, strides[] = {4, 8, 16};
    char spec[64], tail[16];

    for (size_t i = 0; i < sizeof percents / sizeof *percents; i++) {
        struct bench *b;

        snprintf(spec, sizeof spec, "window:%zu", reach_of(2048, percents[i]));
        snprintf(tail, sizeof tail, ".p%d", percents[i]);
        b = bench_new(isa, spec, 2048, 64, false, tail);
        over_dense(b, "window");
        bench_free(b);
    }
    for (size_t i = 0; i < sizeof strides / sizeof *strides; i++) {
        struct bench *b;

        snprintf(spec, sizeof spec, "strided:%d", strides[i]);
        snprintf(tail, sizeof tail, ".stride%d", strides[i]);
        b = bench_new(isa, spec, 2048, 64, false, tail);
        over_dense(b, "strided");
        bench_free(b);
    }
}

/* Shapes of the literature: S/40 to S/5 and so on; `sides` are divisors of S. */
enum { KERNEL = 1, SWITCHES = 2, APART = 4 };

static const struct shape {
    const char *name, *spec; /* one %zu: S over `divisor`, or a plain spec */
    size_t divisor, s, d;
    bool causal;
    unsigned more; /* of these: */
} shapes[] = {
    {"window", "window:%zu", 40, 512, 64, false, KERNEL},
    {"window", "window:%zu", 40, 2048, 64, false, KERNEL | SWITCHES | APART},
    {"window", "window:%zu", 5, 2048, 64, false, KERNEL},
    {"window", "window:%zu", 40, 2048, 64, true, 0},
    {"window", "window:%zu", 40, 2048, 128, false, 0},
    {"window", "window:%zu", 5, 2048, 128, false, 0},
    {"window", "window:%zu", 40, 2048, 80, false, KERNEL},
    {"window", "window:%zu", 40, 8192, 64, false, KERNEL},
    {"window", "window:%zu", 5, 8192, 64, false, 0},
    {"blocked", "blocked:%zu", 16, 2048, 64, false, KERNEL},
    {"blocked", "blocked:%zu", 8, 2048, 64, false, 0},
    {"blocked", "blocked:%zu", 16, 8192, 128, false, 0},
    {"strided", "strided:8", 0, 2048, 64, false, KERNEL | SWITCHES | APART},
    {"strided", "strided:8", 0, 2048, 128, false, 0},
    {"strided", "strided:16", 0, 8192, 64, false, 0},
    {"longformer", "longformer:64:4", 0, 1024, 64, false, KERNEL | SWITCHES | APART},
    {"bigbird", "bigbird:64", 0, 1024, 64, false, KERNEL | SWITCHES},
    {"local_strided", "local_strided:32:32", 0, 1024, 64, true, KERNEL | SWITCHES},
};

static void shape(const char *isa, const struct shape *shape)
{
    char spec[64], tail[32] = "";
    struct bench *b;

    snprintf(spec, sizeof spec, "%s", shape->spec);
    if (shape->divisor) {
        size_t n = strcspn(spec, "%");

        snprintf(spec + n, sizeof spec - n, "%zu", shape->s / shape->divisor);
        snprintf(tail, sizeof tail, ".s_over_%zu", shape->divisor);
    } else if (strcmp(shape->name, "strided") == 0) {
        snprintf(tail, sizeof tail, ".stride%s", strchr(spec, ':') + 1);
    }
    b = bench_new(isa, spec, shape->s, shape->d, shape->causal, tail);
    over_dense(b, shape->name);
    if (shape->more & KERNEL)
        generated(b, shape->name);
    if (shape->more & SWITCHES)
        switches(b, shape->name);
    if (shape->more & APART)
        steps_and_plan(b, shape->name);
    bench_free(b);
}

int main(int argc, char **argv)
{
    const char *isa = argc > 1 ? argv[1] : getenv("BENCH_ISA");

    printf("name,value,unit,isa,compiler,commit\n");
    bounded(isa);
    if (getenv("BENCH_QUICK"))
        return 0;
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        shape(isa, &shapes[i]);
    return 0;
}

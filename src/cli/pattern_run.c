#include "cli/pattern_run.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "attention/attention.h"
#include "base/clock.h"
#include "base/rng.h"
#include "base/unit.h"
#include "cli/signals.h"

#define CALLS_MOST 15
#define SECONDS 0.5            /* of calls, then it is enough */
#define DENSE_MOST 16384       /* queries: beyond, dense attention takes seconds */
#define COMPARED_MOST 4e8      /* products in double */
#define MEMORY_PARTS 6         /* arrays as large as Q */

struct work {
    const struct sofa_pattern_source *source;
    const struct sofa_acsr_kernel *kernel;
    struct sofa_arena arena, scratch;
    struct sofa_acsr_plan plan;
    struct sofa_acsr_operands operands;
    struct sofa_generated *generated; /* NULL: none */
    const struct sofa_attention_kernel *dense; /* NULL: not run */
    float *dense_out;
    double ms[3][CALLS_MOST];
};

static float *random_floats(struct work *w, size_t n, uint64_t seed)
{
    float *x = sofa_arena_alloc(&w->arena, n, sizeof *x);

    for (size_t i = 0; x && i < n; i++)
        x[i] = (float)(sofa_mix64(seed << 40 ^ i) >> 40) * 0x1p-23f - 1;
    return x;
}

static enum sofa_code make_operands(struct work *w, size_t d, struct sofa_err *err)
{
    const struct sofa_pattern *p = &w->source->pattern;
    double bytes = MEMORY_PARTS * 4.0 * (double)d * (double)(p->rows > p->columns ? p->rows : p->columns);
    double limit = (double)sofa_pattern_memory_limit();

    if (bytes > limit)
        return sofa_fail(err, SOFA_E_INPUT, "the operands need %.1f GiB, limit %.1f GiB", bytes / 0x1p30, limit / 0x1p30);
    w->operands = (struct sofa_acsr_operands){
        .d = d,
        .q = random_floats(w, p->rows * d, 1),
        .k = random_floats(w, p->columns * d, 2),
        .v = random_floats(w, p->columns * d, 3),
        .out = random_floats(w, p->rows * d, 4),
    };
    if (p->rows == p->columns && p->rows <= DENSE_MOST) {
        w->dense_out = random_floats(w, p->rows * d, 5);
        if (!w->dense_out || sofa_attention_kernel_find(sofa_acsr_kernel_name(w->kernel), &w->dense, NULL) != SOFA_OK)
            w->dense = NULL;
    }
    if (!w->operands.q || !w->operands.k || !w->operands.v || !w->operands.out)
        return sofa_fail_nomem(err, "the operands");
    return SOFA_OK;
}

/* One row in double: its largest difference. */
static double row_difference(const struct work *w, size_t row, const int32_t *column, size_t n, double *score, double *sum)
{
    const struct sofa_acsr_operands *o = &w->operands;
    double most = -INFINITY, total = 0, worst = 0;

    for (size_t i = 0; i < n; i++) {
        score[i] = 0;
        for (size_t c = 0; c < o->d; c++)
            score[i] += (double)o->q[row * o->d + c] * (double)o->k[(size_t)column[i] * o->d + c];
        score[i] /= sqrt((double)o->d);
        most = fmax(most, score[i]);
    }
    memset(sum, 0, o->d * sizeof *sum);
    for (size_t i = 0; i < n; i++) {
        double weight = exp(score[i] - most);

        total += weight;
        for (size_t c = 0; c < o->d; c++)
            sum[c] += weight * (double)o->v[(size_t)column[i] * o->d + c];
    }
    for (size_t c = 0; c < o->d; c++) {
        double off = fabs((n ? sum[c] / total : 0) - (double)o->out[row * o->d + c]);

        worst = off <= worst ? worst : off; /* a NaN stays */
    }
    return worst;
}

/* What stands in the output, against double precision in as many rows as that takes a moment for. */
static enum sofa_code compare(struct work *w, struct sofa_pattern_run *r, struct sofa_err *err)
{
    const struct sofa_pattern *p = &w->source->pattern;
    size_t width = sofa_pattern_width(p);
    double cost = (double)sofa_pattern_members(p) * (double)w->operands.d * 2;
    size_t step = cost > COMPARED_MOST ? (size_t)(cost / COMPARED_MOST) + 1 : 1;
    int32_t *column = sofa_arena_alloc(&w->arena, width + 1, sizeof *column);
    double *score = sofa_arena_alloc(&w->arena, width + 1, sizeof *score);
    double *sum = sofa_arena_alloc(&w->arena, w->operands.d, sizeof *sum);

    if (!column || !score || !sum)
        return sofa_fail_nomem(err, "the comparison");
    r->rows_compared = 0;
    for (size_t row = 0; row < p->rows; row += step, r->rows_compared++) {
        double off = row_difference(w, row, column, sofa_pattern_row_columns(p, row, column), score, sum);

        r->largest_difference = off <= r->largest_difference ? r->largest_difference : off;
    }
    if (!(r->largest_difference <= SOFA_PATTERN_RUN_WITHIN))
        return sofa_fail(err, SOFA_E_NUMERIC, "attention over the pattern is off by %.3g; expected at most %g",
                         r->largest_difference, SOFA_PATTERN_RUN_WITHIN);
    return SOFA_OK;
}

/* One call: the general kernel, the generated one, dense attention. */
static enum sofa_code call(struct work *w, int which, struct sofa_err *err)
{
    const struct sofa_acsr_operands *o = &w->operands;

    switch (which) {
    case 0:
        return sofa_acsr_attention(w->kernel, &w->plan, o, &w->scratch, err);
    case 1:
        return w->generated ? sofa_generated_attention(w->generated, o, &w->scratch, err) : SOFA_OK;
    default:
        return w->dense ? sofa_attention_dense(w->dense, w->plan.rows, o->d, w->source->causal, o->q, o->k, o->v,
                                               w->dense_out, &w->scratch, err)
                        : SOFA_OK;
    }
}

/* Of this thread: other programs don't count. */
static double cpu_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return 1e3 * (double)t.tv_sec + 1e-6 * (double)t.tv_nsec;
}

static double median(double *x, size_t n)
{
    for (size_t i = 1; i < n; i++)
        for (size_t k = i; k && x[k] < x[k - 1]; k--) {
            double t = x[k];

            x[k] = x[k - 1];
            x[k - 1] = t;
        }
    return x[n / 2];
}

static enum sofa_code time_calls(struct work *w, struct sofa_pattern_run *r, struct sofa_err *err)
{
    double start = sofa_seconds();
    enum sofa_code rc = SOFA_OK;

    while (r->calls < 3 || (r->calls < CALLS_MOST && sofa_seconds() - start < SECONDS)) {
        for (int which = 0; which < 3; which++) {
            double before = cpu_ms();

            SOFA_TRY(call(w, which, err));
            w->ms[which][r->calls] = cpu_ms() - before;
        }
        r->calls++;
        if (atomic_load(&sofa_stop))
            return sofa_fail(err, SOFA_E_INTERRUPTED, "stopped by a signal");
    }
    r->general_ms = median(w->ms[0], r->calls);
    r->generated_ms = w->generated ? median(w->ms[1], r->calls) : (double)NAN;
    r->dense_ms = w->dense ? median(w->ms[2], r->calls) : (double)NAN;
out:
    return rc;
}

/* The generated kernel, or why there is none. */
static enum sofa_code generate(struct work *w, const struct sofa_pattern_run_options *o, struct sofa_pattern_run *r,
                               struct sofa_err *err)
{
    struct sofa_jit_options options = {.isa = r->isa, .cancel = &sofa_stop};
    struct sofa_err why = SOFA_ERR_INIT;

    if (o->no_jit) {
        snprintf(r->no_kernel, sizeof r->no_kernel, "--no-jit");
        return SOFA_OK;
    }
    if (sofa_jit_load(&w->plan, o->d, &options, &w->generated, &r->jit, &why) == SOFA_OK)
        return SOFA_OK;
    if (why.code == SOFA_E_INTERRUPTED || why.code == SOFA_E_NOMEM)
        return sofa_fail(err, why.code, "%s", why.text);
    sofa_err_format(&why, r->no_kernel, sizeof r->no_kernel);
    return SOFA_OK;
}

static enum sofa_code run_all(struct work *w, const struct sofa_pattern_run_options *o, struct sofa_pattern_run *r,
                              struct sofa_err *err)
{
    enum sofa_code rc;
    double start;

    SOFA_TRY(sofa_acsr_kernel_find(o->isa, &w->kernel, err));
    r->isa = sofa_acsr_kernel_name(w->kernel);
    SOFA_TRY(make_operands(w, o->d, err));
    start = cpu_ms();
    SOFA_TRY(sofa_acsr_plan_build(&w->source->pattern, SOFA_ACSR_ALL, &w->arena, &w->plan, err));
    r->plan_ms = cpu_ms() - start;
    r->pairs = w->plan.pairs;
    SOFA_TRY(generate(w, o, r, err));
    for (int which = 0; which < (w->generated ? 2 : 1); which++) {
        SOFA_TRY(call(w, which, err));
        SOFA_TRY(compare(w, r, err));
    }
    SOFA_TRY(time_calls(w, r, err));
out:
    return rc;
}

enum sofa_code sofa_pattern_run(const struct sofa_pattern_source *source, const struct sofa_pattern_run_options *options,
                                struct sofa_pattern_run *result, struct sofa_err *err)
{
    struct work w = {.source = source, .arena = SOFA_ARENA_INIT, .scratch = SOFA_ARENA_INIT};
    enum sofa_code rc;

    *result = (struct sofa_pattern_run){.d = options->d};
    sofa_catch_signals();
    rc = run_all(&w, options, result, err);
    if (rc == SOFA_OK && result->jit.note[0])
        fprintf(stderr, "sofa-dse: %s\n", result->jit.note);
    if (rc == SOFA_OK && result->no_kernel[0])
        fprintf(stderr, "sofa-dse: no generated kernel, the general one was run: %s\n", result->no_kernel);
    sofa_generated_free(w.generated);
    sofa_arena_release(&w.scratch);
    sofa_arena_release(&w.arena);
    return rc;
}

struct cJSON *sofa_pattern_run_json(const struct sofa_pattern_run *r)
{
    cJSON *o = cJSON_CreateObject(), *generated;

    cJSON_AddStringToObject(o, "isa", r->isa);
    cJSON_AddNumberToObject(o, "head_width", (double)r->d);
    cJSON_AddNumberToObject(o, "pairs", (double)r->pairs);
    cJSON_AddNumberToObject(o, "calls", (double)r->calls);
    cJSON_AddNumberToObject(o, "plan_ms", r->plan_ms);
    cJSON_AddNumberToObject(o, "general_ms", r->general_ms);
    cJSON_AddNumberToObject(o, "dense_ms", r->dense_ms);
    cJSON_AddNumberToObject(o, "largest_difference", r->largest_difference);
    cJSON_AddNumberToObject(o, "rows_compared", (double)r->rows_compared);
    if (r->no_kernel[0]) {
        cJSON_AddNullToObject(o, "generated");
        return o;
    }
    generated = cJSON_AddObjectToObject(o, "generated");
    cJSON_AddNumberToObject(generated, "ms", r->generated_ms);
    cJSON_AddBoolToObject(generated, "cached", r->jit.cached);
    cJSON_AddBoolToObject(generated, "kept", r->jit.kept);
    cJSON_AddNumberToObject(generated, "made_ms", 1e3 * r->jit.seconds);
    cJSON_AddNumberToObject(generated, "compile_ms", 1e3 * r->jit.compile_s);
    cJSON_AddNumberToObject(generated, "text_bytes", (double)r->jit.text_bytes);
    return o;
}

static void print_time(const char *what, double ms, double dense_ms)
{
    if (isnan(ms))
        return;
    printf("%-12s %.4g ms a call", what, ms);
    if (!isnan(dense_ms))
        printf(", %.3g of dense attention", ms / dense_ms);
    putchar('\n');
}

void sofa_pattern_run_print(const struct sofa_pattern_run *r)
{
    char made[SOFA_QUANTITY_TEXT_MAX];

    printf("run          %s, head width %zu, medians of %zu calls; %llu pairs computed\n", r->isa, r->d, r->calls,
           (unsigned long long)r->pairs);
    print_time("general", r->general_ms, r->dense_ms);
    print_time("generated", r->generated_ms, r->dense_ms);
    print_time("dense", r->dense_ms, NAN);
    sofa_quantity_text(r->plan_ms * 1e-3, "s", made);
    printf("plan         made in %s\n", made);
    sofa_quantity_text(r->jit.seconds, "s", made);
    if (!r->no_kernel[0])
        printf("kernel       %s in %s\n", r->jit.cached ? "found in the cache" : "written and compiled", made);
    printf("difference   %.2g at most from double precision, in %zu rows\n", r->largest_difference, r->rows_compared);
}

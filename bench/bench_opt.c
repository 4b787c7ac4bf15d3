/*
 * What a suggestion costs, one thread, in processor time (others may use the machine).  A problem with three objectives, one uncertain, whose cheap
 * ones take no time; n evaluations are told in random order, then suggestions are asked for and told
 * one by one: opt.ms_per_suggestion.nN.dD is the mean over them.  Past 100 points a fit comes every n/10
 * results, and every measurement is long enough to hold its share of fits.
 */
#include <gsl/gsl_errno.h>
#include <math.h>
#include <string.h>

#include "base/rng.h"
#include "bench/bench.h"
#include "opt/dense.h"
#include "opt/optimizer.h"

#define DIMS_MAX 70

static size_t dims;
static struct sofa_opt_dim dim[DIMS_MAX];

/* Layers of a ratio and a tile count, as in the published space. */
static void set_dims(size_t d)
{
    dims = d;
    for (size_t j = 0; j < d; j++)
        dim[j] = (struct sofa_opt_dim){.levels = j % 2 ? 16 : 10,
                                       .group = (int)(j % 2),
                                       .layer = (int)(j / 2),
                                       .corner = j % 2 ? 0 : 9};
}

static void cheap(void *ctx, const int *x, struct sofa_opt_cheap *out)
{
    double ratios = 0, tiles = 0;

    (void)ctx;
    for (size_t j = 0; j < dims; j += 2) {
        ratios += 1 + x[j];
        tiles += j + 1 < dims ? x[j + 1] : 0;
    }
    out->y[1] = ratios * (1 + 2 / (1 + tiles / (double)dims));
    out->y[2] = 1 + tiles / (double)dims;
    out->feasible = true;
}

static double loss(const int *x)
{
    double sum = 0;

    for (size_t j = 0; j < dims; j += 2)
        sum += (1 + j % 5) * exp(-0.4 * x[j] + (j + 1 < dims ? 0.03 * x[j + 1] : 0));
    return sum / (double)dims;
}

static void tell(struct sofa_optimizer *o, const int *x)
{
    struct sofa_opt_cheap c;
    double y[3];

    cheap(NULL, x, &c);
    y[0] = loss(x);
    y[1] = c.y[1];
    y[2] = c.y[2];
    sofa_optimizer_tell(o, x, y, y[0] <= 0.5 ? SOFA_OPT_DONE : SOFA_OPT_INFEASIBLE, NULL);
}

/* How many times as long the peers take that bench/peers/opt_seconds.py measured at this n and d. */
static void print_ratios(size_t n, size_t d, double seconds)
{
    const char *top = getenv("SOFA_SRCDIR");
    char path[1024], line[256], peer[64], name[128];
    size_t peer_n, peer_d;
    double theirs;
    FILE *f;

    snprintf(path, sizeof path, "%s/bench/peers/opt_seconds.csv", top ? top : ".");
    f = fopen(path, "r");
    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "%63[^,],%zu,%zu,%*u,%lf", peer, &peer_n, &peer_d, &theirs) == 4 && peer_n == n && peer_d == d) {
            snprintf(name, sizeof name, "opt.times_faster.%s.n%zu.d%zu", peer, n, d);
            bench_row(name, theirs / seconds, "1", sofa_dense_best()->isa);
        }
    if (f)
        fclose(f);
}

static void measure(size_t n, size_t d, size_t suggestions)
{
    struct sofa_opt_problem problem = {.dims = d,
                                       .dim = dim,
                                       .objectives = 3,
                                       .uncertain = 0,
                                       .limit = 0.5,
                                       .uncertain_is_objective = true,
                                       .reference = {NAN, NAN, NAN},
                                       .cheap = cheap,
                                       .seed = 1,
                                       .budget = n + suggestions};
    struct sofa_optimizer *o;
    gsl_rng *rng = sofa_rng_new(1, 0);
    double spent = 0;
    clock_t start;
    int x[DIMS_MAX];
    char name[64];

    set_dims(d);
    if (sofa_optimizer_new("bayesian", &problem, &o, NULL) != SOFA_OK)
        return;
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < d; j++)
            x[j] = (int)sofa_rng_below(rng, (size_t)dim[j].levels);
        tell(o, x);
    }
    sofa_optimizer_ask(o, x, NULL); /* the first fit, from nothing, is not what a running search pays */
    tell(o, x);
    for (size_t i = 0; i < suggestions; i++) {
        start = clock();
        if (sofa_optimizer_ask(o, x, NULL) != SOFA_OK)
            break;
        spent += (double)(clock() - start) / CLOCKS_PER_SEC;
        tell(o, x);
    }
    snprintf(name, sizeof name, "opt.ms_per_suggestion.n%zu.d%zu", n, d);
    bench_row(name, 1e3 * spent / (double)suggestions, "ms", sofa_dense_best()->isa);
    print_ratios(n, d, spent / (double)suggestions);
    sofa_optimizer_free(o);
    gsl_rng_free(rng);
}

#define ON_FRONT 0.02 /* points of a black box that are told */

/* DTLZ2 (Deb et al. 2002) of m objectives, each told by an evaluation alone, and constraints that a tenth of the
 * points miss. */
static void blackbox(const int *x, size_t m, size_t constraints, double *y, double *g)
{
    double far = 1, at[DIMS_MAX], sum = 0;

    for (size_t j = 0; j < dims; j++)
        at[j] = (double)x[j] / (dim[j].levels - 1);
    for (size_t j = m - 1; j < dims; j++)
        far += (at[j] - 0.5) * (at[j] - 0.5);
    for (size_t i = 0; i < m; i++) {
        y[i] = far;
        for (size_t j = 0; j + i + 1 < m; j++)
            y[i] *= cos(at[j] * 1.5707963267948966);
        if (i > 0)
            y[i] *= sin(at[m - 1 - i] * 1.5707963267948966);
        sum += y[i];
    }
    for (size_t k = 0; k < constraints; k++)
        g[k] = k ? sin(3 * (at[0] + at[m])) + cos(2 * (at[1] - at[2])) - 1.6 : 1.05 - sum;
}

/* Random points, a share of which lie on the front. */
static void random_blackbox(gsl_rng *rng, size_t m, double on_front, int *x)
{
    bool good = gsl_rng_uniform(rng) < on_front;

    for (size_t j = 0; j < dims; j++)
        x[j] = good && j >= m - 1 ? (dim[j].levels - 1) / 2 : (int)sofa_rng_below(rng, (size_t)dim[j].levels);
}

/* opt.ms_per_suggestion.blackbox.nN.mM.cC: eight dimensions, M objectives and C constraints. */
static void measure_blackbox(size_t n, size_t m, size_t constraints, double on_front, size_t suggestions)
{
    struct sofa_opt_problem problem = {.dims = 8, .dim = dim, .objectives = m, .uncertain = SOFA_OPT_ALL_UNCERTAIN,
                                       .limit = INFINITY, .constraints = constraints, .seed = 1, .budget = n + suggestions};
    struct sofa_optimizer *o;
    gsl_rng *rng = sofa_rng_new(1, 0);
    double spent = 0, y[SOFA_OPT_OBJECTIVES_MAX], g[SOFA_OPT_CONSTRAINTS_MAX];
    clock_t start;
    int x[DIMS_MAX];
    char name[80];

    set_dims(8);
    for (size_t j = 0; j < dims; j++)
        dim[j] = (struct sofa_opt_dim){.levels = 101, .group = (int)j, .layer = -1, .corner = -1};
    for (size_t j = 0; j < m; j++)
        problem.reference[j] = 1.6;
    if (sofa_optimizer_new("bayesian", &problem, &o, NULL) != SOFA_OK)
        return;
    for (size_t i = 0; i < n; i++) {
        random_blackbox(rng, m, on_front, x);
        blackbox(x, m, constraints, y, g);
        sofa_optimizer_tell_all(o, x, y, g, SOFA_OPT_DONE, NULL);
    }
    for (size_t i = 0; i <= suggestions; i++) {
        start = clock();
        if (sofa_optimizer_ask(o, x, NULL) != SOFA_OK)
            break;
        if (i > 0) /* the first fit, from nothing, is not what a running search pays */
            spent += (double)(clock() - start) / CLOCKS_PER_SEC;
        blackbox(x, m, constraints, y, g);
        sofa_optimizer_tell_all(o, x, y, g, SOFA_OPT_DONE, NULL);
    }
    snprintf(name, sizeof name, "opt.ms_per_suggestion.blackbox.n%zu.m%zu.c%zu", n, m, constraints);
    bench_row(name, 1e3 * spent / (double)suggestions, "ms", sofa_dense_best()->isa);
    sofa_optimizer_free(o);
    gsl_rng_free(rng);
}

int main(int argc, char **argv)
{
    gsl_set_error_handler_off();
    if (argc == 6 && strcmp(argv[1], "blackbox") == 0) {
        measure_blackbox(strtoul(argv[2], NULL, 10), strtoul(argv[3], NULL, 10), strtoul(argv[4], NULL, 10), ON_FRONT,
                         strtoul(argv[5], NULL, 10));
        return 0;
    }
    if (argc == 4) {
        measure(strtoul(argv[1], NULL, 10), strtoul(argv[2], NULL, 10), strtoul(argv[3], NULL, 10));
        return 0;
    }
    measure(50, 10, 40);
    measure(100, 20, 40);
    measure(200, 24, 40);
    measure(500, 40, 60);
    measure(1000, 70, 110);
    measure(2000, 40, 20); /* regions; a fit, every 200 results here, is a matter of 0.1 s */
    measure(5000, 40, 20);
    measure_blackbox(500, 3, 2, ON_FRONT, 20);
    measure_blackbox(2000, 3, 2, ON_FRONT, 20); /* regions */
    measure_blackbox(5000, 3, 2, ON_FRONT, 20);
    measure_blackbox(5000, 4, 2, ON_FRONT, 20);
    return 0;
}

/*
 * One search on one problem, or the problem alone for a peer.
 *
 *   protocol list                              names of the problems
 *   protocol run PROBLEM ALGORITHM SEED N      rows problem,algorithm,seed,evaluations,hypervolume,seconds
 *   protocol serve PROBLEM                     a first line "dims objectives constraints", one with the
 *       levels, one with the reference; then for every line of levels read one "y... g... hypervolume",
 *       the hypervolume being that of all feasible points so far
 *   protocol serve PROBLEM values              the same with a hypervolume of 0: for who asks for objectives alone
 *   protocol start PROBLEM SEED N              the first points of `bayesian` in a search of N evaluations, one a
 *       line: what every peer starts from too
 *   protocol front PROBLEM                     the exact hypervolume, ideal and nadir, from all points (where there are
 *       few enough, or where it is known in which the front lies)
 *   protocol quantiles PROBLEM N               least, 10th, 50th and 90th percentile, greatest of each output at N
 *       random points: where references come from
 */
#include <gsl/gsl_errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/rng.h"
#include "bench/opt/problems.h"
#include "opt/lattice.h"
#include "opt/pareto.h"

#define POINTS_MAX 100000

struct record {
    const struct problem *p;
    double *y; /* feasible, not dominated */
    size_t n;
    double hypervolume;
};

static struct sofa_opt_dim dims[PROBLEM_DIMS_MAX];

const struct problem *problem_find(const char *name)
{
    for (size_t i = 0; i < problems_blackbox_count; i++)
        if (strcmp(problems_blackbox[i].name, name) == 0)
            return &problems_blackbox[i];
    for (size_t i = 0; i < problems_own_count; i++)
        if (strcmp(problems_own[i].name, name) == 0)
            return &problems_own[i];
    return NULL;
}

/* Evaluates x and notes it; the hypervolume is kept up to date if `measured`. */
static bool note(struct record *record, const int *x, double *y, double *g, bool measured)
{
    const struct problem *p = record->p;
    size_t m = p->objectives, kept = 0;
    bool feasible = true, dominated = false;

    p->evaluate(p, x, y, g);
    for (size_t k = 0; k < p->constraints; k++)
        feasible &= g[k] <= 0;
    for (size_t j = 0; j < m; j++)
        dominated |= !(y[j] < p->reference[j]);
    for (size_t i = 0; i < record->n && !dominated; i++)
        dominated = sofa_pareto_dominates(record->y + i * m, y, m) || memcmp(record->y + i * m, y, m * sizeof *y) == 0;
    if (!feasible || dominated || record->n == POINTS_MAX)
        return feasible;
    for (size_t i = 0; i < record->n; i++)
        if (!sofa_pareto_dominates(y, record->y + i * m, m))
            memmove(record->y + kept++ * m, record->y + i * m, m * sizeof *y);
    memcpy(record->y + kept * m, y, m * sizeof *y);
    record->n = kept + 1;
    if (measured)
        sofa_hypervolume(record->y, record->n, m, p->reference, &record->hypervolume, NULL);
    return feasible;
}

static bool evaluate(struct record *record, const int *x, double *y, double *g)
{
    return note(record, x, y, g, true);
}

/* The exact objectives: all but the first. */
static void cheap(void *ctx, const int *x, struct sofa_opt_cheap *out)
{
    const struct problem *p = ctx;
    double g[SOFA_OPT_CONSTRAINTS_MAX];

    p->evaluate(p, x, out->y, g);
    out->y[p->uncertain] = (double)NAN;
    out->feasible = true;
}

static struct sofa_opt_problem problem_for(const struct problem *p, uint64_t seed, size_t budget)
{
    struct sofa_opt_problem problem = {.dims = p->dims,
                                       .dim = dims,
                                       .objectives = p->objectives,
                                       .uncertain = p->uncertain,
                                       .limit = p->uncertain >= 0 ? p->reference[p->uncertain] : INFINITY,
                                       .uncertain_is_objective = true,
                                       .constraints = p->constraints,
                                       .parts = p->parts,
                                       .parts_are_signals = p->signals,
                                       .part_kinds = p->part_kinds,
                                       .seed = seed,
                                       .budget = budget};

    memcpy(problem.reference, p->reference, sizeof problem.reference);
    if (p->uncertain >= 0) {
        problem.cheap = cheap;
        problem.ctx = (void *)(uintptr_t)p;
    }
    return problem;
}

/* What a search does without, by the ending of its label ("bayesian-nolog"); "-all" treats every objective as
 * uncertain: what knowing the exact ones is worth. */
static const struct {
    const char *ending;
    unsigned without;
} ablations[] = {{"-nolog", SOFA_OPT_WITHOUT_LOG},
                 {"-noadditive", SOFA_OPT_WITHOUT_ADDITIVE},
                 {"-nocorner", SOFA_OPT_WITHOUT_CORNER},
                 {"-noparts", SOFA_OPT_WITHOUT_PARTS}};

static void evaluate_and_tell(struct sofa_optimizer *o, struct record *record, const int *x)
{
    double y[SOFA_OPT_OBJECTIVES_MAX], g[SOFA_OPT_CONSTRAINTS_MAX], part[PROBLEM_DIMS_MAX];
    enum sofa_opt_status status = evaluate(record, x, y, g) ? SOFA_OPT_DONE : SOFA_OPT_INFEASIBLE;

    if (!record->p->parts) {
        sofa_optimizer_tell_all(o, x, y, g, status, NULL);
        return;
    }
    record->p->split(record->p, x, part);
    sofa_optimizer_tell_parts(o, x, y, part, status, NULL);
}

/* "bayesian-regions300": regions of the space and their nearest results from the 300th result on. */
static const char regions[] = "-regions";

static int run(const struct problem *p, const char *label, uint64_t seed, size_t budget)
{
    struct sofa_opt_problem problem = problem_for(p, seed, budget);
    struct record record = {.p = p, .y = calloc(POINTS_MAX, p->objectives * sizeof(double))};
    struct sofa_err err = SOFA_ERR_INIT;
    struct sofa_optimizer *o;
    double spent = 0;
    int x[PROBLEM_DIMS_MAX];
    char algorithm[32];
    clock_t start;

    snprintf(algorithm, sizeof algorithm, "%.*s", (int)strcspn(label, "-"), label);
    if (strstr(label, "-all")) {
        problem.uncertain = SOFA_OPT_ALL_UNCERTAIN;
        problem.cheap = NULL;
        problem.parts = 0;
    }
    for (size_t i = 0; i < sizeof ablations / sizeof *ablations; i++)
        if (strstr(label, ablations[i].ending))
            problem.without |= ablations[i].without;
    if (strstr(label, regions))
        problem.regions_from = strtoul(strstr(label, regions) + strlen(regions), NULL, 10);
    if (!record.y || sofa_optimizer_new(algorithm, &problem, &o, &err) != SOFA_OK) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    for (size_t t = 1; t <= budget; t++) {
        start = clock();
        if (sofa_optimizer_ask(o, x, &err) != SOFA_OK)
            break;
        spent += (double)(clock() - start) / CLOCKS_PER_SEC;
        evaluate_and_tell(o, &record, x);
        if (t % 10 == 0 || t == budget)
            printf("%s,%s,%d,%zu,%.9g,%.4g\n", p->name, label, (int)seed, t, record.hypervolume, spent);
    }
    sofa_optimizer_free(o);
    free(record.y);
    return 0;
}

static void print_point(const struct problem *p, const int *x)
{
    for (size_t j = 0; j < p->dims; j++)
        printf("%d%c", x[j], j + 1 < p->dims ? ' ' : '\n');
}

/* The points asked for before the search says how its model stands. */
static int start_points(const struct problem *p, uint64_t seed, size_t budget)
{
    struct sofa_opt_problem problem = problem_for(p, seed, budget);
    struct record record = {.p = p, .y = calloc(POINTS_MAX, p->objectives * sizeof(double))};
    struct sofa_optimizer *o;
    int x[PROBLEM_DIMS_MAX];

    if (!record.y || sofa_optimizer_new("bayesian", &problem, &o, NULL) != SOFA_OK)
        return 1;
    while (sofa_optimizer_ask(o, x, NULL) == SOFA_OK && sofa_optimizer_state(o)[0] == '\0') {
        print_point(p, x);
        evaluate_and_tell(o, &record, x);
    }
    sofa_optimizer_free(o);
    free(record.y);
    return 0;
}

#define LISTED 2e8

/* The first dimensions run through all their levels, the others stand where the front is known to lie. */
static int front(const struct problem *p)
{
    size_t m = p->objectives, varied = p->front_dims ? p->front_dims : p->dims;
    struct record record = {.p = p, .y = calloc(POINTS_MAX, m * sizeof(double))};
    double y[SOFA_OPT_OBJECTIVES_MAX], g[SOFA_OPT_CONSTRAINTS_MAX], low, high, size = 1;
    int x[PROBLEM_DIMS_MAX] = {0};
    struct sofa_lattice lattice;

    for (size_t j = 0; j < p->dims; j++) {
        size *= j < varied ? dims[j].levels : 1;
        x[j] = j < varied ? 0 : p->front_level;
    }
    if (!record.y || size > LISTED || sofa_lattice_init(&lattice, varied, dims, NULL) != SOFA_OK) {
        fprintf(stderr, "%s: %g points\n", p->name, size);
        free(record.y);
        return 1;
    }
    do
        note(&record, x, y, g, false);
    while (sofa_lattice_next(&lattice, x));
    sofa_hypervolume(record.y, record.n, m, p->reference, &record.hypervolume, NULL);
    printf("%s,exact,%zu,%.9g", p->name, record.n, record.hypervolume);
    for (size_t j = 0; j < m; j++) {
        low = INFINITY;
        high = -INFINITY;
        for (size_t i = 0; i < record.n; i++) {
            low = fmin(low, record.y[i * m + j]);
            high = fmax(high, record.y[i * m + j]);
        }
        printf(",%.6g..%.6g", low, high);
    }
    printf("\n");
    sofa_lattice_release(&lattice);
    free(record.y);
    return 0;
}

static int compare(const void *pa, const void *pb)
{
    double a = *(const double *)pa, b = *(const double *)pb;

    return (a > b) - (a < b);
}

static int quantiles(const struct problem *p, size_t n)
{
    size_t outputs = p->objectives + p->constraints;
    double *y = calloc(n * outputs + 1, sizeof *y), *column = calloc(n + 1, sizeof *column);
    gsl_rng *rng = sofa_rng_new(1, 0);
    int x[PROBLEM_DIMS_MAX];

    for (size_t i = 0; y && column && i < n; i++) {
        for (size_t j = 0; j < p->dims; j++)
            x[j] = (int)sofa_rng_below(rng, (size_t)dims[j].levels);
        p->evaluate(p, x, y + i * outputs, y + i * outputs + p->objectives);
    }
    for (size_t k = 0; y && column && k < outputs; k++) {
        for (size_t i = 0; i < n; i++)
            column[i] = y[i * outputs + k];
        qsort(column, n, sizeof *column, compare);
        printf("%zu %g %g %g %g %g\n", k, column[0], column[n / 10], column[n / 2], column[n - 1 - n / 10],
               column[n - 1]);
    }
    free(y);
    free(column);
    gsl_rng_free(rng);
    return 0;
}

static int serve(const struct problem *p, bool measured)
{
    struct record record = {.p = p, .y = calloc(POINTS_MAX, p->objectives * sizeof(double))};
    double y[SOFA_OPT_OBJECTIVES_MAX], g[SOFA_OPT_CONSTRAINTS_MAX];
    int x[PROBLEM_DIMS_MAX];

    printf("%zu %zu %zu\n", p->dims, p->objectives, p->constraints);
    for (size_t j = 0; j < p->dims; j++)
        printf("%d ", dims[j].levels);
    printf("\n");
    for (size_t j = 0; j < p->objectives; j++)
        printf("%.17g ", p->reference[j]);
    printf("\n");
    fflush(stdout);
    for (;;) {
        for (size_t j = 0; j < p->dims; j++)
            if (scanf("%d", &x[j]) != 1) {
                free(record.y);
                return 0;
            }
        if (measured)
            evaluate(&record, x, y, g);
        else
            p->evaluate(p, x, y, g);
        for (size_t j = 0; j < p->objectives; j++)
            printf("%.17g ", y[j]);
        for (size_t k = 0; k < p->constraints; k++)
            printf("%.17g ", g[k]);
        printf("%.17g\n", record.hypervolume);
        fflush(stdout);
    }
}

int main(int argc, char **argv)
{
    const struct problem *p = argc > 2 ? problem_find(argv[2]) : NULL;

    gsl_set_error_handler_off();
    if (argc == 2 && strcmp(argv[1], "list") == 0) {
        for (size_t i = 0; i < problems_blackbox_count; i++)
            printf("%s blackbox\n", problems_blackbox[i].name);
        for (size_t i = 0; i < problems_own_count; i++)
            printf("%s own\n", problems_own[i].name);
        return 0;
    }
    if (p)
        p->set_dims(p, dims);
    if (p && (argc == 3 || (argc == 4 && strcmp(argv[3], "values") == 0)) && strcmp(argv[1], "serve") == 0)
        return serve(p, argc == 3);
    if (p && argc == 6 && strcmp(argv[1], "run") == 0)
        return run(p, argv[3], strtoull(argv[4], NULL, 10), strtoul(argv[5], NULL, 10));
    if (p && argc == 3 && strcmp(argv[1], "front") == 0)
        return front(p);
    if (p && argc == 4 && strcmp(argv[1], "quantiles") == 0)
        return quantiles(p, strtoul(argv[3], NULL, 10));
    if (p && argc == 5 && strcmp(argv[1], "start") == 0)
        return start_points(p, strtoull(argv[3], NULL, 10), strtoul(argv[4], NULL, 10));
    fprintf(stderr, "usage: protocol list | front PROBLEM | quantiles PROBLEM N | start PROBLEM SEED N | run PROBLEM ALGORITHM SEED N | serve PROBLEM [values]\n");
    return 2;
}

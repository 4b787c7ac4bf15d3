/* What every bench needs: a clock, medians, CSV rows name,value,unit,isa,compiler,commit. */
#ifndef SOFA_BENCH_BENCH_H
#define SOFA_BENCH_BENCH_H

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#if defined(__clang__)
#define BENCH_COMPILER "clang-" __clang_version__
#elif defined(__GNUC__)
#define BENCH_COMPILER "gcc-" __VERSION__
#else
#define BENCH_COMPILER "unknown"
#endif

static inline double bench_now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int bench_compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* Sorts x. */
static inline double bench_median(double *x, size_t n)
{
    qsort(x, n, sizeof *x, bench_compare);
    return n % 2 ? x[n / 2] : (x[n / 2 - 1] + x[n / 2]) / 2;
}

static inline void bench_row(const char *name, double value, const char *unit, const char *isa)
{
    const char *commit = getenv("SOFA_COMMIT");

    printf("%s,%.4g,%s,%s,%s,%s\n", name, value, unit, isa, BENCH_COMPILER, commit ? commit : "unknown");
    fflush(stdout);
}

#endif

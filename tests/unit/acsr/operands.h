/* Operands of one head and the masked reference in double that kernels are held against. */
#ifndef SOFA_TESTS_ACSR_OPERANDS_H
#define SOFA_TESTS_ACSR_OPERANDS_H

#include <math.h>

#include "acsr/kernel.h"
#include "base/isa.h"
#include "base/rng.h"
#include "tests/unit/test.h"

static inline float *test_floats(struct sofa_arena *arena, size_t n, double size, uint64_t stream)
{
    gsl_rng *rng = sofa_rng_new(7, stream);
    float *x = sofa_arena_alloc(arena, n + 1, sizeof *x);

    assert_non_null(rng);
    assert_non_null(x);
    for (size_t i = 0; i < n; i++)
        x[i] = (float)(size * (2 * gsl_rng_uniform(rng) - 1));
    gsl_rng_free(rng);
    return x;
}

/* Scores spread over about +-6 logits. */
static inline struct sofa_acsr_operands test_operands(const struct sofa_pattern *p, size_t d, struct sofa_arena *arena)
{
    return (struct sofa_acsr_operands){
        .d = d,
        .q = test_floats(arena, p->rows * d, 3, 1),
        .k = test_floats(arena, p->columns * d, 2, 2),
        .v = test_floats(arena, p->columns * d, 1, 3),
        .out = test_floats(arena, p->rows * d, 1, 4), /* every element is to be written */
    };
}

static inline double test_score(const struct sofa_acsr_operands *o, size_t i, size_t j)
{
    double x = 0;

    for (size_t c = 0; c < o->d; c++)
        x += (double)o->q[i * o->d + c] * (double)o->k[j * o->d + c];
    return x / sqrt((double)o->d);
}

/* Attention of row i in double. */
static inline void test_reference_row(const struct sofa_acsr_operands *o, const uint8_t *mask, size_t columns, size_t i,
                                      double *out)
{
    double most = -INFINITY, total = 0, w;

    for (size_t j = 0; j < columns; j++)
        if (mask[i * columns + j])
            most = fmax(most, test_score(o, i, j));
    for (size_t c = 0; c < o->d; c++)
        out[c] = 0;
    for (size_t j = 0; j < columns; j++)
        if (mask[i * columns + j]) {
            total += w = exp(test_score(o, i, j) - most);
            for (size_t c = 0; c < o->d; c++)
                out[c] += w * (double)o->v[j * o->d + c];
        }
    for (size_t c = 0; c < o->d && total > 0; c++)
        out[c] /= total;
}

/* The largest difference of o->out from the reference. */
static inline double test_difference(const struct sofa_pattern *p, const struct sofa_acsr_operands *o,
                                     struct sofa_arena *arena)
{
    uint8_t *mask = sofa_arena_alloc(arena, p->rows * p->columns, 1);
    double *row = sofa_arena_alloc(arena, o->d, sizeof *row), worst = 0;

    sofa_pattern_to_mask(p, mask);
    for (size_t i = 0; i < p->rows; i++) {
        test_reference_row(o, mask, p->columns, i, row);
        for (size_t c = 0; c < o->d; c++) {
            double e = fabs(row[c] - (double)o->out[i * o->d + c]);

            worst = e <= worst ? worst : e; /* a NaN stays */
        }
    }
    return worst;
}

/* The nth variant that runs here; NULL past the last. */
static inline const struct sofa_acsr_kernel *test_kernel(size_t nth)
{
    const struct sofa_acsr_kernel *kernel = NULL;
    size_t n;
    const char *const *names = sofa_isa_names(&n);

    for (size_t i = 0; i < n; i++)
        if (sofa_acsr_kernel_find(names[i], &kernel, NULL) == SOFA_OK && nth-- == 0) {
            assert_string_equal(sofa_acsr_kernel_name(kernel), names[i]);
            return kernel;
        }
    return NULL;
}

#endif

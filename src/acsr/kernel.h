/*
 * Attention over a pattern that is known before the data, on the processor: the parts of it (scores at members, softmax,
 * weighted sum) and the fused form that stores no scores.  plan.h says how a pattern is walked.
 *
 * Attention is softmax(Q K^T / sqrt(d)) V over the members of each row; a row without members gives zeros.  Storage is
 * float32; everything must be finite.  All instruction sets give the same bits.
 */
#ifndef SOFA_ACSR_KERNEL_H
#define SOFA_ACSR_KERNEL_H

#include "acsr/acsr.h"
#include "acsr/plan.h"
#include "base/arena.h"
#include "base/err.h"

struct sofa_acsr_kernel;

/* By the name of an instruction set, as sofa_isa_find (base/isa.h) has it. */
enum sofa_code sofa_acsr_kernel_find(const char *isa, const struct sofa_acsr_kernel **kernel, struct sofa_err *err);
const char *sofa_acsr_kernel_name(const struct sofa_acsr_kernel *kernel);

/* Operands of one head; q, out [rows][d], k, v [columns][d]. */
struct sofa_acsr_operands {
    size_t d;
    const float *q, *k, *v;
    float *out;
};

/* The fused form.  Scratch comes from `arena`, which is left as it was; SOFA_E_NOMEM. */
enum sofa_code sofa_acsr_attention(const struct sofa_acsr_kernel *kernel, const struct sofa_acsr_plan *plan,
                                   const struct sofa_acsr_operands *operands, struct sofa_arena *arena,
                                   struct sofa_err *err);

/* The three steps apart.  Values stand as the pattern does: part p at value[p], [rows][width], and the remainder's one after
 * the other in value[n_parts]. */
struct sofa_acsr_values {
    float *value[SOFA_PATTERN_PARTS_MAX + 1];
};
/* All in `arena`, zero. */
enum sofa_code sofa_acsr_values_new(const struct sofa_pattern *pattern, struct sofa_arena *arena,
                                    struct sofa_acsr_values *values, struct sofa_err *err);

/* Scores q.k / sqrt(d) at members only. */
enum sofa_code sofa_acsr_sddmm(const struct sofa_acsr_kernel *kernel, const struct sofa_pattern *pattern,
                               const struct sofa_acsr_operands *operands, struct sofa_acsr_values *values,
                               struct sofa_arena *arena, struct sofa_err *err);
/* Softmax over all of a row's slots, those of every part and of the remainder together. */
void sofa_acsr_softmax(const struct sofa_acsr_kernel *kernel, const struct sofa_pattern *pattern,
                       struct sofa_acsr_values *values);
/* out = values V. */
enum sofa_code sofa_acsr_spmm(const struct sofa_acsr_kernel *kernel, const struct sofa_pattern *pattern,
                              const struct sofa_acsr_values *values, const struct sofa_acsr_operands *operands,
                              struct sofa_arena *arena, struct sofa_err *err);

#endif

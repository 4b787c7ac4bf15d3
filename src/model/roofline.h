/*
 * Attention on a general-purpose chip under the roofline: the longer of its operations over the peak and
 * its bytes over the bandwidth (Williams, Waterman, Patterson, CACM 2009).
 *
 * Dense attention in eager mode computes all S^2 scores in 16 bits and moves them several times; fused
 * kernels (FlashAttention 1 and 2) move only Q, K, V and O, skip what a causal mask hides, and reach a
 * published share of the peak; with LP (low-precision prediction) an 8-bit product and a selection over
 * its scores come first, and the attention proper has the selected share of the work.
 */
#ifndef SOFA_MODEL_ROOFLINE_H
#define SOFA_MODEL_ROOFLINE_H

#include "acsr/acsr.h"
#include "arch/published.h"
#include "workload/workload.h"

enum sofa_software { SOFA_SOFTWARE_EAGER, SOFA_SOFTWARE_FA1, SOFA_SOFTWARE_FA2, SOFA_SOFTWARE_LP,
                     SOFA_SOFTWARE_LP_FA1, SOFA_SOFTWARE_LP_FA2, SOFA_SOFTWARE_COUNT };
extern const char *const sofa_software_names[SOFA_SOFTWARE_COUNT];

/* Seconds of the whole workload's attention; `density` is looked at with LP alone. */
double sofa_roofline_seconds(const struct sofa_chip *chip, const struct sofa_workload *workload,
                             enum sofa_software software, double density);

/* The same with a pattern of [queries][keys] known before the data, by three kernels as SPLAT has them: Q K^T at the
 * members (R-SDDMM), a softmax over each row, the product with V (R-SpMM).  Each takes the longer of its operations
 * over the peak and its bytes over the bandwidth: its operands, the values of the members (padded to each part's
 * width) that it reads or writes, and the pattern's metadata. */
double sofa_roofline_regular_seconds(const struct sofa_chip *chip, const struct sofa_workload *workload,
                                     const struct sofa_pattern *pattern);

#endif

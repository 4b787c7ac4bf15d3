/*
 * The instruction sets that kernels are written for, and which of them this machine has.
 *
 * One list for all rooms: a room keeps its kernels in the same order, one for each name, and takes the one at the index
 * found here.  Variants of a kernel give the same bits, so which one runs is no part of a result.
 */
#ifndef SOFA_BASE_ISA_H
#define SOFA_BASE_ISA_H

#include <stddef.h>

#include "base/err.h"

/* "portable", "avx2" (with FMA), "avx512" (F, BW, DQ, VL and VNNI), as far as they are built in; best last. */
const char *const *sofa_isa_names(size_t *n);

/* The index of a name, or of the best this machine has for NULL or "auto".  SOFA_E_USAGE for a name that isn't known or
 * that this machine can't run. */
enum sofa_code sofa_isa_find(const char *name, size_t *index, struct sofa_err *err);

#endif

/*
 * Attention over a pattern as CUDA source, specialised to the pattern and the head width.
 *
 * What is written is one file: tables, the fused kernel (scores at members, softmax with a running maximum and sum that all
 * parts share, weighted sum), and a launcher `sofa_acsr_attention`.  With -DSOFA_ACSR_CHECK it also has a main that compares the
 * kernel with double precision and times it.
 *
 * A thread block has sixteen queries to itself, so no two write one row.  The same three means as on the processor:
 *   span       each part is walked by tiles of 32 keys that begin at a member, and only while members follow;
 *   alignment  where the sixteen rows of a part share stride and residue the keys of a tile are a stride apart, and the rows
 *              are put in the order (as they stand, or by residue of one of the parts) that takes the fewest tiles;
 *   placement  so no tile is without a member.
 */
#ifndef SOFA_ACSR_CUDA_H
#define SOFA_ACSR_CUDA_H

#include "acsr/acsr.h"
#include "base/str.h"

#define SOFA_ACSR_CUDA_WIDTH_MAX 144 /* head width: what 48 KiB of shared memory hold */
#define SOFA_ACSR_CUDA_NUMBERS_MAX ((size_t)4 << 20) /* in the tables */

/* Appends the source.  `name` says in its head what the pattern is.  SOFA_E_INPUT for a width or a pattern past the limits above;
 * SOFA_E_NOMEM. */
enum sofa_code sofa_acsr_cuda(const struct sofa_pattern *pattern, size_t d, const char *name, struct sofa_str *out,
                              struct sofa_err *err);

/* What stands above and below the tables (cuda_text.c). */
extern const char sofa_acsr_cuda_head[], sofa_acsr_cuda_kernel[], sofa_acsr_cuda_check[];

#endif

/*
 * C text of an attention kernel specialised to one plan and one head width: sizes and factors are constants, spans are
 * tables, and blocks that look the same but for their place share a function with everything about them folded in.
 *
 * The text stands alone: it carries the loops of tile.h and line.h.  It exports sofa_acsr_generated_attend(q, k, v, out,
 * scratch) for arrays [rows][d] and [columns][d] and sofa_acsr_generated_scratch floats on a multiple of 64 bytes.  Its
 * results have the bits of the general kernel of its instruction set.
 */
#ifndef SOFA_ACSR_EMIT_H
#define SOFA_ACSR_EMIT_H

#include "acsr/plan.h"
#include "base/str.h"

#define SOFA_ACSR_EMIT_MOST ((size_t)8 << 20) /* bytes: a longer text says that the pattern is not regular */
#define SOFA_ACSR_EMIT_WIDTH 1024             /* head widths past this are refused */

/* For a plan with SOFA_ACSR_ALL and an instruction set by the name of its kernel.  SOFA_E_INPUT where the text would be
 * too long. */
enum sofa_code sofa_acsr_emit_c(const struct sofa_acsr_plan *plan, size_t d, const char *isa, struct sofa_str *text,
                                struct sofa_err *err);

/* The compiler's options for an instruction set, NULL-terminated. */
const char *const *sofa_acsr_isa_options(const char *isa);

#endif

/*
 * Kernels written, compiled and loaded while the program runs.
 *
 * The machine's compiler ($CC, else cc; found in PATH, run without a shell) makes a shared object of the text that emit.h
 * writes.  It is kept in a folder of the user, $SOFA_DSE_CACHE, else $XDG_CACHE_HOME/sofa-dse, else ~/.cache/sofa-dse, under
 * the SHA-256 of text, options and compiler (its words, and each program among them by path, size and time).  An entry ends
 * with the digest of what stands before it, and is looked at before it is loaded: one that is damaged, cut off, of another
 * user or writable by others is not loaded but made anew.  Entries appear by renaming, so that two processes never see a
 * part of one.  The folder keeps the entries that were used last (cache.h); it may be removed as a whole at any time.
 */
#ifndef SOFA_ACSR_JIT_H
#define SOFA_ACSR_JIT_H

#include <stdatomic.h>
#include <stdbool.h>

#include "acsr/kernel.h"

struct sofa_generated;

struct sofa_jit_options {
    const char *isa;      /* a kernel's name */
    const char *compiler; /* words apart by blanks, as $CC has them; NULL: $CC, else cc */
    const char *folder;   /* the cache; NULL: the user's */
    double timeout_s;     /* of the compiler; 0: a minute */
    const atomic_bool *cancel;
};

/* What came of it, for people; texts are empty where there is nothing to say. */
struct sofa_jit_facts {
    bool cached;      /* loaded from the cache, nothing compiled */
    bool kept;        /* stands in the cache now */
    double seconds;   /* for text, compiler, cache and loading */
    double compile_s; /* of that for the compiler */
    size_t text_bytes;
    char note[1024]; /* why an entry was made anew or couldn't be kept */
};

/* The kernel of a plan (SOFA_ACSR_ALL) and head width d.  Fails where there is no compiler or it fails, is killed by the
 * timeout or makes what can't be loaded: SOFA_E_EVAL, SOFA_E_INPUT for what no kernel is generated for, SOFA_E_INTERRUPTED; the
 * general kernel is then what is left.  An unwritable cache only makes a note.  Freed by sofa_generated_free. */
enum sofa_code sofa_jit_load(const struct sofa_acsr_plan *plan, size_t d, const struct sofa_jit_options *options,
                             struct sofa_generated **kernel, struct sofa_jit_facts *facts, struct sofa_err *err);
void sofa_generated_free(struct sofa_generated *kernel);

/* Attention by a generated kernel: same operands, same bits as sofa_acsr_attention with the same plan. */
enum sofa_code sofa_generated_attention(const struct sofa_generated *kernel, const struct sofa_acsr_operands *operands,
                                        struct sofa_arena *arena, struct sofa_err *err);

#endif

/*
 * A language model from a checkpoint folder, run with dense or SOFA attention.
 */
#ifndef SOFA_TRANSFORMER_LM_H
#define SOFA_TRANSFORMER_LM_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "attention/attention.h"
#include "base/err.h"

struct sofa_lm;

#define SOFA_LM_BYTES 256 /* a vocabulary of this size is that of bytes */

struct sofa_lm_shape {
    size_t layers, hidden, heads, kv_heads, head_dim, intermediate, vocabulary, context;
    bool causal;
    bool encoder; /* no head: its loss is the distance to dense attention */
};

/* Opens `directory`/config.json and its weights.  SOFA_E_INPUT names file and tensor. */
enum sofa_code sofa_lm_open(const char *directory, struct sofa_lm **lm, struct sofa_err *err);
void sofa_lm_free(struct sofa_lm *lm);

/* Results of first layers are kept and reused by runs that share their settings (exactly equal), in at
 * most this many bytes; 0 keeps nothing.  Not while a run is under way. */
#define SOFA_LM_CACHE_BYTES ((size_t)256 << 20)
void sofa_lm_set_cache(struct sofa_lm *lm, size_t bytes);

const struct sofa_lm_shape *sofa_lm_shape(const struct sofa_lm *lm);

/* A text as token ids: a .npy file of them; for a byte-level model its bytes; else what the checkpoint's
 * tokenizer.json makes of it (tokenizer.h). */
struct sofa_text;
enum sofa_code sofa_text_open(const struct sofa_lm *lm, const char *file, struct sofa_text **text, struct sofa_err *err);
void sofa_text_free(struct sofa_text *text);
size_t sofa_text_tokens(const struct sofa_text *text);

/* Window w takes tokens [w*window, (w+1)*window] and predicts `window` of them from the ones before (an
 * encoder sees [w*window, (w+1)*window) and predicts none). */
struct sofa_lm_run {
    size_t window, windows;
    const struct sofa_attention_params *layer; /* [layers], or NULL for dense attention */
    enum sofa_stats_level level;
    const struct sofa_attention_kernel *kernel;
    const atomic_bool *cancel;            /* looked at between heads; NULL = never */
    struct sofa_attention_stats *stats;   /* [layers][heads], means over windows; NULL with level NONE */
    size_t *layers_reused;                /* counts layers that the cache stood in for; NULL: not counted */
};

/* An encoder has no head to predict tokens with: its loss is how far its output is from that of
 * dense attention, by the last hidden states and by the sentence embedding, their mean over tokens. */
struct sofa_lm_loss {
    double nats_per_token, bits_per_byte; /* bits_per_byte NAN where a token isn't a byte; both in an encoder */
    double perplexity;                    /* NAN in an encoder */
    double hidden_error;   /* |h - dense|_F / |dense|_F, mean over windows; NAN with a head, as what follows */
    double hidden_cosine;  /* of each token's state with the dense one, mean over tokens */
    double sentence_error; /* |e - dense| / |dense| of the sentence embedding, mean over windows */
    double sentence_cosine;
};

/* SOFA_E_INPUT where the text is too short for the windows or the window passes the context, or a layer's pattern
 * isn't one of `window` queries and keys;
 * SOFA_E_INTERRUPTED when cancelled.  Safe to call from several threads on one lm: everything it
 * writes is the run's or in `arena`. */
enum sofa_code sofa_lm_evaluate(const struct sofa_lm *lm, const struct sofa_text *text, const struct sofa_lm_run *run,
                                struct sofa_lm_loss *loss, struct sofa_arena *arena, struct sofa_err *err);

/* One pass over token ids [run->window] (each below the vocabulary): logits [window][vocabulary], in an
 * encoder the last hidden states [window][hidden].  run->windows isn't looked at. */
enum sofa_code sofa_lm_outputs(const struct sofa_lm *lm, const int32_t *ids, const struct sofa_lm_run *run, float *out,
                               struct sofa_arena *arena, struct sofa_err *err);

#endif

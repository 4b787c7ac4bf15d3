/* What a tokenizer is made of, for the files that read one and use it. */
#ifndef SOFA_TRANSFORMER_TOKENIZER_IMPL_H
#define SOFA_TRANSFORMER_TOKENIZER_IMPL_H

#include <stdbool.h>

#include "transformer/tokenizer.h"

struct cJSON;

#define SOFA_MARK_MOST 8 /* bytes; a text grows by no more than that */

enum sofa_tokenizer_kind { SOFA_TOKENIZER_BYTES, SOFA_TOKENIZER_CHARACTERS, SOFA_TOKENIZER_WORDPIECE };
/* Whether the mark of a blank is put before the text. */
enum sofa_mark_first { SOFA_MARK_NEVER, SOFA_MARK_ALWAYS, SOFA_MARK_UNLESS_THERE };

struct sofa_token {
    const char *text; /* NULL: a free place */
    size_t length;    /* bytes */
    int32_t id;
};

struct sofa_merge {
    uint64_t pair; /* sofa_pair() */
    int32_t rank, id;
    bool used;
};

struct sofa_tokenizer {
    struct cJSON *json; /* owns the texts */
    #define SOFA_MARK_MOST 8 /* bytes; a text grows by no more than that */

enum sofa_tokenizer_kind kind;
    struct sofa_token *token; /* [tokens] open addressing, a power of two */
    struct sofa_merge *merge; /* [merges] the same */
    size_t tokens, merges;
    size_t longest;    /* bytes of a token */
    int32_t byte[256]; /* tokens of single bytes, -1: none */
    int32_t unknown;   /* -1: none */
    bool fuse_unknown, byte_fallback;
    bool blank_first;  /* ByteLevel's add_prefix_space */
    const char *mark;  /* stands for a blank; NULL: a blank does */
    enum sofa_mark_first mark_first;
    bool mark_splits;
    const char *continuing; /* WordPiece: what begins a token inside a word */
    size_t word_most;       /* characters */
    bool clean, chinese, lower, strip; /* BertNormalizer */
};

static inline uint64_t sofa_pair(int32_t left, int32_t right)
{
    return (uint64_t)(uint32_t)left << 32 | (uint32_t)right;
}

/* Where such a token or pair is, or the free place where it would be. */
struct sofa_token *sofa_token_place(const struct sofa_tokenizer *t, const void *a, size_t na, const void *b,
                                    size_t nb);
struct sofa_merge *sofa_merge_place(const struct sofa_tokenizer *t, uint64_t pair);
/* The token that is `a` followed by `b`: its id, -1: none. */
int32_t sofa_token_find(const struct sofa_tokenizer *t, const void *a, size_t na, const void *b, size_t nb);
/* NULL: the pair doesn't merge. */
const struct sofa_merge *sofa_merge_find(const struct sofa_tokenizer *t, int32_t left, int32_t right);

enum sofa_code sofa_ids_add(struct sofa_ids *ids, int32_t id, struct sofa_err *err);

/* Scratch of byte-pair encoding, kept from word to word. */
struct sofa_bpe {
    struct sofa_bpe_symbol *symbol;
    struct sofa_bpe_candidate *heap;
    size_t symbols, candidates, room;
};
void sofa_bpe_release(struct sofa_bpe *bpe);
/* Room for a word of `most` symbols, which is emptied; add them, then merge them into ids. */
enum sofa_code sofa_bpe_begin(struct sofa_bpe *bpe, size_t most, struct sofa_err *err);
void sofa_bpe_add(struct sofa_bpe *bpe, int32_t id);
enum sofa_code sofa_bpe_merge(const struct sofa_tokenizer *t, struct sofa_bpe *bpe, struct sofa_ids *ids,
                              struct sofa_err *err);

#endif

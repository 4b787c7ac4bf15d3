/* The tables of tokens and of merges: open addressing, at most half full. */
#include <string.h>

#include "transformer/tokenizer_impl.h"

/* FNV-1a (Fowler, Noll, Vo), 64 bits */
static uint64_t hash(uint64_t h, const void *data, size_t n)
{
    const unsigned char *s = data;

    for (size_t i = 0; i < n; i++)
        h = (h ^ s[i]) * 0x100000001B3u;
    return h;
}
#define HASH_START 0xCBF29CE484222325u

struct sofa_token *sofa_token_place(const struct sofa_tokenizer *t, const void *a, size_t na, const void *b,
                                    size_t nb)
{
    size_t i = (size_t)hash(hash(HASH_START, a, na), b, nb) & (t->tokens - 1);

    while (t->token[i].text && (t->token[i].length != na + nb || memcmp(t->token[i].text, a, na) != 0 ||
                                memcmp(t->token[i].text + na, b, nb) != 0))
        i = (i + 1) & (t->tokens - 1);
    return &t->token[i];
}

int32_t sofa_token_find(const struct sofa_tokenizer *t, const void *a, size_t na, const void *b, size_t nb)
{
    const struct sofa_token *token = na + nb <= t->longest ? sofa_token_place(t, a, na, b, nb) : NULL;

    return token && token->text ? token->id : -1;
}

struct sofa_merge *sofa_merge_place(const struct sofa_tokenizer *t, uint64_t pair)
{
    size_t i = (size_t)((pair * 0x9E3779B97F4A7C15u) >> 32) & (t->merges - 1); /* Knuth 1973, 6.4: the golden ratio */

    while (t->merge[i].used && t->merge[i].pair != pair)
        i = (i + 1) & (t->merges - 1);
    return &t->merge[i];
}

const struct sofa_merge *sofa_merge_find(const struct sofa_tokenizer *t, int32_t left, int32_t right)
{
    const struct sofa_merge *m = sofa_merge_place(t, sofa_pair(left, right));

    return m->used ? m : NULL;
}

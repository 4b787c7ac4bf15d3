/*
 * Byte-pair encoding of one word: the pair of lowest rank, leftmost among equals, becomes one symbol until none is left.
 * A heap of pairs and a list of symbols make it O(n log n), for the word may be the whole text.
 */
#include <stdlib.h>

#include "transformer/tokenizer_impl.h"

struct sofa_bpe_symbol {
    int32_t id; /* -1: gone into the one before */
    int32_t prev, next; /* -1: none */
};

struct sofa_bpe_candidate {
    int32_t rank, at, id; /* symbol `at` and the next become `id` */
};

void sofa_bpe_release(struct sofa_bpe *bpe)
{
    free(bpe->symbol);
    free(bpe->heap);
}

enum sofa_code sofa_bpe_begin(struct sofa_bpe *bpe, size_t most, struct sofa_err *err)
{
    bpe->symbols = bpe->candidates = 0;
    if (most <= bpe->room)
        return SOFA_OK;
    free(bpe->symbol);
    free(bpe->heap);
    bpe->room = most < 64 ? 64 : most;
    bpe->symbol = malloc(bpe->room * sizeof *bpe->symbol);
    /* n - 1 pairs at first, and each of n - 1 merges takes one and adds two at most */
    bpe->heap = malloc(2 * bpe->room * sizeof *bpe->heap);
    if (bpe->symbol && bpe->heap)
        return SOFA_OK;
    bpe->room = 0;
    return sofa_fail_nomem(err, "the symbols of a word");
}

void sofa_bpe_add(struct sofa_bpe *bpe, int32_t id)
{
    int32_t i = (int32_t)bpe->symbols++;

    bpe->symbol[i] = (struct sofa_bpe_symbol){id, i - 1, -1};
    if (i)
        bpe->symbol[i - 1].next = i;
}

static bool before(const struct sofa_bpe_candidate *a, const struct sofa_bpe_candidate *b)
{
    return a->rank != b->rank ? a->rank < b->rank : a->at < b->at;
}

static void push(struct sofa_bpe *bpe, struct sofa_bpe_candidate c)
{
    size_t i = bpe->candidates++;

    while (i && before(&c, &bpe->heap[(i - 1) / 2])) {
        bpe->heap[i] = bpe->heap[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    bpe->heap[i] = c;
}

static struct sofa_bpe_candidate pop(struct sofa_bpe *bpe)
{
    struct sofa_bpe_candidate top = bpe->heap[0], last = bpe->heap[--bpe->candidates];
    size_t i = 0, n = bpe->candidates;

    for (size_t child = 1; child < n; child = 2 * i + 1) {
        if (child + 1 < n && before(&bpe->heap[child + 1], &bpe->heap[child]))
            child++;
        if (!before(&bpe->heap[child], &last))
            break;
        bpe->heap[i] = bpe->heap[child];
        i = child;
    }
    bpe->heap[i] = last;
    return top;
}

static void consider(const struct sofa_tokenizer *t, struct sofa_bpe *bpe, int32_t at)
{
    const struct sofa_merge *m;
    int32_t next = at < 0 ? -1 : bpe->symbol[at].next;

    if (next < 0)
        return;
    m = sofa_merge_find(t, bpe->symbol[at].id, bpe->symbol[next].id);
    if (m)
        push(bpe, (struct sofa_bpe_candidate){m->rank, at, m->id});
}

/* Unless one of the two has changed since. */
static void apply(const struct sofa_tokenizer *t, struct sofa_bpe *bpe, struct sofa_bpe_candidate c)
{
    struct sofa_bpe_symbol *s = &bpe->symbol[c.at], *next;
    const struct sofa_merge *m;

    if (s->id < 0 || s->next < 0)
        return;
    next = &bpe->symbol[s->next];
    m = sofa_merge_find(t, s->id, next->id);
    if (!m || m->id != c.id)
        return;
    s->id = c.id;
    next->id = -1;
    s->next = next->next;
    if (s->next >= 0)
        bpe->symbol[s->next].prev = c.at;
    consider(t, bpe, s->prev);
    consider(t, bpe, c.at);
}

enum sofa_code sofa_bpe_merge(const struct sofa_tokenizer *t, struct sofa_bpe *bpe, struct sofa_ids *ids,
                              struct sofa_err *err)
{
    enum sofa_code rc = SOFA_OK;

    for (size_t i = 0; i + 1 < bpe->symbols; i++)
        consider(t, bpe, (int32_t)i);
    while (bpe->candidates)
        apply(t, bpe, pop(bpe));
    for (int32_t i = bpe->symbols ? 0 : -1; i >= 0 && rc == SOFA_OK; i = bpe->symbol[i].next)
        rc = sofa_ids_add(ids, bpe->symbol[i].id, err);
    return rc;
}

#include "transformer/prefix_cache.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS 4096

/* One block of memory: the entry, then the state, the statistics and the key. */
struct entry {
    struct entry *next;          /* of the bucket */
    struct entry *newer, *older; /* by last use */
    uint64_t hash;
    size_t key_bytes, x_bytes, stats_bytes;
    char data[];
};

struct sofa_prefix_cache {
    pthread_mutex_t lock;
    size_t most, used; /* bytes */
    struct entry *bucket[BUCKETS];
    struct entry *newest, *oldest;
};

struct sofa_prefix_cache *sofa_prefix_cache_new(size_t most)
{
    struct sofa_prefix_cache *c = calloc(1, sizeof *c);

    if (!c)
        return NULL;
    c->most = most;
    if (pthread_mutex_init(&c->lock, NULL) != 0) {
        free(c);
        return NULL;
    }
    return c;
}

void sofa_prefix_cache_free(struct sofa_prefix_cache *c)
{
    struct entry *older;

    if (!c)
        return;
    for (struct entry *e = c->newest; e; e = older) {
        older = e->older;
        free(e);
    }
    pthread_mutex_destroy(&c->lock);
    free(c);
}

/* FNV-1a (Fowler, Noll, Vo) over eight bytes at a time. */
static uint64_t hash_word(uint64_t hash, uint64_t word)
{
    hash = (hash ^ word) * 1099511628211ULL;
    return hash ^ hash >> 29;
}

#define HASH_START 14695981039346656037ULL

/* A pattern by what it holds: where it lies in memory another may lie later. */
static double pattern_word(const struct sofa_pattern *p)
{
    uint64_t hash = HASH_START;

    if (!p)
        return 0;
    for (size_t part = 0; part < p->n_parts; part++)
        for (size_t i = 0; i < p->rows; i++) {
            const struct sofa_acsr_row *row = &p->part[part].row[i];

            hash = hash_word(hash, (uint64_t)(uint32_t)row->stride << 32 | (uint32_t)row->first);
            hash = hash_word(hash, (uint64_t)part << 32 | (uint32_t)row->count);
        }
    for (size_t i = 0; i < p->rest.start[p->rows]; i++)
        hash = hash_word(hash, (uint64_t)p->rest.column[i]);
    for (size_t i = 0; i <= p->rows; i++)
        hash = hash_word(hash, p->rest.start[i]);
    return (double)(hash >> 12) + 1; /* a double holds as many bits; 0 is none */
}

struct sofa_prefix_key sofa_prefix_key(const double head[SOFA_PREFIX_HEAD], const struct sofa_attention_params *layer,
                                       size_t layers, struct sofa_arena *arena)
{
    struct sofa_prefix_key key = {layers, sofa_arena_zalloc(arena, SOFA_PREFIX_HEAD + layers * SOFA_PREFIX_RECORD,
                                                            sizeof *key.words)};

    if (!key.words)
        return key;
    memcpy(key.words, head, SOFA_PREFIX_HEAD * sizeof *head);
    for (size_t l = 0; layer && l < layers; l++) {
        const struct sofa_attention_params *p = &layer[l];
        const double record[SOFA_PREFIX_RECORD] = {
            p->tiles,  p->topk_permille, p->radius,             (double)p->reference,     p->khat_bits,
            p->q_bits, p->formal_bits,   (double)p->block_rows, (double)p->keys_per_phase,
            pattern_word(p->pattern), p->pattern && p->fixed};

        memcpy(key.words + SOFA_PREFIX_HEAD + l * SOFA_PREFIX_RECORD, record, sizeof record);
    }
    return key;
}

static size_t key_bytes(size_t done)
{
    return (SOFA_PREFIX_HEAD + done * SOFA_PREFIX_RECORD) * sizeof(double);
}

static uint64_t hash_of(const double *words, size_t done)
{
    uint64_t hash = HASH_START, word;

    for (size_t i = 0; i < SOFA_PREFIX_HEAD + done * SOFA_PREFIX_RECORD; i++) {
        memcpy(&word, &words[i], sizeof word);
        hash = hash_word(hash, word);
    }
    return hash;
}

static char *entry_key(struct entry *e)
{
    return e->data + e->x_bytes + e->stats_bytes;
}

static size_t entry_bytes(const struct entry *e)
{
    return sizeof *e + e->x_bytes + e->stats_bytes + e->key_bytes;
}

static struct entry *find(struct sofa_prefix_cache *c, const double *words, size_t done)
{
    uint64_t hash = hash_of(words, done);
    struct entry *e = c->bucket[hash % BUCKETS];

    while (e && (e->hash != hash || e->key_bytes != key_bytes(done) || memcmp(entry_key(e), words, e->key_bytes) != 0))
        e = e->next;
    return e;
}

static void unlink_use(struct sofa_prefix_cache *c, struct entry *e)
{
    *(e->newer ? &e->newer->older : &c->newest) = e->older;
    *(e->older ? &e->older->newer : &c->oldest) = e->newer;
}

static void link_newest(struct sofa_prefix_cache *c, struct entry *e)
{
    e->newer = NULL;
    e->older = c->newest;
    *(c->newest ? &c->newest->newer : &c->oldest) = e;
    c->newest = e;
}

static void drop(struct sofa_prefix_cache *c, struct entry *e)
{
    struct entry **link = &c->bucket[e->hash % BUCKETS];

    while (*link != e)
        link = &(*link)->next;
    *link = e->next;
    unlink_use(c, e);
    c->used -= entry_bytes(e);
    free(e);
}

size_t sofa_prefix_cache_get(struct sofa_prefix_cache *c, const struct sofa_prefix_key *key, float *x, size_t nx,
                             struct sofa_attention_stats *stats, size_t per_layer)
{
    struct entry *e = NULL;
    size_t done;

    if (!c)
        return 0;
    pthread_mutex_lock(&c->lock);
    for (done = key->layers; done > 0; done--) {
        e = find(c, key->words, done);
        if (e && e->x_bytes == nx * sizeof *x && e->stats_bytes == (stats ? done * per_layer * sizeof *stats : 0))
            break;
    }
    if (done > 0) {
        memcpy(x, e->data, e->x_bytes);
        if (stats)
            memcpy(stats, e->data + e->x_bytes, e->stats_bytes);
        unlink_use(c, e);
        link_newest(c, e);
    }
    pthread_mutex_unlock(&c->lock);
    return done;
}

static struct entry *entry_new(const struct sofa_prefix_key *key, size_t done, const float *x, size_t nx,
                               const struct sofa_attention_stats *stats, size_t per_layer)
{
    size_t x_bytes = nx * sizeof *x, stats_bytes = stats ? done * per_layer * sizeof *stats : 0;
    struct entry *e = malloc(sizeof *e + x_bytes + stats_bytes + key_bytes(done));

    if (!e)
        return NULL;
    *e = (struct entry){.hash = hash_of(key->words, done), .key_bytes = key_bytes(done), .x_bytes = x_bytes,
                        .stats_bytes = stats_bytes};
    memcpy(e->data, x, x_bytes);
    if (stats)
        memcpy(e->data + x_bytes, stats, stats_bytes);
    memcpy(entry_key(e), key->words, e->key_bytes);
    return e;
}

void sofa_prefix_cache_put(struct sofa_prefix_cache *c, const struct sofa_prefix_key *key, size_t done, const float *x,
                           size_t nx, const struct sofa_attention_stats *stats, size_t per_layer)
{
    struct entry *e = c ? entry_new(key, done, x, nx, stats, per_layer) : NULL;

    if (!e)
        return;
    pthread_mutex_lock(&c->lock);
    if (entry_bytes(e) > c->most || find(c, key->words, done)) {
        free(e);
    } else {
        while (c->used + entry_bytes(e) > c->most)
            drop(c, c->oldest);
        e->next = c->bucket[e->hash % BUCKETS];
        c->bucket[e->hash % BUCKETS] = e;
        link_newest(c, e);
        c->used += entry_bytes(e);
    }
    pthread_mutex_unlock(&c->lock);
}

#include "base/arena.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_BYTES ((size_t)1 << 20)

struct sofa_arena_block {
    struct sofa_arena_block *next;
    size_t size; /* bytes after the header */
    size_t used;
};

static size_t round_up(size_t n)
{
    return (n + SOFA_ARENA_ALIGN - 1) & ~(size_t)(SOFA_ARENA_ALIGN - 1);
}

#define HEADER_BYTES round_up(sizeof(struct sofa_arena_block))

static struct sofa_arena_block *block_new(size_t least)
{
    size_t size = least > BLOCK_BYTES ? least : BLOCK_BYTES;
    struct sofa_arena_block *block = aligned_alloc(SOFA_ARENA_ALIGN, HEADER_BYTES + size);

    if (!block)
        return NULL;
    *block = (struct sofa_arena_block){.size = size};
    return block;
}

/* The first block from the current one on with room for `bytes`; a new one if there is none. */
static struct sofa_arena_block *find_room(struct sofa_arena *arena, size_t bytes)
{
    struct sofa_arena_block **link = arena->current ? &arena->current : &arena->first;

    for (; *link; link = &(*link)->next)
        if ((*link)->size - (*link)->used >= bytes)
            return arena->current = *link;
    *link = block_new(bytes);
    return *link ? (arena->current = *link) : NULL;
}

void *sofa_arena_alloc(struct sofa_arena *arena, size_t count, size_t size)
{
    struct sofa_arena_block *block;
    size_t bytes;
    char *p;

    if (size && count > (SIZE_MAX / 2) / size)
        return NULL;
    bytes = count && size ? round_up(count * size) : SOFA_ARENA_ALIGN;
    block = find_room(arena, bytes);
    if (!block)
        return NULL;
    p = (char *)block + HEADER_BYTES + block->used;
    block->used += bytes;
    return p;
}

void *sofa_arena_zalloc(struct sofa_arena *arena, size_t count, size_t size)
{
    void *p = sofa_arena_alloc(arena, count, size);

    return p ? memset(p, 0, count * size) : NULL;
}

char *sofa_arena_strdup(struct sofa_arena *arena, const char *text)
{
    size_t n = strlen(text) + 1;
    char *p = sofa_arena_alloc(arena, n, 1);

    return p ? memcpy(p, text, n) : NULL;
}

struct sofa_arena_mark sofa_arena_mark(const struct sofa_arena *arena)
{
    struct sofa_arena_block *block = arena->current;

    return (struct sofa_arena_mark){block, block ? block->used : 0};
}

void sofa_arena_rewind(struct sofa_arena *arena, struct sofa_arena_mark mark)
{
    if (!mark.block) {
        sofa_arena_reset(arena);
        return;
    }
    mark.block->used = mark.used;
    for (struct sofa_arena_block *b = mark.block->next; b; b = b->next)
        b->used = 0;
    arena->current = mark.block;
}

void sofa_arena_reset(struct sofa_arena *arena)
{
    for (struct sofa_arena_block *b = arena->first; b; b = b->next)
        b->used = 0;
    arena->current = arena->first;
}

void sofa_arena_release(struct sofa_arena *arena)
{
    struct sofa_arena_block *next;

    for (struct sofa_arena_block *b = arena->first; b; b = next) {
        next = b->next;
        free(b);
    }
    *arena = (struct sofa_arena)SOFA_ARENA_INIT;
}

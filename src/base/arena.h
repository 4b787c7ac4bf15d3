/*
 * An arena: scratch memory that is given back all at once.
 *
 * One per worker for what lives no longer than one evaluation.  Memory grows in
 * blocks; `_reset` keeps the blocks, so that a warm arena allocates nothing.
 */
#ifndef SOFA_BASE_ARENA_H
#define SOFA_BASE_ARENA_H

#include <stddef.h>

struct sofa_arena_block;

struct sofa_arena {
    struct sofa_arena_block *first;   /* owned list */
    struct sofa_arena_block *current; /* the block being filled */
};

#define SOFA_ARENA_ALIGN 64 /* bytes: a cache line, and a 512-bit vector */
#define SOFA_ARENA_INIT {NULL, NULL}

/* `count` objects of `size` bytes, 64-byte aligned, not cleared; NULL when memory is exhausted
 * or count * size overflows.  Lives until `_reset` or `_release`. */
void *sofa_arena_alloc(struct sofa_arena *arena, size_t count, size_t size);
void *sofa_arena_zalloc(struct sofa_arena *arena, size_t count, size_t size);
char *sofa_arena_strdup(struct sofa_arena *arena, const char *text);

/* A place in the arena: `_rewind` forgets what was allocated since `_mark` and keeps the memory, so
 * that a loop of calls with scratch of their own needs the room of one. */
struct sofa_arena_mark {
    struct sofa_arena_block *block; /* NULL: the arena was empty */
    size_t used;
};
struct sofa_arena_mark sofa_arena_mark(const struct sofa_arena *arena);
void sofa_arena_rewind(struct sofa_arena *arena, struct sofa_arena_mark mark);

/* Forgets all allocations, keeps the memory. */
void sofa_arena_reset(struct sofa_arena *arena);
/* Gives the memory back; the arena may be used again. */
void sofa_arena_release(struct sofa_arena *arena);

#endif

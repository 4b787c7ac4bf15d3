/*
 * Masks from files: which keys (columns) each query (row) sees.
 */
#ifndef SOFA_TRANSFORMER_MASK_H
#define SOFA_TRANSFORMER_MASK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"

/* Whether `path` is named like a file that sofa_mask_read reads: NAME.npy or NAME.safetensors. */
bool sofa_mask_is_file(const char *path);

/* Reads a mask of booleans or whole numbers, 0 = not seen, as bytes 0 and 1, [rows][columns], in the arena.  Leading dimensions of
 * 1 are passed over.  Of a safetensors file it is the tensor `name`, or where that is NULL the one called "mask" or the only one.
 * SOFA_E_INPUT for what is wrong with the file, and where the mask takes more than `most` bytes, before it is allocated. */
enum sofa_code sofa_mask_read(const char *path, const char *name, uint64_t most, struct sofa_arena *arena, uint8_t **mask,
                              size_t *rows, size_t *columns, struct sofa_err *err);

#endif

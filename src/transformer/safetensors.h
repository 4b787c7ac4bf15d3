/*
 * The safetensors format (github.com/huggingface/safetensors): eight bytes of header length, little
 * endian, a JSON header {name: {dtype, shape, data_offsets}}, then the tensors' bytes.
 *
 * Everything that is wrong with a file is refused with one line that names the file and the tensor:
 * a header that passes the file, shapes that overflow, bytes that don't match the shape, tensors
 * that overlap or leave holes, names that repeat, bytes after the last tensor.
 */
#ifndef SOFA_TRANSFORMER_SAFETENSORS_H
#define SOFA_TRANSFORMER_SAFETENSORS_H

#include <stddef.h>

#include "base/err.h"
#include "transformer/tensor.h"

struct sofa_safetensors;

/* Maps `path`; the tensors' data points into the map until it is freed.  SOFA_E_INPUT. */
enum sofa_code sofa_safetensors_open(const char *path, struct sofa_safetensors **file, struct sofa_err *err);
/* The same of bytes in memory, borrowed; `path` is for messages. */
enum sofa_code sofa_safetensors_parse(const char *path, const unsigned char *data, size_t size,
                                      struct sofa_safetensors **file, struct sofa_err *err);
void sofa_safetensors_free(struct sofa_safetensors *file);

size_t sofa_safetensors_count(const struct sofa_safetensors *file);
/* In the order of their names. */
const struct sofa_tensor *sofa_safetensors_get(const struct sofa_safetensors *file, size_t i);
/* NULL where there is none. */
const struct sofa_tensor *sofa_safetensors_find(const struct sofa_safetensors *file, const char *name);
/* The same as SOFA_E_INPUT with a "did you mean". */
enum sofa_code sofa_safetensors_need(const struct sofa_safetensors *file, const char *name,
                                     const struct sofa_tensor **tensor, struct sofa_err *err);

/* Writes tensors (name, dtype, dims, shape, data) in the order given, atomically. */
enum sofa_code sofa_safetensors_write(const char *path, const struct sofa_tensor *tensors, size_t n,
                                      struct sofa_err *err);

#endif

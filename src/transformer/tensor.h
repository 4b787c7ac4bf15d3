/*
 * Tensors as they lie in files: a type, a shape and bytes that may be unaligned.
 *
 * The readers (safetensors.h, npy.h) check that the bytes are all there; what reads values
 * refuses NaN and infinity with the file and the tensor.
 */
#ifndef SOFA_TRANSFORMER_TENSOR_H
#define SOFA_TRANSFORMER_TENSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* name, safetensors name, bytes, whether values can be read (the others are only carried along) */
#define SOFA_DTYPES(X)                                                                            \
    X(F32, "F32", 4, true)                                                                        \
    X(F16, "F16", 2, true)                                                                        \
    X(BF16, "BF16", 2, true)                                                                      \
    X(F64, "F64", 8, true)                                                                        \
    X(I64, "I64", 8, true)                                                                        \
    X(I32, "I32", 4, true)                                                                        \
    X(I16, "I16", 2, true)                                                                        \
    X(I8, "I8", 1, true)                                                                          \
    X(U8, "U8", 1, true)                                                                          \
    X(BOOL, "BOOL", 1, false)                                                                     \
    X(U16, "U16", 2, false)                                                                       \
    X(U32, "U32", 4, false)                                                                       \
    X(U64, "U64", 8, false)                                                                       \
    X(F8_E4M3, "F8_E4M3", 1, false)                                                               \
    X(F8_E5M2, "F8_E5M2", 1, false)

enum sofa_dtype {
#define X(id, name, bytes, readable) SOFA_DTYPE_##id,
    SOFA_DTYPES(X)
#undef X
        SOFA_DTYPE_COUNT
};

const char *sofa_dtype_name(enum sofa_dtype dtype);
size_t sofa_dtype_bytes(enum sofa_dtype dtype);
/* SOFA_DTYPE_COUNT for a name that isn't known. */
enum sofa_dtype sofa_dtype_find(const char *name);

#define SOFA_TENSOR_DIMS_MAX 8

struct sofa_tensor {
    const char *name; /* borrowed from the reader; "" in a .npy file */
    const char *file;
    enum sofa_dtype dtype;
    size_t dims;
    size_t shape[SOFA_TENSOR_DIMS_MAX];
    size_t count;     /* product of the shape */
    const void *data; /* count * bytes, row-major, borrowed, perhaps unaligned */
};

/* Fills `count` from dims and shape.  false where it, or its bytes, pass SIZE_MAX / 2. */
bool sofa_tensor_measure(struct sofa_tensor *tensor);

/* "[3,4]"; for messages. */
#define SOFA_SHAPE_TEXT_MAX 192
void sofa_tensor_shape_text(const struct sofa_tensor *tensor, char text[SOFA_SHAPE_TEXT_MAX]);

/* A name that came from a file, cut and with anything but printable ASCII replaced by '?'. */
#define SOFA_NAME_TEXT_MAX 128
const char *sofa_name_text(const char *name, char text[SOFA_NAME_TEXT_MAX]);

/* A failure (SOFA_E_INPUT) at this tensor: "FILE: tensor 'NAME': ...". */
enum sofa_code sofa_tensor_fail(const struct sofa_tensor *tensor, struct sofa_err *err, const char *fmt, ...)
    SOFA_PRINTF(3, 4);

/* All values as float (nearest), out [count].  SOFA_E_INPUT for a type that holds no numbers and
 * for values that aren't finite or pass float's range. */
enum sofa_code sofa_tensor_to_float(const struct sofa_tensor *tensor, float *out, struct sofa_err *err);
/* The same as double, and as integers (integer types only). */
enum sofa_code sofa_tensor_to_double(const struct sofa_tensor *tensor, double *out, struct sofa_err *err);
enum sofa_code sofa_tensor_to_int64(const struct sofa_tensor *tensor, int64_t *out, struct sofa_err *err);

/* SOFA_E_INPUT unless the shape is exactly this; dims <= SOFA_TENSOR_DIMS_MAX. */
enum sofa_code sofa_tensor_expect(const struct sofa_tensor *tensor, size_t dims, const size_t *shape,
                                  struct sofa_err *err);

#endif

/*
 * NumPy's .npy format, versions 1 and 2 (numpy.lib.format): a magic word, a header that is a Python
 * dictionary, then the values.  C order and little endian only.
 */
#ifndef SOFA_TRANSFORMER_NPY_H
#define SOFA_TRANSFORMER_NPY_H

#include <stddef.h>

#include "base/err.h"
#include "base/file.h"
#include "transformer/tensor.h"

struct sofa_npy {
    struct sofa_map map;
    char *path;
    struct sofa_tensor tensor; /* data points into the map */
};

/* SOFA_E_INPUT with one line for whatever is wrong with the file. */
enum sofa_code sofa_npy_open(const char *path, struct sofa_npy *npy, struct sofa_err *err);
void sofa_npy_close(struct sofa_npy *npy);
/* The same of bytes in memory, borrowed, as is `path`. */
enum sofa_code sofa_npy_parse(const char *path, const unsigned char *data, size_t size, struct sofa_tensor *tensor,
                              struct sofa_err *err);

#endif

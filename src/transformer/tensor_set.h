/*
 * Named tensors from a safetensors file, or from a folder of .npy files (NAME.npy).
 */
#ifndef SOFA_TRANSFORMER_TENSOR_SET_H
#define SOFA_TRANSFORMER_TENSOR_SET_H

#include <stdbool.h>

#include "base/err.h"
#include "transformer/tensor.h"

struct sofa_tensor_set;

enum sofa_code sofa_tensor_set_open(const char *path, struct sofa_tensor_set **set, struct sofa_err *err);
void sofa_tensor_set_free(struct sofa_tensor_set *set);

bool sofa_tensor_set_has(const struct sofa_tensor_set *set, const char *name);
/* The tensor lives as long as the set.  SOFA_E_INPUT where it isn't there or is wrong. */
enum sofa_code sofa_tensor_set_need(struct sofa_tensor_set *set, const char *name, const struct sofa_tensor **tensor,
                                    struct sofa_err *err);

#endif

/*
 * The weights of a Hugging Face checkpoint folder: model.safetensors, or the shards that
 * model.safetensors.index.json names.
 */
#ifndef SOFA_TRANSFORMER_CHECKPOINT_H
#define SOFA_TRANSFORMER_CHECKPOINT_H

#include <stdbool.h>

#include "base/err.h"
#include "transformer/tensor.h"

struct sofa_checkpoint;

enum sofa_code sofa_checkpoint_open(const char *directory, struct sofa_checkpoint **checkpoint, struct sofa_err *err);
void sofa_checkpoint_free(struct sofa_checkpoint *checkpoint);

/* NULL where there is none; what is found counts as used. */
const struct sofa_tensor *sofa_checkpoint_find(struct sofa_checkpoint *checkpoint, const char *name);
/* The same as SOFA_E_INPUT. */
enum sofa_code sofa_checkpoint_need(struct sofa_checkpoint *checkpoint, const char *name,
                                    const struct sofa_tensor **tensor, struct sofa_err *err);
/* A tensor that nobody asked for and whose name holds none of the `known` parts (NULL-terminated)
 * means a model that isn't the one that would be computed: SOFA_E_INPUT. */
enum sofa_code sofa_checkpoint_check_used(const struct sofa_checkpoint *checkpoint, const char *const *known,
                                          struct sofa_err *err);

#endif

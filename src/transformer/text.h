/* The tokens of a text, for this room. */
#ifndef SOFA_TRANSFORMER_TEXT_H
#define SOFA_TRANSFORMER_TEXT_H

#include <stddef.h>
#include <stdint.h>

#include "transformer/lm.h"

/* Tokens [first, first + n) of the text, which holds them. */
void sofa_text_read(const struct sofa_text *text, size_t first, size_t n, int32_t *ids);
/* A number that no other text of this process has. */
uint64_t sofa_text_id(const struct sofa_text *text);

#endif

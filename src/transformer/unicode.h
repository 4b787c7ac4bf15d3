/*
 * Characters of UTF-8 text and the classes that tokenizers tell apart.
 */
#ifndef SOFA_TRANSFORMER_UNICODE_H
#define SOFA_TRANSFORMER_UNICODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* General categories of the Unicode character database; `folded` is what lowercasing or taking off
 * accents changes: its lower case or canonical decomposition is another text, or it is an accent (Mn). */
enum sofa_unicode_class {
    SOFA_UNICODE_LETTER,      /* L */
    SOFA_UNICODE_NUMBER,      /* N */
    SOFA_UNICODE_PUNCTUATION, /* P */
    SOFA_UNICODE_CONTROL,     /* Cc, Cf, Co */
    SOFA_UNICODE_FOLDED,
    SOFA_UNICODE_CLASSES
};

struct sofa_unicode_range {
    uint32_t first, last;
};
struct sofa_unicode_table {
    const struct sofa_unicode_range *range; /* ascending */
    size_t count;
};
extern const struct sofa_unicode_table sofa_unicode_tables[SOFA_UNICODE_CLASSES]; /* unicode_tables.c */

bool sofa_unicode_is(uint32_t code, enum sofa_unicode_class of);
/* The property White_Space. */
bool sofa_unicode_is_space(uint32_t code);

/* The character at text[*at], *at < size; moves past it.  UINT32_MAX where no UTF-8 (RFC 3629) begins, *at stays. */
uint32_t sofa_utf8_next(const unsigned char *text, size_t size, size_t *at);

#endif

/*
 * A growable string.  `text` is always terminated and never NULL once initialised.
 *
 * Appending never fails visibly: when memory runs out the string is marked and keeps
 * what it had; look at `failed` once, at the end.
 */
#ifndef SOFA_BASE_STR_H
#define SOFA_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

struct sofa_str {
    char *text;
    size_t length;
    size_t room; /* bytes allocated, 0 while `text` is the shared empty string */
    bool failed;
};

extern char sofa_str_empty[1];
#define SOFA_STR_INIT {sofa_str_empty, 0, 0, false}

void sofa_str_release(struct sofa_str *s);
void sofa_str_clear(struct sofa_str *s);
void sofa_str_add(struct sofa_str *s, const char *text);
void sofa_str_add_bytes(struct sofa_str *s, const char *bytes, size_t n);
void sofa_str_addf(struct sofa_str *s, const char *fmt, ...) SOFA_PRINTF(2, 3);

/* The shortest decimal text that reads back to the same double ("inf", "-inf", "nan" else). */
void sofa_str_add_double(struct sofa_str *s, double x);
#define SOFA_DOUBLE_TEXT_MAX 32
void sofa_double_text(double x, char buf[SOFA_DOUBLE_TEXT_MAX]);

/* Foreign text as one line for messages: control characters as blanks, none at the end, what is no UTF-8 as '?', what is too
 * long for `size` cut and ended with "...". */
void sofa_text_clean(const char *text, char *buf, size_t size);

/* A malloc'd printf; NULL when memory is exhausted. */
char *sofa_format(const char *fmt, ...) SOFA_PRINTF(1, 2);

/* The candidate nearest to `word` by edit distance, or NULL where none is near enough to be
 * what was meant (more than a third of its letters differ). */
const char *sofa_nearest(const char *word, const char *const *candidates, size_t n);

/* Ends the message of a failure with what would have been right: "; expected one of a, b, c", and where
 * one is near "; did you mean 'b'?".  The hint form names only that one, or else says where they are
 * listed. */
void sofa_err_append_choices(struct sofa_err *err, const char *word, const char *const *choices, size_t n);
void sofa_err_append_hint(struct sofa_err *err, const char *word, const char *const *choices, size_t n, const char *listed);

#endif

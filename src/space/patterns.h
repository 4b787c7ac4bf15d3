/*
 * Patterns of keys as values of the parameter `pattern`: a choice whose names come with the space file.
 *
 *   none          every key that causality leaves is seen (as without the parameter)
 *   SPEC          fixed: exact attention over what the pattern holds (acsr.h says what SPEC is), nothing predicted
 *   SPEC/topk     prediction, clipping and the choice of the best see the pattern's keys alone
 */
#ifndef SOFA_SPACE_PATTERNS_H
#define SOFA_SPACE_PATTERNS_H

#include <stdbool.h>

#include "arch/design.h"
#include "base/err.h"

struct sofa_node;

#define SOFA_PATTERNS_MAX 64
#define SOFA_PATTERN_TEXT_MAX 80

struct sofa_pattern_choice {
    char text[SOFA_PATTERN_TEXT_MAX]; /* without blanks */
    char spec[SOFA_PATTERN_TEXT_MAX]; /* of the members; "" for none */
    bool fixed;
    const struct sofa_node *node; /* where it stands in a file, or NULL */
};

/* Number 0 is `none`.  Points into itself: not to be copied. */
struct sofa_patterns {
    int count;
    struct sofa_pattern_choice choice[SOFA_PATTERNS_MAX];
    const char *names[SOFA_PATTERNS_MAX + 1]; /* NULL-terminated */
};

extern const char *const sofa_pattern_none_names[]; /* "none", "SPEC", "SPEC/topk", NULL: the choices of a space without any */

void sofa_patterns_init(struct sofa_patterns *patterns);
/* What a text says.  SOFA_E_INPUT with a "did you mean". */
enum sofa_code sofa_pattern_choice_parse(const char *text, struct sofa_pattern_choice *choice, struct sofa_err *err);
/* Its number, a new one where it isn't there yet. */
enum sofa_code sofa_patterns_add(struct sofa_patterns *patterns, const char *text, int *number, struct sofa_err *err);

/* Settings that have no effect take one value, so that designs that do the same are the same: with a fixed pattern a
 * layer has 1 tile, top-k 100 %, no clipping, and the narrowest prediction (4 bits). */
void sofa_patterns_settle(const struct sofa_patterns *patterns, struct sofa_design *design);
/* Whether a setting, by its key, has no effect on a layer of the design (-1: on any). */
bool sofa_patterns_idle(const struct sofa_patterns *patterns, const struct sofa_design *design, const char *key, int layer);

#endif

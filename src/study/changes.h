/*
 * What changed between two texts of a space file, key by key, for the message that refuses to go on
 * with a study of another space.
 */
#ifndef SOFA_STUDY_CHANGES_H
#define SOFA_STUDY_CHANGES_H

#include <stddef.h>

#include "base/str.h"

/* Appends "search.seed was 3, now 4; hardware was ..." to `out`, at most `most` changes and then how many
 * more.  Returns the number of changes: 0 where the texts differ in comments and layout alone.  A text
 * that can't be read counts as one change. */
size_t sofa_space_changes(const char *was, const char *now, size_t most, struct sofa_str *out);

#endif

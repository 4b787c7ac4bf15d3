/*
 * The parts of `sofa-dse pattern`: what was read, and how it is shown.
 */
#ifndef SOFA_CLI_PATTERN_H
#define SOFA_CLI_PATTERN_H

#include <stdbool.h>

#include "acsr/acsr.h"
#include "base/err.h"

/* A pattern and where it is from. */
struct sofa_pattern_source {
    const char *spec; /* as given: generators, or the path of a mask */
    bool from_file, causal;
    struct sofa_pattern pattern;
};

struct cJSON;

/* Counts, parts, remainder, metadata, spans; with `spans` every row's.  NULL when memory is exhausted. */
struct cJSON *sofa_pattern_json(const struct sofa_pattern_source *source, bool spans);
void sofa_pattern_print(const struct sofa_pattern_source *source, bool spans);

/* A picture of the pattern as an SVG file.  SOFA_E_IO, SOFA_E_NOMEM. */
enum sofa_code sofa_pattern_svg(const struct sofa_pattern_source *source, const char *path, struct sofa_err *err);

/* Names of what a pattern can be written as, NULL-terminated, and the writing: `language` counts in it, d is the head width,
 * `isa` the instruction set of C.  SOFA_E_INPUT for what the language can't hold, SOFA_E_IO. */
extern const char *const sofa_pattern_emitters[];
enum sofa_code sofa_pattern_emit(const struct sofa_pattern_source *source, int language, size_t d, const char *isa, const char *path,
                                 struct sofa_err *err);

#endif

/*
 * Within the room: the machine's compiler, run without a shell.
 */
#ifndef SOFA_ACSR_COMPILER_H
#define SOFA_ACSR_COMPILER_H

#include <stdatomic.h>

#include "base/err.h"
#include "base/str.h"

#define SOFA_COMPILER_WORDS 48

struct sofa_compiler {
    char *words;                    /* owned; what argv points into */
    char *argv[SOFA_COMPILER_WORDS]; /* the compiler's own words, NULL-terminated */
    size_t n;
};

/* Splits `command` (NULL: $CC, else cc) at blanks.  SOFA_E_EVAL where the program is not in PATH. */
enum sofa_code sofa_compiler_find(const char *command, struct sofa_compiler *compiler, struct sofa_err *err);
void sofa_compiler_release(struct sofa_compiler *compiler);

/* What tells this compiler from another: its words, and path, size and time of each that is a program. */
void sofa_compiler_identity(const struct sofa_compiler *compiler, struct sofa_str *text);

/* Runs it with more words, its messages going to the file `log`.  SOFA_E_EVAL says how it failed, with the first line of its
 * messages that tells of an error; after `timeout_s` it and what it started is killed. */
enum sofa_code sofa_compiler_run(const struct sofa_compiler *compiler, const char *const *more, const char *log,
                                 double timeout_s, const atomic_bool *cancel, struct sofa_err *err);

#endif

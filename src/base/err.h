/*
 * Errors: a status and a caller-owned message with its place.
 *
 * Every function that can fail returns an enum sofa_code and takes, as its last
 * argument, a struct sofa_err that it fills when it fails.  Nothing outside `cli`
 * prints or exits.  A design that cannot work is a result with a reason, not an
 * error (see model/model.h).
 */
#ifndef SOFA_BASE_ERR_H
#define SOFA_BASE_ERR_H

#include <stdarg.h>
#include <stddef.h>

/* code, exit status of the program, what it stands for */
#define SOFA_CODES(X)                                                                             \
    X(SOFA_OK, 0, "done")                                                                         \
    X(SOFA_E_USAGE, 2, "the command line is wrong")                                               \
    X(SOFA_E_INPUT, 2, "an input file is wrong")                                                  \
    X(SOFA_E_IO, 1, "a file or the system failed")                                                \
    X(SOFA_E_NOMEM, 1, "memory is exhausted")                                                     \
    X(SOFA_E_EVAL, 1, "an evaluation failed")                                                     \
    X(SOFA_E_NUMERIC, 1, "a computation broke down")                                              \
    X(SOFA_E_EXHAUSTED, 1, "nothing is left to propose")                                          \
    X(SOFA_E_INTERRUPTED, 3, "stopped by a signal")

enum sofa_code {
#define X(code, status, text) code,
    SOFA_CODES(X)
#undef X
        SOFA_CODE_COUNT
};

#define SOFA_ERR_FILE_MAX 512
#define SOFA_ERR_TEXT_MAX 1024

/* What went wrong and where; `file` is empty and `line` 0 where there is no place. */
struct sofa_err {
    enum sofa_code code;
    int line;   /* counted from 1, 0 = none */
    int column; /* counted from 1, 0 = none */
    char file[SOFA_ERR_FILE_MAX];
    char text[SOFA_ERR_TEXT_MAX];
};

#define SOFA_ERR_INIT {.code = SOFA_OK}

#if defined(__GNUC__)
#define SOFA_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define SOFA_UNUSED __attribute__((unused))
#else
#define SOFA_PRINTF(fmt, args)
#define SOFA_UNUSED
#endif

/* Passes a failure on: needs `enum sofa_code rc` and a label `out` in the function. */
#define SOFA_TRY(call)                                                                            \
    do {                                                                                          \
        if ((rc = (call)) != SOFA_OK)                                                             \
            goto out;                                                                             \
    } while (0)

/* Fills *err (which may be NULL) and returns `code`, so that one can `return sofa_fail(...)`. */
enum sofa_code sofa_fail(struct sofa_err *err, enum sofa_code code, const char *fmt, ...)
    SOFA_PRINTF(3, 4);

/* The same with a place.  `file` may be NULL. */
enum sofa_code sofa_fail_at(struct sofa_err *err, enum sofa_code code, const char *file, int line,
                            int column, const char *fmt, ...) SOFA_PRINTF(6, 7);
enum sofa_code sofa_vfail_at(struct sofa_err *err, enum sofa_code code, const char *file, int line,
                             int column, const char *fmt, va_list ap);

/* Out of memory; `what` names the thing that was to be allocated. */
enum sofa_code sofa_fail_nomem(struct sofa_err *err, const char *what);

/* "cannot VERB FILE: strerror(errno)" as SOFA_E_IO. */
enum sofa_code sofa_fail_errno(struct sofa_err *err, const char *verb, const char *file);

/* Appends text to the message of a failure, e.g. a "did you mean". */
void sofa_err_append(struct sofa_err *err, const char *fmt, ...) SOFA_PRINTF(2, 3);

/* "FILE:LINE:COLUMN: text", as far as the place is known, cut to `size`; one line, whatever was quoted. */
void sofa_err_format(const struct sofa_err *err, char *buf, size_t size);

/* The program's exit status for a code. */
int sofa_code_status(enum sofa_code code);
const char *sofa_code_text(enum sofa_code code);

#endif

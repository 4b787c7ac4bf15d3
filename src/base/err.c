#include "base/err.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const struct {
    int status;
    const char *text;
} codes[SOFA_CODE_COUNT] = {
#define X(code, status, text) [code] = {status, text},
    SOFA_CODES(X)
#undef X
};

enum sofa_code sofa_vfail_at(struct sofa_err *err, enum sofa_code code, const char *file, int line,
                             int column, const char *fmt, va_list ap)
{
    if (!err)
        return code;
    err->code = code;
    err->line = line;
    err->column = column;
    snprintf(err->file, sizeof err->file, "%s", file ? file : "");
    vsnprintf(err->text, sizeof err->text, fmt, ap);
    return code;
}

enum sofa_code sofa_fail_at(struct sofa_err *err, enum sofa_code code, const char *file, int line,
                            int column, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    sofa_vfail_at(err, code, file, line, column, fmt, ap);
    va_end(ap);
    return code;
}

enum sofa_code sofa_fail(struct sofa_err *err, enum sofa_code code, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    sofa_vfail_at(err, code, NULL, 0, 0, fmt, ap);
    va_end(ap);
    return code;
}

enum sofa_code sofa_fail_nomem(struct sofa_err *err, const char *what)
{
    return sofa_fail(err, SOFA_E_NOMEM, "out of memory for %s", what);
}

enum sofa_code sofa_fail_errno(struct sofa_err *err, const char *verb, const char *file)
{
    int saved = errno;

    return sofa_fail_at(err, SOFA_E_IO, file, 0, 0, "cannot %s: %s", verb, strerror(saved));
}

void sofa_err_append(struct sofa_err *err, const char *fmt, ...)
{
    va_list ap;
    size_t used;

    if (!err)
        return;
    used = strlen(err->text);
    va_start(ap, fmt);
    vsnprintf(err->text + used, sizeof err->text - used, fmt, ap);
    va_end(ap);
}

void sofa_err_format(const struct sofa_err *err, char *buf, size_t size)
{
    if (err->file[0] && err->line > 0)
        snprintf(buf, size, "%s:%d:%d: %s", err->file, err->line, err->column, err->text);
    else if (err->file[0])
        snprintf(buf, size, "%s: %s", err->file, err->text);
    else
        snprintf(buf, size, "%s", err->text);
    for (; size && *buf; buf++) /* what was quoted from a file or a command line doesn't break the line */
        *buf = (unsigned char)*buf < ' ' || *buf == 0x7f ? '?' : *buf;
}

int sofa_code_status(enum sofa_code code)
{
    return codes[code].status;
}

const char *sofa_code_text(enum sofa_code code)
{
    return codes[code].text;
}

#include "base/str.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_ROOM 64
#define WORD_MAX 63 /* longest word sofa_nearest compares */

char sofa_str_empty[1] = "";

void sofa_str_release(struct sofa_str *s)
{
    if (s->room)
        free(s->text);
    *s = (struct sofa_str)SOFA_STR_INIT;
}

void sofa_str_clear(struct sofa_str *s)
{
    s->length = 0;
    s->failed = false;
    if (s->room)
        s->text[0] = '\0';
}

static bool reserve(struct sofa_str *s, size_t extra)
{
    size_t need = s->length + extra + 1;
    size_t room = s->room ? s->room : FIRST_ROOM;
    char *text;

    if (need <= s->room)
        return true;
    while (room < need)
        room *= 2;
    text = realloc(s->room ? s->text : NULL, room);
    if (!text) {
        s->failed = true;
        return false;
    }
    if (!s->room)
        text[0] = '\0';
    s->text = text;
    s->room = room;
    return true;
}

void sofa_str_add_bytes(struct sofa_str *s, const char *bytes, size_t n)
{
    if (!n || !reserve(s, n))
        return;
    memcpy(s->text + s->length, bytes, n);
    s->length += n;
    s->text[s->length] = '\0';
}

void sofa_str_add(struct sofa_str *s, const char *text)
{
    sofa_str_add_bytes(s, text, strlen(text));
}

static int measure(const char *fmt, va_list ap)
{
    va_list copy;
    int n;

    va_copy(copy, ap);
    n = vsnprintf(NULL, 0, fmt, copy);
    va_end(copy);
    return n;
}

void sofa_str_addf(struct sofa_str *s, const char *fmt, ...)
{
    va_list ap;
    int n;

    va_start(ap, fmt);
    n = measure(fmt, ap);
    if (n > 0 && reserve(s, (size_t)n)) {
        vsnprintf(s->text + s->length, (size_t)n + 1, fmt, ap);
        s->length += (size_t)n;
    }
    va_end(ap);
}

void sofa_double_text(double x, char buf[SOFA_DOUBLE_TEXT_MAX])
{
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(buf, SOFA_DOUBLE_TEXT_MAX, "%.*g", digits, x);
        if (!isfinite(x) || strtod(buf, NULL) == x)
            return;
    }
}

void sofa_str_add_double(struct sofa_str *s, double x)
{
    char buf[SOFA_DOUBLE_TEXT_MAX];

    sofa_double_text(x, buf);
    sofa_str_add(s, buf);
}

/* Bytes of the character that begins here: 1-4, 0 where it is no UTF-8. */
static size_t character_bytes(const char *text)
{
    unsigned char first = (unsigned char)*text;
    size_t n = first < 0x80 ? 1 : first >= 0xc2 && first < 0xe0 ? 2 : first >= 0xe0 && first < 0xf0 ? 3
               : first >= 0xf0 && first < 0xf5 ? 4 : 0;

    for (size_t i = 1; i < n; i++)
        if (((unsigned char)text[i] & 0xc0) != 0x80)
            return 0;
    return n;
}

void sofa_text_clean(const char *text, char *buf, size_t size)
{
    static const char ellipsis[] = "...";
    size_t used = 0, cut = 0;

    while (*text) {
        size_t n = character_bytes(text), here = n ? n : 1;
        bool control = (unsigned char)*text < 0x20 || *text == 0x7f;

        if (used + sizeof ellipsis <= size)
            cut = used;
        if (used + here >= size) {
            snprintf(buf + cut, size - cut, "%s", ellipsis);
            return;
        }
        if (n && !control)
            memcpy(buf + used, text, n);
        else
            buf[used] = control ? ' ' : '?';
        used += here;
        text += here;
    }
    while (used && buf[used - 1] == ' ')
        used--;
    buf[used] = '\0';
}

char *sofa_format(const char *fmt, ...)
{
    va_list ap;
    char *text = NULL;
    int n;

    va_start(ap, fmt);
    n = measure(fmt, ap);
    if (n >= 0 && (text = malloc((size_t)n + 1)))
        vsnprintf(text, (size_t)n + 1, fmt, ap);
    va_end(ap);
    return text;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Levenshtein's distance; words past WORD_MAX letters count as far apart. */
static size_t edit_distance(const char *a, const char *b)
{
    size_t row[WORD_MAX + 1];
    size_t na = strlen(a), nb = strlen(b);

    if (na > WORD_MAX || nb > WORD_MAX)
        return WORD_MAX;
    for (size_t j = 0; j <= nb; j++)
        row[j] = j;
    for (size_t i = 1; i <= na; i++) {
        size_t diagonal = row[0];

        row[0] = i;
        for (size_t j = 1; j <= nb; j++) {
            size_t replace = diagonal + (a[i - 1] != b[j - 1]);

            diagonal = row[j];
            row[j] = least(replace, least(row[j], row[j - 1]) + 1);
        }
    }
    return row[nb];
}

const char *sofa_nearest(const char *word, const char *const *candidates, size_t n)
{
    const char *best = NULL;
    size_t best_distance = (strlen(word) + 2) / 3 + 1;

    for (size_t i = 0; i < n; i++) {
        size_t d = edit_distance(word, candidates[i]);

        if (d < best_distance) {
            best_distance = d;
            best = candidates[i];
        }
    }
    return best;
}

void sofa_err_append_choices(struct sofa_err *err, const char *word, const char *const *choices, size_t n)
{
    const char *near = sofa_nearest(word, choices, n);

    sofa_err_append(err, "; expected one of ");
    for (size_t i = 0; i < n; i++)
        sofa_err_append(err, "%s%s", i ? ", " : "", choices[i]);
    if (near)
        sofa_err_append(err, "; did you mean '%s'?", near);
}

void sofa_err_append_hint(struct sofa_err *err, const char *word, const char *const *choices, size_t n, const char *listed)
{
    const char *near = sofa_nearest(word, choices, n);

    if (near)
        sofa_err_append(err, "; did you mean '%s'?", near);
    else
        sofa_err_append(err, "; '%s' lists them", listed);
}

#include "base/unit.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* name, factor to base units, exponents {byte, second, joule, metre, volt, op}, takes prefixes */
static const struct {
    const char *name;
    double factor;
    signed char dim[SOFA_DIM_COUNT];
    bool prefixes;
} symbols[] = {
    {"B", 1.0, {1, 0, 0, 0, 0, 0}, true},     {"b", 0.125, {1, 0, 0, 0, 0, 0}, true},
    {"bit", 0.125, {1, 0, 0, 0, 0, 0}, true}, {"s", 1.0, {0, 1, 0, 0, 0, 0}, true},
    {"Hz", 1.0, {0, -1, 0, 0, 0, 0}, true},   {"J", 1.0, {0, 0, 1, 0, 0, 0}, true},
    {"W", 1.0, {0, -1, 1, 0, 0, 0}, true},    {"m", 1.0, {0, 0, 0, 1, 0, 0}, true},
    {"V", 1.0, {0, 0, 0, 0, 1, 0}, true},     {"OP", 1.0, {0, 0, 0, 0, 0, 1}, true},
    {"OPS", 1.0, {0, -1, 0, 0, 0, 1}, true},  {"%", 0.01, {0}, false},
    {"cycles", 1.0, {0}, false},              {"1", 1.0, {0}, false},
};

static const struct {
    const char *name;
    double factor;
} prefixes[] = {
    {"Ki", 0x1p10}, {"Mi", 0x1p20}, {"Gi", 0x1p30}, {"Ti", 0x1p40}, {"f", 1e-15}, {"p", 1e-12}, {"n", 1e-9},
    {"u", 1e-6},    {"µ", 1e-6},    {"m", 1e-3},    {"c", 1e-2},    {"k", 1e3},   {"K", 1e3},   {"M", 1e6},
    {"G", 1e9},     {"T", 1e12},    {"P", 1e15},
};

#define COUNT(a) (sizeof(a) / sizeof *(a))

static bool find_symbol(const char *name, double scale, bool prefixed, struct sofa_unit *unit)
{
    for (size_t i = 0; i < COUNT(symbols); i++) {
        if (strcmp(symbols[i].name, name) != 0 || (prefixed && !symbols[i].prefixes))
            continue;
        unit->factor = scale * symbols[i].factor;
        memcpy(unit->dim, symbols[i].dim, sizeof unit->dim);
        return true;
    }
    return false;
}

static bool find_factor(const char *name, struct sofa_unit *unit)
{
    if (find_symbol(name, 1.0, false, unit))
        return true;
    for (size_t i = 0; i < COUNT(prefixes); i++) {
        size_t n = strlen(prefixes[i].name);

        if (strncmp(name, prefixes[i].name, n) == 0 &&
            find_symbol(name + n, prefixes[i].factor, true, unit))
            return true;
    }
    return false;
}

/* One factor with its power ("mm2"), multiplied into *unit, or divided out of it. */
static bool apply_factor(const char *text, size_t n, bool divide, struct sofa_unit *unit)
{
    char name[24];
    struct sofa_unit one = {.factor = 1.0};
    int power = 1;

    if (n == 0 || n >= sizeof name)
        return false;
    memcpy(name, text, n);
    name[n] = '\0';
    if (n > 1 && (name[n - 1] == '2' || name[n - 1] == '3')) {
        power = name[n - 1] - '0';
        name[n - 1] = '\0';
    }
    if (!find_factor(name, &one))
        return false;
    power = divide ? -power : power;
    unit->factor *= pow(one.factor, power);
    for (int i = 0; i < SOFA_DIM_COUNT; i++)
        unit->dim[i] = (signed char)(unit->dim[i] + power * one.dim[i]);
    return true;
}

/* Bytes of a factor: up to '/', '*', "·", a blank or the end. */
static size_t factor_length(const char *p)
{
    size_t n = 0;

    while (p[n] && p[n] != '/' && p[n] != '*' && !isspace((unsigned char)p[n]) &&
           strncmp(p + n, "·", strlen("·")) != 0)
        n++;
    return n;
}

enum sofa_code sofa_unit_parse(const char *text, struct sofa_unit *unit, struct sofa_err *err)
{
    const char *p = text;
    bool divide = false;

    *unit = (struct sofa_unit){.factor = 1.0};
    if (!*p)
        return SOFA_OK;
    for (;;) {
        size_t n = factor_length(p);

        if (!apply_factor(p, n, divide, unit))
            return sofa_fail(err, SOFA_E_INPUT, "unknown unit '%s'", text);
        p += n;
        if (!*p)
            return SOFA_OK;
        if (isspace((unsigned char)*p))
            return sofa_fail(err, SOFA_E_INPUT, "unknown unit '%s'", text);
        divide = divide || *p == '/';
        p += *p == '/' || *p == '*' ? 1 : strlen("·");
    }
}

bool sofa_unit_same_dimension(const struct sofa_unit *a, const struct sofa_unit *b)
{
    return memcmp(a->dim, b->dim, sizeof a->dim) == 0;
}

bool sofa_unit_is_pure(const struct sofa_unit *unit)
{
    static const struct sofa_unit pure = {.factor = 1.0};

    return sofa_unit_same_dimension(unit, &pure);
}

static const char *skip_blanks(const char *p)
{
    while (isspace((unsigned char)*p))
        p++;
    return p;
}

/* A decimal number or [+-][.]inf; no hexadecimal, no "nan". */
static bool read_number(const char *text, double *value, const char **end)
{
    const char *p = text + (*text == '-' || *text == '+');
    const char *word = p + (*p == '.');
    char *stop;

    if (strncmp(word, "inf", 3) == 0) {
        *value = *text == '-' ? -INFINITY : INFINITY;
        *end = word + 3;
        return true;
    }
    if (!isdigit((unsigned char)*p) && !(*p == '.' && isdigit((unsigned char)p[1])))
        return false;
    if (p[0] == '0' && (p[1] == 'x' || p[1] == 'X'))
        return false;
    *value = strtod(text, &stop);
    *end = stop;
    return true;
}

/* The unit's text without trailing blanks. */
static bool copy_unit(const char *p, char *buf, size_t size)
{
    size_t n = strlen(p);

    while (n && isspace((unsigned char)p[n - 1]))
        n--;
    if (n >= size)
        return false;
    memcpy(buf, p, n);
    buf[n] = '\0';
    return true;
}

enum sofa_code sofa_quantity_parse(const char *text, const char *unit, double *value,
                                   struct sofa_err *err)
{
    struct sofa_unit want, have;
    char suffix[32];
    const char *end;
    double number;
    enum sofa_code rc;

    SOFA_TRY(sofa_unit_parse(unit, &want, err));
    if (!read_number(skip_blanks(text), &number, &end) ||
        !copy_unit(skip_blanks(end), suffix, sizeof suffix))
        return sofa_fail(err, SOFA_E_INPUT, "'%s' is not a number%s%s", text,
                         sofa_unit_is_pure(&want) ? "" : " of ", sofa_unit_is_pure(&want) ? "" : unit);
    SOFA_TRY(sofa_unit_parse(suffix, &have, err));
    if (!suffix[0] && !sofa_unit_is_pure(&want))
        return sofa_fail(err, SOFA_E_INPUT, "'%s' has no unit; expected one such as '%s %s'", text, text,
                         unit);
    if (!sofa_unit_same_dimension(&have, &want))
        return sofa_fail(err, SOFA_E_INPUT, "'%s' has the wrong dimension; expected %s%s", text,
                         sofa_unit_is_pure(&want) ? "a pure number" : "a unit such as ",
                         sofa_unit_is_pure(&want) ? "" : unit);
    if (!isfinite(number) && !isinf(number))
        return sofa_fail(err, SOFA_E_INPUT, "'%s' is out of range", text);
    *value = have.factor == want.factor ? number : number * have.factor / want.factor;
out:
    return rc;
}

/* The base unit of a dimension: a symbol of the table, or factors such as "B*s" and "OP/J". */
static bool base_unit(const struct sofa_unit *unit, char text[SOFA_UNIT_TEXT_MAX])
{
    static const char *const names[SOFA_DIM_COUNT] = {"B", "s", "J", "m", "V", "OP"};
    size_t n = 0;

    if (sofa_unit_is_pure(unit))
        return snprintf(text, SOFA_UNIT_TEXT_MAX, "1") > 0;
    for (size_t i = 0; i < COUNT(symbols); i++)
        if (symbols[i].factor == 1.0 && memcmp(symbols[i].dim, unit->dim, sizeof unit->dim) == 0)
            return snprintf(text, SOFA_UNIT_TEXT_MAX, "%s", symbols[i].name) > 0;
    for (int sign = 1; sign >= -1; sign -= 2) {
        for (int i = 0; i < SOFA_DIM_COUNT; i++) {
            int power = sign * unit->dim[i];

            if (power > 3)
                return false; /* can't be written */
            if (power > 0)
                n += (size_t)snprintf(text + n, SOFA_UNIT_TEXT_MAX - n, "%s%s%.*d", sign < 0 ? (n ? "/" : "1/") : n ? "*" : "",
                                      names[i], 0, power > 1 ? power : 0);
        }
    }
    return true;
}

enum sofa_code sofa_quantity_unit(const char *text, char unit[SOFA_UNIT_TEXT_MAX], struct sofa_err *err)
{
    struct sofa_unit parsed;
    char suffix[32];
    const char *end;
    double number;
    enum sofa_code rc;

    if (!read_number(skip_blanks(text), &number, &end) || !copy_unit(skip_blanks(end), suffix, sizeof suffix))
        return sofa_fail(err, SOFA_E_INPUT, "'%s' is not a number", text);
    SOFA_TRY(sofa_unit_parse(suffix, &parsed, err));
    if (!base_unit(&parsed, unit))
        rc = sofa_fail(err, SOFA_E_INPUT, "'%s' has a unit of too high a power", text);
out:
    return rc;
}

bool sofa_is_number_and_word(const char *text)
{
    const char *end;
    double number;

    return read_number(skip_blanks(text), &number, &end) && isspace((unsigned char)*end);
}

/* How a unit is shown: from `least` (in the unit itself) up, as value / scale `shown`. */
static const struct {
    const char *unit;
    double least, scale;
    const char *shown;
} styles[] = {
    {"s", 1.0, 1.0, "s"},        {"s", 1e-3, 1e-3, "ms"},     {"s", 1e-6, 1e-6, "us"},   {"s", 0.0, 1e-9, "ns"},
    {"J", 1.0, 1.0, "J"},        {"J", 1e-3, 1e-3, "mJ"},     {"J", 1e-6, 1e-6, "uJ"},   {"J", 1e-9, 1e-9, "nJ"},
    {"J", 0.0, 1e-12, "pJ"},     {"W", 1.0, 1.0, "W"},        {"W", 0.0, 1e-3, "mW"},    {"B", 0x1p30, 0x1p30, "GiB"},
    {"B", 0x1p20, 0x1p20, "MiB"}, {"B", 0x1p10, 0x1p10, "KiB"}, {"B", 0.0, 1.0, "B"},
    {"Hz", 1e9, 1e9, "GHz"},     {"Hz", 1e6, 1e6, "MHz"},     {"Hz", 0.0, 1.0, "Hz"},    {"B/s", 1e9, 1e9, "GB/s"},
    {"B/s", 0.0, 1e6, "MB/s"},   {"%", 0.0, 0.01, "%"},
};

void sofa_quantity_scale(double magnitude, const char *unit, double *scale, const char **shown)
{
    *scale = 1.0;
    *shown = strcmp(unit, "1") == 0 ? "" : unit;
    for (size_t i = 0; i < COUNT(styles); i++) {
        if (strcmp(styles[i].unit, unit) != 0 || !(fabs(magnitude) >= styles[i].least))
            continue;
        *scale = styles[i].scale;
        *shown = styles[i].shown;
        return;
    }
}

void sofa_quantity_text(double value, const char *unit, char buf[SOFA_QUANTITY_TEXT_MAX])
{
    const char *shown;
    double scale;

    sofa_quantity_scale(value, unit, &scale, &shown);
    snprintf(buf, SOFA_QUANTITY_TEXT_MAX, "%.4g%s%.24s", value / scale, *shown ? " " : "", shown);
}

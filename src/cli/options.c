#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "base/unit.h"
#include "cli/cli.h"

#define OPTIONS_MAX 64

static const struct sofa_option *find_long(const struct sofa_command *command, const char *name, size_t n)
{
    for (size_t i = 0; i < command->n_options; i++)
        if (strlen(command->options[i].name) == n && strncmp(command->options[i].name, name, n) == 0)
            return &command->options[i];
    return NULL;
}

static const struct sofa_option *find_letter(const struct sofa_command *command, char letter)
{
    for (size_t i = 0; i < command->n_options; i++)
        if (command->options[i].letter == letter)
            return &command->options[i];
    return NULL;
}

static enum sofa_code fail_unknown(const struct sofa_command *command, const char *word, struct sofa_err *err)
{
    const char *names[OPTIONS_MAX], *near;
    char name[64];

    for (size_t i = 0; i < command->n_options && i < OPTIONS_MAX; i++)
        names[i] = command->options[i].name;
    snprintf(name, sizeof name, "%.*s", (int)strcspn(word, "="), word);
    near = sofa_nearest(name + strspn(name, "-"), names, command->n_options);
    sofa_fail(err, SOFA_E_USAGE, "%s: unknown option '%s'", command->name, name);
    if (near)
        sofa_err_append(err, "; did you mean '--%s'?", near);
    else
        sofa_err_append(err, "; 'sofa-dse %s --help' lists them", command->name);
    return SOFA_E_USAGE;
}

static enum sofa_code set_integer(const struct sofa_option *o, const char *text, long *value, struct sofa_err *err)
{
    bool bounded = o->least != 0 || o->most != 0;
    char *end;
    long n;

    errno = 0;
    n = strtol(text, &end, 10);
    if (end == text || *end || errno)
        return sofa_fail(err, SOFA_E_USAGE, "--%s: '%s' is not a whole number", o->name, text);
    if (bounded && (n < o->least || n > o->most))
        return sofa_fail(err, SOFA_E_USAGE, "--%s: %ld is out of range; expected %ld to %ld", o->name, n, o->least, o->most);
    *value = n;
    return SOFA_OK;
}

static enum sofa_code set_number(const struct sofa_option *o, const char *text, double *value, struct sofa_err *err)
{
    struct sofa_err why = SOFA_ERR_INIT;

    if (sofa_quantity_parse(text, o->unit ? o->unit : "1", value, &why) != SOFA_OK)
        return sofa_fail(err, SOFA_E_USAGE, "--%s: %s", o->name, why.text);
    return SOFA_OK;
}

static enum sofa_code set_choice(const struct sofa_option *o, const char *text, int *value, struct sofa_err *err)
{
    size_t n = 0;

    for (; o->names[n]; n++) {
        if (strcmp(o->names[n], text) == 0) {
            *value = (int)n;
            return SOFA_OK;
        }
    }
    sofa_fail(err, SOFA_E_USAGE, "--%s: '%s' is not known", o->name, text);
    sofa_err_append_choices(err, text, o->names, n);
    return SOFA_E_USAGE;
}

static enum sofa_code set_repeated(const struct sofa_option *o, const char *text, struct sofa_strings *strings,
                                   struct sofa_err *err)
{
    if (strings->count == sizeof strings->item / sizeof *strings->item)
        return sofa_fail(err, SOFA_E_USAGE, "--%s is given too often", o->name);
    strings->item[strings->count++] = text;
    return SOFA_OK;
}

static enum sofa_code set_value(const struct sofa_option *o, const char *text, void *base, struct sofa_err *err)
{
    void *to = (char *)base + o->offset;

    switch (o->kind) {
    case SOFA_OPTION_FLAG:
        *(bool *)to = true;
        return SOFA_OK;
    case SOFA_OPTION_INTEGER:
        return set_integer(o, text, to, err);
    case SOFA_OPTION_NUMBER:
        return set_number(o, text, to, err);
    case SOFA_OPTION_STRING:
        *(const char **)to = text;
        return SOFA_OK;
    case SOFA_OPTION_CHOICE:
        return set_choice(o, text, to, err);
    case SOFA_OPTION_REPEATED:
        return set_repeated(o, text, to, err);
    }
    return SOFA_OK;
}

static void print_help(const struct sofa_command *command)
{
    printf("usage: sofa-dse %s\n\n%s\n", command->usage, command->summary);
    if (command->n_options)
        puts("\noptions:");
    for (size_t i = 0; i < command->n_options; i++) {
        const struct sofa_option *o = &command->options[i];
        char left[64];

        snprintf(left, sizeof left, "%s%c%s--%s%s%s", o->letter ? "-" : "  ", o->letter ? o->letter : ' ',
                 o->letter ? ", " : " ", o->name, o->argument ? " " : "", o->argument ? o->argument : "");
        printf("  %-32s %s\n", left, o->help);
    }
    puts("      --help                       show this");
}

/* One option at argv[*i]; moves *i past its argument. */
static enum sofa_code read_option(const struct sofa_command *command, int argc, char **argv, int *i, void *base,
                                  struct sofa_err *err)
{
    const char *word = argv[*i];
    bool is_long = word[1] == '-';
    const char *equals = is_long ? strchr(word, '=') : NULL;
    const char *value = equals ? equals + 1 : NULL;
    const struct sofa_option *o = is_long ? find_long(command, word + 2, equals ? (size_t)(equals - word - 2) : strlen(word + 2))
                                          : find_letter(command, word[1]);

    if (!o)
        return fail_unknown(command, word, err);
    if (!is_long && word[2])
        value = word + 2;
    if (o->kind == SOFA_OPTION_FLAG) {
        if (value)
            return sofa_fail(err, SOFA_E_USAGE, "--%s takes no value", o->name);
    } else if (!value) {
        if (*i + 1 >= argc)
            return sofa_fail(err, SOFA_E_USAGE, "--%s needs a value: %s", o->name, o->argument);
        value = argv[++*i];
    }
    return set_value(o, value, base, err);
}

static enum sofa_code check_operands(const struct sofa_command *command, int n, struct sofa_err *err)
{
    if (n < command->least_operands || (command->most_operands >= 0 && n > command->most_operands))
        return sofa_fail(err, SOFA_E_USAGE, "%s: %s; usage: sofa-dse %s", command->name,
                         n < command->least_operands ? "an operand is missing" : "too many operands", command->usage);
    return SOFA_OK;
}

enum sofa_code sofa_options_read(const struct sofa_command *command, int argc, char **argv, void *base,
                                 int *operands, bool *done, struct sofa_err *err)
{
    enum sofa_code rc = SOFA_OK;
    bool only_operands = false;
    int n = 0;

    *done = false;
    for (int i = 1; i < argc; i++) {
        if (only_operands || argv[i][0] != '-' || !argv[i][1]) {
            argv[++n] = argv[i];
        } else if (strcmp(argv[i], "--") == 0) {
            only_operands = true;
        } else if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            print_help(command);
            *done = true;
            return SOFA_OK;
        } else {
            SOFA_TRY(read_option(command, argc, argv, &i, base, err));
        }
    }
    *operands = n;
    rc = check_operands(command, n, err);
out:
    return rc;
}

enum sofa_code sofa_option_numbers(const char *name, const char *text, const char *unit, double *values, size_t room,
                                   size_t *n, struct sofa_err *err)
{
    struct sofa_err why = SOFA_ERR_INIT;
    char item[64];

    for (*n = 0;; text++) {
        size_t length = strcspn(text, ",");

        if (*n == room || length >= sizeof item)
            return sofa_fail(err, SOFA_E_USAGE, "--%s: too many or too long values; at most %zu", name, room);
        memcpy(item, text, length);
        item[length] = '\0';
        if (sofa_quantity_parse(item, unit, &values[(*n)++], &why) != SOFA_OK)
            return sofa_fail(err, SOFA_E_USAGE, "--%s: %s", name, why.text);
        text += length;
        if (!*text)
            return SOFA_OK;
    }
}

enum sofa_code sofa_option_permille(const char *name, double ratio, int *permille, struct sofa_err *err)
{
    double thousandths = ratio * 1000.0;

    if (!(thousandths >= 0.5 && thousandths <= 1000.5) || fabs(thousandths - nearbyint(thousandths)) > 1e-6)
        return sofa_fail(err, SOFA_E_USAGE, "--%s: %g is not a ratio in whole thousandths from 0.001 to 1", name, ratio);
    *permille = (int)nearbyint(thousandths);
    return SOFA_OK;
}

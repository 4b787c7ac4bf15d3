/* Reading what a space file says of an outside evaluator and of the parameters that it brings. */
#include "space/evaluator.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "base/unit.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))
#define TIMEOUT_S 60.0  /* where none is given */
#define METRICS_MAX 32  /* beside the objectives */
#define WHOLE_MOST 1e9  /* larger numbers are kept as doubles */

struct evaluator_fields {
    const struct sofa_node *command, *metrics;
    double timeout_s;
};
#define EVALUATOR(member) .offset = offsetof(struct evaluator_fields, member)
static const struct sofa_field evaluator_table[] = {
    {.key = "command", .kind = SOFA_FIELD_NODE, EVALUATOR(command), .required = true},
    {.key = "timeout", .kind = SOFA_FIELD_NUMBER, EVALUATOR(timeout_s), .unit = "s", .least = 1e-3, .most = 1e9},
    {.key = "metrics", .kind = SOFA_FIELD_NODE, EVALUATOR(metrics)},
};

enum sofa_code sofa_space_check_name(const struct sofa_node *node, const char *name, struct sofa_err *err)
{
    size_t n = strlen(name);
    bool good = n > 0 && n < SOFA_PARAMETER_KEY_MAX && name[0] != ' ' && name[n - 1] != ' ';

    for (const char *p = name; *p && good; p++)
        good = (unsigned char)*p >= 0x20 && *p != 0x7f && !strchr("<>=,\"", *p);
    if (good)
        return SOFA_OK;
    return sofa_node_fail(node, err, "'%.80s' can't be a name; expected up to %d characters without '=', '<', '>', ',' and '\"'",
                          name, SOFA_PARAMETER_KEY_MAX - 1);
}

enum sofa_code sofa_space_check_unit(const struct sofa_node *node, const char *unit, struct sofa_err *err)
{
    struct sofa_err why = SOFA_ERR_INIT;
    struct sofa_unit parsed;
    enum sofa_code rc = sofa_unit_parse(unit, &parsed, &why);

    if (strcmp(unit, "%") == 0)
        return sofa_node_fail(node, err, "a share has no unit: 5 %% is the number 0.05");
    return rc == SOFA_OK ? rc : sofa_node_fail(node, err, "%s", why.text);
}

/* A command is a list of words; one without arguments may stand by itself. */
static enum sofa_code read_command(struct sofa_space *space, const struct sofa_node *node, struct sofa_err *err)
{
    size_t n = node->kind == SOFA_NODE_LIST ? node->count : 1;
    char **command = sofa_arena_zalloc(&space->arena, n + 1, sizeof *command);
    enum sofa_code rc = SOFA_OK;

    if (!command)
        return sofa_fail_nomem(err, "the evaluator");
    if (node->kind == SOFA_NODE_SCALAR && strpbrk(node->text, " \t"))
        return sofa_node_fail(node, err, "'%s' is not run by a shell; expected a list such as [./my-model, --fast]", node->text);
    for (size_t i = 0; i < n; i++) {
        const struct sofa_node *word = node->kind == SOFA_NODE_LIST ? node->item[i] : node;

        SOFA_TRY(sofa_node_expect(word, SOFA_NODE_SCALAR, err));
        command[i] = sofa_arena_strdup(&space->arena, word->text);
        if (!command[i])
            return sofa_fail_nomem(err, "the evaluator");
    }
    if (n == 0 || !command[0][0])
        return sofa_node_fail(node, err, "there is no command; expected a list such as [./my-model, --fast]");
    space->evaluator.command = command;
    space->evaluator.command_node = node->kind == SOFA_NODE_LIST ? node->item[0] : node;
out:
    return rc;
}

struct metric_fields {
    const char *name, *unit;
};
static const struct sofa_field metric_table[] = {
    {.key = "name", .kind = SOFA_FIELD_STRING, .offset = offsetof(struct metric_fields, name), .required = true},
    {.key = "unit", .kind = SOFA_FIELD_STRING, .offset = offsetof(struct metric_fields, unit)},
};

static enum sofa_code read_metric(const struct sofa_node *node, struct sofa_space_metric *metric, struct sofa_err *err)
{
    struct metric_fields f = {NULL, "1"};
    enum sofa_code rc;

    if (node->kind == SOFA_NODE_MAP)
        SOFA_TRY(sofa_node_read(node, metric_table, COUNT(metric_table), &f, err));
    else
        SOFA_TRY(sofa_node_string(node, &f.name, err));
    *metric = (struct sofa_space_metric){node, f.name, f.unit};
    rc = sofa_space_check_unit(node, f.unit, err);
out:
    return rc;
}

static enum sofa_code read_metrics(struct sofa_space *space, const struct sofa_node *node, struct sofa_err *err)
{
    struct sofa_space_evaluator *e = &space->evaluator;
    enum sofa_code rc;

    SOFA_TRY(sofa_node_expect(node, SOFA_NODE_LIST, err));
    if (node->count > METRICS_MAX)
        return sofa_node_fail(node, err, "%zu metrics; expected at most %d", node->count, METRICS_MAX);
    e->metric = sofa_arena_zalloc(&space->arena, node->count + 1, sizeof *e->metric);
    if (!e->metric)
        return sofa_fail_nomem(err, "the evaluator");
    for (size_t i = 0; i < node->count; i++) {
        SOFA_TRY(read_metric(node->item[i], &e->metric[i], err));
        SOFA_TRY(sofa_space_check_name(node->item[i], e->metric[i].name, err));
        for (size_t j = 0; j < i; j++)
            if (strcmp(e->metric[j].name, e->metric[i].name) == 0)
                return sofa_node_fail(node->item[i], err, "'%s' stands here twice", e->metric[i].name);
    }
    e->n_metrics = node->count;
    e->metrics_node = node;
out:
    return rc;
}

enum sofa_code sofa_space_read_evaluator(struct sofa_space *space, const struct sofa_node *node, struct sofa_err *err)
{
    struct evaluator_fields f = {.timeout_s = TIMEOUT_S};
    char *folder = NULL;
    enum sofa_code rc;

    SOFA_TRY(sofa_node_read(node, evaluator_table, COUNT(evaluator_table), &f, err));
    SOFA_TRY(read_command(space, f.command, err));
    if (f.metrics)
        SOFA_TRY(read_metrics(space, f.metrics, err));
    folder = sofa_path_directory(space->file);
    space->evaluator.folder = folder ? sofa_arena_strdup(&space->arena, folder) : NULL;
    if (!space->evaluator.folder)
        rc = sofa_fail_nomem(err, "the evaluator");
    space->evaluator.timeout_s = f.timeout_s;
    space->evaluator.node = node;
out:
    free(folder);
    return rc;
}

/* Where the values of a parameter stand: one scalar, or the items of a list. */
static const struct sofa_node *values_of(const struct sofa_node *node)
{
    const struct sofa_node *inner = node;

    if (node->kind == SOFA_NODE_MAP) {
        inner = sofa_node_get(node, "range");
        inner = inner ? inner : sofa_node_get(node, "values");
    }
    return inner && (inner->kind == SOFA_NODE_SCALAR || inner->kind == SOFA_NODE_LIST) ? inner : NULL;
}

static const struct sofa_node *value_at(const struct sofa_node *values, size_t i)
{
    return values->kind == SOFA_NODE_LIST ? values->item[i] : values;
}

/* 0x10, 0o17, 0b11, 1_000: numbers to YAML. */
static bool is_foreign_number(const char *text)
{
    const char *digits = text + strspn(text, "+-");

    if (digits[0] == '0' && digits[1] && strchr("xXoObB", digits[1]))
        return digits[2] && !digits[2 + strspn(digits + 2, "0123456789abcdefABCDEF_")];
    return strchr(digits, '_') && *digits >= '0' && *digits <= '9' && !digits[strspn(digits, "0123456789_.")];
}

/* YAML's other words would reach the evaluator as strings, and a "false" passes for true there. */
static enum sofa_code refuse_word(const struct sofa_node *node, struct sofa_err *err)
{
    static const char *const words[] = {"true", "false", "True", "False", "TRUE", "FALSE", "null", "~", ""};
    bool refused = is_foreign_number(node->text);

    for (size_t i = 0; i < COUNT(words); i++)
        refused = refused || strcmp(node->text, words[i]) == 0;
    if (node->quoted || !refused)
        return SOFA_OK;
    return sofa_node_fail(node, err, "'%s' is neither a plain number nor a string; quote a string, and write truth as 0 and 1",
                          node->text);
}

/* Whether a value is a number: written without quotes and beginning as one, "3x3" and its like aside. */
static enum sofa_code is_number(const struct sofa_node *node, char unit[SOFA_UNIT_TEXT_MAX], bool *number,
                                struct sofa_err *err)
{
    struct sofa_err why = SOFA_ERR_INIT;
    enum sofa_code rc;

    SOFA_TRY(sofa_node_expect(node, SOFA_NODE_SCALAR, err));
    SOFA_TRY(refuse_word(node, err));
    *number = !node->quoted && sofa_quantity_unit(node->text, unit, &why) == SOFA_OK;
    if (!*number && !node->quoted && sofa_is_number_and_word(node->text))
        rc = sofa_node_fail(node, err, "%s; quote a string", why.text);
out:
    return rc;
}

/* The kind of all values is that of the first. */
static enum sofa_code find_kind(const struct sofa_node *values, size_t n, char unit[SOFA_UNIT_TEXT_MAX], bool *numbers,
                                struct sofa_err *err)
{
    char other[SOFA_UNIT_TEXT_MAX];
    enum sofa_code rc;
    bool number;

    SOFA_TRY(is_number(value_at(values, 0), unit, numbers, err));
    for (size_t i = 1; i < n; i++) {
        const struct sofa_node *value = value_at(values, i);

        SOFA_TRY(is_number(value, other, &number, err));
        if (number != *numbers)
            return sofa_node_fail(value, err, "'%s' is %s and '%s' is not; quote what is to be a string", value->text,
                                  number ? "a number" : "a string", value_at(values, 0)->text);
    }
out:
    return rc;
}

static bool is_whole(const struct sofa_node *node)
{
    return node->text[strspn(node->text, "+-0123456789")] == '\0' && fabs(strtod(node->text, NULL)) <= WHOLE_MOST;
}

static void set_bounds(const struct sofa_node *values, size_t n, struct sofa_parameter *p)
{
    p->least = INFINITY;
    p->most = -INFINITY;
    for (size_t i = 0; i < n; i++) {
        double value;

        if (sofa_quantity_parse(value_at(values, i)->text, p->unit, &value, NULL) != SOFA_OK)
            continue; /* the lattice will say what is wrong */
        p->least = fmin(p->least, value);
        p->most = fmax(p->most, value);
    }
}

static enum sofa_code define_numbers(struct sofa_space *space, const struct sofa_node *node, const struct sofa_node *values,
                                     size_t n, const char *unit, struct sofa_parameter *p, struct sofa_err *err)
{
    const struct sofa_node *step = node->kind == SOFA_NODE_MAP ? sofa_node_get(node, "step") : NULL;
    bool whole = strcmp(unit, "1") == 0 && (!step || (step->kind == SOFA_NODE_SCALAR && is_whole(step)));

    for (size_t i = 0; i < n; i++)
        whole = whole && is_whole(value_at(values, i));
    p->kind = whole ? SOFA_PARAMETER_INTEGER : SOFA_PARAMETER_NUMBER;
    p->unit = sofa_arena_strdup(&space->arena, unit);
    if (!p->unit)
        return sofa_fail_nomem(err, "the parameters");
    set_bounds(values, n, p);
    return SOFA_OK;
}

static enum sofa_code define_names(struct sofa_space *space, const struct sofa_node *values, size_t n,
                                   struct sofa_parameter *p, struct sofa_err *err)
{
    const char **names = sofa_arena_zalloc(&space->arena, n + 1, sizeof *names);

    if (!names)
        return sofa_fail_nomem(err, "the parameters");
    for (size_t i = 0; i < n; i++)
        names[i] = value_at(values, i)->text;
    p->kind = SOFA_PARAMETER_CHOICE;
    p->names = names;
    return SOFA_OK;
}

static enum sofa_code define(struct sofa_space *space, const struct sofa_node *key, const struct sofa_node *node, size_t i,
                             struct sofa_parameter *p, struct sofa_err *err)
{
    const struct sofa_node *values = values_of(node);
    size_t n = !values ? 0 : values->kind == SOFA_NODE_LIST ? values->count : 1;
    char unit[SOFA_UNIT_TEXT_MAX] = "1";
    bool numbers = true;
    enum sofa_code rc;

    *p = (struct sofa_parameter){.key = key->text, .unit = "1", .kind = SOFA_PARAMETER_NUMBER, .help = "",
                                 .offset = offsetof(struct sofa_design, outside) + i * sizeof(double)};
    SOFA_TRY(sofa_space_check_name(key, key->text, err));
    if (n == 0)
        return SOFA_OK; /* the lattice will say what is wrong */
    SOFA_TRY(find_kind(values, n, unit, &numbers, err));
    rc = numbers ? define_numbers(space, node, values, n, unit, p, err) : define_names(space, values, n, p, err);
out:
    return rc;
}

enum sofa_code sofa_space_define_parameters(struct sofa_space *space, const struct sofa_node *node, struct sofa_err *err)
{
    struct sofa_parameter *table;
    enum sofa_code rc;

    SOFA_TRY(sofa_node_expect(node, SOFA_NODE_MAP, err));
    if (node->count > SOFA_OUTSIDE_MAX)
        return sofa_node_fail(node, err, "%zu parameters; expected at most %d", node->count, SOFA_OUTSIDE_MAX);
    table = sofa_arena_zalloc(&space->arena, node->count + 1, sizeof *table);
    if (!table)
        return sofa_fail_nomem(err, "the parameters");
    for (size_t i = 0; i < node->count; i++)
        SOFA_TRY(define(space, node->key[i], node->item[i], i, &table[i], err));
    space->parameter = table;
    space->n_parameters = node->count;
out:
    return rc;
}

/* `names` are the objectives and the metrics listed. */
static enum sofa_code check_constraint(const struct sofa_space *space, const struct sofa_space_constraint *c,
                                       const char *const *names, size_t n, struct sofa_err *err)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(names[i], c->name) == 0)
            return SOFA_OK;
    if (!space->evaluator.metrics_node && sofa_space_parameter(space, c->name))
        return sofa_node_fail(c->node, err, "'%s' is a parameter; expected an objective or a metric", c->name);
    if (!space->evaluator.metrics_node)
        return SOFA_OK;
    sofa_node_fail(c->node, err, "'%s' is neither an objective nor one of the evaluator's metrics", c->name);
    sofa_err_append_choices(err, c->name, names, n);
    return SOFA_E_INPUT;
}

enum sofa_code sofa_space_check_outputs(const struct sofa_space *space, struct sofa_err *err)
{
    const struct sofa_space_evaluator *e = &space->evaluator;
    const char *names[SOFA_OBJECTIVES_MAX + METRICS_MAX];
    enum sofa_code rc = SOFA_OK;
    size_t n = 0;

    for (size_t i = 0; i < space->n_objectives; i++) {
        SOFA_TRY(sofa_space_check_name(space->objective[i].node, space->objective[i].name, err));
        names[n++] = space->objective[i].name;
    }
    for (size_t i = 0; i < e->n_metrics; i++) {
        for (size_t j = 0; j < space->n_objectives; j++)
            if (strcmp(e->metric[i].name, names[j]) == 0)
                return sofa_node_fail(e->metric[i].node, err, "'%s' is an objective already", names[j]);
        names[n++] = e->metric[i].name;
    }
    for (size_t i = 0; i < space->n_constraints; i++) {
        SOFA_TRY(sofa_space_check_name(space->constraint[i].node, space->constraint[i].name, err));
        SOFA_TRY(check_constraint(space, &space->constraint[i], names, n, err));
    }
out:
    return rc;
}

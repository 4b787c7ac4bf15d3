/* From the parameters of a space file to the axes of the lattice, and from its points to designs. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "space/space.h"

#define LEVELS_MAX 65536

struct levels {
    double *value;
    int count;
};

static enum sofa_code fail_nomem(struct sofa_err *err)
{
    return sofa_fail_nomem(err, "the design space");
}

/* A value at a node, with the node's place in the complaint. */
static enum sofa_code parse_at(const struct sofa_parameter *p, const struct sofa_node *node, double *value,
                               struct sofa_err *err)
{
    struct sofa_err why = SOFA_ERR_INIT;
    enum sofa_code rc;

    SOFA_TRY(sofa_node_expect(node, SOFA_NODE_SCALAR, err));
    if (sofa_parameter_parse(p, node->text, value, &why) != SOFA_OK)
        rc = sofa_node_fail(node, err, "%s", why.text);
    else if (p->patterns && !p->patterns->choice[(int)*value].node)
        p->patterns->choice[(int)*value].node = node;
out:
    return rc;
}

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static enum sofa_code read_values(struct sofa_space *space, const struct sofa_parameter *p,
                                  const struct sofa_node *list, struct levels *levels, struct sofa_err *err)
{
    enum sofa_code rc;

    SOFA_TRY(sofa_node_expect(list, SOFA_NODE_LIST, err));
    if (list->count == 0 || list->count > LEVELS_MAX)
        return sofa_node_fail(list, err, "%s: %zu values; expected 1 to %d", p->key, list->count, LEVELS_MAX);
    levels->value = sofa_arena_alloc(&space->arena, list->count, sizeof *levels->value);
    if (!levels->value)
        return fail_nomem(err);
    levels->count = (int)list->count;
    for (int i = 0; i < levels->count; i++) {
        SOFA_TRY(parse_at(p, list->item[i], &levels->value[i], err));
        for (int j = 0; j < i; j++)
            if (levels->value[j] == levels->value[i])
                return sofa_node_fail(list->item[i], err, "%s: '%s' stands here twice", p->key, list->item[i]->text);
    }
    if (p->kind != SOFA_PARAMETER_CHOICE)
        qsort(levels->value, list->count, sizeof *levels->value, compare_doubles);
out:
    return rc;
}

/* A step has the parameter's unit but not its bounds. */
static enum sofa_code read_step(const struct sofa_parameter *p, const struct sofa_node *node, double *step,
                                struct sofa_err *err)
{
    struct sofa_parameter loose = *p;
    enum sofa_code rc;

    loose.least = 0;
    loose.most = INFINITY;
    SOFA_TRY(parse_at(&loose, node, step, err));
    if (!(*step > 0) || isinf(*step))
        rc = sofa_node_fail(node, err, "%s: a step of '%s'; expected a positive one", p->key, node->text);
out:
    return rc;
}

/* The number that one would write: 0.3 rather than 0.30000000000000004. */
static double as_written(double value)
{
    char text[SOFA_PARAMETER_TEXT_MAX];

    snprintf(text, sizeof text, "%.15g", value);
    return strtod(text, NULL);
}

/* low, low + step, ..., as far as high. */
static enum sofa_code read_range(struct sofa_space *space, const struct sofa_parameter *p,
                                 const struct sofa_node *range, const struct sofa_node *step_node,
                                 struct levels *levels, struct sofa_err *err)
{
    double low, high, step = 1, count;
    enum sofa_code rc;

    SOFA_TRY(sofa_node_expect(range, SOFA_NODE_LIST, err));
    if (p->kind == SOFA_PARAMETER_CHOICE || range->count != 2)
        return sofa_node_fail(range, err, p->kind == SOFA_PARAMETER_CHOICE ? "%s takes names; expected 'values'"
                                                                           : "%s: expected [LOWEST, HIGHEST]", p->key);
    SOFA_TRY(parse_at(p, range->item[0], &low, err));
    SOFA_TRY(parse_at(p, range->item[1], &high, err));
    if (step_node)
        SOFA_TRY(read_step(p, step_node, &step, err));
    else if (p->kind != SOFA_PARAMETER_INTEGER)
        return sofa_node_fail(range, err, "%s: a range needs a 'step'", p->key);
    count = floor((high - low) / step * (1 + 1e-12) + 1e-9) + 1;
    if (!(high >= low) || isinf(high) || !(count <= LEVELS_MAX))
        return sofa_node_fail(range, err, "%s: the range %s to %s is empty, endless or finer than %d levels", p->key,
                              range->item[0]->text, range->item[1]->text, LEVELS_MAX);
    levels->count = (int)count;
    levels->value = sofa_arena_alloc(&space->arena, (size_t)levels->count, sizeof *levels->value);
    if (!levels->value)
        return fail_nomem(err);
    for (int i = 0; i < levels->count; i++) {
        double value = low + i * step;

        levels->value[i] = p->kind == SOFA_PARAMETER_PERMILLE ? nearbyint(value * 1000) / 1000 : as_written(value);
    }
out:
    return rc;
}

struct axis_fields {
    const struct sofa_node *range, *values, *step;
    const char *each;
};
static const struct sofa_field axis_table[] = {
    {.key = "range", .kind = SOFA_FIELD_NODE, .offset = offsetof(struct axis_fields, range)},
    {.key = "step", .kind = SOFA_FIELD_NODE, .offset = offsetof(struct axis_fields, step)},
    {.key = "values", .kind = SOFA_FIELD_NODE, .offset = offsetof(struct axis_fields, values)},
    {.key = "each", .kind = SOFA_FIELD_STRING, .offset = offsetof(struct axis_fields, each)},
};

static enum sofa_code read_levels(struct sofa_space *space, const struct sofa_parameter *p,
                                  const struct sofa_node *node, struct levels *levels, bool *each_layer,
                                  struct sofa_err *err)
{
    struct axis_fields f = {NULL, NULL, NULL, NULL};
    enum sofa_code rc;

    *each_layer = false;
    if (node->kind == SOFA_NODE_SCALAR) {
        levels->count = 1;
        levels->value = sofa_arena_alloc(&space->arena, 1, sizeof *levels->value);
        return levels->value ? parse_at(p, node, levels->value, err) : fail_nomem(err);
    }
    if (node->kind == SOFA_NODE_LIST)
        return read_values(space, p, node, levels, err);
    SOFA_TRY(sofa_node_read(node, axis_table, sizeof axis_table / sizeof *axis_table, &f, err));
    if (!f.range == !f.values || (f.step && !f.range))
        return sofa_node_fail(node, err, "%s: expected either 'values' or 'range' with 'step'", p->key);
    if (f.each && (strcmp(f.each, "layer") != 0 || !p->per_layer))
        return sofa_node_fail(sofa_node_get(node, "each"), err, p->per_layer ? "%s: 'each' takes 'layer'"
                              : "%s is not a setting of a layer; 'each' can't stand here", p->key);
    *each_layer = f.each != NULL;
    rc = f.range ? read_range(space, p, f.range, f.step, levels, err) : read_values(space, p, f.values, levels, err);
out:
    return rc;
}

/* Places in [0,1]: by rank, or by the logarithm. */
static enum sofa_code encode(struct sofa_space *space, struct sofa_space_dim *dim, struct sofa_err *err)
{
    double *coord = sofa_arena_alloc(&space->arena, (size_t)dim->levels, sizeof *coord);
    double low = dim->value[0], high = dim->value[dim->levels - 1];
    bool by_log = dim->parameter->encoding == SOFA_ENCODING_LOG && !isinf(high);

    if (!coord)
        return fail_nomem(err);
    for (int i = 0; i < dim->levels; i++)
        coord[i] = by_log ? log(dim->value[i] / low) / log(high / low) : (double)i / (dim->levels - 1);
    dim->coord = coord;
    return SOFA_OK;
}

static enum sofa_code add_dim(struct sofa_space *space, const struct sofa_parameter *p, const struct levels *levels,
                              int layer, struct sofa_err *err)
{
    struct sofa_space_dim *dim = &space->dim[space->dims];
    char name[SOFA_PARAMETER_KEY_MAX + 16];

    *dim = (struct sofa_space_dim){.parameter = p, .layer = layer, .levels = levels->count, .value = levels->value};
    if (layer >= 0)
        snprintf(name, sizeof name, "%s.%d", p->key, layer);
    else
        snprintf(name, sizeof name, "%s", p->key);
    dim->name = sofa_arena_strdup(&space->arena, name);
    if (!dim->name)
        return fail_nomem(err);
    space->dims++;
    return encode(space, dim, err);
}

static enum sofa_code bind_parameter(struct sofa_space *space, size_t i, struct sofa_err *err)
{
    const struct sofa_parameter *p = sofa_space_parameter(space, space->parameters_node->key[i]->text);
    struct levels levels = {NULL, 0};
    bool each_layer;
    enum sofa_code rc;

    SOFA_TRY(read_levels(space, p, space->parameters_node->item[i], &levels, &each_layer, err));
    if (levels.count == 1 || space->evaluator.node) /* hardware has defaults of its own */
        sofa_parameter_apply(p, levels.value[0], -1, &space->base);
    if (levels.count == 1)
        goto out;
    if (!each_layer) {
        rc = add_dim(space, p, &levels, -1, err);
        goto out;
    }
    for (int layer = 0; layer < space->base.layers; layer++)
        SOFA_TRY(add_dim(space, p, &levels, layer, err));
out:
    return rc;
}

enum sofa_code sofa_space_bind(struct sofa_space *space, const struct sofa_design *hardware, struct sofa_err *err)
{
    size_t most = space->parameters_node->count * (size_t)(hardware->layers > 1 ? hardware->layers : 1);
    enum sofa_code rc = SOFA_OK;

    space->base = *hardware;
    space->dim = sofa_arena_alloc(&space->arena, most ? most : 1, sizeof *space->dim);
    if (!space->dim)
        return fail_nomem(err);
    for (size_t i = 0; i < space->parameters_node->count; i++)
        SOFA_TRY(bind_parameter(space, i, err));
out:
    return rc;
}

const struct sofa_parameter *sofa_space_parameter(const struct sofa_space *space, const char *key)
{
    for (size_t i = 0; i < space->n_parameters; i++)
        if (strcmp(space->parameter[i].key, key) == 0)
            return &space->parameter[i];
    return NULL;
}

size_t sofa_space_keys(const struct sofa_space *space, const char *keys[SOFA_OUTSIDE_MAX])
{
    for (size_t i = 0; i < space->n_parameters; i++)
        keys[i] = space->parameter[i].key;
    return space->n_parameters;
}

void sofa_space_design(const struct sofa_space *space, const int *x, struct sofa_design *design)
{
    *design = space->base;
    for (size_t i = 0; i < space->dims; i++)
        sofa_parameter_apply(space->dim[i].parameter, space->dim[i].value[x[i]], space->dim[i].layer, design);
    sofa_patterns_settle(&space->patterns, design);
}

void sofa_space_representative(const struct sofa_space *space, const int *x, int *representative)
{
    struct sofa_design design;

    sofa_space_design(space, x, &design);
    for (size_t i = 0; i < space->dims; i++) {
        const struct sofa_space_dim *d = &space->dim[i];

        representative[i] = sofa_patterns_idle(&space->patterns, &design, d->parameter->key, d->layer) ? 0 : x[i];
    }
}

double sofa_space_points(const struct sofa_space *space)
{
    double points = 1;

    for (size_t i = 0; i < space->dims; i++)
        points *= space->dim[i].levels;
    return points;
}

static enum sofa_code fail_name(const struct sofa_space *space, const char *name, struct sofa_err *err)
{
    const char *keys[SOFA_OUTSIDE_MAX] = {NULL};
    size_t n = sofa_space_keys(space, keys);

    sofa_fail(err, SOFA_E_INPUT, "unknown parameter '%s'", name);
    if (space->evaluator.node)
        sofa_err_append_choices(err, name, keys, n);
    else
        sofa_err_append_hint(err, name, keys, n, "sofa-dse list parameters");
    return SOFA_E_INPUT;
}

/* ".3" behind a name: the layer; -1 without. */
static bool read_layer(const char *suffix, const struct sofa_design *design, int *layer)
{
    char *end;
    long n;

    *layer = -1;
    if (!*suffix)
        return true;
    n = strtol(suffix + 1, &end, 10);
    *layer = (int)n;
    return end != suffix + 1 && !*end && n >= 0 && n < design->layers;
}

/* "x1", or "tiles.3" with its layer. */
static enum sofa_code find_place(const struct sofa_space *space, char *name, const struct sofa_design *design,
                                 const struct sofa_parameter **p, int *layer, struct sofa_err *err)
{
    size_t dot = strcspn(name, ".");

    *layer = -1;
    *p = sofa_space_parameter(space, name);
    if (*p)
        return SOFA_OK;
    if (name[dot]) {
        name[dot] = '\0';
        *p = sofa_space_parameter(space, name);
    }
    if (!*p)
        return fail_name(space, name, err);
    name[dot] = '.';
    if (!read_layer(name + dot, design, layer) || !(*p)->per_layer)
        return sofa_fail(err, SOFA_E_INPUT, "'%s': %s", name, (*p)->per_layer ? "there is no such layer"
                         : "not a setting of a layer");
    return SOFA_OK;
}

enum sofa_code sofa_space_put(const struct sofa_space *space, const char *name, const char *value, bool plain,
                              struct sofa_design *design, struct sofa_err *err)
{
    char text[2 * SOFA_PARAMETER_TEXT_MAX], own[SOFA_PARAMETER_KEY_MAX + 16];
    const struct sofa_parameter *p;
    enum sofa_code rc;
    double number;
    int layer;

    snprintf(own, sizeof own, "%s", name);
    SOFA_TRY(find_place(space, own, design, &p, &layer, err));
    if (plain && p->kind == SOFA_PARAMETER_NUMBER && strcmp(p->unit, "1") != 0) {
        snprintf(text, sizeof text, "%.48s %s", value, p->unit);
        value = text;
    }
    SOFA_TRY(sofa_parameter_parse(p, value, &number, err));
    sofa_parameter_apply(p, number, layer, design);
out:
    return rc;
}

enum sofa_code sofa_space_set(const struct sofa_space *space, const char *assignment, struct sofa_design *design,
                              struct sofa_err *err)
{
    struct sofa_err why = SOFA_ERR_INIT;
    size_t n = strcspn(assignment, "=");
    char name[SOFA_PARAMETER_KEY_MAX + 16];

    if (!assignment[n] || n >= sizeof name)
        return sofa_fail(err, SOFA_E_USAGE, "--set: '%s' is not NAME=VALUE", assignment);
    snprintf(name, sizeof name, "%.*s", (int)n, assignment);
    if (sofa_space_put(space, name, assignment + n + 1, false, design, &why) != SOFA_OK)
        return sofa_fail(err, SOFA_E_USAGE, "--set: %s", why.text);
    return SOFA_OK;
}

/* Reading a space file: all that needs no other file. */
#include <ctype.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "arch/cacti.h"
#include "base/str.h"
#include "space/evaluator.h"
#include "workload/workload.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

struct space_fields {
    int version;
    const char *name;
    const struct sofa_node *workload, *hardware, *evaluator, *parameters, *objectives, *constraints, *search, *objective;
    double alpha, beta;
    int expansion;
};
#define NODE(member) .kind = SOFA_FIELD_NODE, .offset = offsetof(struct space_fields, member)
static const char *const expansion_names[] = {"per_token", "raw", NULL};
static const struct sofa_field space_table[] = {
    {.key = "version", .kind = SOFA_FIELD_INTEGER, .offset = offsetof(struct space_fields, version), .least = 1, .most = 1, .required = true},
    {.key = "name", .kind = SOFA_FIELD_STRING, .offset = offsetof(struct space_fields, name), .required = true},
    {.key = "workload", NODE(workload)},
    {.key = "hardware", NODE(hardware)},
    {.key = "evaluator", NODE(evaluator)},
    {.key = "parameters", NODE(parameters), .required = true},
    {.key = "objectives", NODE(objectives)},
    {.key = "objective", NODE(objective)},
    {.key = "alpha", .kind = SOFA_FIELD_NUMBER, .offset = offsetof(struct space_fields, alpha), .least = 0, .most = 1e6},
    {.key = "beta", .kind = SOFA_FIELD_NUMBER, .offset = offsetof(struct space_fields, beta), .least = 0, .most = 1e6},
    {.key = "expansion", .kind = SOFA_FIELD_CHOICE, .offset = offsetof(struct space_fields, expansion), .names = expansion_names},
    {.key = "constraints", NODE(constraints)},
    {.key = "search", NODE(search)},
};

/* A path as the file means it: relative to its own folder; a name that is no file there stays. */
static enum sofa_code resolve(struct sofa_space *space, const struct sofa_node *node, const char *text, bool may_be_name, const char **path,
                              struct sofa_err *err)
{
    char *joined = sofa_path_relative_to_file(node->file, text);
    bool is_name = joined && may_be_name && !sofa_file_exists(joined) && !strchr(text, '/');

    *path = joined ? sofa_arena_strdup(&space->arena, is_name ? text : joined) : NULL;
    free(joined);
    return *path ? SOFA_OK : sofa_fail_nomem(err, text);
}

struct workload_fields {
    const char *checkpoint, *text, *name, *statistics;
    const struct sofa_node *synthetic;
    size_t window, windows;
    int scope;
};
#define WORKLOAD(member, type) .kind = type, .offset = offsetof(struct workload_fields, member)
static const struct sofa_field workload_table[] = {
    {.key = "checkpoint", WORKLOAD(checkpoint, SOFA_FIELD_STRING)},
    {.key = "text", WORKLOAD(text, SOFA_FIELD_STRING)},
    {.key = "window", WORKLOAD(window, SOFA_FIELD_SIZE), .least = 1, .most = 1 << 24},
    {.key = "windows", WORKLOAD(windows, SOFA_FIELD_SIZE), .least = 1, .most = 1 << 24},
    {.key = "name", WORKLOAD(name, SOFA_FIELD_STRING)},
    {.key = "scope", WORKLOAD(scope, SOFA_FIELD_CHOICE), .names = sofa_scope_names},
    {.key = "statistics", WORKLOAD(statistics, SOFA_FIELD_STRING)},
    {.key = "synthetic", WORKLOAD(synthetic, SOFA_FIELD_NODE)},
};

static enum sofa_code read_checkpoint(struct sofa_space *space, const struct sofa_node *node,
                                      const struct workload_fields *f, struct sofa_err *err)
{
    struct sofa_space_workload *w = &space->workload;
    enum sofa_code rc;

    if (f->name || f->statistics || f->synthetic)
        return sofa_node_fail(node, err, "a workload is either a 'checkpoint' with its 'text' or the 'name' of a shape");
    if (!f->text || !f->window)
        return sofa_node_fail(node, err, "'%s' is missing here", f->text ? "window" : "text");
    SOFA_TRY(resolve(space, node, f->checkpoint, false, &w->checkpoint, err));
    SOFA_TRY(resolve(space, node, f->text, false, &w->text, err));
    w->window = f->window;
    w->windows = f->windows ? f->windows : 1;
out:
    return rc;
}

struct synthetic_fields {
    const struct sofa_node *rows;
    size_t tokens, seed;
};
static const struct sofa_field synthetic_table[] = {
    {.key = "rows", .kind = SOFA_FIELD_NODE, .offset = offsetof(struct synthetic_fields, rows)},
    {.key = "tokens", .kind = SOFA_FIELD_SIZE, .offset = offsetof(struct synthetic_fields, tokens), .least = 1, .most = 1 << 16},
    {.key = "seed", .kind = SOFA_FIELD_SIZE, .offset = offsetof(struct synthetic_fields, seed), .least = 0, .most = 0x1p53},
};

/* Shares of rows of type I, II and III. */
static enum sofa_code read_shares(const struct sofa_node *rows, double share[3], struct sofa_err *err)
{
    enum sofa_code rc;
    double sum = 0;

    SOFA_TRY(sofa_node_expect(rows, SOFA_NODE_LIST, err));
    if (rows->count != 3)
        return sofa_node_fail(rows, err, "%zu shares; expected those of the types I, II and III", rows->count);
    for (int i = 0; i < 3; i++) {
        SOFA_TRY(sofa_node_number(rows->item[i], "1", &share[i], err));
        if (!(share[i] >= 0 && share[i] <= 1))
            return sofa_node_fail(rows->item[i], err, "'%s' is not a share", rows->item[i]->text);
        sum += share[i];
    }
    if (!(sum > 1 - 1e-9 && sum < 1 + 1e-9))
        rc = sofa_node_fail(rows, err, "the shares add up to %g; expected 1", sum);
out:
    return rc;
}

static enum sofa_code read_synthetic(const struct sofa_node *node, struct sofa_space_workload *w, struct sofa_err *err)
{
    struct synthetic_fields f = {NULL, 0, 1};
    enum sofa_code rc = SOFA_OK;

    if (node)
        SOFA_TRY(sofa_node_read(node, synthetic_table, COUNT(synthetic_table), &f, err));
    w->synthetic_tokens = f.tokens;
    w->synthetic_seed = f.seed;
    if (f.rows)
        rc = read_shares(f.rows, w->synthetic_share, err);
out:
    return rc;
}

static enum sofa_code read_shape(struct sofa_space *space, const struct sofa_node *node,
                                 const struct workload_fields *f, struct sofa_err *err)
{
    struct sofa_space_workload *w = &space->workload;
    enum sofa_code rc;

    if (!f->name || f->text || f->window || f->windows)
        return sofa_node_fail(node, err, "a workload is either a 'checkpoint' with its 'text' or the 'name' of a shape");
    if (f->statistics && f->synthetic)
        return sofa_node_fail(f->synthetic, err, "'statistics' are given; nothing is left to be synthetic");
    SOFA_TRY(resolve(space, node, f->name, true, &w->shape, err));
    SOFA_TRY(read_synthetic(f->synthetic, w, err));
    if (f->statistics)
        SOFA_TRY(resolve(space, node, f->statistics, true, &w->statistics, err));
out:
    return rc;
}

static enum sofa_code read_workload(struct sofa_space *space, const struct sofa_node *node, struct sofa_err *err)
{
    struct workload_fields f = {.scope = SOFA_SCOPE_ATTENTION};
    enum sofa_code rc;

    space->workload.node = node;
    if (node->kind == SOFA_NODE_SCALAR) {
        SOFA_TRY(sofa_node_string(node, &f.name, err));
        return read_shape(space, node, &f, err);
    }
    SOFA_TRY(sofa_node_read(node, workload_table, COUNT(workload_table), &f, err));
    space->workload.scope = f.scope;
    rc = f.checkpoint ? read_checkpoint(space, node, &f, err) : read_shape(space, node, &f, err);
out:
    return rc;
}

/* hardware: {name: sofa-28nm, ert: FILE, art: FILE, access: 16 B}; a name alone is the short form.
 * SRAM costs: {sram: cacti, cacti: FILE, cells: itrs-hp, access: 16 B} */
struct hardware_fields {
    const char *name, *ert, *art, *cacti;
    double access_bytes;
    int sram, cells;
};
static const char *const sram_names[] = {"table", "cacti", NULL};
static const struct sofa_field hardware_table[] = {
    {.key = "name", .kind = SOFA_FIELD_STRING, .offset = offsetof(struct hardware_fields, name), .required = true},
    {.key = "ert", .kind = SOFA_FIELD_STRING, .offset = offsetof(struct hardware_fields, ert)},
    {.key = "art", .kind = SOFA_FIELD_STRING, .offset = offsetof(struct hardware_fields, art)},
    {.key = "access", .kind = SOFA_FIELD_NUMBER, .offset = offsetof(struct hardware_fields, access_bytes), .unit = "B",
     .least = 1, .most = 1e6},
    {.key = "sram", .kind = SOFA_FIELD_CHOICE, .offset = offsetof(struct hardware_fields, sram), .names = sram_names},
    {.key = "cacti", .kind = SOFA_FIELD_STRING, .offset = offsetof(struct hardware_fields, cacti)},
    {.key = "cells", .kind = SOFA_FIELD_CHOICE, .offset = offsetof(struct hardware_fields, cells), .names = sofa_cacti_cells},
};

static enum sofa_code read_hardware(struct sofa_space *space, const struct sofa_node *node, struct sofa_err *err)
{
    struct hardware_fields f = {.name = NULL};
    enum sofa_code rc;

    space->hardware_node = node;
    if (node->kind == SOFA_NODE_SCALAR)
        SOFA_TRY(sofa_node_string(node, &f.name, err));
    else
        SOFA_TRY(sofa_node_read(node, hardware_table, COUNT(hardware_table), &f, err));
    if (f.ert && !(f.access_bytes > 0))
        return sofa_node_fail(node, err, "an 'ert' needs 'access': the bytes of one memory access");
    if (!f.sram && (f.cacti || f.cells))
        return sofa_node_fail(node, err, "'cacti' and 'cells' go with 'sram: cacti'");
    space->access_bytes = f.access_bytes;
    space->cacti = f.sram;
    space->cacti_cells = f.cells;
    if (f.cacti)
        SOFA_TRY(resolve(space, node, f.cacti, false, &space->cacti_program, err));
    SOFA_TRY(resolve(space, node, f.name, true, &space->hardware, err));
    if (f.ert)
        SOFA_TRY(resolve(space, node, f.ert, false, &space->ert, err));
    if (f.art)
        SOFA_TRY(resolve(space, node, f.art, false, &space->art, err));
out:
    return rc;
}

/* Parameters of our own model have rows of the program's table, with the space's own patterns. */
static enum sofa_code check_parameters(struct sofa_space *space, const struct sofa_node *node, struct sofa_err *err)
{
    const char *keys[SOFA_OUTSIDE_MAX] = {NULL};
    const struct sofa_parameter *table = sofa_parameters(&space->n_parameters);
    struct sofa_parameter *own = sofa_arena_alloc(&space->arena, space->n_parameters, sizeof *own);

    if (!own)
        return sofa_fail_nomem(err, "the parameters");
    memcpy(own, table, space->n_parameters * sizeof *own);
    for (size_t i = 0; i < space->n_parameters; i++)
        if (own[i].names == sofa_pattern_none_names) {
            own[i].patterns = &space->patterns;
            own[i].names = space->patterns.names;
        }
    space->parameter = own;
    return sofa_node_check_keys(node, keys, sofa_space_keys(space, keys), err);
}

struct objective_fields {
    const char *name, *unit;
    bool maximize;
    const struct sofa_node *reference;
};
#define OBJECTIVE(member) .offset = offsetof(struct objective_fields, member)
/* Those after the first OBJECTIVE_OWN are of an outside evaluator's objectives alone: our metrics have units, and a
 * reference point that follows from the space. */
static const struct sofa_field objective_table[] = {
    {.key = "name", .kind = SOFA_FIELD_STRING, OBJECTIVE(name), .required = true},
    {.key = "maximize", .kind = SOFA_FIELD_BOOL, OBJECTIVE(maximize)},
    {.key = "unit", .kind = SOFA_FIELD_STRING, OBJECTIVE(unit)},
    {.key = "reference", .kind = SOFA_FIELD_NODE, OBJECTIVE(reference)},
};
#define OBJECTIVE_OWN 2

static enum sofa_code read_objective(const struct sofa_space *space, const struct sofa_node *node,
                                     struct sofa_space_objective *o, struct sofa_err *err)
{
    bool outside = space->evaluator.node != NULL;
    struct objective_fields f = {.unit = outside ? "1" : NULL};
    enum sofa_code rc;

    if (node->kind == SOFA_NODE_MAP)
        SOFA_TRY(sofa_node_read(node, objective_table, outside ? COUNT(objective_table) : OBJECTIVE_OWN, &f, err));
    else
        SOFA_TRY(sofa_node_string(node, &f.name, err));
    *o = (struct sofa_space_objective){.node = node, .name = f.name, .unit = f.unit, .reference = f.reference,
                                       .goal = sofa_node_get(node, "maximize") ? (f.maximize ? -1 : 1) : 0};
    if (outside)
        rc = sofa_space_check_unit(node, f.unit, err);
out:
    return rc;
}

static enum sofa_code read_objectives(struct sofa_space *space, const struct sofa_node *node, struct sofa_err *err)
{
    enum sofa_code rc;

    SOFA_TRY(sofa_node_expect(node, SOFA_NODE_LIST, err));
    if (node->count < 1 || node->count > SOFA_OBJECTIVES_MAX)
        return sofa_node_fail(node, err, "%zu objectives; expected 1 to %d", node->count, SOFA_OBJECTIVES_MAX);
    for (size_t i = 0; i < node->count; i++) {
        SOFA_TRY(read_objective(space, node->item[i], &space->objective[i], err));
        for (size_t j = 0; j < i; j++)
            if (strcmp(space->objective[j].name, space->objective[i].name) == 0)
                return sofa_node_fail(node->item[i], err, "'%s' stands here twice", space->objective[i].name);
    }
    space->n_objectives = node->count;
out:
    return rc;
}

/* `objective: paper` in place of `objectives`. */
static enum sofa_code read_paper(struct sofa_space *space, const struct space_fields *f, struct sofa_err *err)
{
    const struct sofa_node *root = sofa_document_root(space->document);
    static const char *const names[] = {"paper"};
    enum sofa_code rc;
    int index;

    SOFA_TRY(sofa_node_choice(f->objective, names, 1, &index, err));
    if (f->objectives)
        return sofa_node_fail(f->objective, err, "'objectives' stand here too; expected one of the two");
    if (!sofa_node_get(root, "alpha") || !sofa_node_get(root, "beta"))
        return sofa_node_fail(f->objective, err, "the published scalar needs 'alpha' and 'beta'");
    space->paper = (struct sofa_space_paper){f->objective, f->alpha, f->beta, f->expansion == 1};
    space->objective[0] = (struct sofa_space_objective){.node = f->objective, .name = "paper_objective", .goal = 1};
    space->n_objectives = 1;
out:
    return rc;
}

/* The weights of a scalar that isn't asked for would be ignored in silence. */
static enum sofa_code refuse_weights(const struct sofa_space *space, struct sofa_err *err)
{
    static const char *const keys[] = {"alpha", "beta", "expansion"};
    const struct sofa_node *root = sofa_document_root(space->document);

    for (size_t i = 0; i < COUNT(keys); i++)
        if (sofa_node_get(root, keys[i]))
            return sofa_node_fail(sofa_node_get(root, keys[i]), err, "'%s' belongs to 'objective: paper'", keys[i]);
    return SOFA_OK;
}

static enum sofa_code read_goals(struct sofa_space *space, const struct space_fields *f, struct sofa_err *err)
{
    enum sofa_code rc;

    if (f->objective)
        return read_paper(space, f, err);
    if (!f->objectives)
        return sofa_node_fail(sofa_document_root(space->document), err, "'objectives' is missing here");
    SOFA_TRY(refuse_weights(space, err));
    rc = read_objectives(space, f->objectives, err);
out:
    return rc;
}

static const struct {
    const char *text;
    enum sofa_relation relation;
} relations[] = {
    {"<=", SOFA_LESS_EQUAL}, {">=", SOFA_GREATER_EQUAL}, {"<", SOFA_LESS}, {">", SOFA_GREATER},
};

/* "area <= 8 mm2" */
static enum sofa_code read_constraint(struct sofa_space *space, const struct sofa_node *node,
                                      struct sofa_space_constraint *c, struct sofa_err *err)
{
    enum sofa_code rc;
    size_t n, i = 0;
    char *name;

    SOFA_TRY(sofa_node_string(node, &c->text, err));
    c->node = node;
    n = strcspn(c->text, "<>=");
    while (i < COUNT(relations) && strncmp(c->text + n, relations[i].text, strlen(relations[i].text)) != 0)
        i++;
    if (i == COUNT(relations) || n == 0)
        return sofa_node_fail(node, err, "'%s' is not a constraint; expected e.g. 'area <= 8 mm2'", c->text);
    c->relation = relations[i].relation;
    c->limit = c->text + n + strlen(relations[i].text);
    c->limit += strspn(c->limit, " ");
    while (n && isspace((unsigned char)c->text[n - 1]))
        n--;
    name = sofa_arena_zalloc(&space->arena, n + 1, 1);
    if (!name)
        return sofa_fail_nomem(err, "the constraints");
    c->name = memcpy(name, c->text, n);
out:
    return rc;
}

static enum sofa_code read_constraints(struct sofa_space *space, const struct sofa_node *node, struct sofa_err *err)
{
    enum sofa_code rc;

    SOFA_TRY(sofa_node_expect(node, SOFA_NODE_LIST, err));
    space->constraint = sofa_arena_zalloc(&space->arena, node->count + 1, sizeof *space->constraint);
    if (!space->constraint)
        return sofa_fail_nomem(err, "the constraints");
    for (size_t i = 0; i < node->count; i++)
        SOFA_TRY(read_constraint(space, node->item[i], &space->constraint[i], err));
    space->n_constraints = node->count;
out:
    return rc;
}

#define IMPROVEMENT_LEAST 1e-9
#define STOP(member, type) .kind = type, .offset = offsetof(struct sofa_space_stop, member)
static const struct sofa_field stop_table[] = {
    {.key = "improvement", STOP(improvement, SOFA_FIELD_NUMBER), .unit = "1", .least = IMPROVEMENT_LEAST, .most = 1},
    {.key = "suggestions", STOP(suggestions, SOFA_FIELD_SIZE), .least = 1, .most = 1e9},
};

/* "stop: 0.1 %" or a map with the number of suggestions. */
static enum sofa_code read_stop(struct sofa_space_stop *stop, const struct sofa_node *node, struct sofa_err *err)
{
    enum sofa_code rc = SOFA_OK;

    *stop = (struct sofa_space_stop){node, 1e-3, 8};
    if (!node)
        return SOFA_OK;
    if (node->kind == SOFA_NODE_MAP)
        return sofa_node_read(node, stop_table, COUNT(stop_table), stop, err);
    SOFA_TRY(sofa_node_number(node, "1", &stop->improvement, err));
    if (!(stop->improvement >= IMPROVEMENT_LEAST && stop->improvement <= 1))
        rc = sofa_node_fail(node, err, "'%s' is out of range; expected a share of the hypervolume, such as 0.1 %%", node->text);
out:
    return rc;
}

struct search_fields {
    const struct sofa_node *algorithm, *stop;
    size_t evaluations, parallel, seed;
};
#define SEARCH(member, type) .kind = type, .offset = offsetof(struct search_fields, member)
static const struct sofa_field search_table[] = {
    {.key = "algorithm", SEARCH(algorithm, SOFA_FIELD_NODE)},
    {.key = "evaluations", SEARCH(evaluations, SOFA_FIELD_SIZE), .least = 1, .most = 1e9},
    {.key = "parallel", SEARCH(parallel, SOFA_FIELD_SIZE), .least = 1, .most = 65536},
    {.key = "seed", SEARCH(seed, SOFA_FIELD_SIZE), .least = 0, .most = 0x1p53},
    {.key = "stop", SEARCH(stop, SOFA_FIELD_NODE)},
};

static enum sofa_code read_search(struct sofa_space *space, const struct sofa_node *node, struct sofa_err *err)
{
    struct search_fields f = {NULL, NULL, 100, 4, 1};
    enum sofa_code rc = SOFA_OK;

    space->search.algorithm = "bayesian";
    if (node)
        SOFA_TRY(sofa_node_read(node, search_table, COUNT(search_table), &f, err));
    if (f.algorithm)
        SOFA_TRY(sofa_node_string(f.algorithm, &space->search.algorithm, err));
    space->search.algorithm_node = f.algorithm;
    space->search.evaluations = f.evaluations;
    space->search.parallel = f.parallel;
    space->search.seed = f.seed;
    rc = read_stop(&space->search.stop, f.stop, err);
out:
    return rc;
}

/* Our own model needs a workload on some hardware. */
static enum sofa_code read_own(struct sofa_space *space, const struct space_fields *f,
                               const struct sofa_space_override *override, struct sofa_err *err)
{
    const struct sofa_node *workload = override && override->workload ? override->workload : f->workload;
    const struct sofa_node *hardware = override && override->hardware ? override->hardware : f->hardware;
    enum sofa_code rc;

    if (!f->workload || !f->hardware)
        return sofa_node_fail(sofa_document_root(space->document), err, f->workload ? "'hardware' is missing here"
                              : "'workload' is missing here, or an 'evaluator' in its place");
    SOFA_TRY(read_workload(space, workload, err));
    SOFA_TRY(read_hardware(space, hardware, err));
    rc = check_parameters(space, f->parameters, err);
out:
    return rc;
}

/* An outside model has parameters instead. */
static enum sofa_code read_outside(struct sofa_space *space, const struct space_fields *f,
                                   const struct sofa_space_override *override, struct sofa_err *err)
{
    const struct sofa_node *refused[] = {f->workload, f->hardware, override ? override->workload : NULL,
                                         override ? override->hardware : NULL};
    enum sofa_code rc;

    for (size_t i = 0; i < COUNT(refused); i++)
        if (refused[i])
            return sofa_node_fail(refused[i], err, "a space with an 'evaluator' has no %s: that is our own model's",
                                  i % 2 ? "hardware" : "workload");
    if (f->objective)
        return sofa_node_fail(f->objective, err, "the published scalar is our own model's; an 'evaluator' has 'objectives'");
    SOFA_TRY(sofa_space_read_evaluator(space, f->evaluator, err));
    rc = sofa_space_define_parameters(space, f->parameters, err);
out:
    return rc;
}

static enum sofa_code read_root(struct sofa_space *space, const struct sofa_space_override *override, struct sofa_err *err)
{
    struct space_fields f = {0};
    enum sofa_code rc;

    SOFA_TRY(sofa_node_read(sofa_document_root(space->document), space_table, COUNT(space_table), &f, err));
    space->name = f.name;
    if (!f.name[0] || f.name[0] == '.' || strchr(f.name, '/'))
        return sofa_node_fail(sofa_node_get(sofa_document_root(space->document), "name"), err,
                              "'%s' can't name a folder; expected letters, digits, '-', '_' and '.'", f.name);
    space->parameters_node = f.parameters;
    SOFA_TRY(f.evaluator ? read_outside(space, &f, override, err) : read_own(space, &f, override, err));
    SOFA_TRY(read_goals(space, &f, err));
    if (f.constraints)
        SOFA_TRY(read_constraints(space, f.constraints, err));
    if (f.evaluator)
        SOFA_TRY(sofa_space_check_outputs(space, err));
    rc = read_search(space, f.search, err);
out:
    return rc;
}

static enum sofa_code take_digest(struct sofa_space *space, struct sofa_err *err)
{
    struct sofa_str all = SOFA_STR_INIT;
    enum sofa_code rc = SOFA_OK;
    const char *text;
    size_t size;

    text = sofa_document_text(space->document, &size);
    sofa_str_add_bytes(&all, text, size);
    sofa_str_add(&all, space->replaced);
    if (all.failed)
        rc = sofa_fail_nomem(err, space->file);
    else
        sofa_sha256(all.text, all.length, space->sha256);
    sofa_str_release(&all);
    return rc;
}

enum sofa_code sofa_space_read_with(const char *file, const struct sofa_space_override *override,
                                    struct sofa_space **space, struct sofa_err *err)
{
    struct sofa_space *s = calloc(1, sizeof *s);
    enum sofa_code rc;

    if (!s)
        return sofa_fail_nomem(err, file);
    sofa_patterns_init(&s->patterns);
    s->file = sofa_arena_strdup(&s->arena, file);
    s->replaced = sofa_arena_strdup(&s->arena, override ? override->text : "");
    if (!s->file || !s->replaced) {
        rc = sofa_fail_nomem(err, file);
        goto out;
    }
    SOFA_TRY(sofa_document_read(file, &s->document, err));
    SOFA_TRY(take_digest(s, err));
    SOFA_TRY(read_root(s, override, err));
    *space = s;
    s = NULL;
out:
    sofa_space_free(s);
    return rc;
}

enum sofa_code sofa_space_read(const char *file, struct sofa_space **space, struct sofa_err *err)
{
    return sofa_space_read_with(file, NULL, space, err);
}

void sofa_space_free(struct sofa_space *space)
{
    if (!space)
        return;
    sofa_document_free(space->document);
    sofa_arena_release(&space->arena);
    free(space);
}

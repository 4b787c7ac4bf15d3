/* sofa-dse check: says what a file is and whether it holds. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arch/hardware.h"
#include "arch/published.h"
#include "base/file.h"
#include "base/str.h"
#include "cli/cli.h"
#include "config/node.h"
#include "model/plan.h"
#include "opt/optimizer.h"
#include "study/outside.h"
#include "study/problem.h"
#include "transformer/lm.h"
#include "workload/workload.h"

/* The algorithm's name is the optimiser's matter, not the space's. */
static enum sofa_code check_algorithm(const struct sofa_problem *p, struct sofa_err *err)
{
    const struct sofa_node *node = p->space->search.algorithm_node;
    const char *names[32];
    size_t n;
    const struct sofa_opt_algorithm *a = sofa_opt_algorithms(&n);
    enum sofa_code rc;
    int index;

    n = n < 32 ? n : 32;
    for (size_t i = 0; i < n; i++)
        names[i] = a[i].name;
    if (node)
        SOFA_TRY(sofa_node_choice(node, names, n, &index, err));
    rc = sofa_problem_suits(p, p->space->search.algorithm, node, err);
out:
    return rc;
}

/* The level of an axis at which hardware is least likely to be refused: large memories, few lanes and columns. */
static int easiest_level(const struct sofa_space_dim *dim)
{
    const struct sofa_parameter *p = dim->parameter;

    if (p->per_layer || p->kind == SOFA_PARAMETER_CHOICE)
        return 0;
    if (strcmp(p->unit, "B") == 0)
        return dim->levels - 1;
    for (int i = 0; strcmp(p->key, "sufa_columns") == 0 && i < dim->levels; i++)
        if (fmod(dim->value[i], 2) == 0)
            return i;
    return 0;
}

/* If the easiest hardware of a space can't work, no design of it can. */
static enum sofa_code check_works(const struct sofa_problem *p, struct sofa_err *err)
{
    struct sofa_selection any[SOFA_LAYERS_MAX];
    const struct sofa_statistics statistics = {.layers = p->workload.layers, .heads = 1, .head = any};
    const struct sofa_node *node = p->space->parameters_node, *at;
    char reason[SOFA_REASON_MAX], key[SOFA_PARAMETER_KEY_MAX];
    struct sofa_design design = p->space->base;

    if (p->space->evaluator.node)
        return SOFA_OK;
    for (size_t i = 0; i < p->space->dims; i++) {
        const struct sofa_space_dim *dim = &p->space->dim[i];

        sofa_parameter_apply(dim->parameter, dim->value[easiest_level(dim)], dim->layer, &design);
    }
    for (int i = 0; i < statistics.layers; i++)
        any[i] = (struct sofa_selection){.density = 1, .union_share = 1, .naive_ratio = 1, .rass_ratio = 1, .union_all = 1};
    if (sofa_plan_feasible(&p->hardware, &design, &p->workload, &statistics, reason, sizeof reason))
        return SOFA_OK;
    snprintf(key, sizeof key, "%.*s", (int)strcspn(reason, " "), reason);
    at = sofa_node_get(node, key);
    return sofa_node_fail(at ? at : node, err, "no design of this space can work: %s", reason);
}

static enum sofa_code check_space(const char *file, const struct sofa_node *root, struct sofa_err *err)
{
    struct sofa_problem *p = NULL;
    char command[200];
    enum sofa_code rc;

    (void)root;
    SOFA_TRY(sofa_problem_open(file, NULL, &p, err));
    SOFA_TRY(check_algorithm(p, err));
    SOFA_TRY(check_works(p, err));
    printf("%s: space '%s': %zu axes, %.6g points, %zu objectives, %zu constraints; ", file, p->space->name, p->space->dims,
           sofa_space_points(p->space), p->n_objectives, p->n_constraints);
    sofa_outside_command(p, command, sizeof command);
    if (*command)
        printf("evaluator %s\n", command);
    else
        printf("workload %s, hardware %s\n", p->workload.name, p->hardware.name);
out:
    sofa_problem_free(p);
    return rc;
}

static enum sofa_code check_hardware(const char *file, const struct sofa_node *root, struct sofa_err *err)
{
    struct sofa_hardware hw;
    enum sofa_code rc;

    (void)root;
    SOFA_TRY(sofa_hardware_read(file, &hw, err));
    printf("%s: hardware '%s': %d lanes, %g nm\n", file, hw.name, hw.design.query_lanes, hw.node_nm);
    sofa_hardware_free(&hw);
out:
    return rc;
}

static enum sofa_code check_workload(const char *file, const struct sofa_node *root, struct sofa_err *err)
{
    struct sofa_workload w;
    enum sofa_code rc;

    (void)root;
    SOFA_TRY(sofa_workload_read(file, &w, err));
    printf("%s: workload '%s': %d layers, %d heads of %d, %g queries on %g keys%s\n", file, w.name, w.layers, w.heads,
           w.head_dim, w.queries, w.keys, w.causal ? ", causal" : "");
out:
    return rc;
}

static enum sofa_code check_technology(const char *file, const struct sofa_node *root, struct sofa_err *err)
{
    struct sofa_document *document;
    struct sofa_technology t;
    enum sofa_code rc;

    (void)root;
    SOFA_TRY(sofa_technology_read(file, &t, &document, err));
    printf("%s: technology '%s': %d components at %g nm, %g V\n", file, t.name, SOFA_COMPONENT_COUNT, t.node_nm, t.vdd_v);
out:
    sofa_document_free(document);
    return rc;
}

static enum sofa_code check_sram(const char *file, const struct sofa_node *root, struct sofa_err *err)
{
    struct sofa_document *document;
    struct sofa_sram s;
    enum sofa_code rc;

    (void)root;
    SOFA_TRY(sofa_sram_read(file, &s, &document, err));
    printf("%s: sram '%s': %d capacities at %g nm, %g V\n", file, s.name, (int)s.points, s.node_nm, s.vdd_v);
out:
    sofa_document_free(document);
    return rc;
}

/* As many layers and heads as the file has itself. */
static enum sofa_code check_statistics(const char *file, const struct sofa_node *root, struct sofa_err *err)
{
    const struct sofa_node *rows = sofa_node_get(root, "layers");
    struct sofa_workload w = {.layers = 1, .heads = 1};
    struct sofa_statistics s;
    enum sofa_code rc;

    if (rows && rows->kind == SOFA_NODE_LIST && rows->count > 0 && rows->count <= SOFA_LAYERS_MAX) {
        w.layers = (int)rows->count;
        for (size_t i = 0; i < rows->count; i++)
            if (rows->item[i]->kind == SOFA_NODE_LIST && rows->item[i]->count <= SOFA_LAYERS_MAX)
                w.heads = (int)rows->item[i]->count;
    }
    SOFA_TRY(sofa_statistics_read(file, &w, &s, err));
    printf("%s: statistics: %d layers, %d heads; %s\n", file, s.layers, s.heads, s.source);
    sofa_statistics_release(&s);
out:
    return rc;
}

static enum sofa_code check_published(const char *file, const struct sofa_node *root, struct sofa_err *err)
{
    struct sofa_published *p = calloc(1, sizeof *p);
    enum sofa_code rc;

    (void)root;
    if (!p)
        return sofa_fail_nomem(err, "the published rows");
    SOFA_TRY(sofa_published_read(file, p, err));
    printf("%s: published: %zu rows, %zu benchmarks\n", file, p->n_rows, p->n_benchmarks);
    sofa_published_free(p);
out:
    free(p);
    return rc;
}

static const struct {
    const char *kind;
    enum sofa_code (*check)(const char *file, const struct sofa_node *root, struct sofa_err *err);
} kinds[] = {
    {"hardware", check_hardware},
    {"workload", check_workload},
    {"technology", check_technology},
    {"sram", check_sram},
    {"statistics", check_statistics},
    {"published", check_published},
};
#define N_KINDS (sizeof kinds / sizeof *kinds)

/* A file that says its kind is one of the table's; one that doesn't is a space. */
static enum sofa_code check_document(const char *file, const struct sofa_node *root, struct sofa_err *err)
{
    const struct sofa_node *kind = sofa_node_get(root, "kind");
    const char *names[N_KINDS];
    enum sofa_code rc;
    int index;

    if (!kind)
        return check_space(file, root, err);
    for (size_t i = 0; i < N_KINDS; i++)
        names[i] = kinds[i].kind;
    SOFA_TRY(sofa_node_choice(kind, names, N_KINDS, &index, err));
    rc = kinds[index].check(file, root, err);
out:
    return rc;
}

static enum sofa_code check_checkpoint(const char *directory, struct sofa_err *err)
{
    const struct sofa_lm_shape *s;
    struct sofa_lm *lm;
    enum sofa_code rc;

    SOFA_TRY(sofa_lm_open(directory, &lm, err));
    s = sofa_lm_shape(lm);
    printf("%s: checkpoint: %zu layers, %zu heads of %zu, context %zu\n", directory, s->layers, s->heads, s->head_dim, s->context);
    sofa_lm_free(lm);
out:
    return rc;
}

static enum sofa_code check(const char *file, struct sofa_err *err)
{
    struct sofa_document *document;
    enum sofa_code rc;

    if (sofa_is_directory(file))
        return check_checkpoint(file, err);
    SOFA_TRY(sofa_document_read(file, &document, err));
    rc = check_document(file, sofa_document_root(document), err);
    sofa_document_free(document);
out:
    return rc;
}

static enum sofa_code run(int argc, char **argv, struct sofa_err *err)
{
    enum sofa_code rc;
    int operands;
    bool done;

    SOFA_TRY(sofa_options_read(&sofa_cmd_check, argc, argv, NULL, &operands, &done, err));
    for (int i = 1; !done && i <= operands; i++)
        SOFA_TRY(check(argv[i], err));
    rc = sofa_output_finish(err);
out:
    return rc;
}

const struct sofa_command sofa_cmd_check = {
    "check", "check FILE...", "validates an input file, says what it is and how large a space is", NULL, 0, 1, -1, run,
};

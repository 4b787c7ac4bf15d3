/* sofa-dse evaluate: one design in full. */
#include <cjson/cJSON.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "cli/cli.h"
#include "cli/signals.h"
#include "model/explain.h"
#include "model/simulator.h"
#include "report/report.h"
#include "study/patterns.h"

struct evaluate_options {
    struct sofa_strings set;
    const char *point, *isa, *explain;
    bool json, simulate, action_counts;
};
#define OPTION(member) .offset = offsetof(struct evaluate_options, member)
static const struct sofa_option options[] = {
    {.name = "set", .kind = SOFA_OPTION_REPEATED, OPTION(set), .argument = "NAME=VALUE",
     .help = "a parameter of the design (NAME.LAYER=VALUE for one layer)"},
    {.name = "point", .kind = SOFA_OPTION_STRING, OPTION(point), .argument = "FILE[#ID]",
     .help = "a point of a pareto.json (the first, or the one with this id)"},
    {.name = "simulate", .kind = SOFA_OPTION_FLAG, OPTION(simulate), .help = "also by the cycle-level simulator"},
    {.name = "explain", .kind = SOFA_OPTION_STRING, OPTION(explain), .argument = "METRIC",
     .help = "instead: how a metric came about, with the source of every constant"},
    {.name = "action-counts", .kind = SOFA_OPTION_FLAG, OPTION(action_counts),
     .help = "instead: the operations as Accelergy action counts (bytes for memories)"},
    {.name = "json", .kind = SOFA_OPTION_FLAG, OPTION(json), .help = "as JSON"},
    {.name = "isa", .kind = SOFA_OPTION_STRING, OPTION(isa), .argument = "NAME", .help = "instruction set of the kernel"},
};

/* The point of a front by its id; the first with id -1. */
static enum sofa_code find_point(const struct sofa_node *root, long id, const struct sofa_node **point, struct sofa_err *err)
{
    const struct sofa_node *points, *number;
    enum sofa_code rc;
    long value;

    SOFA_TRY(sofa_node_need(root, "points", &points, err));
    SOFA_TRY(sofa_node_expect(points, SOFA_NODE_LIST, err));
    for (size_t i = 0; i < points->count; i++) {
        SOFA_TRY(sofa_node_need(points->item[i], "id", &number, err));
        SOFA_TRY(sofa_node_integer(number, 0, LONG_MAX, &value, err));
        if (id < 0 || value == id) {
            *point = points->item[i];
            return SOFA_OK;
        }
    }
    rc = id < 0 ? sofa_node_fail(points, err, "the front is empty") : sofa_node_fail(points, err, "no point has the id %ld", id);
out:
    return rc;
}

static enum sofa_code split_point(const char *text, char **file, long *id, struct sofa_err *err)
{
    const char *hash = strrchr(text, '#');
    char *end;

    *id = -1;
    *file = sofa_format("%.*s", (int)(hash ? hash - text : (long)strlen(text)), text);
    if (!*file)
        return sofa_fail_nomem(err, "a point");
    if (!hash)
        return SOFA_OK;
    *id = strtol(hash + 1, &end, 10);
    if (end == hash + 1 || *end || *id < 0)
        return sofa_fail(err, SOFA_E_USAGE, "--point: '%s' is not an id", hash + 1);
    return SOFA_OK;
}

/* A front holds plain numbers in base units. */
static enum sofa_code apply_parameters(const struct sofa_space *space, const struct sofa_node *parameters,
                                       struct sofa_design *design, struct sofa_err *err)
{
    struct sofa_err why = SOFA_ERR_INIT;
    enum sofa_code rc;

    SOFA_TRY(sofa_node_expect(parameters, SOFA_NODE_MAP, err));
    for (size_t i = 0; i < parameters->count; i++) {
        SOFA_TRY(sofa_node_expect(parameters->item[i], SOFA_NODE_SCALAR, err));
        if (sofa_space_put(space, parameters->key[i]->text, parameters->item[i]->text, true, design, &why) != SOFA_OK)
            return sofa_node_fail(parameters->key[i], err, "%s", why.text);
    }
out:
    return rc;
}

static enum sofa_code apply_point(const struct sofa_space *space, const char *text, struct sofa_design *design,
                                  struct sofa_err *err)
{
    struct sofa_document *document = NULL;
    const struct sofa_node *point = NULL, *parameters;
    char *file = NULL;
    enum sofa_code rc;
    long id;

    SOFA_TRY(split_point(text, &file, &id, err));
    SOFA_TRY(sofa_document_read(file, &document, err));
    SOFA_TRY(find_point(sofa_document_root(document), id, &point, err));
    SOFA_TRY(sofa_node_need(point, "parameters", &parameters, err));
    rc = apply_parameters(space, parameters, design, err);
out:
    sofa_document_free(document);
    free(file);
    return rc;
}

static enum sofa_code print(const struct sofa_problem *problem, const struct sofa_design *design,
                            const struct sofa_evaluation *e, const struct sofa_simulated *simulated, bool json,
                            struct sofa_err *err)
{
    struct sofa_str text = SOFA_STR_INIT;
    enum sofa_code rc;

    if (json)
        return sofa_json_print(sofa_report_evaluation(problem, design, e, simulated), err);
    sofa_report_evaluation_text(problem, design, e, simulated, &text);
    if (!text.failed)
        fputs(text.text, stdout);
    rc = text.failed ? sofa_fail_nomem(err, "the output") : sofa_output_finish(err);
    sofa_str_release(&text);
    return rc;
}

/* --explain and --action-counts: text about the model's part of an evaluation. */
static enum sofa_code print_trace(const struct evaluate_options *o, const struct sofa_problem *problem,
                                  const struct sofa_design *design, const struct sofa_evaluation *e, struct sofa_err *err)
{
    const struct sofa_explained what = {&problem->hardware, design, &problem->workload, &e->selection, &e->result};
    struct sofa_str text = SOFA_STR_INIT;
    enum sofa_code rc;

    if (o->explain) {
        SOFA_TRY(sofa_model_explain(&what, o->explain, &text, err));
    } else if (e->result.feasible) {
        sofa_model_action_counts(&what, &text);
    } else {
        rc = sofa_fail(err, SOFA_E_EVAL, "this design cannot work: %s", e->result.reason);
        goto out;
    }
    if (!text.failed)
        fputs(text.text, stdout);
    rc = text.failed ? sofa_fail_nomem(err, "the output") : sofa_output_finish(err);
out:
    sofa_str_release(&text);
    return rc;
}

/* What asks about our own model. */
static enum sofa_code refuse_model_options(const struct evaluate_options *o, struct sofa_err *err)
{
    const char *given = o->simulate ? "--simulate" : o->explain ? "--explain" : o->action_counts ? "--action-counts" : NULL;

    return given ? sofa_fail(err, SOFA_E_USAGE, "%s: it is of our own model; this space has an evaluator", given) : SOFA_OK;
}

static enum sofa_code evaluate(const struct evaluate_options *o, const char *file, struct sofa_err *err)
{
    struct sofa_evaluator evaluator = {.problem = NULL};
    struct sofa_problem *problem = NULL;
    struct sofa_simulated simulated;
    struct sofa_evaluation e;
    struct sofa_design design;
    enum sofa_code rc;

    SOFA_TRY(sofa_problem_open(file, o->isa, &problem, err));
    if (problem->space->evaluator.node)
        SOFA_TRY(refuse_model_options(o, err));
    design = problem->space->base;
    if (o->point)
        SOFA_TRY(apply_point(problem->space, o->point, &design, err));
    for (size_t i = 0; i < o->set.count; i++)
        SOFA_TRY(sofa_space_set(problem->space, o->set.item[i], &design, err));
    sofa_patterns_settle(&problem->space->patterns, &design);
    SOFA_TRY(sofa_problem_make_patterns(problem, err));
    SOFA_TRY(sofa_problem_measure_dense(problem, &sofa_stop, err));
    SOFA_TRY(sofa_evaluator_init(&evaluator, problem, NULL, &sofa_stop, err));
    SOFA_TRY(sofa_evaluate_design(&evaluator, 0, &design, &e, err));
    if (o->explain || o->action_counts) {
        rc = print_trace(o, problem, &design, &e, err);
        goto out;
    }
    if (o->simulate && e.result.feasible)
        SOFA_TRY(sofa_simulate(&problem->hardware, &design, &problem->workload, &e.selection, &simulated.cycles,
                               &simulated.dram_bytes, err));
    rc = print(problem, &design, &e, o->simulate && e.result.feasible ? &simulated : NULL, o->json, err);
out:
    sofa_evaluator_release(&evaluator);
    sofa_problem_free(problem);
    return rc;
}

static enum sofa_code run(int argc, char **argv, struct sofa_err *err)
{
    struct evaluate_options o = {.point = NULL};
    enum sofa_code rc;
    int operands;
    bool done;

    SOFA_TRY(sofa_options_read(&sofa_cmd_evaluate, argc, argv, &o, &operands, &done, err));
    if (done)
        goto out;
    sofa_catch_signals();
    rc = evaluate(&o, argv[1], err);
out:
    return rc;
}

const struct sofa_command sofa_cmd_evaluate = {
    "evaluate", "evaluate SPACE.yaml [--set NAME=VALUE]... [--point FILE.json[#ID]] [--simulate] [--json]",
    "evaluates one design in full: the space's base, with what --point and --set change", options,
    sizeof options / sizeof *options, 1, 1, run,
};

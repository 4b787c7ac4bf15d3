#include "study/outside.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/str.h"

#define SHOWN 80 /* bytes of an answer that a message shows */

static void add_metric(struct sofa_problem *p, struct sofa_metric *table, const char *name, const char *unit)
{
    for (size_t i = 0; i < p->n_metrics; i++)
        if (strcmp(table[i].name, name) == 0)
            return;
    table[p->n_metrics++] = (struct sofa_metric){.name = name, .unit = unit, .help = "", .source = SOFA_METRIC_OUTSIDE};
}

/* The table, in the arena of the space that its texts are of. */
static enum sofa_code make_table(struct sofa_problem *p, struct sofa_err *err)
{
    const struct sofa_space *space = p->space;
    const struct sofa_space_evaluator *e = &space->evaluator;
    size_t most = space->n_objectives + e->n_metrics + space->n_constraints;
    struct sofa_metric *table = sofa_arena_zalloc(&p->space->arena, most, sizeof *table);

    if (!table)
        return sofa_fail_nomem(err, "the metrics");
    p->n_metrics = 0;
    for (size_t i = 0; i < space->n_objectives; i++)
        add_metric(p, table, space->objective[i].name, space->objective[i].unit);
    for (size_t i = 0; i < e->n_metrics; i++)
        add_metric(p, table, e->metric[i].name, e->metric[i].unit);
    for (size_t i = 0; i < space->n_constraints; i++)
        add_metric(p, table, space->constraint[i].name, "1");
    p->metric = table;
    if (p->n_metrics > SOFA_METRICS_MAX)
        return sofa_node_fail(e->node, err, "%zu objectives and metrics; expected at most %d", p->n_metrics, SOFA_METRICS_MAX);
    return SOFA_OK;
}

enum sofa_code sofa_outside_open(struct sofa_problem *problem, struct sofa_err *err)
{
    const struct sofa_space_evaluator *e = &problem->space->evaluator;
    const struct sofa_design nothing = {.layers = 0};
    struct sofa_err why = SOFA_ERR_INIT;
    enum sofa_code rc;

    if (sofa_child_check(e->command[0], e->folder, &why) != SOFA_OK)
        return sofa_node_fail(e->command_node, err, "%s", why.text);
    SOFA_TRY(sofa_space_bind(problem->space, &nothing, err));
    rc = make_table(problem, err);
out:
    return rc;
}

void sofa_outside_command(const struct sofa_problem *problem, char *text, size_t size)
{
    size_t n = 0;

    text[0] = '\0';
    for (char *const *word = problem->space->evaluator.command; word && *word && n < size; word++)
        n += (size_t)snprintf(text + n, size - n, "%s%s", n ? " " : "", *word);
}

static char *question(const struct sofa_space *space, size_t id, const struct sofa_design *design)
{
    cJSON *root = cJSON_CreateObject(), *parameters;
    bool whole = cJSON_AddNumberToObject(root, "id", (double)id) != NULL;
    char *line;

    parameters = cJSON_AddObjectToObject(root, "parameters");
    for (size_t i = 0; i < space->n_parameters; i++) {
        const struct sofa_parameter *p = &space->parameter[i];
        cJSON *value = sofa_parameter_json(p, sofa_parameter_value(p, -1, design));

        whole = whole && cJSON_AddItemToObject(parameters, p->key, value);
    }
    line = whole ? sofa_json_line(root) : NULL;
    cJSON_Delete(root);
    return line;
}

/* An answer as it is read. */
struct answer {
    const struct sofa_problem *problem;
    struct sofa_arena *arena;
    const char *program, *line;
    struct sofa_err *err;
};

static enum sofa_code refuse(const struct answer *a, const char *what)
{
    char shown[SHOWN];

    sofa_text_clean(a->line, shown, sizeof shown);
    return sofa_fail(a->err, SOFA_E_EVAL, "%s %s: '%s'", a->program, what, shown);
}

static const char *kind_of(const cJSON *item)
{
    return !item                ? "missing"
           : cJSON_IsNumber(item) ? "not finite"
           : cJSON_IsString(item) ? "a string"
           : cJSON_IsNull(item)   ? "null"
                                  : "no number";
}

static enum sofa_code read_value(const struct answer *a, const cJSON *values, const char *what, const char *name,
                                 double *value)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(values, name);
    char text[SOFA_PARAMETER_KEY_MAX + 96];

    if (cJSON_IsNumber(item) && isfinite(item->valuedouble)) {
        *value = item->valuedouble;
        return SOFA_OK;
    }
    snprintf(text, sizeof text, "answered without a number for %s '%s', which is %s", what, name, kind_of(item));
    return refuse(a, text);
}

/* Everything that objectives and constraints need must be there; a metric that is only listed need not. */
static bool is_needed(const struct sofa_problem *p, const struct sofa_metric *metric)
{
    for (size_t i = 0; i < p->n_constraints; i++)
        if (p->constraint[i].metric == metric)
            return true;
    return false;
}

static enum sofa_code read_values(const struct answer *a, const cJSON *root, double *metric)
{
    const struct sofa_problem *p = a->problem;
    const cJSON *objectives = cJSON_GetObjectItemCaseSensitive(root, "objectives");
    const cJSON *metrics = cJSON_GetObjectItemCaseSensitive(root, "metrics");
    enum sofa_code rc = SOFA_OK;

    if (!cJSON_IsObject(objectives))
        return refuse(a, "answered without 'objectives'");
    for (size_t i = 0; i < p->n_objectives; i++)
        SOFA_TRY(read_value(a, objectives, "objective", p->metric[i].name, &metric[i]));
    for (size_t i = p->n_objectives; i < p->n_metrics; i++)
        if (is_needed(p, &p->metric[i]) || cJSON_GetObjectItemCaseSensitive(metrics, p->metric[i].name))
            SOFA_TRY(read_value(a, metrics, "metric", p->metric[i].name, &metric[i]));
out:
    return rc;
}

static bool has_extra(const struct sofa_evaluation *e, const char *name)
{
    for (size_t i = 0; i < e->n_extra; i++)
        if (strcmp(e->extra[i].name, name) == 0)
            return true;
    return false;
}

/* Metrics that nothing asks for are kept as well, those that are numbers. */
static enum sofa_code read_extras(const struct answer *a, const cJSON *root, struct sofa_evaluation *e)
{
    const cJSON *item;

    cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(root, "metrics")) {
        char name[SOFA_PARAMETER_KEY_MAX];

        if (!cJSON_IsNumber(item) || !isfinite(item->valuedouble) || !item->string)
            continue;
        sofa_text_clean(item->string, name, sizeof name);
        if (!name[0] || sofa_problem_metric(a->problem, name) || has_extra(e, name))
            continue;
        if (e->n_extra == SOFA_EXTRAS_MAX)
            return refuse(a, "answered with too many metrics");
        e->extra[e->n_extra] = (struct sofa_extra){sofa_arena_strdup(a->arena, name), item->valuedouble};
        if (!e->extra[e->n_extra++].name)
            return sofa_fail_nomem(a->err, "metrics");
    }
    qsort(e->extra, e->n_extra, sizeof *e->extra, sofa_extra_compare);
    return SOFA_OK;
}

/* {"id": 7, "error": "text"} is a design that cannot work, with the reason. */
static enum sofa_code read_error(const struct answer *a, const cJSON *error, struct sofa_result *result)
{
    if (!cJSON_IsString(error))
        return refuse(a, "answered with an 'error' that is no string");
    result->feasible = false;
    sofa_text_clean(error->valuestring, result->reason, sizeof result->reason);
    if (!result->reason[0])
        snprintf(result->reason, sizeof result->reason, "no reason given");
    return SOFA_OK;
}

static enum sofa_code read_answer(const struct answer *a, size_t id, const cJSON *root, struct sofa_evaluation *e)
{
    const cJSON *number = cJSON_GetObjectItemCaseSensitive(root, "id");
    const cJSON *error = cJSON_GetObjectItemCaseSensitive(root, "error");
    enum sofa_code rc;
    char text[64];

    if (!cJSON_IsObject(root))
        return refuse(a, "answered with something other than an object of JSON");
    if (!cJSON_IsNumber(number) || number->valuedouble != (double)id) {
        snprintf(text, sizeof text, "answered without the id %zu that was asked for", id);
        return refuse(a, text);
    }
    if (error && !cJSON_IsNull(error))
        return read_error(a, error, &e->result);
    SOFA_TRY(read_values(a, root, e->metric));
    rc = read_extras(a, root, e);
out:
    return rc;
}

enum sofa_code sofa_outside_ask(struct sofa_evaluator *evaluator, size_t id, const struct sofa_design *design,
                                struct sofa_evaluation *evaluation, struct sofa_err *err)
{
    const struct sofa_problem *problem = evaluator->problem;
    struct answer a = {.problem = problem, .arena = &evaluator->arena, .program = problem->space->evaluator.command[0],
                       .err = err};
    char *line = question(problem->space, id, design);
    struct sofa_str reply = SOFA_STR_INIT;
    cJSON *root = NULL;
    enum sofa_code rc;

    memset(evaluation, 0, sizeof *evaluation);
    evaluation->result.feasible = true;
    for (size_t i = 0; i < problem->n_metrics; i++)
        evaluation->metric[i] = NAN;
    if (!line)
        return sofa_fail_nomem(err, "a question");
    SOFA_TRY(sofa_child_ask(evaluator->child, line, evaluator->cancel, &reply, err));
    a.line = reply.text;
    if (strlen(reply.text) == reply.length)
        root = cJSON_ParseWithLengthOpts(reply.text, reply.length + 1, NULL, 1);
    rc = root ? read_answer(&a, id, root, evaluation) : refuse(&a, "answered with something other than JSON");
    if (rc != SOFA_OK)
        sofa_child_restart(evaluator->child);
out:
    cJSON_Delete(root);
    free(line);
    sofa_str_release(&reply);
    return rc;
}

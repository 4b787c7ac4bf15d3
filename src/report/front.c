/* pareto.json and what stands beside it. */
#include <cjson/cJSON.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "report/html.h"
#include "report/report.h"

#define SCHEMA "sofa-dse/pareto/1"

static cJSON *objectives_json(const struct sofa_problem *p)
{
    cJSON *list = cJSON_CreateArray();

    for (size_t i = 0; i < p->n_objectives; i++) {
        cJSON *o = cJSON_CreateObject();

        cJSON_AddStringToObject(o, "name", p->objective[i].metric->name);
        cJSON_AddStringToObject(o, "unit", p->objective[i].metric->unit);
        cJSON_AddStringToObject(o, "goal", p->objective[i].sign > 0 ? "minimize" : "maximize");
        cJSON_AddItemToArray(list, o);
    }
    return list;
}

static cJSON *constraints_json(const struct sofa_problem *p)
{
    cJSON *list = cJSON_CreateArray();

    for (size_t i = 0; i < p->n_constraints; i++)
        cJSON_AddItemToArray(list, cJSON_CreateString(p->constraint[i].text));
    return list;
}

static bool is_objective(const struct sofa_problem *p, const struct sofa_metric *metric)
{
    for (size_t i = 0; i < p->n_objectives; i++)
        if (p->objective[i].metric == metric)
            return true;
    return false;
}

static cJSON *point_json(const struct sofa_problem *p, const struct sofa_trial *t)
{
    cJSON *point = cJSON_CreateObject(), *parameters, *objectives, *metrics;

    cJSON_AddNumberToObject(point, "id", (double)t->id);
    parameters = cJSON_AddObjectToObject(point, "parameters");
    for (size_t i = 0; i < p->space->dims; i++) {
        const struct sofa_space_dim *d = &p->space->dim[i];

        cJSON_AddItemToObject(parameters, d->name, sofa_parameter_json(d->parameter, d->value[t->x[i]]));
    }
    objectives = cJSON_AddObjectToObject(point, "objectives");
    for (size_t i = 0; i < p->n_objectives; i++)
        cJSON_AddNumberToObject(objectives, p->objective[i].metric->name, sofa_problem_value(p, p->objective[i].metric, t->metric));
    metrics = cJSON_AddObjectToObject(point, "metrics");
    for (size_t i = 0; i < p->n_metrics; i++)
        if (!is_objective(p, &p->metric[i]) && isfinite(t->metric[i]))
            cJSON_AddNumberToObject(metrics, p->metric[i].name, t->metric[i]);
    for (size_t i = 0; i < t->n_extra; i++)
        cJSON_AddNumberToObject(metrics, t->extra[i].name, t->extra[i].value);
    return point;
}

/* What our own model ran on. */
static void add_workload(cJSON *root, const struct sofa_problem *p)
{
    cJSON *o = cJSON_AddObjectToObject(root, "workload");

    cJSON_AddStringToObject(o, "name", p->workload.name);
    cJSON_AddStringToObject(o, "scope", sofa_scope_names[p->workload.scope]);
    cJSON_AddStringToObject(o, "statistics", sofa_problem_statistics(p));
    cJSON_AddNumberToObject(o, "batch", p->workload.batch);
    cJSON_AddNumberToObject(o, "queries", p->workload.queries);
    cJSON_AddNumberToObject(o, "keys", p->workload.keys);
}

/* An outside evaluator, and what its parameters are: no other list tells. */
static void add_evaluator(cJSON *root, const struct sofa_space *space)
{
    cJSON *o = cJSON_AddObjectToObject(root, "evaluator"), *list = cJSON_AddArrayToObject(o, "command");

    for (char *const *word = space->evaluator.command; *word; word++)
        cJSON_AddItemToArray(list, cJSON_CreateString(*word));
    list = cJSON_AddArrayToObject(o, "parameters");
    for (size_t i = 0; i < space->n_parameters; i++) {
        const struct sofa_parameter *p = &space->parameter[i];
        cJSON *row = cJSON_CreateObject(), *names;

        cJSON_AddStringToObject(row, "name", p->key);
        cJSON_AddStringToObject(row, "unit", p->unit);
        names = p->names ? cJSON_AddArrayToObject(row, "values") : NULL;
        for (size_t k = 0; names && p->names[k]; k++)
            cJSON_AddItemToArray(names, cJSON_CreateString(p->names[k]));
        cJSON_AddItemToArray(list, row);
    }
}

static void add_head(cJSON *root, const struct sofa_study *s)
{
    const struct sofa_space *space = s->problem->space;
    cJSON *o;

    cJSON_AddStringToObject(root, "schema", SCHEMA);
    o = cJSON_AddObjectToObject(root, "program");
    cJSON_AddStringToObject(o, "name", PACKAGE_NAME);
    cJSON_AddStringToObject(o, "version", PACKAGE_VERSION);
    o = cJSON_AddObjectToObject(root, "space");
    cJSON_AddStringToObject(o, "name", space->name);
    cJSON_AddStringToObject(o, "sha256", space->sha256);
    if (space->evaluator.node)
        add_evaluator(root, space);
    else
        add_workload(root, s->problem);
    if (space->patterns.count > 1)
        cJSON_AddItemToObject(root, "patterns", cJSON_CreateStringArray(space->patterns.names, space->patterns.count));
    if (s->problem->hardware.sram_text)
        cJSON_AddStringToObject(root, "sram", s->problem->hardware.sram_text);
    cJSON_AddItemToObject(root, "objectives", objectives_json(s->problem));
    cJSON_AddItemToObject(root, "constraints", constraints_json(s->problem));
    o = cJSON_AddObjectToObject(root, "search");
    cJSON_AddStringToObject(o, "algorithm", s->algorithm);
    cJSON_AddNumberToObject(o, "evaluations", (double)s->evaluations);
    cJSON_AddNumberToObject(o, "seed", (double)s->seed);
    if (s->ended)
        cJSON_AddStringToObject(o, "ended", s->note);
}

static cJSON *front_json(const struct sofa_study *s)
{
    cJSON *root = cJSON_CreateObject(), *list;

    add_head(root, s);
    list = cJSON_AddArrayToObject(root, "reference_point");
    for (size_t i = 0; i < s->problem->n_objectives; i++)
        cJSON_AddItemToArray(list, cJSON_CreateNumber(s->problem->objective[i].sign * s->reference[i]));
    cJSON_AddNumberToObject(root, "hypervolume", s->hypervolume);
    list = cJSON_AddArrayToObject(root, "points");
    for (size_t i = 0; i < s->n_front; i++)
        cJSON_AddItemToArray(list, point_json(s->problem, &s->trial[s->front[i]]));
    return root;
}

static enum sofa_code write_file(const char *folder, const char *name, const char *text, struct sofa_err *err)
{
    char *path = sofa_path_join(folder, name);
    enum sofa_code rc;

    if (!path)
        return sofa_fail_nomem(err, name);
    rc = sofa_file_write_atomic(path, text, strlen(text), err);
    free(path);
    return rc;
}

static enum sofa_code write_json(const struct sofa_study *study, const char *folder, struct sofa_err *err)
{
    cJSON *root = front_json(study);
    char *text = sofa_json_text(root);
    char *line = text ? sofa_format("%s\n", text) : NULL;
    enum sofa_code rc = line ? write_file(folder, "pareto.json", line, err) : sofa_fail_nomem(err, "the front");

    free(line);
    free(text);
    cJSON_Delete(root);
    return rc;
}

static enum sofa_code write_page(const char *folder, struct sofa_err *err)
{
    char *path = sofa_path_join(folder, "report.html");
    enum sofa_code rc = path ? sofa_report_html(folder, path, err) : sofa_fail_nomem(err, folder);

    free(path);
    return rc;
}

enum sofa_code sofa_report_write(const struct sofa_study *study, const char *folder, struct sofa_err *err)
{
    struct sofa_str csv = SOFA_STR_INIT;
    enum sofa_code rc;

    SOFA_TRY(write_json(study, folder, err));
    sofa_report_csv(study, &csv);
    SOFA_TRY(csv.failed ? sofa_fail_nomem(err, "the front") : write_file(folder, "pareto.csv", csv.text, err));
    rc = write_page(folder, err);
out:
    sofa_str_release(&csv);
    return rc;
}

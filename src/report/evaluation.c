/* One evaluation, as JSON and for people. */
#include <cjson/cJSON.h>
#include <math.h>
#include <stdio.h>

#include "base/unit.h"
#include "report/report.h"

#define SOURCE_MAX 200

/* JSON knows no infinity and no NaN: null. */
static void add_number(cJSON *object, const char *name, double value)
{
    if (isfinite(value))
        cJSON_AddNumberToObject(object, name, value);
    else
        cJSON_AddNullToObject(object, name);
}

static void add_values(cJSON *root, const struct sofa_problem *p, const struct sofa_evaluation *e)
{
    cJSON *objectives = cJSON_AddObjectToObject(root, "objectives"), *metrics;

    for (size_t i = 0; i < p->n_objectives; i++)
        add_number(objectives, p->objective[i].metric->name, sofa_problem_value(p, p->objective[i].metric, e->metric));
    metrics = cJSON_AddObjectToObject(root, "metrics");
    for (size_t i = 0; i < p->n_metrics; i++)
        if (!isnan(e->metric[i]))
            add_number(metrics, p->metric[i].name, e->metric[i]);
    for (size_t i = 0; i < e->n_extra; i++)
        add_number(metrics, e->extra[i].name, e->extra[i].value);
}

static void add_breakdowns(cJSON *root, const struct sofa_problem *p, const struct sofa_evaluation *e)
{
    cJSON *all = cJSON_AddObjectToObject(root, "breakdown");
    struct sofa_part part;

    for (int b = 0; b < SOFA_BREAKDOWN_COUNT && !p->space->evaluator.node; b++) {
        cJSON *one = cJSON_AddObjectToObject(all, sofa_breakdown_names[b]);

        for (size_t i = 0; sofa_model_part((enum sofa_breakdown)b, i, &e->result, &part); i++)
            add_number(one, part.name, part.value);
    }
}

static void add_sources(cJSON *root, const struct sofa_problem *p, const struct sofa_design *design,
                        const struct sofa_evaluation *e)
{
    cJSON *sources = cJSON_AddObjectToObject(root, "sources");
    char text[SOURCE_MAX];

    for (size_t i = 0; i < p->n_metrics; i++) {
        if (isnan(e->metric[i]))
            continue;
        sofa_evaluate_design_source(p, design, &p->metric[i], text, sizeof text);
        cJSON_AddStringToObject(sources, p->metric[i].name, text);
    }
    for (size_t i = 0; i < e->n_extra; i++) {
        sofa_evaluate_source(p, &p->metric[0], text, sizeof text);
        cJSON_AddStringToObject(sources, e->extra[i].name, text);
    }
}

static void add_parameters(cJSON *root, const struct sofa_space *space, const struct sofa_design *design)
{
    cJSON *parameters = cJSON_AddObjectToObject(root, "parameters");
    char name[SOFA_PARAMETER_KEY_MAX + 16];

    for (size_t i = 0; i < space->n_parameters; i++) {
        const struct sofa_parameter *p = &space->parameter[i];

        for (int l = 0; l < (p->per_layer ? design->layers : 1); l++) {
            snprintf(name, sizeof name, p->per_layer ? "%s.%d" : "%s", p->key, l);
            cJSON_AddItemToObject(parameters, name,
                                  sofa_parameter_json(p, sofa_parameter_value(p, p->per_layer ? l : -1, design)));
        }
    }
}

struct cJSON *sofa_report_evaluation(const struct sofa_problem *problem, const struct sofa_design *design,
                                     const struct sofa_evaluation *evaluation, const struct sofa_simulated *simulated)
{
    cJSON *root = cJSON_CreateObject(), *violations, *simulation;

    if (!root)
        return NULL;
    add_values(root, problem, evaluation);
    cJSON_AddBoolToObject(root, "feasible", evaluation->feasible);
    violations = cJSON_AddArrayToObject(root, "violations");
    for (size_t i = 0; i < evaluation->violations; i++)
        cJSON_AddItemToArray(violations, cJSON_CreateString(evaluation->violation[i]));
    add_breakdowns(root, problem, evaluation);
    add_sources(root, problem, design, evaluation);
    add_parameters(root, problem->space, design);
    if (simulated) {
        simulation = cJSON_AddObjectToObject(root, "simulated");
        add_number(simulation, "cycles", simulated->cycles);
        add_number(simulation, "dram_bytes", simulated->dram_bytes);
    }
    return root;
}

static void add_design(const struct sofa_space *space, const struct sofa_design *design, struct sofa_str *out)
{
    char text[SOFA_PARAMETER_TEXT_MAX];

    sofa_str_add(out, "design\n");
    for (size_t i = 0; i < space->n_parameters; i++) {
        const struct sofa_parameter *p = &space->parameter[i];

        sofa_str_addf(out, "  %-24s", p->key);
        for (int l = 0; l < (p->per_layer ? design->layers : 1); l++) {
            sofa_parameter_text(p, sofa_parameter_value(p, p->per_layer ? l : -1, design), text);
            sofa_str_addf(out, "%s%s", l ? ", " : "", text);
        }
        sofa_str_add(out, "\n");
    }
}

static void add_metrics(const struct sofa_problem *p, const struct sofa_design *design, const struct sofa_evaluation *e,
                        struct sofa_str *out)
{
    char text[SOFA_QUANTITY_TEXT_MAX], source[SOURCE_MAX];

    sofa_str_add(out, "metrics\n");
    for (size_t i = 0; i < p->n_metrics; i++) {
        if (isnan(e->metric[i]))
            continue;
        sofa_quantity_text(e->metric[i], p->metric[i].unit, text);
        sofa_evaluate_design_source(p, design, &p->metric[i], source, sizeof source);
        sofa_str_addf(out, "  %-24s%-18s %s\n", p->metric[i].name, text, source);
    }
    for (size_t i = 0; i < e->n_extra; i++) {
        sofa_quantity_text(e->extra[i].value, "1", text);
        sofa_evaluate_source(p, &p->metric[0], source, sizeof source);
        sofa_str_addf(out, "  %-24s%-18s %s\n", e->extra[i].name, text, source);
    }
}

static void add_breakdown(enum sofa_breakdown b, const struct sofa_evaluation *e, struct sofa_str *out)
{
    char text[SOFA_QUANTITY_TEXT_MAX];
    struct sofa_part part;

    sofa_str_addf(out, "%s\n", sofa_breakdown_names[b]);
    for (size_t i = 0; sofa_model_part(b, i, &e->result, &part); i++) {
        if (part.value == 0)
            continue;
        sofa_quantity_text(part.value, sofa_breakdown_units[b], text);
        sofa_str_addf(out, "  %-24s%-18s %s\n", part.name, text, part.help);
    }
}

void sofa_report_evaluation_text(const struct sofa_problem *problem, const struct sofa_design *design,
                                 const struct sofa_evaluation *evaluation, const struct sofa_simulated *simulated,
                                 struct sofa_str *out)
{
    add_design(problem->space, design, out);
    add_metrics(problem, design, evaluation, out);
    if (evaluation->result.feasible && !problem->space->evaluator.node)
        for (int b = 0; b < SOFA_BREAKDOWN_COUNT; b++)
            add_breakdown((enum sofa_breakdown)b, evaluation, out);
    if (simulated)
        sofa_str_addf(out, "simulated\n  %-24s%.0f (model %+.2f %%)\n  %-24s%.0f (model %+.2f %%)\n", "cycles", simulated->cycles,
                      100 * (evaluation->result.cycles / simulated->cycles - 1), "dram_bytes", simulated->dram_bytes,
                      100 * (evaluation->result.dram_bytes / simulated->dram_bytes - 1));
    for (size_t i = 0; i < evaluation->violations; i++)
        sofa_str_addf(out, "violated: %s\n", evaluation->violation[i]);
    sofa_str_add(out, evaluation->feasible ? "feasible\n" : "not feasible\n");
}

/* Reading a study's folder for a report. */
#include <cjson/cJSON.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/unit.h"
#include "model/model.h"
#include "opt/pareto.h"
#include "report/picture.h"
#include "space/parameter.h"
#include "study/problem.h"

#define FRONT_FILE "pareto.json"
#define FRONT_BYTES_MAX ((size_t)256 << 20)

struct reading {
    struct sofa_report_data *data;
    const char *folder;
    char *file;
    cJSON *root;
    struct sofa_err *err;
};

static enum sofa_code fail(const struct reading *r, const char *what)
{
    return sofa_fail_at(r->err, SOFA_E_INPUT, r->file, 0, 0, "not a front of this program: %s", what);
}

static char *keep(struct reading *r, const char *text)
{
    return sofa_arena_strdup(&r->data->history.arena, text);
}

/* The text of a member, or NULL. */
static const char *text_of(const cJSON *object, const char *name)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);

    return cJSON_IsString(item) ? item->valuestring : NULL;
}

static double number_of(const cJSON *item)
{
    return cJSON_IsNumber(item) ? item->valuedouble : (double)NAN;
}

static const cJSON *list_of(const cJSON *object, const char *name, size_t *n)
{
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(object, name);

    *n = cJSON_IsArray(list) ? (size_t)cJSON_GetArraySize(list) : 0;
    return list;
}

static enum sofa_code read_objective(struct reading *r, const cJSON *item, const cJSON *reference,
                                     struct sofa_report_objective *o)
{
    const char *name = text_of(item, "name"), *unit = text_of(item, "unit"), *goal = text_of(item, "goal");

    if (!name || !unit || !goal)
        return fail(r, "an objective lacks its name, unit or goal");
    *o = (struct sofa_report_objective){.name = keep(r, name),
                                        .unit = keep(r, unit),
                                        .limit = NAN,
                                        .sign = strcmp(goal, "maximize") == 0 ? -1 : 1,
                                        .reference = number_of(reference)};
    if (o->name && o->unit)
        o->shown_unit = r->data->outside ? o->unit : sofa_report_shown_unit(o->name, o->unit);
    return o->shown_unit ? SOFA_OK : sofa_fail_nomem(r->err, r->file);
}

static enum sofa_code read_objectives(struct reading *r)
{
    struct sofa_report_data *d = r->data;
    size_t n, references;
    const cJSON *list = list_of(r->root, "objectives", &n),
                *reference = list_of(r->root, "reference_point", &references);
    enum sofa_code rc = SOFA_OK;

    if (n < 1 || n > SOFA_REPORT_OBJECTIVES_MAX || references != n)
        return fail(r, "the objectives, or their reference point, are missing");
    for (size_t i = 0; i < n; i++)
        SOFA_TRY(read_objective(r, cJSON_GetArrayItem(list, (int)i), cJSON_GetArrayItem(reference, (int)i),
                                &d->objective[i]));
    d->n_objectives = n;
out:
    return rc;
}

/* "area <= 8 mm2" bounds the objective it names. */
static void apply_constraint(struct sofa_report_data *d, const char *text)
{
    size_t n = strcspn(text, "<>= ");
    const char *relation = text + n + strspn(text + n, " ");
    const char *limit = relation + strspn(relation, "<>=");
    double value;

    for (size_t i = 0; i < d->n_objectives; i++) {
        struct sofa_report_objective *o = &d->objective[i];

        if (strlen(o->name) != n || strncmp(o->name, text, n) != 0 || (*relation != '<' && *relation != '>'))
            continue;
        if (sofa_quantity_parse(limit + strspn(limit, " "), o->unit, &value, NULL) != SOFA_OK)
            continue;
        o->limit = value;
        o->limit_above = *relation == '<';
    }
}

static enum sofa_code read_constraints(struct reading *r)
{
    struct sofa_report_data *d = r->data;
    size_t n;
    const cJSON *list = list_of(r->root, "constraints", &n);

    d->constraint = sofa_arena_zalloc(&d->history.arena, n + 1, sizeof *d->constraint);
    for (size_t i = 0; d->constraint && i < n; i++) {
        const cJSON *item = cJSON_GetArrayItem(list, (int)i);

        if (!cJSON_IsString(item))
            return fail(r, "a constraint is not a text");
        d->constraint[i] = keep(r, item->valuestring);
        if (!d->constraint[i])
            return sofa_fail_nomem(r->err, r->file);
        apply_constraint(d, d->constraint[i]);
    }
    d->n_constraints = n;
    return d->constraint ? SOFA_OK : sofa_fail_nomem(r->err, r->file);
}

/* Names in the order of their numbers, NULL-terminated. */
static enum sofa_code read_names(struct reading *r, const cJSON *list, size_t n, const char *const **out)
{
    const char **names = sofa_arena_zalloc(&r->data->history.arena, n + 1, sizeof *names);
    const cJSON *value;
    size_t i = 0;

    if (!names)
        return sofa_fail_nomem(r->err, r->file);
    cJSON_ArrayForEach(value, list)
    {
        if (!cJSON_IsString(value))
            return fail(r, "a value of a parameter is not a text");
        names[i] = keep(r, value->valuestring);
        if (!names[i++])
            return sofa_fail_nomem(r->err, r->file);
    }
    *out = names;
    return SOFA_OK;
}

/* The parameters of an outside evaluator, as the front tells them. */
static enum sofa_code read_row(struct reading *r, const cJSON *item, struct sofa_parameter *p)
{
    const char *name = text_of(item, "name"), *unit = text_of(item, "unit");
    const cJSON *values;
    enum sofa_code rc;
    size_t n;

    if (!name || !unit)
        return fail(r, "a parameter of the evaluator lacks its name or unit");
    values = list_of(item, "values", &n);
    *p = (struct sofa_parameter){.key = keep(r, name), .unit = keep(r, unit), .help = "",
                                 .kind = n ? SOFA_PARAMETER_CHOICE : SOFA_PARAMETER_NUMBER};
    SOFA_TRY(read_names(r, values, n, &p->names));
    if (!p->key || !p->unit)
        rc = sofa_fail_nomem(r->err, r->file);
out:
    return rc;
}

/* Our own row, with the names that the space gave its patterns. */
static enum sofa_code read_patterns(struct reading *r, struct sofa_parameter *p)
{
    const struct sofa_parameter *own = sofa_parameter_find("pattern");
    const cJSON *list;
    size_t n;

    list = list_of(r->root, "patterns", &n);
    *p = *own;
    return n ? read_names(r, list, n, &p->names) : SOFA_OK;
}

/* What is known of the axes: rows of the evaluator, or of our own table by the name before the dot. */
static enum sofa_code read_parameters(struct reading *r)
{
    struct sofa_report_data *d = r->data;
    const cJSON *evaluator = cJSON_GetObjectItemCaseSensitive(r->root, "evaluator");
    char key[SOFA_PARAMETER_KEY_MAX];
    struct sofa_parameter *table;
    enum sofa_code rc = SOFA_OK;
    size_t n;
    const cJSON *list = list_of(evaluator, "parameters", &n);

    table = sofa_arena_zalloc(&d->history.arena, n + 1, sizeof *table); /* the last: patterns */
    d->parameter = sofa_arena_zalloc(&d->history.arena, d->history.n_parameters + 1, sizeof *d->parameter);
    if (!table || !d->parameter)
        return sofa_fail_nomem(r->err, r->file);
    for (size_t i = 0; i < n; i++)
        SOFA_TRY(read_row(r, cJSON_GetArrayItem(list, (int)i), &table[i]));
    SOFA_TRY(read_patterns(r, &table[n]));
    for (size_t k = 0; k < d->history.n_parameters; k++) {
        const char *name = d->history.parameter[k];

        for (size_t i = 0; i < n; i++)
            if (strcmp(table[i].key, name) == 0)
                d->parameter[k] = &table[i];
        snprintf(key, sizeof key, "%.*s", (int)strcspn(name, "."), name);
        if (!d->outside)
            d->parameter[k] = strcmp(key, table[n].key) == 0 ? &table[n] : sofa_parameter_find(key);
    }
out:
    return rc;
}

static void add_fact(struct reading *r, const char *name, const char *fmt, ...) SOFA_PRINTF(3, 4);
static void add_fact(struct reading *r, const char *name, const char *fmt, ...)
{
    struct sofa_report_data *d = r->data;
    char text[256];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (d->n_facts < sizeof d->fact / sizeof *d->fact && (d->fact[d->n_facts].text = keep(r, text)))
        d->fact[d->n_facts++].name = name;
}

static void add_trial_facts(struct reading *r)
{
    const struct sofa_report_data *d = r->data;
    size_t count[SOFA_TRIAL_STATUSES] = {0};
    double seconds = 0;

    for (size_t i = 0; i < d->history.n_trials; i++) {
        count[d->history.trial[i].status]++;
        seconds += d->history.trial[i].seconds;
    }
    add_fact(r, "Evaluations", "%zu: %zu feasible, %zu infeasible, %zu failed", d->history.n_trials,
             count[SOFA_TRIAL_FEASIBLE], count[SOFA_TRIAL_INFEASIBLE], count[SOFA_TRIAL_FAILED]);
    add_fact(r, "Designs on the front", "%zu", d->n_front);
    add_fact(r, "Hypervolume", "%.6g", d->hypervolume);
    add_fact(r, "Time in evaluations", "%.4g s", seconds);
}

static void add_command(struct reading *r)
{
    const cJSON *evaluator = cJSON_GetObjectItemCaseSensitive(r->root, "evaluator"), *word;
    struct sofa_str text = SOFA_STR_INIT;

    cJSON_ArrayForEach(word, cJSON_GetObjectItemCaseSensitive(evaluator, "command"))
        sofa_str_addf(&text, "%s%s", text.length ? " " : "", cJSON_IsString(word) ? word->valuestring : "");
    add_fact(r, "Evaluator", "%s", text.text);
    sofa_str_release(&text);
}

static void add_facts(struct reading *r)
{
    const cJSON *space = cJSON_GetObjectItemCaseSensitive(r->root, "space");
    const cJSON *workload = cJSON_GetObjectItemCaseSensitive(r->root, "workload");
    const cJSON *search = cJSON_GetObjectItemCaseSensitive(r->root, "search");
    const cJSON *program = cJSON_GetObjectItemCaseSensitive(r->root, "program");
    double seed = number_of(cJSON_GetObjectItemCaseSensitive(search, "seed"));
    const char *text;

    if ((text = text_of(workload, "name")))
        add_fact(r, "Workload", "%s, %s; statistics %s", text,
                 text_of(workload, "scope") ? text_of(workload, "scope") : "",
                 text_of(workload, "statistics") ? text_of(workload, "statistics") : "unknown");
    if (r->data->outside)
        add_command(r);
    if ((text = text_of(search, "algorithm")))
        add_fact(r, "Search", "%s, seed %.17g", text, seed);
    if ((text = text_of(search, "ended")))
        add_fact(r, "Ended early", "%s", text);
    add_trial_facts(r);
    if ((text = text_of(space, "sha256")))
        add_fact(r, "Space file, SHA-256", "%.16s", text);
    if ((text = text_of(program, "version")))
        add_fact(r, "Program", "sofa-dse %s", text);
}

static int compare_id(const void *key, const void *trial)
{
    double id = *(const double *)key, other = (double)((const struct sofa_history_trial *)trial)->id;

    return (id > other) - (id < other);
}

/* Marks the trials whose ids the front lists. */
static enum sofa_code mark_front(struct reading *r)
{
    struct sofa_report_data *d = r->data;
    const struct sofa_history_trial *t;
    size_t n;
    const cJSON *list = list_of(r->root, "points", &n), *point;

    d->on_front = sofa_arena_zalloc(&d->history.arena, d->history.n_trials + 1, sizeof *d->on_front);
    if (!d->on_front)
        return sofa_fail_nomem(r->err, r->file);
    cJSON_ArrayForEach(point, list)
    {
        double id = number_of(cJSON_GetObjectItemCaseSensitive(point, "id"));

        t = bsearch(&id, d->history.trial, d->history.n_trials, sizeof *t, compare_id);
        if (!t || (double)t->id != id)
            return fail(r, "a point of it is no evaluation of study.db");
        d->n_front += !d->on_front[t - d->history.trial];
        d->on_front[t - d->history.trial] = true;
    }
    return SOFA_OK;
}

/* The front so far, in the minimised sense. */
struct growing_front {
    size_t n, m, room;
    double *y;     /* [n][m] */
    size_t *trial; /* [n] */
};

static bool make_room(struct growing_front *f)
{
    size_t room = f->room ? 2 * f->room : 64;
    double *y;
    size_t *trial;

    if (f->n < f->room)
        return true;
    y = realloc(f->y, room * f->m * sizeof *y);
    f->y = y ? y : f->y;
    trial = y ? realloc(f->trial, room * sizeof *trial) : NULL;
    f->trial = trial ? trial : f->trial;
    f->room = trial ? room : f->room;
    return trial;
}

/* Takes a trial where nothing so far dominates it, and drops what it dominates; whether it did. */
static bool take(struct growing_front *f, size_t trial, const double *y, bool *failed)
{
    size_t kept = 0;

    for (size_t i = 0; i < f->n; i++)
        if (sofa_pareto_dominates(f->y + i * f->m, y, f->m) ||
            memcmp(f->y + i * f->m, y, f->m * sizeof *y) == 0)
            return false;
    for (size_t i = 0; i < f->n; i++)
        if (!sofa_pareto_dominates(y, f->y + i * f->m, f->m)) {
            memmove(f->y + kept * f->m, f->y + i * f->m, f->m * sizeof *y);
            f->trial[kept++] = f->trial[i];
        }
    f->n = kept;
    if (!make_room(f)) {
        *failed = true;
        return false;
    }
    memcpy(f->y + f->n * f->m, y, f->m * sizeof *y);
    f->trial[f->n++] = trial;
    return true;
}

/* A feasible trial with all its objectives, in the minimised sense. */
static bool minimised(const struct sofa_report_data *d, const struct sofa_history_trial *t, double *y)
{
    bool usable = t->status == SOFA_TRIAL_FEASIBLE;

    for (size_t k = 0; k < d->n_objectives; k++) {
        y[k] = d->objective[k].sign * t->metric[k];
        usable = usable && isfinite(y[k]);
    }
    return usable;
}

/* The front of the trials that were read: where the study goes on, pareto.json is of an earlier moment. */
static void take_front(struct sofa_report_data *d, const struct growing_front *f, double volume)
{
    memset(d->on_front, 0, d->history.n_trials * sizeof *d->on_front);
    for (size_t i = 0; i < f->n; i++)
        d->on_front[f->trial[i]] = true;
    d->n_front = f->n;
    if (d->n_objectives <= 6)
        d->hypervolume = volume;
}

#define STEP_FRONT 128 /* designs on a front from which steps are made wider */

static enum sofa_code find_steps(struct reading *r)
{
    struct sofa_report_data *d = r->data;
    size_t n = d->history.n_trials, every = n / SOFA_REPORT_STEPS_MAX + 1, last = 0;
    struct growing_front front = {.m = d->n_objectives};
    double reference[SOFA_REPORT_OBJECTIVES_MAX], y[SOFA_REPORT_OBJECTIVES_MAX], volume = 0;
    bool changed = false, failed = false;
    enum sofa_code rc = SOFA_OK;

    d->step = sofa_arena_zalloc(&d->history.arena, n / every + 2, sizeof *d->step);
    if (!d->step)
        return sofa_fail_nomem(r->err, r->file);
    for (size_t k = 0; k < d->n_objectives; k++)
        reference[k] = d->objective[k].sign * d->objective[k].reference;
    for (size_t i = 0; i < n && !failed; i++) {
        if (minimised(d, &d->history.trial[i], y))
            changed = take(&front, i, y, &failed) || changed;
        /* a large front costs more, and has moved less by then */
        if (i + 1 - last < every * (1 + front.n / STEP_FRONT) && i + 1 != n)
            continue;
        last = i + 1;
        if (changed && d->n_objectives <= 6)
            SOFA_TRY(sofa_hypervolume(front.y, front.n, front.m, reference, &volume, r->err));
        changed = false;
        d->step[d->n_steps++] = (struct sofa_report_step){i + 1, volume};
    }
    if (failed)
        rc = sofa_fail_nomem(r->err, r->file);
    else
        take_front(d, &front, volume);
out:
    free(front.y);
    free(front.trial);
    return rc;
}

static enum sofa_code read_front(struct reading *r)
{
    char *text = NULL;
    size_t size;
    enum sofa_code rc;

    SOFA_TRY(sofa_file_read(r->file, FRONT_BYTES_MAX, &text, &size, r->err));
    r->root = cJSON_ParseWithLength(text, size);
    free(text);
    if (!r->root)
        return fail(r, "it is not JSON");
    if (!text_of(r->root, "schema") || strncmp(text_of(r->root, "schema"), "sofa-dse/pareto/", 16) != 0)
        return fail(r, "'schema' doesn't say so");
out:
    return rc;
}

/* The objectives' names, to ask the history for. */
static enum sofa_code read_history(struct reading *r)
{
    size_t n;
    const cJSON *list = list_of(r->root, "objectives", &n);
    const char *name[SOFA_REPORT_OBJECTIVES_MAX];

    if (n > SOFA_REPORT_OBJECTIVES_MAX)
        return fail(r, "it has too many objectives");
    for (size_t i = 0; i < n; i++) {
        name[i] = text_of(cJSON_GetArrayItem(list, (int)i), "name");
        if (!name[i])
            return fail(r, "an objective has no name");
    }
    return sofa_history_read(r->folder, name, n, &r->data->history, r->err);
}

static enum sofa_code read_all(struct reading *r)
{
    const char *name;
    enum sofa_code rc;

    SOFA_TRY(read_front(r));
    SOFA_TRY(read_history(r));
    name = text_of(cJSON_GetObjectItemCaseSensitive(r->root, "space"), "name");
    r->data->name = keep(r, name ? name : "a study");
    if (!r->data->name)
        return sofa_fail_nomem(r->err, r->file);
    r->data->hypervolume = number_of(cJSON_GetObjectItemCaseSensitive(r->root, "hypervolume"));
    r->data->outside = cJSON_HasObjectItem(r->root, "evaluator");
    SOFA_TRY(read_parameters(r));
    SOFA_TRY(read_objectives(r));
    SOFA_TRY(read_constraints(r));
    SOFA_TRY(mark_front(r));
    SOFA_TRY(find_steps(r));
    add_facts(r);
out:
    return rc;
}

enum sofa_code sofa_report_data_read(const char *folder, struct sofa_report_data *data, struct sofa_err *err)
{
    struct reading r = {.data = data, .folder = folder, .file = sofa_path_join(folder, FRONT_FILE), .err = err};
    enum sofa_code rc;

    *data = (struct sofa_report_data){.n_objectives = 0};
    if (!r.file)
        return sofa_fail_nomem(err, folder);
    rc = read_all(&r);
    cJSON_Delete(r.root);
    free(r.file);
    if (rc != SOFA_OK)
        sofa_report_data_release(data);
    return rc;
}

void sofa_report_data_release(struct sofa_report_data *data)
{
    if (data)
        sofa_history_release(&data->history);
}

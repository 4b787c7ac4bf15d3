#include "study/trials.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "opt/pareto.h"

#define SOURCE_MAX 200

enum sofa_code sofa_trial_new(struct sofa_trial *trial, const struct sofa_problem *problem, const int *x, struct sofa_err *err)
{
    size_t dims = problem->space->dims;

    trial->x = malloc((dims + 1) * sizeof *trial->x);
    trial->y = malloc(problem->n_slots * sizeof *trial->y);
    trial->metric = malloc(problem->n_metrics * sizeof *trial->metric);
    trial->reason = calloc(1, 1);
    if (!trial->x || !trial->y || !trial->metric || !trial->reason)
        return sofa_fail_nomem(err, "a trial");
    memcpy(trial->x, x, dims * sizeof *x);
    for (size_t i = 0; i < problem->n_slots; i++)
        trial->y[i] = NAN;
    for (size_t i = 0; i < problem->n_metrics; i++)
        trial->metric[i] = NAN;
    return SOFA_OK;
}

enum sofa_code sofa_extras_copy(const struct sofa_extra *from, size_t n, struct sofa_extra **to, struct sofa_err *err)
{
    size_t bytes = n * sizeof **to;
    char *name;

    *to = NULL;
    if (!n)
        return SOFA_OK;
    for (size_t i = 0; i < n; i++)
        bytes += strlen(from[i].name) + 1;
    *to = malloc(bytes);
    if (!*to)
        return sofa_fail_nomem(err, "metrics");
    name = (char *)(*to + n);
    for (size_t i = 0; i < n; i++) {
        (*to)[i] = (struct sofa_extra){name, from[i].value};
        name = stpcpy(name, from[i].name) + 1;
    }
    return SOFA_OK;
}

void sofa_trial_release(struct sofa_trial *trial)
{
    free(trial->x);
    free(trial->y);
    free(trial->metric);
    free(trial->extra);
    free(trial->reason);
    memset(trial, 0, sizeof *trial);
}

void sofa_trial_set_objectives(struct sofa_trial *trial, const struct sofa_problem *p)
{
    for (size_t i = 0; i < p->n_slots; i++)
        trial->y[i] = p->objective[i].sign * sofa_problem_value(p, p->objective[i].metric, trial->metric);
}

static enum sofa_code set_reason(struct sofa_trial *trial, const struct sofa_evaluation *e, struct sofa_err *err)
{
    struct sofa_str text = SOFA_STR_INIT;

    for (size_t i = 0; i < e->violations; i++)
        sofa_str_addf(&text, "%s%s", i ? "; " : "", e->violation[i]);
    free(trial->reason);
    trial->reason = sofa_format("%s", text.text);
    sofa_str_release(&text);
    return trial->reason ? SOFA_OK : sofa_fail_nomem(err, "a trial");
}

static enum sofa_code copy_selection(struct sofa_statistics *to, const struct sofa_statistics *from, struct sofa_err *err)
{
    size_t bytes = (size_t)from->layers * (size_t)from->heads * sizeof *from->head;

    *to = *from;
    to->spans = NULL;
    to->head = malloc(bytes ? bytes : 1);
    if (!to->head)
        return sofa_fail_nomem(err, "statistics");
    memcpy(to->head, from->head, bytes);
    return SOFA_OK;
}

enum sofa_code sofa_trial_fill(struct sofa_trial *trial, const struct sofa_problem *problem,
                               const struct sofa_evaluation *evaluation, struct sofa_statistics *selection,
                               struct sofa_err *err)
{
    enum sofa_code rc;

    trial->status = evaluation->feasible ? SOFA_TRIAL_FEASIBLE : SOFA_TRIAL_INFEASIBLE;
    trial->seconds = evaluation->seconds;
    memcpy(trial->metric, evaluation->metric, problem->n_metrics * sizeof *trial->metric);
    sofa_trial_set_objectives(trial, problem);
    SOFA_TRY(set_reason(trial, evaluation, err));
    SOFA_TRY(sofa_extras_copy(evaluation->extra, evaluation->n_extra, &trial->extra, err));
    trial->n_extra = evaluation->n_extra;
    if (sofa_problem_runs_kernel(problem))
        rc = copy_selection(selection, &evaluation->selection, err);
out:
    return rc;
}

static size_t list_parameters(const struct sofa_problem *p, const struct sofa_trial *t, struct sofa_store_parameter *out)
{
    for (size_t i = 0; i < p->space->dims; i++) {
        const struct sofa_space_dim *d = &p->space->dim[i];

        out[i] = (struct sofa_store_parameter){d->name, t->x[i], d->value[t->x[i]]};
    }
    return p->space->dims;
}

static size_t list_metrics(const struct sofa_problem *p, const struct sofa_trial *t, struct sofa_store_metric *out,
                           char source[][SOURCE_MAX])
{
    struct sofa_design design;
    size_t n = 0;

    sofa_space_design(p->space, t->x, &design);
    for (size_t i = 0; i < p->n_metrics; i++) {
        if (isnan(t->metric[i]))
            continue;
        sofa_evaluate_design_source(p, &design, &p->metric[i], source[n], SOURCE_MAX);
        out[n] = (struct sofa_store_metric){p->metric[i].name, source[n], t->metric[i]};
        n++;
    }
    for (size_t i = 0; i < t->n_extra; i++, n++) {
        sofa_evaluate_source(p, &p->metric[0], source[n], SOURCE_MAX);
        out[n] = (struct sofa_store_metric){t->extra[i].name, source[n], t->extra[i].value};
    }
    return n;
}

enum sofa_code sofa_trial_put(struct sofa_store *store, const struct sofa_problem *problem, const struct sofa_trial *trial,
                              const struct sofa_statistics *selection, struct sofa_err *err)
{
    struct sofa_store_parameter *parameter = malloc((problem->space->dims + 1) * sizeof *parameter);
    struct sofa_store_metric metric[SOFA_METRICS_MAX + SOFA_EXTRAS_MAX];
    char source[SOFA_METRICS_MAX + SOFA_EXTRAS_MAX][SOURCE_MAX];
    struct sofa_store_trial row = {.id = trial->id, .status = trial->status, .seconds = trial->seconds,
                                   .worker = trial->worker, .reason = trial->reason, .parameter = parameter,
                                   .metric = metric, .selection = selection->head ? selection : NULL};
    enum sofa_code rc;

    if (!parameter)
        return sofa_fail_nomem(err, "a trial");
    row.parameters = list_parameters(problem, trial, parameter);
    row.metrics = list_metrics(problem, trial, metric, source);
    rc = sofa_store_put(store, &row, err);
    free(parameter);
    return rc;
}

struct reading {
    const struct sofa_problem *problem;
    struct sofa_stored *stored;
    size_t n, room;
};

static enum sofa_code read_point(const struct sofa_problem *p, const struct sofa_store_trial *row, struct sofa_stored *s,
                                 struct sofa_err *err)
{
    if (row->parameters != p->space->dims)
        return sofa_fail(err, SOFA_E_IO, "evaluation %zu of the study is not of this space", row->id);
    s->x = malloc((row->parameters + 1) * sizeof *s->x);
    if (!s->x)
        return sofa_fail_nomem(err, "the study");
    for (size_t i = 0; i < row->parameters; i++)
        s->x[i] = row->parameter[i].level;
    return SOFA_OK;
}

static enum sofa_code read_values(const struct sofa_problem *p, const struct sofa_store_trial *row, struct sofa_stored *s,
                                  struct sofa_err *err)
{
    struct sofa_extra extra[SOFA_EXTRAS_MAX];
    enum sofa_code rc;

    s->metric = malloc(p->n_metrics * sizeof *s->metric);
    s->reason = sofa_format("%s", row->reason);
    if (!s->metric || !s->reason)
        return sofa_fail_nomem(err, "the study");
    for (size_t i = 0; i < p->n_metrics; i++)
        s->metric[i] = NAN;
    for (size_t i = 0; i < row->metrics; i++) {
        const struct sofa_metric *m = sofa_problem_metric(p, row->metric[i].name);

        if (m)
            s->metric[m - p->metric] = row->metric[i].value;
        else if (p->space->evaluator.node && s->n_extra < SOFA_EXTRAS_MAX)
            extra[s->n_extra++] = (struct sofa_extra){row->metric[i].name, row->metric[i].value};
    }
    qsort(extra, s->n_extra, sizeof *extra, sofa_extra_compare);
    SOFA_TRY(sofa_extras_copy(extra, s->n_extra, &s->extra, err));
    if (row->selection)
        rc = copy_selection(&s->selection, row->selection, err);
out:
    return rc;
}

static enum sofa_code read_row(void *ctx, const struct sofa_store_trial *row, struct sofa_err *err)
{
    struct reading *r = ctx;
    struct sofa_stored *more, *s;
    enum sofa_code rc;

    if (row->id != r->n)
        return sofa_fail(err, SOFA_E_IO, "evaluation %zu is missing in the study", r->n);
    if (r->n == r->room) {
        size_t room = r->room ? 2 * r->room : 64;

        more = realloc(r->stored, room * sizeof *more);
        if (!more)
            return sofa_fail_nomem(err, "the study");
        r->stored = more;
        r->room = room;
    }
    s = &r->stored[r->n++];
    *s = (struct sofa_stored){.status = row->status, .seconds = row->seconds, .worker = row->worker};
    SOFA_TRY(read_point(r->problem, row, s, err));
    rc = read_values(r->problem, row, s, err);
out:
    return rc;
}

enum sofa_code sofa_trials_read(struct sofa_store *store, const struct sofa_problem *problem, struct sofa_stored **stored,
                                size_t *n, struct sofa_err *err)
{
    struct reading r = {.problem = problem};
    enum sofa_code rc = sofa_store_each(store, read_row, &r, err);

    if (rc != SOFA_OK) {
        sofa_trials_free(r.stored, r.n);
        return rc;
    }
    *stored = r.stored;
    *n = r.n;
    return SOFA_OK;
}

void sofa_trials_free(struct sofa_stored *stored, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free(stored[i].x);
        free(stored[i].metric);
        free(stored[i].extra);
        free(stored[i].reason);
        free(stored[i].selection.head);
    }
    free(stored);
}

enum sofa_code sofa_trial_take_stored(struct sofa_trial *trial, struct sofa_statistics *selection, struct sofa_stored *stored,
                                      const struct sofa_problem *problem, struct sofa_err *err)
{
    if (memcmp(trial->x, stored->x, problem->space->dims * sizeof *trial->x) != 0)
        return sofa_fail(err, SOFA_E_IO, "evaluation %zu of the study is not the one this program would make; it was "
                         "written by another version or from other files", trial->id);
    trial->status = stored->status;
    trial->seconds = stored->seconds;
    trial->worker = stored->worker;
    memcpy(trial->metric, stored->metric, problem->n_metrics * sizeof *trial->metric);
    sofa_trial_set_objectives(trial, problem);
    free(trial->extra);
    trial->extra = stored->extra;
    trial->n_extra = stored->n_extra;
    stored->extra = NULL;
    free(trial->reason);
    trial->reason = stored->reason;
    stored->reason = NULL;
    *selection = stored->selection;
    stored->selection.head = NULL;
    return SOFA_OK;
}

static int compare_first_objective(const struct sofa_study *s, size_t a, size_t b)
{
    for (size_t i = 0; i < s->problem->n_objectives; i++) {
        double u = s->trial[a].y[i], v = s->trial[b].y[i];

        if (u != v)
            return u < v ? -1 : 1;
    }
    return 0;
}

static bool dominated(const struct sofa_study *s, const double *y)
{
    size_t m = s->problem->n_objectives;

    for (size_t i = 0; i < s->n_front; i++) {
        const double *f = s->trial[s->front[i]].y;

        if (sofa_pareto_dominates(f, y, m) || memcmp(f, y, m * sizeof *y) == 0)
            return true;
    }
    return false;
}

/* Puts a trial that nothing dominates into the sorted front, and takes out what it dominates. */
static void insert(struct sofa_study *s, size_t id)
{
    size_t kept = 0, at;

    for (size_t i = 0; i < s->n_front; i++)
        if (!sofa_pareto_dominates(s->trial[id].y, s->trial[s->front[i]].y, s->problem->n_objectives))
            s->front[kept++] = s->front[i];
    for (at = kept; at > 0 && compare_first_objective(s, s->front[at - 1], id) > 0; at--)
        s->front[at] = s->front[at - 1];
    s->front[at] = id;
    s->n_front = kept + 1;
}

/* A tenth of the front's range beyond its worst, as the optimiser has it. */
static void follow_front(struct sofa_study *s, const double *y, size_t m)
{
    for (size_t k = 0; k < m; k++) {
        double low = INFINITY, high = -INFINITY, range;

        for (size_t i = 0; i < s->n_front; i++) {
            low = fmin(low, y[i * m + k]);
            high = fmax(high, y[i * m + k]);
        }
        range = high > low ? high - low : high != 0 ? fabs(high) : 1;
        if (s->follows[k])
            s->reference[k] = high + SOFA_REFERENCE_MARGIN * range;
    }
}

static enum sofa_code measure_front(struct sofa_study *s, struct sofa_err *err)
{
    size_t m = s->problem->n_objectives;
    double *y = malloc(s->n_front * m * sizeof *y);
    enum sofa_code rc;

    if (!y)
        return sofa_fail_nomem(err, "the front");
    for (size_t i = 0; i < s->n_front; i++)
        memcpy(y + i * m, s->trial[s->front[i]].y, m * sizeof *y);
    follow_front(s, y, m);
    rc = sofa_hypervolume(y, s->n_front, m, s->reference, &s->hypervolume, err);
    free(y);
    return rc;
}

static enum sofa_code make_room(struct sofa_study *s, struct sofa_err *err)
{
    size_t room = s->room ? 2 * s->room : 64;
    struct sofa_trial *trial;
    size_t *front;

    if (s->n_trials < s->room)
        return SOFA_OK;
    trial = realloc(s->trial, room * sizeof *trial);
    if (trial)
        s->trial = trial;
    front = trial ? realloc(s->front, room * sizeof *front) : NULL;
    if (!front)
        return sofa_fail_nomem(err, "the study");
    s->front = front;
    s->room = room;
    return SOFA_OK;
}

static bool all_finite(const double *y, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!isfinite(y[i]))
            return false;
    return true;
}

enum sofa_code sofa_study_take(struct sofa_study *study, struct sofa_trial *trial, struct sofa_err *err)
{
    struct sofa_trial *own;
    enum sofa_code rc;

    SOFA_TRY(make_room(study, err));
    own = &study->trial[study->n_trials++];
    *own = *trial;
    *trial = (struct sofa_trial){.id = own->id};
    if (own->status != SOFA_TRIAL_FEASIBLE || !all_finite(own->y, study->problem->n_objectives) || dominated(study, own->y))
        goto out;
    insert(study, own->id);
    rc = measure_front(study, err);
out:
    return rc;
}

/* Evaluations on other ranks: a flight as bytes, there and back. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exec/mpi.h"
#include "study/loop.h"

/* A metric of no table on its way. */
struct extra_bytes {
    char name[SOFA_PARAMETER_KEY_MAX];
    double value;
};

/* The head of a result; behind it stand the metrics, those of no table, the selection and the text of a reason or
 * error. */
struct result_head {
    enum sofa_code rc;
    enum sofa_trial_status status;
    double seconds;
    int layers, heads;
    size_t extras;
    char source[sizeof ((struct sofa_statistics *)0)->source];
    size_t text; /* bytes, no terminator */
};


static enum sofa_code encode_task(void *ctx, const void *task, struct sofa_str *bytes, struct sofa_err *err)
{
    const struct sofa_loop *l = ctx;
    const struct sofa_flight *f = task;

    (void)err;
    sofa_str_add_bytes(bytes, (const char *)&f->trial.id, sizeof f->trial.id);
    sofa_str_add_bytes(bytes, (const char *)f->trial.x, l->problem->space->dims * sizeof *f->trial.x);
    return SOFA_OK;
}

static void encode_result(const struct sofa_problem *p, const struct sofa_trial *trial, const struct sofa_statistics *selection,
                          enum sofa_code rc, const struct sofa_err *why, struct sofa_str *bytes)
{
    char failure[SOFA_ERR_FILE_MAX + SOFA_ERR_TEXT_MAX + 32];
    const char *text = rc == SOFA_OK ? trial->reason : failure;
    struct result_head head;
    size_t n;

    sofa_err_format(why, failure, sizeof failure);
    memset(&head, 0, sizeof head);
    head.rc = rc;
    head.status = trial->status;
    head.seconds = trial->seconds;
    head.text = strlen(text);
    head.extras = trial->n_extra;
    if (selection->head) {
        head.layers = selection->layers;
        head.heads = selection->heads;
        memcpy(head.source, selection->source, sizeof head.source);
    }
    n = (size_t)head.layers * (size_t)head.heads;
    sofa_str_add_bytes(bytes, (const char *)&head, sizeof head);
    sofa_str_add_bytes(bytes, (const char *)trial->metric, p->n_metrics * sizeof *trial->metric);
    for (size_t i = 0; i < trial->n_extra; i++) {
        struct extra_bytes extra = {.value = trial->extra[i].value};

        snprintf(extra.name, sizeof extra.name, "%s", trial->extra[i].name);
        sofa_str_add_bytes(bytes, (const char *)&extra, sizeof extra);
    }
    if (n)
        sofa_str_add_bytes(bytes, (const char *)selection->head, n * sizeof *selection->head);
    sofa_str_add_bytes(bytes, text, head.text);
}

static enum sofa_code take_extras(struct sofa_trial *t, size_t n, const char *bytes, struct sofa_err *err)
{
    struct sofa_extra extra[SOFA_EXTRAS_MAX];
    struct extra_bytes one[SOFA_EXTRAS_MAX];
    enum sofa_code rc;

    memcpy(one, bytes, n * sizeof *one);
    for (size_t i = 0; i < n; i++)
        extra[i] = (struct sofa_extra){one[i].name, one[i].value};
    SOFA_TRY(sofa_extras_copy(extra, n, &t->extra, err));
    t->n_extra = n;
out:
    return rc;
}

/* The rest of a result once its head is known to fit its size. */
static enum sofa_code take_result(const struct sofa_loop *l, struct sofa_flight *f, const struct result_head *head,
                                  const char *bytes, struct sofa_err *err)
{
    size_t n = (size_t)head->layers * (size_t)head->heads;
    struct sofa_trial *t = &f->trial;
    char *text = malloc(head->text + 1);

    if (n)
        f->selection.head = malloc(n * sizeof *f->selection.head);
    if (!text || (n && !f->selection.head)) {
        free(text);
        return sofa_fail_nomem(err, "a result");
    }
    memcpy(t->metric, bytes, l->problem->n_metrics * sizeof *t->metric);
    bytes += l->problem->n_metrics * sizeof *t->metric;
    if (take_extras(t, head->extras, bytes, err) != SOFA_OK) {
        free(text);
        return SOFA_E_NOMEM;
    }
    bytes += head->extras * sizeof(struct extra_bytes);
    f->selection.layers = head->layers;
    f->selection.heads = head->heads;
    memcpy(f->selection.source, head->source, sizeof head->source);
    if (n)
        memcpy(f->selection.head, bytes, n * sizeof *f->selection.head);
    memcpy(text, bytes + n * sizeof *f->selection.head, head->text);
    text[head->text] = '\0';
    free(t->reason);
    t->reason = text;
    t->status = head->status;
    t->seconds = head->seconds;
    sofa_trial_set_objectives(t, l->problem);
    f->rc = head->rc;
    if (f->rc != SOFA_OK)
        sofa_fail(&f->err, f->rc, "%s", text);
    return SOFA_OK;
}

static enum sofa_code decode_result(void *ctx, void *task, size_t worker, const char *bytes, size_t size, struct sofa_err *err)
{
    const struct sofa_loop *l = ctx;
    struct sofa_flight *f = task;
    struct result_head head;
    size_t rest;

    if (size < sizeof head)
        return sofa_fail(err, SOFA_E_IO, "rank %zu sent a short result", worker);
    memcpy(&head, bytes, sizeof head);
    rest = l->problem->n_metrics * sizeof(double) + head.extras * sizeof(struct extra_bytes) + (size_t)head.layers * (size_t)head.heads * sizeof *f->selection.head + head.text;
    if (size != sizeof head + rest || head.extras > SOFA_EXTRAS_MAX)
        return sofa_fail(err, SOFA_E_IO, "rank %zu sent a result of %zu bytes, not %zu; is it another build of the program?",
                         worker, size, sizeof head + rest);
    f->trial.worker = worker;
    return take_result(l, f, &head, bytes + sizeof head, err);
}

enum sofa_code sofa_loop_remote_workers(struct sofa_loop *l, struct sofa_err *err)
{
    struct sofa_codec codec = {encode_task, decode_result, l};

    return sofa_mpi_workers(&codec, &l->workers, err);
}

static enum sofa_code serve_one(void *ctx, const char *task, size_t size, struct sofa_str *result, struct sofa_err *err)
{
    struct sofa_evaluator *ev = ctx;
    const struct sofa_space *space = ev->problem->space;
    struct sofa_statistics selection = {.head = NULL};
    struct sofa_err why = SOFA_ERR_INIT;
    struct sofa_trial trial = {.id = 0};
    struct sofa_evaluation e;
    struct sofa_design design;
    enum sofa_code rc;
    int *x = calloc(space->dims + 1, sizeof *x);

    if (!x)
        return sofa_fail_nomem(err, "a point");
    if (size != sizeof trial.id + space->dims * sizeof *x) {
        rc = sofa_fail(err, SOFA_E_IO, "the manager sent a point of another space");
        goto out;
    }
    memcpy(&trial.id, task, sizeof trial.id);
    memcpy(x, task + sizeof trial.id, space->dims * sizeof *x);
    SOFA_TRY(sofa_trial_new(&trial, ev->problem, x, err));
    sofa_space_design(space, x, &design);
    rc = sofa_evaluate_design(ev, trial.id, &design, &e, &why);
    if (rc == SOFA_OK)
        rc = sofa_trial_fill(&trial, ev->problem, &e, &selection, &why);
    encode_result(ev->problem, &trial, &selection, rc, &why, result);
    rc = SOFA_OK; /* a failure is part of the result */
out:
    sofa_trial_release(&trial);
    free(selection.head);
    free(x);
    return rc;
}

enum sofa_code sofa_study_serve(struct sofa_problem *problem, const atomic_bool *cancel, struct sofa_err *err)
{
    struct sofa_evaluator evaluator = {.problem = NULL};
    struct sofa_measurements *measurements = NULL;
    enum sofa_code rc;

    SOFA_TRY(sofa_measurements_new(SOFA_KEPT_MEASUREMENTS, &measurements, err));
    SOFA_TRY(sofa_evaluator_init(&evaluator, problem, measurements, cancel, err));
    SOFA_TRY(sofa_problem_measure_dense(problem, cancel, err));
    rc = sofa_mpi_serve(serve_one, &evaluator, err);
out:
    sofa_evaluator_release(&evaluator);
    sofa_measurements_free(measurements);
    return rc;
}

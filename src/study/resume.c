/* Opening a study's store: is it the same study, and what does it hold already? */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/str.h"
#include "study/changes.h"
#include "study/inputs.h"
#include "study/loop.h"

#define CHANGES_SHOWN 4

/* What a study must have in common with the run that goes on with it. */
static enum sofa_code check_meta(struct sofa_loop *l, const char *key, const char *value, struct sofa_err *err)
{
    char *was = NULL;
    enum sofa_code rc;

    SOFA_TRY(sofa_store_get(l->store, key, &was, err));
    if (!was)
        rc = sofa_store_set(l->store, key, value, err);
    else if (strcmp(was, value) != 0)
        rc = sofa_fail_at(err, SOFA_E_USAGE, l->options->folder, 0, 0,
                          "the study there was made with another %s (%s, now %s); choose another folder", key, was, value);
out:
    free(was);
    return rc;
}

static enum sofa_code fail_changed(struct sofa_loop *l, const char *what, struct sofa_err *err)
{
    return sofa_fail_at(err, SOFA_E_USAGE, l->options->folder, 0, 0,
                        "the study there is of another space: %s; choose another folder", what);
}

/* The file's text is kept beside its digest, so that a refusal can say what changed.  What --seed and
 * its like may set is compared as it takes effect; comments and layout may change. */
static enum sofa_code check_space(struct sofa_loop *l, struct sofa_err *err)
{
    const struct sofa_space *space = l->problem->space;
    const char *text = sofa_document_text(space->document, &(size_t){0});
    struct sofa_str changes = SOFA_STR_INIT;
    char *was = NULL, *sha256 = NULL;
    enum sofa_code rc;

    SOFA_TRY(sofa_store_get(l->store, "space file", &sha256, err));
    SOFA_TRY(sofa_store_get(l->store, "space", &was, err));
    if (sha256 && strcmp(sha256, space->sha256) != 0) {
        if (!was)
            rc = fail_changed(l, "its file changed", err);
        else if (sofa_space_changes(was, text, CHANGES_SHOWN, &changes) > 0)
            rc = fail_changed(l, changes.failed ? "its file changed" : changes.text, err);
        if (rc != SOFA_OK)
            goto out;
    }
    if (!sha256 || !was || strcmp(sha256, space->sha256) != 0) {
        SOFA_TRY(sofa_store_set(l->store, "space file", space->sha256, err));
        SOFA_TRY(sofa_store_set(l->store, "space", text, err));
    }
out:
    sofa_str_release(&changes);
    free(was);
    free(sha256);
    return rc;
}

/* The files that the space names. */
static enum sofa_code check_inputs(struct sofa_loop *l, struct sofa_err *err)
{
    struct sofa_str now = SOFA_STR_INIT, changes = SOFA_STR_INIT;
    char *was = NULL;
    enum sofa_code rc;

    SOFA_TRY(sofa_problem_inputs(l->problem, &now, err));
    SOFA_TRY(sofa_store_get(l->store, "inputs", &was, err));
    if (!was)
        rc = sofa_store_set(l->store, "inputs", now.text, err);
    else if (sofa_inputs_changes(was, now.text, &changes) > 0)
        rc = sofa_fail_at(err, SOFA_E_USAGE, l->options->folder, 0, 0,
                          "the study there was made with other files: %s; choose another folder", changes.text);
out:
    sofa_str_release(&now);
    sofa_str_release(&changes);
    free(was);
    return rc;
}

enum sofa_code sofa_loop_get_size(struct sofa_loop *l, const char *key, size_t *value, struct sofa_err *err)
{
    char *text = NULL;
    enum sofa_code rc;

    SOFA_TRY(sofa_store_get(l->store, key, &text, err));
    *value = text ? strtoull(text, NULL, 10) : 0;
out:
    free(text);
    return rc;
}

enum sofa_code sofa_loop_set_size(struct sofa_loop *l, const char *key, size_t value, struct sofa_err *err)
{
    char text[32];

    snprintf(text, sizeof text, "%zu", value);
    return sofa_store_set(l->store, key, text, err);
}

/* The number of evaluations may grow on request.  The optimiser keeps planning with the one that the
 * study started with, for its first suggestions depend on it. */
static enum sofa_code check_evaluations(struct sofa_loop *l, struct sofa_err *err)
{
    static const char key[] = "number of evaluations";
    size_t was, *wanted = &l->study->evaluations;
    enum sofa_code rc;

    SOFA_TRY(sofa_loop_get_size(l, key, &was, err));
    SOFA_TRY(sofa_loop_get_size(l, "budget", &l->budget, err));
    if (!l->budget) {
        l->budget = was ? was : *wanted;
        SOFA_TRY(sofa_loop_set_size(l, "budget", l->budget, err));
    }
    if (was && !l->options->evaluations && *wanted == l->budget)
        *wanted = was; /* an extended study goes on as it was extended */
    if (was && (l->options->extend ? *wanted < was : *wanted != was))
        rc = sofa_fail_at(err, SOFA_E_USAGE, l->options->folder, 0, 0, "the study there was made with %zu evaluations, now "
                          "%zu; %s", was, *wanted, *wanted > was ? "--extend adds evaluations" : "there is no taking back");
    else if (*wanted != was)
        rc = sofa_loop_set_size(l, key, *wanted, err);
out:
    return rc;
}

static enum sofa_code check_metas(struct sofa_loop *l, struct sofa_err *err)
{
    const struct sofa_study *s = l->study;
    char parallel[32], seed[32];
    enum sofa_code rc;

    snprintf(parallel, sizeof parallel, "%zu", s->parallel);
    snprintf(seed, sizeof seed, "%llu", (unsigned long long)s->seed);
    SOFA_TRY(check_meta(l, "program version", PACKAGE_VERSION, err));
    SOFA_TRY(check_space(l, err));
    SOFA_TRY(check_inputs(l, err));
    SOFA_TRY(check_meta(l, "workload or hardware of a sweep", l->problem->space->replaced, err));
    SOFA_TRY(check_meta(l, "algorithm", s->algorithm, err));
    SOFA_TRY(check_meta(l, "seed", seed, err));
    SOFA_TRY(check_meta(l, "number of evaluations under way", parallel, err));
    SOFA_TRY(check_evaluations(l, err));
    rc = sofa_store_flush(l->store, err);
out:
    return rc;
}

enum sofa_code sofa_loop_open_store(struct sofa_loop *l, struct sofa_err *err)
{
    char *db = sofa_path_join(l->options->folder, "study.db");
    bool there = db && sofa_file_exists(db), existed;
    enum sofa_code rc;

    free(db);
    if (there && !l->options->resume && !l->options->extend)
        return sofa_fail_at(err, SOFA_E_USAGE, l->options->folder, 0, 0,
                            "a study is there already; --resume goes on with it, -o names another folder");
    SOFA_TRY(sofa_store_open(l->options->folder, &l->store, &existed, err));
    SOFA_TRY(check_metas(l, err));
    rc = sofa_trials_read(l->store, l->problem, &l->stored, &l->n_stored, err);
    if (rc == SOFA_OK && l->n_stored > l->study->evaluations)
        rc = sofa_fail_at(err, SOFA_E_IO, l->options->folder, 0, 0, "the study holds %zu evaluations, more than it should",
                          l->n_stored);
    if (rc == SOFA_OK)
        rc = sofa_loop_open_stop(l, err);
out:
    return rc;
}

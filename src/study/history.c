#include "study/history.h"

#include <math.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/str.h"

#define ATTEMPTS 20 /* at reading what is written at the same time */
#define BUSY_MS 5000 /* a writer that begins or ends keeps others out for a moment */
#define PARAMETERS_MAX 65536 /* more is no study of ours */

struct reader {
    struct sofa_history *h;
    sqlite3 *db;
    char *file;
    size_t at; /* the trial that is being read */
    struct sofa_err *err;
};

static enum sofa_code fail_read(const struct reader *r)
{
    return sofa_fail_at(r->err, SOFA_E_IO, r->file, 0, 0, "cannot read the study: %s", sqlite3_errmsg(r->db));
}

static enum sofa_code fail_nomem(const struct reader *r)
{
    return sofa_fail_nomem(r->err, r->file);
}

/* Calls `row` for every row of a query. */
static enum sofa_code each(struct reader *r, const char *sql,
                           enum sofa_code (*row)(struct reader *r, sqlite3_stmt *q))
{
    sqlite3_stmt *q = NULL;
    enum sofa_code rc = SOFA_OK;
    int got = SQLITE_ERROR;

    if (sqlite3_prepare_v2(r->db, sql, -1, &q, NULL) != SQLITE_OK)
        return fail_read(r);
    while (rc == SOFA_OK && (got = sqlite3_step(q)) == SQLITE_ROW)
        rc = row(r, q);
    if (rc == SOFA_OK && got != SQLITE_DONE)
        rc = fail_read(r);
    sqlite3_finalize(q);
    return rc;
}

static const char *column_text(struct reader *r, sqlite3_stmt *q, int i)
{
    const char *text = (const char *)sqlite3_column_text(q, i);

    return text && *text ? sofa_arena_strdup(&r->h->arena, text) : "";
}

/* `n` numbers, none of them known yet. */
static double *new_numbers(struct reader *r, size_t n)
{
    double *x = sofa_arena_alloc(&r->h->arena, n + 1, sizeof *x);

    for (size_t i = 0; x && i < n; i++)
        x[i] = NAN;
    return x;
}

static enum sofa_code count_row(struct reader *r, sqlite3_stmt *q)
{
    struct sofa_history *h = r->h;
    double *value, *metric;

    h->n_trials = (size_t)sqlite3_column_int64(q, 0);
    h->n_parameters = (size_t)sqlite3_column_int64(q, 1);
    if (h->n_parameters > PARAMETERS_MAX)
        return sofa_fail_at(r->err, SOFA_E_IO, r->file, 0, 0,
                            "the study is damaged: an axis has the number %zu", h->n_parameters);
    h->trial = sofa_arena_zalloc(&h->arena, h->n_trials + 1, sizeof *h->trial);
    h->parameter = sofa_arena_zalloc(&h->arena, h->n_parameters + 1, sizeof *h->parameter);
    value = new_numbers(r, h->n_trials * h->n_parameters);
    metric = new_numbers(r, h->n_trials * h->n_metrics);
    if (!h->trial || !h->parameter || !value || !metric)
        return fail_nomem(r);
    for (size_t i = 0; i < h->n_parameters; i++)
        h->parameter[i] = "";
    for (size_t i = 0; i < h->n_trials; i++) {
        h->trial[i].value = value + i * h->n_parameters;
        h->trial[i].metric = metric + i * h->n_metrics;
    }
    return SOFA_OK;
}

static enum sofa_code trial_row(struct reader *r, sqlite3_stmt *q)
{
    struct sofa_history_trial *t;
    const char *status = (const char *)sqlite3_column_text(q, 1);
    int i = 0;

    if (r->at >= r->h->n_trials)
        return SOFA_OK;
    t = &r->h->trial[r->at++];
    while (i < SOFA_TRIAL_STATUSES && strcmp(sofa_trial_status_names[i], status ? status : "") != 0)
        i++;
    if (i == SOFA_TRIAL_STATUSES)
        return sofa_fail_at(r->err, SOFA_E_IO, r->file, 0, 0, "an evaluation has the unknown status '%s'",
                            status ? status : "");
    t->id = (size_t)sqlite3_column_int64(q, 0);
    t->status = (enum sofa_trial_status)i;
    t->seconds = sqlite3_column_double(q, 2);
    t->reason = column_text(r, q, 3);
    return t->reason ? SOFA_OK : fail_nomem(r);
}

/* Rows of parameters and metrics come in the order of the trials: moves on to the one in column 0. */
static struct sofa_history_trial *move_to_trial(struct reader *r, sqlite3_stmt *q)
{
    size_t id = (size_t)sqlite3_column_int64(q, 0);

    while (r->at < r->h->n_trials && r->h->trial[r->at].id < id)
        r->at++;
    return r->at < r->h->n_trials && r->h->trial[r->at].id == id ? &r->h->trial[r->at] : NULL;
}

static enum sofa_code parameter_row(struct reader *r, sqlite3_stmt *q)
{
    struct sofa_history_trial *t = move_to_trial(r, q);
    size_t dim = (size_t)sqlite3_column_int64(q, 1);

    if (!t || dim >= r->h->n_parameters)
        return SOFA_OK;
    if (!*r->h->parameter[dim] && !(r->h->parameter[dim] = column_text(r, q, 2)))
        return fail_nomem(r);
    if (sqlite3_column_type(q, 3) != SQLITE_NULL)
        t->value[dim] = sqlite3_column_double(q, 3);
    return SOFA_OK;
}

static enum sofa_code metric_row(struct reader *r, sqlite3_stmt *q)
{
    struct sofa_history_trial *t = move_to_trial(r, q);
    const char *name = (const char *)sqlite3_column_text(q, 1);

    for (size_t i = 0; t && name && i < r->h->n_metrics; i++)
        if (strcmp(name, r->h->metric[i]) == 0 && sqlite3_column_type(q, 2) != SQLITE_NULL)
            t->metric[i] = sqlite3_column_double(q, 2);
    return SOFA_OK;
}

/* In one transaction, so that a study that goes on meanwhile is seen as it was at one moment. */
static enum sofa_code read_all(struct reader *r)
{
    enum sofa_code rc;

    if (sqlite3_exec(r->db, "BEGIN", NULL, NULL, NULL) != SQLITE_OK)
        return fail_read(r);
    SOFA_TRY(each(r,
                  "SELECT (SELECT count(*) FROM evaluation), (SELECT coalesce(max(dim) + 1, 0) FROM parameter)",
                  count_row));
    SOFA_TRY(each(r, "SELECT id, status, seconds, reason FROM evaluation ORDER BY id", trial_row));
    r->at = 0;
    SOFA_TRY(
        each(r, "SELECT evaluation, dim, name, value FROM parameter ORDER BY evaluation, dim", parameter_row));
    r->at = 0;
    rc = each(r, "SELECT evaluation, name, value FROM metric ORDER BY evaluation", metric_row);
out:
    return rc;
}

/* What tells whether a database was written to: a log beside it, or another file at its place. */
struct stamp {
    bool log;
    struct stat file;
};

static struct stamp stamp_of(const char *file)
{
    char *log = sofa_format("%s-wal", file);
    struct stamp s = {.log = !log || sofa_file_exists(log)};

    if (stat(file, &s.file) != 0)
        memset(&s.file, 0, sizeof s.file);
    free(log);
    return s;
}

static bool same_stamp(const struct stamp *a, const struct stamp *b)
{
    return a->log == b->log && a->file.st_ino == b->file.st_ino && a->file.st_size == b->file.st_size &&
           a->file.st_mtim.tv_sec == b->file.st_mtim.tv_sec && a->file.st_mtim.tv_nsec == b->file.st_mtim.tv_nsec;
}

/* The database as a URI.  Where nobody has it open (no log lies beside it) it is declared not to change, which
 * leaves no files behind and works in a folder that can't be written. */
static char *uri_of(const char *file, bool log)
{
    struct sofa_str uri = SOFA_STR_INIT;
    char *text;

    sofa_str_add(&uri, "file:");
    for (const char *p = file; *p; p++)
        sofa_str_addf(&uri, strchr("%?#", *p) ? "%%%02X" : "%c", (unsigned char)*p);
    if (!log)
        sofa_str_add(&uri, "?immutable=1");
    text = uri.failed ? NULL : sofa_format("%s", uri.text);
    sofa_str_release(&uri);
    return text;
}

static enum sofa_code open_and_read(struct reader *r, bool log)
{
    char *uri = uri_of(r->file, log);
    enum sofa_code rc;

    if (!uri)
        return fail_nomem(r);
    if (sqlite3_open_v2(uri, &r->db, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, NULL) != SQLITE_OK)
        rc = fail_read(r);
    else if (sqlite3_busy_timeout(r->db, BUSY_MS) != SQLITE_OK)
        rc = fail_read(r);
    else
        rc = read_all(r);
    free(uri);
    return rc;
}

static enum sofa_code keep_names(struct sofa_history *h, const char *const *metric, size_t n,
                                 struct sofa_err *err)
{
    h->n_metrics = n;
    h->metric = sofa_arena_zalloc(&h->arena, n + 1, sizeof *h->metric);
    for (size_t i = 0; h->metric && i < n; i++) {
        h->metric[i] = sofa_arena_strdup(&h->arena, metric[i]);
        if (!h->metric[i])
            return sofa_fail_nomem(err, "a study's history");
    }
    return h->metric ? SOFA_OK : sofa_fail_nomem(err, "a study's history");
}

/* One attempt; *torn where somebody began or ended to write meanwhile, and what was read, or why it was not, may be
 * of that. */
static enum sofa_code read_once(struct reader *r, const char *const *metric, size_t n_metrics, bool *torn)
{
    struct stamp before = stamp_of(r->file), after;
    enum sofa_code rc;

    *r->h = (struct sofa_history){.arena = SOFA_ARENA_INIT};
    r->at = 0;
    SOFA_TRY(keep_names(r->h, metric, n_metrics, r->err));
    rc = open_and_read(r, before.log);
out:
    sqlite3_close(r->db);
    r->db = NULL;
    after = stamp_of(r->file);
    *torn = (!before.log || rc != SOFA_OK) && !same_stamp(&before, &after);
    if (rc != SOFA_OK || *torn)
        sofa_history_release(r->h);
    return rc;
}

enum sofa_code sofa_history_read(const char *folder, const char *const *metric, size_t n_metrics,
                                 struct sofa_history *history, struct sofa_err *err)
{
    struct reader r = {.h = history, .file = sofa_path_join(folder, "study.db")};
    struct sofa_err why = SOFA_ERR_INIT;
    enum sofa_code rc;
    bool torn;

    if (!r.file)
        return sofa_fail_nomem(err, folder);
    if (!sofa_file_exists(r.file)) {
        rc = sofa_fail_at(err, SOFA_E_INPUT, r.file, 0, 0, "no study is here");
        goto out;
    }
    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
        why = (struct sofa_err)SOFA_ERR_INIT;
        r.err = &why;
        rc = read_once(&r, metric, n_metrics, &torn);
        if (!torn)
            break;
    }
    if (torn && rc == SOFA_OK)
        rc = sofa_fail_at(&why, SOFA_E_IO, r.file, 0, 0, "the study changes too often to be read; try again");
    if (rc != SOFA_OK && err)
        *err = why;
out:
    free(r.file);
    return rc;
}

void sofa_history_release(struct sofa_history *history)
{
    if (history)
        sofa_arena_release(&history->arena);
}

#include "study/store.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/str.h"

#define SCHEMA_VERSION "1"
#define BATCH_TRIALS 100  /* trials a transaction holds at most */
#define BATCH_SECONDS 1.0 /* and for how long */

const char *const sofa_trial_status_names[SOFA_TRIAL_STATUSES] = {"feasible", "infeasible", "failed"};

enum statement {
    META_SET, META_GET, PUT_EVALUATION, PUT_PARAMETER, PUT_METRIC, PUT_SELECTION,
    EACH_EVALUATION, EACH_PARAMETER, EACH_METRIC, EACH_SELECTION, STATEMENTS
};

static const char schema[] =
    "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA busy_timeout=5000;"
    "CREATE TABLE IF NOT EXISTS meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS evaluation(id INTEGER PRIMARY KEY, status TEXT NOT NULL, seconds REAL,"
    " worker INTEGER, reason TEXT NOT NULL);"
    "CREATE TABLE IF NOT EXISTS parameter(evaluation INTEGER NOT NULL REFERENCES evaluation(id), dim INTEGER NOT NULL,"
    " name TEXT NOT NULL, level INTEGER NOT NULL, value REAL, PRIMARY KEY(evaluation, dim)) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS metric(evaluation INTEGER NOT NULL REFERENCES evaluation(id), name TEXT NOT NULL,"
    " value REAL, source TEXT NOT NULL, PRIMARY KEY(evaluation, name)) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS selection(evaluation INTEGER PRIMARY KEY REFERENCES evaluation(id), layers INTEGER NOT NULL,"
    " heads INTEGER NOT NULL, source TEXT NOT NULL, data BLOB NOT NULL);"
    "INSERT OR IGNORE INTO meta VALUES('schema', '" SCHEMA_VERSION "');";

static const char *const sql[STATEMENTS] = {
    [META_SET] = "INSERT OR REPLACE INTO meta VALUES(?, ?)",
    [META_GET] = "SELECT value FROM meta WHERE key = ?",
    [PUT_EVALUATION] = "INSERT INTO evaluation VALUES(?, ?, ?, ?, ?)",
    [PUT_PARAMETER] = "INSERT INTO parameter VALUES(?, ?, ?, ?, ?)",
    [PUT_METRIC] = "INSERT INTO metric VALUES(?, ?, ?, ?)",
    [PUT_SELECTION] = "INSERT INTO selection VALUES(?, ?, ?, ?, ?)",
    [EACH_EVALUATION] = "SELECT id, status, seconds, worker, reason FROM evaluation ORDER BY id",
    [EACH_PARAMETER] = "SELECT name, level, value FROM parameter WHERE evaluation = ? ORDER BY dim",
    [EACH_METRIC] = "SELECT name, source, value FROM metric WHERE evaluation = ? ORDER BY name",
    [EACH_SELECTION] = "SELECT layers, heads, source, data FROM selection WHERE evaluation = ?",
};

struct sofa_store {
    sqlite3 *db;
    sqlite3_stmt *statement[STATEMENTS];
    char *file;
    int lock;        /* file descriptor */
    size_t pending;  /* trials in the open transaction */
    double deadline; /* when it has to be committed */
};

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static enum sofa_code fail_sqlite(struct sofa_store *s, const char *verb, struct sofa_err *err)
{
    return sofa_fail_at(err, SOFA_E_IO, s->file, 0, 0, "cannot %s the study: %s", verb,
                        s->db ? sqlite3_errmsg(s->db) : "out of memory");
}

static enum sofa_code execute(struct sofa_store *s, const char *text, struct sofa_err *err)
{
    return sqlite3_exec(s->db, text, NULL, NULL, NULL) == SQLITE_OK ? SOFA_OK : fail_sqlite(s, "write", err);
}

/* Who holds the lock, as its file says. */
static enum sofa_code fail_locked(const char *path, struct sofa_err *err)
{
    char *holder = NULL;
    size_t size;

    if (sofa_file_read(path, 256, &holder, &size, NULL) == SOFA_OK)
        holder[strcspn(holder, "\n")] = '\0';
    sofa_fail_at(err, SOFA_E_IO, path, 0, 0, "the study is being written by %s", holder && *holder ? holder : "another process");
    free(holder);
    return SOFA_E_IO;
}

static enum sofa_code take_lock(struct sofa_store *s, const char *folder, struct sofa_err *err)
{
    char *path = sofa_path_join(folder, "lock"), holder[128], host[64] = "?";
    enum sofa_code rc = SOFA_OK;
    int n;

    if (!path)
        return sofa_fail_nomem(err, folder);
    s->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (s->lock < 0) {
        rc = sofa_fail_errno(err, "create", path);
        goto out;
    }
    if (flock(s->lock, LOCK_EX | LOCK_NB) != 0) {
        rc = fail_locked(path, err);
        goto out;
    }
    gethostname(host, sizeof host - 1);
    n = snprintf(holder, sizeof holder, "process %ld on %s\n", (long)getpid(), host);
    if (ftruncate(s->lock, 0) != 0 || pwrite(s->lock, holder, (size_t)n, 0) != n)
        rc = sofa_fail_errno(err, "write", path);
out:
    free(path);
    return rc;
}

static enum sofa_code check_schema(struct sofa_store *s, struct sofa_err *err)
{
    enum sofa_code rc;
    char *version = NULL;

    SOFA_TRY(sofa_store_get(s, "schema", &version, err));
    if (!version || strcmp(version, SCHEMA_VERSION) != 0)
        rc = sofa_fail_at(err, SOFA_E_IO, s->file, 0, 0, "the study has schema version %s; this program reads %s",
                          version ? version : "none", SCHEMA_VERSION);
out:
    free(version);
    return rc;
}

static enum sofa_code open_database(struct sofa_store *s, struct sofa_err *err)
{
    enum sofa_code rc;

    if (sqlite3_open_v2(s->file, &s->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL) != SQLITE_OK)
        return fail_sqlite(s, "open", err);
    sqlite3_extended_result_codes(s->db, 1);
    SOFA_TRY(execute(s, schema, err));
    for (int i = 0; i < STATEMENTS; i++)
        if (sqlite3_prepare_v3(s->db, sql[i], -1, SQLITE_PREPARE_PERSISTENT, &s->statement[i], NULL) != SQLITE_OK)
            return fail_sqlite(s, "read", err);
    rc = check_schema(s, err);
out:
    return rc;
}

enum sofa_code sofa_store_open(const char *folder, struct sofa_store **store, bool *existed, struct sofa_err *err)
{
    struct sofa_store *s = calloc(1, sizeof *s);
    enum sofa_code rc;

    if (!s)
        return sofa_fail_nomem(err, folder);
    s->lock = -1;
    s->file = sofa_path_join(folder, "study.db");
    if (!s->file) {
        rc = sofa_fail_nomem(err, folder);
        goto out;
    }
    SOFA_TRY(sofa_make_directory(folder, err));
    SOFA_TRY(take_lock(s, folder, err));
    *existed = sofa_file_exists(s->file);
    SOFA_TRY(open_database(s, err));
    *store = s;
    s = NULL;
out:
    sofa_store_close(s);
    return rc;
}

void sofa_store_close(struct sofa_store *store)
{
    if (!store)
        return;
    if (store->db)
        (void)sofa_store_flush(store, NULL);
    for (int i = 0; i < STATEMENTS; i++)
        sqlite3_finalize(store->statement[i]);
    sqlite3_close(store->db);
    if (store->lock >= 0)
        close(store->lock);
    free(store->file);
    free(store);
}

/* Runs a statement that gives no rows, and makes it ready for the next use. */
static enum sofa_code step(struct sofa_store *s, enum statement which, struct sofa_err *err)
{
    int got = sqlite3_step(s->statement[which]);
    enum sofa_code rc = got == SQLITE_DONE ? SOFA_OK : fail_sqlite(s, "write", err);

    sqlite3_reset(s->statement[which]);
    return rc;
}

static void bind_text(sqlite3_stmt *q, int i, const char *text)
{
    sqlite3_bind_text(q, i, text, -1, SQLITE_STATIC);
}

enum sofa_code sofa_store_set(struct sofa_store *store, const char *key, const char *value, struct sofa_err *err)
{
    bind_text(store->statement[META_SET], 1, key);
    bind_text(store->statement[META_SET], 2, value);
    return step(store, META_SET, err);
}

enum sofa_code sofa_store_get(struct sofa_store *store, const char *key, char **value, struct sofa_err *err)
{
    sqlite3_stmt *q = store->statement[META_GET];
    enum sofa_code rc = SOFA_OK;
    int got;

    *value = NULL;
    bind_text(q, 1, key);
    got = sqlite3_step(q);
    if (got == SQLITE_ROW) {
        *value = sofa_format("%s", (const char *)sqlite3_column_text(q, 0));
        rc = *value ? SOFA_OK : sofa_fail_nomem(err, store->file);
    } else if (got != SQLITE_DONE) {
        rc = fail_sqlite(store, "read", err);
    }
    sqlite3_reset(q);
    return rc;
}

static enum sofa_code put_parameters(struct sofa_store *s, const struct sofa_store_trial *t, struct sofa_err *err)
{
    sqlite3_stmt *q = s->statement[PUT_PARAMETER];
    enum sofa_code rc = SOFA_OK;

    for (size_t i = 0; rc == SOFA_OK && i < t->parameters; i++) {
        sqlite3_bind_int64(q, 1, (sqlite3_int64)t->id);
        sqlite3_bind_int64(q, 2, (sqlite3_int64)i);
        bind_text(q, 3, t->parameter[i].name);
        sqlite3_bind_int(q, 4, t->parameter[i].level);
        sqlite3_bind_double(q, 5, t->parameter[i].value);
        rc = step(s, PUT_PARAMETER, err);
    }
    return rc;
}

static enum sofa_code put_metrics(struct sofa_store *s, const struct sofa_store_trial *t, struct sofa_err *err)
{
    sqlite3_stmt *q = s->statement[PUT_METRIC];
    enum sofa_code rc = SOFA_OK;

    for (size_t i = 0; rc == SOFA_OK && i < t->metrics; i++) {
        sqlite3_bind_int64(q, 1, (sqlite3_int64)t->id);
        bind_text(q, 2, t->metric[i].name);
        sqlite3_bind_double(q, 3, t->metric[i].value);
        bind_text(q, 4, t->metric[i].source);
        rc = step(s, PUT_METRIC, err);
    }
    return rc;
}

static enum sofa_code put_selection(struct sofa_store *s, const struct sofa_store_trial *t, struct sofa_err *err)
{
    sqlite3_stmt *q = s->statement[PUT_SELECTION];
    const struct sofa_statistics *sel = t->selection;

    if (!sel || !sel->head)
        return SOFA_OK;
    sqlite3_bind_int64(q, 1, (sqlite3_int64)t->id);
    sqlite3_bind_int(q, 2, sel->layers);
    sqlite3_bind_int(q, 3, sel->heads);
    bind_text(q, 4, sel->source);
    sqlite3_bind_blob(q, 5, sel->head, (int)((size_t)sel->layers * (size_t)sel->heads * sizeof *sel->head), SQLITE_STATIC);
    return step(s, PUT_SELECTION, err);
}

static enum sofa_code put_evaluation(struct sofa_store *s, const struct sofa_store_trial *t, struct sofa_err *err)
{
    sqlite3_stmt *q = s->statement[PUT_EVALUATION];

    sqlite3_bind_int64(q, 1, (sqlite3_int64)t->id);
    bind_text(q, 2, sofa_trial_status_names[t->status]);
    sqlite3_bind_double(q, 3, t->seconds);
    sqlite3_bind_int64(q, 4, (sqlite3_int64)t->worker);
    bind_text(q, 5, t->reason);
    return step(s, PUT_EVALUATION, err);
}

enum sofa_code sofa_store_put(struct sofa_store *store, const struct sofa_store_trial *trial, struct sofa_err *err)
{
    enum sofa_code rc = SOFA_OK;

    if (!store->pending) {
        SOFA_TRY(execute(store, "BEGIN IMMEDIATE", err));
        store->deadline = now() + BATCH_SECONDS;
    }
    store->pending++;
    SOFA_TRY(put_evaluation(store, trial, err));
    SOFA_TRY(put_parameters(store, trial, err));
    SOFA_TRY(put_metrics(store, trial, err));
    SOFA_TRY(put_selection(store, trial, err));
    if (store->pending >= BATCH_TRIALS || now() >= store->deadline)
        rc = sofa_store_flush(store, err);
out:
    return rc;
}

enum sofa_code sofa_store_flush(struct sofa_store *store, struct sofa_err *err)
{
    if (!store->pending)
        return SOFA_OK;
    store->pending = 0;
    if (sqlite3_exec(store->db, "COMMIT", NULL, NULL, NULL) == SQLITE_OK)
        return SOFA_OK;
    fail_sqlite(store, "write", err);
    sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
    return SOFA_E_IO;
}

/* Everything of one trial while it is read. */
struct reading {
    struct sofa_arena arena;
    struct sofa_store_parameter *parameter;
    struct sofa_store_metric *metric;
    struct sofa_statistics selection;
    size_t room_parameters, room_metrics;
};

static char *column_text(struct reading *r, sqlite3_stmt *q, int i)
{
    const char *text = (const char *)sqlite3_column_text(q, i);

    return sofa_arena_strdup(&r->arena, text ? text : "");
}

static bool make_room(void **rows, size_t *room, size_t count, size_t size)
{
    void *more;

    if (count < *room)
        return true;
    more = realloc(*rows, (*room ? 2 * *room : 32) * size);
    if (!more)
        return false;
    *rows = more;
    *room = *room ? 2 * *room : 32;
    return true;
}

static enum sofa_code read_parameters(struct sofa_store *s, struct reading *r, struct sofa_store_trial *t, struct sofa_err *err)
{
    sqlite3_stmt *q = s->statement[EACH_PARAMETER];
    int got;

    sqlite3_bind_int64(q, 1, (sqlite3_int64)t->id);
    while ((got = sqlite3_step(q)) == SQLITE_ROW) {
        if (!make_room((void **)&r->parameter, &r->room_parameters, t->parameters, sizeof *r->parameter))
            break;
        r->parameter[t->parameters++] = (struct sofa_store_parameter){column_text(r, q, 0), sqlite3_column_int(q, 1), sqlite3_column_double(q, 2)};
    }
    sqlite3_reset(q);
    t->parameter = r->parameter;
    return got == SQLITE_DONE ? SOFA_OK : fail_sqlite(s, "read", err);
}

static enum sofa_code read_metrics(struct sofa_store *s, struct reading *r, struct sofa_store_trial *t, struct sofa_err *err)
{
    sqlite3_stmt *q = s->statement[EACH_METRIC];
    int got;

    sqlite3_bind_int64(q, 1, (sqlite3_int64)t->id);
    while ((got = sqlite3_step(q)) == SQLITE_ROW) {
        if (!make_room((void **)&r->metric, &r->room_metrics, t->metrics, sizeof *r->metric))
            break;
        r->metric[t->metrics++] = (struct sofa_store_metric){
            column_text(r, q, 0), column_text(r, q, 1),
            sqlite3_column_type(q, 2) == SQLITE_NULL ? (double)NAN : sqlite3_column_double(q, 2)};
    }
    sqlite3_reset(q);
    t->metric = r->metric;
    return got == SQLITE_DONE ? SOFA_OK : fail_sqlite(s, "read", err);
}

static enum sofa_code read_selection(struct sofa_store *s, struct reading *r, struct sofa_store_trial *t, struct sofa_err *err)
{
    sqlite3_stmt *q = s->statement[EACH_SELECTION];
    enum sofa_code rc = SOFA_OK;
    size_t bytes;

    sqlite3_bind_int64(q, 1, (sqlite3_int64)t->id);
    if (sqlite3_step(q) == SQLITE_ROW) {
        r->selection.layers = sqlite3_column_int(q, 0);
        r->selection.heads = sqlite3_column_int(q, 1);
        snprintf(r->selection.source, sizeof r->selection.source, "%s", (const char *)sqlite3_column_text(q, 2));
        bytes = (size_t)sqlite3_column_bytes(q, 3);
        if (r->selection.layers < 1 || r->selection.heads < 1 ||
            bytes != (size_t)r->selection.layers * (size_t)r->selection.heads * sizeof *r->selection.head) {
            rc = sofa_fail_at(err, SOFA_E_IO, s->file, 0, 0, "the statistics of evaluation %zu are damaged", t->id);
        } else if (!(r->selection.head = sofa_arena_alloc(&r->arena, bytes, 1))) {
            rc = sofa_fail_nomem(err, s->file);
        } else {
            memcpy(r->selection.head, sqlite3_column_blob(q, 3), bytes);
            t->selection = &r->selection;
        }
    }
    sqlite3_reset(q);
    return rc;
}

static enum sofa_code read_trial(struct sofa_store *s, sqlite3_stmt *q, struct reading *r, struct sofa_store_trial *t,
                                 struct sofa_err *err)
{
    const char *status = (const char *)sqlite3_column_text(q, 1);
    enum sofa_code rc;
    int i = 0;

    sofa_arena_reset(&r->arena);
    while (i < SOFA_TRIAL_STATUSES && strcmp(sofa_trial_status_names[i], status ? status : "") != 0)
        i++;
    if (i == SOFA_TRIAL_STATUSES)
        return sofa_fail_at(err, SOFA_E_IO, s->file, 0, 0, "an evaluation has the unknown status '%s'", status ? status : "");
    *t = (struct sofa_store_trial){.id = (size_t)sqlite3_column_int64(q, 0), .status = (enum sofa_trial_status)i,
                                   .seconds = sqlite3_column_double(q, 2), .worker = (size_t)sqlite3_column_int64(q, 3),
                                   .reason = column_text(r, q, 4)};
    SOFA_TRY(read_parameters(s, r, t, err));
    SOFA_TRY(read_metrics(s, r, t, err));
    rc = read_selection(s, r, t, err);
out:
    return rc;
}

enum sofa_code sofa_store_each(struct sofa_store *store,
                               enum sofa_code (*row)(void *ctx, const struct sofa_store_trial *trial, struct sofa_err *err),
                               void *ctx, struct sofa_err *err)
{
    sqlite3_stmt *q = store->statement[EACH_EVALUATION];
    struct reading r = {.arena = SOFA_ARENA_INIT};
    struct sofa_store_trial trial;
    enum sofa_code rc = SOFA_OK;
    int got = SQLITE_DONE;

    while (rc == SOFA_OK && (got = sqlite3_step(q)) == SQLITE_ROW) {
        rc = read_trial(store, q, &r, &trial, err);
        if (rc == SOFA_OK)
            rc = row(ctx, &trial, err);
    }
    if (rc == SOFA_OK && got != SQLITE_DONE)
        rc = fail_sqlite(store, "read", err);
    sqlite3_reset(q);
    free(r.parameter);
    free(r.metric);
    sofa_arena_release(&r.arena);
    return rc;
}

#include "study/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/str.h"
#include "study/store_impl.h"

#define SCHEMA_VERSION 3
#define BATCH_TRIALS 100  /* trials a transaction holds at most */
#define BATCH_SECONDS 1.0 /* and for how long */

const char *const sofa_trial_status_names[SOFA_TRIAL_STATUSES] = {"feasible", "infeasible", "failed"};

static const char pragmas[] = "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA busy_timeout=5000;";

/* A study as this program makes it, of schema SCHEMA_VERSION. */
static const char schema[] =
    "BEGIN IMMEDIATE;"
    "CREATE TABLE IF NOT EXISTS meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS evaluation(id INTEGER PRIMARY KEY, status TEXT NOT NULL, seconds REAL,"
    " worker INTEGER, reason TEXT NOT NULL, ended REAL);"
    "CREATE TABLE IF NOT EXISTS parameter(evaluation INTEGER NOT NULL REFERENCES evaluation(id), dim INTEGER NOT NULL,"
    " name TEXT NOT NULL, level INTEGER NOT NULL, value REAL, PRIMARY KEY(evaluation, dim)) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS metric(evaluation INTEGER NOT NULL REFERENCES evaluation(id), name TEXT NOT NULL,"
    " value REAL, source TEXT NOT NULL, PRIMARY KEY(evaluation, name)) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS selection(evaluation INTEGER PRIMARY KEY REFERENCES evaluation(id), layers INTEGER NOT NULL,"
    " heads INTEGER NOT NULL, source TEXT NOT NULL, data BLOB NOT NULL);"
    "INSERT OR IGNORE INTO meta VALUES('schema', '3');"
    "COMMIT;";

/* migration[v]: from schema v to v + 1.  Each runs in a transaction of its own, once. */
static const char *const migration[SCHEMA_VERSION] = {
    [1] = "ALTER TABLE evaluation ADD COLUMN ended REAL;",
    [2] = "", /* heads grew by what they lost: rows of before are read as they are */
};

static const char *const sql[STATEMENTS] = {
    [META_SET] = "INSERT OR REPLACE INTO meta VALUES(?, ?)",
    [META_GET] = "SELECT value FROM meta WHERE key = ?",
    [PUT_EVALUATION] = "INSERT INTO evaluation(id, status, seconds, worker, reason, ended) VALUES(?, ?, ?, ?, ?, ?)",
    [PUT_PARAMETER] = "INSERT INTO parameter VALUES(?, ?, ?, ?, ?)",
    [PUT_METRIC] = "INSERT INTO metric VALUES(?, ?, ?, ?)",
    [PUT_SELECTION] = "INSERT INTO selection VALUES(?, ?, ?, ?, ?)",
    [EACH_EVALUATION] = "SELECT id, status, seconds, worker, reason FROM evaluation ORDER BY id",
    [EACH_PARAMETER] = "SELECT name, level, value FROM parameter WHERE evaluation = ? ORDER BY dim",
    [EACH_METRIC] = "SELECT name, source, value FROM metric WHERE evaluation = ? ORDER BY name",
    [SAVE] = "SAVEPOINT trial",
    [KEEP] = "RELEASE trial",
    [UNDO] = "ROLLBACK TO trial",
    [EACH_SELECTION] = "SELECT layers, heads, source, data FROM selection WHERE evaluation = ?",
};

/* Seconds since 1970: when a trial was stored, for people; nothing is computed from it. */
static double wall_clock(void)
{
    struct timespec t;

    clock_gettime(CLOCK_REALTIME, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

enum sofa_code sofa_store_fail(struct sofa_store *store, const char *verb, struct sofa_err *err)
{
    return sofa_fail_at(err, SOFA_E_IO, store->file, 0, 0, "cannot %s the study: %s", verb,
                        store->db ? sqlite3_errmsg(store->db) : "out of memory");
}

static enum sofa_code execute(struct sofa_store *s, const char *text, struct sofa_err *err)
{
    return sqlite3_exec(s->db, text, NULL, NULL, NULL) == SQLITE_OK ? SOFA_OK : sofa_store_fail(s, "write", err);
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

/* Whoever looks whether a study is being written holds its lock for a moment: that is waited for. */
static bool lock_patiently(int fd)
{
    const struct timespec pause = {.tv_nsec = 20000000};

    for (int i = 0; i < 10; i++) {
        if (flock(fd, LOCK_EX | LOCK_NB) == 0)
            return true;
        nanosleep(&pause, NULL);
    }
    return false;
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
    if (!lock_patiently(s->lock)) {
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

/* The schema's version of a database: 0 for an empty one. */
static enum sofa_code read_version(struct sofa_store *s, long *version, struct sofa_err *err)
{
    static const char is_there[] = "SELECT 1 FROM sqlite_master WHERE name = 'meta'";
    static const char get[] = "SELECT value FROM meta WHERE key = 'schema'";
    enum sofa_code rc = SOFA_OK;
    sqlite3_stmt *q = NULL;
    const char *text;
    char *end = NULL;
    int got = SQLITE_ERROR;

    *version = 0;
    if (sqlite3_prepare_v2(s->db, is_there, -1, &q, NULL) == SQLITE_OK)
        got = sqlite3_step(q);
    sqlite3_finalize(q);
    q = NULL;
    if (got == SQLITE_DONE)
        return SOFA_OK;
    if (got == SQLITE_ROW && sqlite3_prepare_v2(s->db, get, -1, &q, NULL) == SQLITE_OK)
        got = sqlite3_step(q);
    if (got == SQLITE_ROW && q) {
        text = (const char *)sqlite3_column_text(q, 0);
        *version = text ? strtol(text, &end, 10) : 0;
        if (!text || *end || *version < 1)
            rc = sofa_fail_at(err, SOFA_E_IO, s->file, 0, 0, "no study: its schema version is '%.40s'", text ? text : "");
    } else if (got == SQLITE_DONE) {
        rc = sofa_fail_at(err, SOFA_E_IO, s->file, 0, 0, "no study: it has no schema version");
    } else {
        rc = sofa_store_fail(s, "read", err);
    }
    sqlite3_finalize(q);
    return rc;
}

static enum sofa_code migrate(struct sofa_store *s, long from, struct sofa_err *err)
{
    enum sofa_code rc = SOFA_OK;
    char text[512];

    for (long v = from; v < SCHEMA_VERSION; v++) {
        snprintf(text, sizeof text, "BEGIN IMMEDIATE; %s UPDATE meta SET value = '%ld' WHERE key = 'schema'; COMMIT;",
                 migration[v], v + 1);
        SOFA_TRY(execute(s, text, err));
    }
out:
    return rc;
}

static enum sofa_code prepare_schema(struct sofa_store *s, struct sofa_err *err)
{
    enum sofa_code rc;
    long version;

    SOFA_TRY(read_version(s, &version, err));
    if (version > SCHEMA_VERSION)
        return sofa_fail_at(err, SOFA_E_IO, s->file, 0, 0, "the study has schema version %ld; this program knows up to %d",
                            version, SCHEMA_VERSION);
    SOFA_TRY(execute(s, pragmas, err));
    rc = version ? migrate(s, version, err) : execute(s, schema, err);
out:
    return rc;
}

static enum sofa_code open_database(struct sofa_store *s, struct sofa_err *err)
{
    struct stat st;
    enum sofa_code rc;

    if (sqlite3_open_v2(s->file, &s->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL) != SQLITE_OK)
        return sofa_store_fail(s, "open", err);
    sqlite3_extended_result_codes(s->db, 1);
    SOFA_TRY(prepare_schema(s, err));
    for (int i = 0; i < STATEMENTS; i++)
        if (sqlite3_prepare_v3(s->db, sql[i], -1, SQLITE_PREPARE_PERSISTENT, &s->statement[i], NULL) != SQLITE_OK)
            return sofa_store_fail(s, "read", err);
    if (stat(s->file, &st) != 0)
        return sofa_fail_errno(err, "open", s->file);
    s->device = st.st_dev;
    s->inode = st.st_ino;
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
    enum sofa_code rc = got == SQLITE_DONE ? SOFA_OK : sofa_store_fail(s, "write", err);

    sqlite3_reset(s->statement[which]);
    return rc;
}

static void bind_text(sqlite3_stmt *q, int i, const char *text)
{
    sqlite3_bind_text(q, i, text, -1, SQLITE_STATIC);
}

static enum sofa_code begin_batch(struct sofa_store *s, struct sofa_err *err)
{
    enum sofa_code rc = SOFA_OK;

    if (!s->pending) {
        SOFA_TRY(execute(s, "BEGIN IMMEDIATE", err));
        s->deadline = sofa_seconds() + BATCH_SECONDS;
    }
    s->pending++;
out:
    return rc;
}

enum sofa_code sofa_store_set(struct sofa_store *store, const char *key, const char *value, struct sofa_err *err)
{
    enum sofa_code rc = begin_batch(store, err);

    if (rc != SOFA_OK)
        return rc;
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
        rc = sofa_store_fail(store, "read", err);
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
    sqlite3_bind_double(q, 6, wall_clock());
    return step(s, PUT_EVALUATION, err);
}

static enum sofa_code put_rows(struct sofa_store *s, const struct sofa_store_trial *t, struct sofa_err *err)
{
    enum sofa_code rc;

    SOFA_TRY(put_evaluation(s, t, err));
    SOFA_TRY(put_parameters(s, t, err));
    SOFA_TRY(put_metrics(s, t, err));
    rc = put_selection(s, t, err);
out:
    return rc;
}

/* All rows of a trial or none: where one can't be written, the trials before it still can be kept. */
enum sofa_code sofa_store_put(struct sofa_store *store, const struct sofa_store_trial *trial, struct sofa_err *err)
{
    enum sofa_code rc;

    SOFA_TRY(begin_batch(store, err));
    SOFA_TRY(step(store, SAVE, err));
    rc = put_rows(store, trial, err);
    if (rc != SOFA_OK) {
        (void)step(store, UNDO, NULL);
        goto out;
    }
    SOFA_TRY(step(store, KEEP, err));
    if (store->pending >= BATCH_TRIALS || sofa_seconds() >= store->deadline)
        rc = sofa_store_flush(store, err);
out:
    return rc;
}

/* What is written to a file that was removed is lost when it is closed, and nobody would say so. */
static enum sofa_code still_there(const struct sofa_store *s, struct sofa_err *err)
{
    struct stat st;

    if (stat(s->file, &st) != 0)
        return sofa_fail_errno(err, "write", s->file);
    if (st.st_dev != s->device || st.st_ino != s->inode)
        return sofa_fail_at(err, SOFA_E_IO, s->file, 0, 0, "the study was replaced by another file while it was written");
    return SOFA_OK;
}

enum sofa_code sofa_store_flush(struct sofa_store *store, struct sofa_err *err)
{
    if (!store->pending)
        return SOFA_OK;
    store->pending = 0;
    if (sqlite3_exec(store->db, "COMMIT", NULL, NULL, NULL) == SQLITE_OK)
        return still_there(store, err);
    sofa_store_fail(store, "write", err);
    sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
    return SOFA_E_IO;
}

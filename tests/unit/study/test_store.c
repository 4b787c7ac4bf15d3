/* The store: what goes in comes out, and every way in which a file can be wrong is one clear error. */
#include "tests/unit/test.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/str.h"
#include "study/store.h"

static char folder[64];

static int make_folder(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/sofa-store-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    char *command = sofa_format("rm -rf -- '%s'", folder);
    int status = system(command);

    (void)state;
    free(command);
    return status;
}

static struct sofa_store *open_store(void)
{
    struct sofa_err err = SOFA_ERR_INIT;
    struct sofa_store *store = NULL;
    bool existed;

    if (sofa_store_open(folder, &store, &existed, &err) != SOFA_OK)
        fail_msg("%s: %s", err.file, err.text);
    return store;
}

static void put_one(struct sofa_store *store, size_t id, enum sofa_code wanted)
{
    const struct sofa_store_parameter parameter[] = {{"tiles.0", 3, 8}, {"radius", 1, INFINITY}};
    const struct sofa_store_metric metric[] = {{"latency", "model: test", 1e-3 / 3}, {"mass", "measured", NAN},
                                               {"energy", "model: test", INFINITY}};
    struct sofa_selection head[2] = {{.density = 0.1}, {.density = 1.0 / 3}};
    struct sofa_statistics selection = {.layers = 1, .heads = 2, .head = head, .source = "measured: test"};
    struct sofa_store_trial trial = {.id = id, .status = SOFA_TRIAL_INFEASIBLE, .seconds = 0.25, .worker = 7,
                                     .reason = "it's \"quoted\"; a; b", .parameters = 2, .metrics = 3,
                                     .parameter = parameter, .metric = metric, .selection = &selection};
    struct sofa_err err = SOFA_ERR_INIT;

    assert_int_equal(sofa_store_put(store, &trial, &err), wanted);
}

static enum sofa_code check_row(void *ctx, const struct sofa_store_trial *t, struct sofa_err *err)
{
    size_t *n = ctx;

    (void)err;
    assert_int_equal(t->id, (*n)++);
    assert_int_equal(t->status, SOFA_TRIAL_INFEASIBLE);
    assert_true(t->seconds == 0.25);
    assert_int_equal(t->worker, 7);
    assert_string_equal(t->reason, "it's \"quoted\"; a; b");
    assert_int_equal(t->parameters, 2);
    assert_string_equal(t->parameter[0].name, "tiles.0");
    assert_int_equal(t->parameter[0].level, 3);
    assert_true(isinf(t->parameter[1].value));
    assert_int_equal(t->metrics, 3);
    assert_string_equal(t->metric[0].name, "energy"); /* by name */
    assert_true(isinf(t->metric[0].value));
    assert_true(t->metric[1].value == 1e-3 / 3);
    assert_true(isnan(t->metric[2].value));
    assert_non_null(t->selection);
    assert_true(t->selection->head[1].density == 1.0 / 3);
    assert_string_equal(t->selection->source, "measured: test");
    return SOFA_OK;
}

static size_t count_rows(struct sofa_store *store)
{
    struct sofa_err err = SOFA_ERR_INIT;
    size_t n = 0;

    if (sofa_store_each(store, check_row, &n, &err) != SOFA_OK)
        fail_msg("%s", err.text);
    return n;
}

static void trials_come_back_as_they_were_put_with_nan_and_infinity(void **state)
{
    struct sofa_store *store = open_store();

    (void)state;
    for (size_t i = 0; i < 250; i++) /* more than a batch */
        put_one(store, i, SOFA_OK);
    sofa_store_close(store);
    store = open_store();
    assert_int_equal(count_rows(store), 250);
    sofa_store_close(store);
}

static void a_value_is_set_got_and_missing(void **state)
{
    struct sofa_store *store = open_store();
    char *value;

    (void)state;
    assert_int_equal(sofa_store_set(store, "seed", "1", NULL), SOFA_OK);
    assert_int_equal(sofa_store_set(store, "seed", "2", NULL), SOFA_OK);
    assert_int_equal(sofa_store_flush(store, NULL), SOFA_OK);
    assert_int_equal(sofa_store_get(store, "seed", &value, NULL), SOFA_OK);
    assert_string_equal(value, "2");
    free(value);
    assert_int_equal(sofa_store_get(store, "none", &value, NULL), SOFA_OK);
    assert_null(value);
    sofa_store_close(store);
}

static void expect_open_fails(enum sofa_code code, const char *with)
{
    struct sofa_err err = SOFA_ERR_INIT;
    struct sofa_store *store = NULL;
    bool existed;

    assert_int_equal(sofa_store_open(folder, &store, &existed, &err), code);
    assert_null(store);
    if (!strstr(err.text, with))
        fail_msg("'%s' doesn't say '%s'", err.text, with);
}

static void a_second_writer_is_refused_and_told_the_first(void **state)
{
    struct sofa_store *store = open_store();
    char holder[64];

    (void)state;
    snprintf(holder, sizeof holder, "being written by process %ld on ", (long)getpid());
    expect_open_fails(SOFA_E_IO, holder);
    sofa_store_close(store);
    sofa_store_close(open_store());
}

static void whoever_only_looks_at_the_lock_does_not_keep_a_writer_out(void **state)
{
    char *path = sofa_format("%s/lock", folder);
    int fd = open(path, O_RDWR | O_CREAT, 0666);
    pid_t child;

    (void)state;
    assert_true(fd >= 0 && flock(fd, LOCK_SH) == 0);
    child = fork();
    if (child == 0) { /* shares the lock; lets go of it a moment later */
        usleep(60000);
        flock(fd, LOCK_UN);
        _exit(0);
    }
    sofa_store_close(open_store());
    waitpid(child, NULL, 0);
    close(fd);
    free(path);
}

static void execute(const char *text)
{
    char *path = sofa_format("%s/study.db", folder), *why = NULL;
    sqlite3 *db;

    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    if (sqlite3_exec(db, text, NULL, NULL, &why) != SQLITE_OK)
        fail_msg("%s", why);
    sqlite3_close(db);
    free(path);
}

static void write_database(const char *bytes, size_t n)
{
    char *path = sofa_format("%s/study.db", folder);
    FILE *f = fopen(path, "wb");

    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, n, f), n);
    fclose(f);
    free(path);
}

static void a_file_that_is_no_database_is_refused(void **state)
{
    char garbage[4096];

    (void)state;
    memset(garbage, 'x', sizeof garbage);
    write_database(garbage, sizeof garbage);
    expect_open_fails(SOFA_E_IO, "file is not a database");
}

static void a_database_of_something_else_is_refused(void **state)
{
    (void)state;
    execute("CREATE TABLE meta(key TEXT, value TEXT)");
    expect_open_fails(SOFA_E_IO, "no schema version");
    execute("INSERT INTO meta VALUES('schema', 'two')");
    expect_open_fails(SOFA_E_IO, "its schema version is 'two'");
}

static void a_newer_schema_is_refused_and_left_alone(void **state)
{
    (void)state;
    sofa_store_close(open_store());
    execute("UPDATE meta SET value = '99' WHERE key = 'schema'");
    expect_open_fails(SOFA_E_IO, "schema version 99");
}

/* Tables as the first version made them. */
static const char version_1[] =
    "CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE evaluation(id INTEGER PRIMARY KEY, status TEXT NOT NULL, seconds REAL, worker INTEGER, reason TEXT NOT NULL);"
    "CREATE TABLE parameter(evaluation INTEGER NOT NULL, dim INTEGER NOT NULL, name TEXT NOT NULL, level INTEGER NOT NULL,"
    " value REAL, PRIMARY KEY(evaluation, dim)) WITHOUT ROWID;"
    "CREATE TABLE metric(evaluation INTEGER NOT NULL, name TEXT NOT NULL, value REAL, source TEXT NOT NULL,"
    " PRIMARY KEY(evaluation, name)) WITHOUT ROWID;"
    "CREATE TABLE selection(evaluation INTEGER PRIMARY KEY, layers INTEGER NOT NULL, heads INTEGER NOT NULL,"
    " source TEXT NOT NULL, data BLOB NOT NULL);"
    "INSERT INTO meta VALUES('schema', '1');"
    "INSERT INTO evaluation VALUES(0, 'failed', 1.5, 0, 'why');"
    /* two heads of seven doubles: 1.0 and zeros, 2.0 and zeros */
    "INSERT INTO selection VALUES(0, 1, 2, 'measured', x'000000000000f03f' || zeroblob(48) || x'0000000000000040' || zeroblob(48));";

static enum sofa_code check_old_row(void *ctx, const struct sofa_store_trial *t, struct sofa_err *err)
{
    (void)err;
    *(bool *)ctx = t->id == 0 && t->status == SOFA_TRIAL_FAILED && strcmp(t->reason, "why") == 0;
    assert_non_null(t->selection);
    assert_true(t->selection->head[0].density == 1 && t->selection->head[1].density == 2);
    for (int h = 0; h < 2; h++) { /* what the old program did not keep */
        assert_true(t->selection->head[h].union_all == 0);
        assert_true(isnan(t->selection->head[h].mass) && isnan(t->selection->head[h].output_error));
    }
    return SOFA_OK;
}

static void an_older_schema_is_brought_up_to_date_with_its_rows(void **state)
{
    struct sofa_store *store;
    bool seen = false;
    char *version;

    (void)state;
    execute(version_1);
    store = open_store();
    assert_int_equal(sofa_store_get(store, "schema", &version, NULL), SOFA_OK);
    assert_string_equal(version, "3");
    free(version);
    assert_int_equal(sofa_store_each(store, check_old_row, &seen, NULL), SOFA_OK);
    assert_true(seen);
    put_one(store, 1, SOFA_OK);
    sofa_store_close(store);
}

static enum sofa_code take_row(void *ctx, const struct sofa_store_trial *t, struct sofa_err *err)
{
    (void)ctx, (void)t, (void)err;
    return SOFA_OK;
}

static void damaged_rows_are_errors(void **state)
{
    struct sofa_err err = SOFA_ERR_INIT;
    struct sofa_store *store = open_store();

    (void)state;
    put_one(store, 0, SOFA_OK);
    sofa_store_close(store);
    execute("UPDATE selection SET data = x'00'");
    store = open_store();
    assert_int_equal(sofa_store_each(store, take_row, NULL, &err), SOFA_E_IO);
    assert_non_null(strstr(err.text, "the statistics of evaluation 0 are damaged"));
    sofa_store_close(store);
    execute("UPDATE evaluation SET status = 'odd'");
    store = open_store();
    assert_int_equal(sofa_store_each(store, take_row, NULL, &err), SOFA_E_IO);
    assert_non_null(strstr(err.text, "unknown status 'odd'"));
    sofa_store_close(store);
}

/* Runs `child` in a process of its own; true where it ended with 0. */
static bool in_a_child(int (*child)(void))
{
    pid_t pid;
    int status = 0;

    fflush(stdout);
    pid = fork();
    if (pid == 0)
        _exit(child());
    assert_true(pid > 0 && waitpid(pid, &status, 0) == pid);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static int open_as_nobody(void)
{
    struct sofa_err err = SOFA_ERR_INIT;
    struct sofa_store *store = NULL;
    bool existed;

    if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0))
        return 2;
    if (sofa_store_open(folder, &store, &existed, &err) != SOFA_E_IO)
        return 1;
    return strstr(err.text, strerror(EACCES)) ? 0 : 3;
}

static void a_read_only_folder_is_one_clear_error(void **state)
{
    (void)state;
    assert_int_equal(chmod(folder, 0555), 0);
    assert_true(in_a_child(open_as_nobody));
    assert_int_equal(chmod(folder, 0755), 0);
}

static int fill_the_disk(void)
{
    struct rlimit limit = {400000, 400000};
    struct sofa_err err = SOFA_ERR_INIT;
    struct sofa_store *store = NULL;
    enum sofa_code rc = SOFA_OK;
    const struct sofa_store_metric metric = {"latency", "model", 1};
    bool existed;

    signal(SIGXFSZ, SIG_IGN);
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0 || sofa_store_open(folder, &store, &existed, &err) != SOFA_OK)
        return 1;
    for (size_t i = 10; i < 20000 && rc == SOFA_OK; i++) {
        struct sofa_store_trial t = {.id = i, .reason = "", .metrics = 1, .metric = &metric};

        rc = sofa_store_put(store, &t, &err);
    }
    if (rc != SOFA_E_IO || !strstr(err.text, "cannot write the study"))
        return 2;
    sofa_store_close(store);
    return 0;
}

static enum sofa_code whole_row(void *ctx, const struct sofa_store_trial *t, struct sofa_err *err)
{
    size_t *n = ctx;

    (void)err;
    assert_int_equal(t->id, *n);
    assert_int_equal(t->metrics, *n < 10 ? 3 : 1);
    ++*n;
    return SOFA_OK;
}

static void a_full_disk_is_one_clear_error_and_what_was_acknowledged_stays(void **state)
{
    struct sofa_store *store = open_store();
    size_t n = 0;

    (void)state;
    for (size_t i = 0; i < 10; i++)
        put_one(store, i, SOFA_OK);
    sofa_store_close(store);
    assert_true(in_a_child(fill_the_disk));
    store = open_store();
    assert_int_equal(sofa_store_each(store, whole_row, &n, NULL), SOFA_OK);
    assert_true(n >= 10 + 100 && n % 10 == 0); /* whole batches, whole trials */
    sofa_store_close(store);
}

static void a_vanished_folder_is_noticed_at_the_next_flush(void **state)
{
    struct sofa_store *store = open_store();
    struct sofa_err err = SOFA_ERR_INIT;

    put_one(store, 0, SOFA_OK);
    assert_int_equal(sofa_store_flush(store, NULL), SOFA_OK);
    remove_folder(state);
    put_one(store, 1, SOFA_OK);
    assert_int_equal(sofa_store_flush(store, &err), SOFA_E_IO);
    assert_non_null(strstr(err.text, strerror(ENOENT)));
    sofa_store_close(store);
}

/* Uncommitted trials and a cut write-ahead log: what a lost power supply leaves. */
static int die_while_writing(void)
{
    struct sofa_store *store = open_store();

    for (size_t i = 0; i < 150; i++)
        put_one(store, i, SOFA_OK);
    kill(getpid(), SIGKILL);
    return 0;
}

static void after_a_crash_with_a_cut_log_whole_batches_are_there(void **state)
{
    char *wal = sofa_format("%s/study.db-wal", folder);
    struct sofa_store *store;
    struct stat st;
    size_t n;

    (void)state;
    assert_false(in_a_child(die_while_writing));
    assert_int_equal(stat(wal, &st), 0);
    for (off_t cut = st.st_size; cut > 0; cut -= st.st_size / 5) {
        assert_int_equal(truncate(wal, cut), 0);
        store = open_store();
        n = count_rows(store);
        assert_true(n == 0 || n == 100);
        /* closing would fold the log into the database: leave as a crash would */
        sofa_store_close(store);
        if (stat(wal, &st) != 0)
            break;
    }
    free(wal);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, make_folder, remove_folder)
int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(trials_come_back_as_they_were_put_with_nan_and_infinity),
        CASE(a_value_is_set_got_and_missing),
        CASE(a_second_writer_is_refused_and_told_the_first),
        CASE(whoever_only_looks_at_the_lock_does_not_keep_a_writer_out),
        CASE(a_file_that_is_no_database_is_refused),
        CASE(a_database_of_something_else_is_refused),
        CASE(a_newer_schema_is_refused_and_left_alone),
        CASE(an_older_schema_is_brought_up_to_date_with_its_rows),
        CASE(damaged_rows_are_errors),
        CASE(a_read_only_folder_is_one_clear_error),
        CASE(a_full_disk_is_one_clear_error_and_what_was_acknowledged_stays),
        CASE(a_vanished_folder_is_noticed_at_the_next_flush),
        CASE(after_a_crash_with_a_cut_log_whole_batches_are_there),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

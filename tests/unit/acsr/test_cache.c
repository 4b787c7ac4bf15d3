#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "acsr/cache.h"
#include "base/str.h"
#include "tests/unit/test.h"

#define DAY (24 * 3600)
#define DIGITS "5e1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d5e6f708192a3b4c5d6e7f"
#define A "acsr-a" DIGITS ".so"
#define B "acsr-b" DIGITS ".so"
#define C "acsr-c" DIGITS ".so"
#define D "acsr-d" DIGITS ".so"

static char folder[] = "/tmp/sofa-test-cache.XXXXXX";

/* The file or folder as if it had last been used so long ago. */
static void set_age(const char *path, time_t seconds)
{
    struct timespec t = {time(NULL) - seconds, 0}, both[2] = {t, t};

    assert_int_equal(utimensat(AT_FDCWD, path, both, 0), 0);
}

static void put(const char *name, time_t age)
{
    char *path = sofa_path_join(folder, name);

    assert_int_equal(sofa_file_write_atomic(path, "text", 4, NULL), SOFA_OK);
    set_age(path, age);
    free(path);
}

static bool there(const char *name)
{
    char *path = sofa_path_join(folder, name);
    struct stat s;
    bool is = stat(path, &s) == 0;

    free(path);
    return is;
}

static void make_build(const char *name, time_t age)
{
    char *path = sofa_path_join(folder, name), *file = sofa_format("%s/kernel.c", name);

    assert_int_equal(mkdir(path, 0700), 0);
    put(file, age);
    set_age(path, age);
    free(file);
    free(path);
}

static void the_entries_used_longest_ago_go(void **state)
{
    (void)state;
    put(A, 40);
    put(B, 10);
    put(C, 30);
    put(D, 20);
    put("acsr-own.so", 90);
    put("other.so", 90);
    sofa_cache_prune(folder, 4);
    assert_true(there(A) && there(B) && there(C) && there(D));
    sofa_cache_prune(folder, 2);
    assert_true(there(B) && there(D));
    assert_false(there(A) || there(C));
    assert_true(there("acsr-own.so") && there("other.so"));
}

static void an_entry_that_is_used_stays(void **state)
{
    char *path = sofa_path_join(folder, A);
    struct sofa_err err = SOFA_ERR_INIT;
    int fd;

    (void)state;
    put(A, 900);
    assert_int_equal(sofa_cache_seal(path, &err), SOFA_OK);
    set_age(path, 900);
    put(B, 300);
    assert_int_equal(sofa_cache_open(path, &fd, &err), SOFA_OK);
    assert_true(fd >= 0);
    sofa_cache_touch(fd);
    close(fd);
    sofa_cache_prune(folder, 1);
    assert_true(there(A));
    assert_false(there(B));
    free(path);
}

static void what_a_killed_compilation_left_goes_after_a_day(void **state)
{
    (void)state;
    make_build("build.killed", 2 * DAY);
    make_build("build.running", 60);
    sofa_cache_prune(folder, 10);
    assert_false(there("build.killed"));
    assert_true(there("build.running/kernel.c"));
}

static void a_folder_that_is_not_there_is_no_fault(void **state)
{
    (void)state;
    sofa_cache_prune("/nowhere/at/all", 1);
}

static int setup(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : 1;
}

static int teardown(void **state)
{
    char *command = sofa_format("rm -rf %s", folder);
    int rc = system(command);

    (void)state;
    free(command);
    return rc;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_entries_used_longest_ago_go),
        cmocka_unit_test(an_entry_that_is_used_stays),
        cmocka_unit_test(what_a_killed_compilation_left_goes_after_a_day),
        cmocka_unit_test(a_folder_that_is_not_there_is_no_fault),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}

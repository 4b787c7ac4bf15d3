/* A space's file for each test, and the shipped model as its workload: CASE(f) in the list, STUDY_TESTS(tests). */
#ifndef SOFA_TESTS_STUDY_FIXTURE_H
#define SOFA_TESTS_STUDY_FIXTURE_H

#include <unistd.h>

#include "tests/unit/test.h"

static char file[64];

static inline int make_file(void **state)
{
    int fd;

    (void)state;
    strcpy(file, "/tmp/sofa-study-XXXXXX");
    fd = mkstemp(file);
    if (fd >= 0)
        close(fd);
    return fd >= 0 ? 0 : -1;
}

static inline int remove_file(void **state)
{
    (void)state;
    return unlink(file);
}

/* Valid until the next call. */
static inline const char *lm_workload(int window)
{
    static char text[1024];
    char *folder = test_source_file("models/bytelm");

    snprintf(text, sizeof text, "{checkpoint: %s, text: %s/heldout.bin, window: %d}", folder, folder, window);
    free(folder);
    return text;
}

/* The test's own place isn't beside the models. */
static inline void name_data(void)
{
    if (getenv("SOFA_SRCDIR"))
        setenv("SOFA_DSE_DATA", getenv("SOFA_SRCDIR"), 1);
}

#define CASE_THEN(f, teardown) cmocka_unit_test_setup_teardown(f, make_file, teardown)
#define CASE(f) CASE_THEN(f, remove_file)
#define STUDY_TESTS(tests) (name_data(), cmocka_run_group_tests(tests, NULL, NULL))

#endif

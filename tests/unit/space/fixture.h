/* A space's file written for a test: SPACE_TESTS(tests) runs them with one at `path`. */
#ifndef SOFA_TESTS_SPACE_FIXTURE_H
#define SOFA_TESTS_SPACE_FIXTURE_H

#include <unistd.h>

#include "base/file.h"
#include "space/space.h"
#include "tests/unit/test.h"

static char path[] = "/tmp/sofa-space-XXXXXX";

static inline int make_path(void **state)
{
    int fd = mkstemp(path);

    (void)state;
    if (fd >= 0)
        close(fd);
    return fd >= 0 ? 0 : -1;
}

static inline int remove_path(void **state)
{
    (void)state;
    return unlink(path);
}

static inline enum sofa_code read_text(const char *text, struct sofa_space **space, struct sofa_err *err)
{
    assert_int_equal(sofa_file_write_atomic(path, text, strlen(text), NULL), SOFA_OK);
    return sofa_space_read(path, space, err);
}

static inline enum sofa_code bind_text(const char *text, int layers, struct sofa_space **space, struct sofa_err *err)
{
    struct sofa_design hardware = {.layers = layers};
    enum sofa_code rc = read_text(text, space, err);

    return rc == SOFA_OK ? sofa_space_bind(*space, &hardware, err) : rc;
}

/* The same of a space that is in order. */
static inline struct sofa_space *bound(const char *text, int layers)
{
    struct sofa_err err = SOFA_ERR_INIT;
    struct sofa_space *space = NULL;

    if (bind_text(text, layers, &space, &err) != SOFA_OK)
        fail_msg("%d:%d: %s", err.line, err.column, err.text);
    return space;
}

#define SPACE_TESTS(tests) cmocka_run_group_tests(tests, make_path, remove_path)

#endif

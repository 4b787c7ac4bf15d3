/* What every unit test needs; cmocka wants the four system headers first. */
#ifndef SOFA_TESTS_TEST_H
#define SOFA_TESTS_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* A file of the source tree, as a malloc'd path. */
static inline char *test_source_file(const char *name)
{
    const char *root = getenv("SOFA_SRCDIR");
    size_t n = strlen(root ? root : ".") + strlen(name) + 2;
    char *path = malloc(n);

    assert_non_null(path);
    snprintf(path, n, "%s/%s", root ? root : ".", name);
    return path;
}

#endif

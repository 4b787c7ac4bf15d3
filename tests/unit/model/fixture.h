/* The published chip, a workload and random designs, for the tests of the model. */
#ifndef SOFA_TESTS_MODEL_FIXTURE_H
#define SOFA_TESTS_MODEL_FIXTURE_H

#include <math.h>

#include "base/rng.h"
#include "base/unit.h"
#include "model/model.h"
#include "tests/unit/model/random_design.h"
#include "tests/unit/test.h"

static inline void load_hardware(const char *name, struct sofa_hardware *hw)
{
    char *path = test_source_file(name);
    struct sofa_err err = SOFA_ERR_INIT;

    if (sofa_hardware_read(path, hw, &err) != SOFA_OK)
        fail_msg("%s:%d: %s", err.file, err.line, err.text);
    free(path);
}

/* The published chip, for a group of tests. */
static struct sofa_hardware hw;

static inline int load_chip(void **state)
{
    (void)state;
    load_hardware("models/hardware/sofa-28nm.yaml", &hw);
    return 0;
}

static inline int free_chip(void **state)
{
    (void)state;
    sofa_hardware_free(&hw);
    return 0;
}

static inline void load_workload(const char *name, struct sofa_workload *w)
{
    char *path = test_source_file(name);
    struct sofa_err err = SOFA_ERR_INIT;

    if (sofa_workload_read(path, w, &err) != SOFA_OK)
        fail_msg("%s:%d: %s", err.file, err.line, err.text);
    free(path);
}

#endif

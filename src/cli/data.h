/*
 * The program's own data files, by name or path, for `validate` and `compare`.
 */
#ifndef SOFA_CLI_DATA_H
#define SOFA_CLI_DATA_H

#include "arch/published.h"
#include "model/validate.h"
#include "workload/workload.h"

/* A path as it stands where a file is there, else FOLDER/NAME.yaml of the program's data; malloc'd. */
enum sofa_code sofa_data_find(const char *folder, const char *name, char **path, struct sofa_err *err);

enum sofa_code sofa_data_hardware(const char *name, struct sofa_hardware *hw, struct sofa_err *err);
enum sofa_code sofa_data_workload(const char *name, struct sofa_workload *workload, struct sofa_err *err);
/* The first layer's row of a statistics preset. */
enum sofa_code sofa_data_selection(const char *name, struct sofa_selection *selection, struct sofa_err *err);

/* The published chip, what is published of it and of others, and the benchmarks. */
struct sofa_reference_data {
    struct sofa_hardware hw;
    struct sofa_published published;
    struct sofa_workload benchmark[SOFA_PUBLISHED_BENCHMARKS], llama;
    struct sofa_validation validation; /* points into the rest */
};
/* To be freed on failure too. */
enum sofa_code sofa_reference_open(struct sofa_reference_data *data, struct sofa_err *err);
void sofa_reference_free(struct sofa_reference_data *data);

#endif

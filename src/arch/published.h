/*
 * What is published about this accelerator and others, as read from models/published/: rows to be held
 * against, inputs they derive from, other accelerators, general-purpose chips, weights of operations.
 */
#ifndef SOFA_ARCH_PUBLISHED_H
#define SOFA_ARCH_PUBLISHED_H

#include <stddef.h>

#include "base/err.h"
#include "config/node.h"

enum sofa_row_kind { SOFA_ROW_GIVEN, SOFA_ROW_DERIVED, SOFA_ROW_PREDICTED };
extern const char *const sofa_row_kind_names[]; /* "given", "derived", "predicted", NULL */

struct sofa_published_row {
    const char *name, *unit, *note, *why; /* `why` it can't be reached, else NULL; `note` may be NULL */
    double value;                         /* in `unit` */
    int kind;
};

/* As published, at its own node and supply. */
struct sofa_accelerator {
    const char *name;
    double node_nm, vdd_v, clock_hz, area_mm2, core_w, io_w, gops, multipliers; /* io_w 0: not published */
};
/* The same at 28 nm and 1.0 V: with s = node / 28, area efficiency x s^2, core efficiency x s Vdd^2; IO
 * isn't scaled.  Latency: the published 137 GOP at so many multipliers per 128 and GHz. */
struct sofa_normalised {
    double core_gops_per_w, device_gops_per_w, gops_per_mm2, latency_s; /* device NAN where IO isn't known */
};

/* A chip under the roofline: peaks, and what software reaches of them. */
struct sofa_chip {
    const char *name, *source;
    double peak_gops, int8_gops, bytes_per_s, power_w;
    double eager_passes; /* times that eager attention moves the scores */
    double fa1_efficiency, fa2_efficiency;
    /* regular sparsity on it (SPLAT): published speed-ups over other kernels for the same masks; 0: none published */
    double splat_over_triton, splat_over_tvm;
    const char *splat_source;
};

/* Additions that an operation is worth. */
struct sofa_complexity {
    const char *source, *sort_source;
    double shift_add, multiply4_add, compare, multiply_add, exponential, multiply, sort_cycle;
};

struct sofa_published_inputs {
    double gops, core_w, device_w, area_mm2, bytes_per_s, dram_w, interface_w, work_gop, a100_speed, a100_energy;
};

#define SOFA_PUBLISHED_ROWS 256
#define SOFA_PUBLISHED_ACCELERATORS 32
#define SOFA_PUBLISHED_CHIPS 8
#define SOFA_PUBLISHED_BENCHMARKS 64
struct sofa_published {
    const char *source;
    struct sofa_published_inputs inputs;
    struct sofa_complexity complexity;
    size_t n_rows, n_accelerators, n_chips, n_benchmarks;
    struct sofa_published_row row[SOFA_PUBLISHED_ROWS];
    struct sofa_accelerator accelerator[SOFA_PUBLISHED_ACCELERATORS];
    struct sofa_chip chip[SOFA_PUBLISHED_CHIPS];
    const char *benchmark[SOFA_PUBLISHED_BENCHMARKS]; /* names of workloads */
    struct sofa_document *document; /* owned: the texts above live there */
};

/* SOFA_E_INPUT with place.  On failure nothing is left to free. */
enum sofa_code sofa_published_read(const char *path, struct sofa_published *published, struct sofa_err *err);
void sofa_published_free(struct sofa_published *published);

struct sofa_normalised sofa_normalise(const struct sofa_accelerator *accelerator, double work_gop);

#endif

/*
 * The design space as its file says it: workload, hardware, parameters, objectives, search.
 *
 * Reading takes two steps, because the number of layers is the workload's: `_read` checks the file
 * and everything that needs no other file; `_bind` lays out the lattice for a number of layers.
 * A space with an outside evaluator has neither workload nor hardware, and brings its own parameters.
 */
#ifndef SOFA_SPACE_SPACE_H
#define SOFA_SPACE_SPACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arch/design.h"
#include "base/arena.h"
#include "base/err.h"
#include "base/file.h"
#include "config/node.h"
#include "space/parameter.h"
#include "space/patterns.h"

#define SOFA_OBJECTIVES_MAX 6

/* One axis of the lattice. */
struct sofa_space_dim {
    const struct sofa_parameter *parameter;
    int layer;                 /* -1: all layers, or no matter of layers */
    int levels;                /* >= 2: what cannot vary is no axis */
    const double *value;       /* [levels], ascending but for choices */
    const double *coord;       /* [levels] in [0,1] */
    const char *name;          /* "tiles.0", "token_sram" */
};

/* What is to be run, as the file says it; paths are resolved against the file's folder. */
struct sofa_space_workload {
    const struct sofa_node *node;
    const char *checkpoint, *text; /* a trained language model and its text, or NULL */
    size_t window, windows;
    const char *shape;             /* a shape: a path or a name of `list workloads`, or NULL */
    const char *statistics;        /* statistics for a shape: path or name, or NULL: synthetic rows */
    double synthetic_share[3];     /* rows of type I, II, III; all 0: the published shares */
    size_t synthetic_tokens;       /* at most; 0: the program's default */
    uint64_t synthetic_seed;
    int scope;                     /* enum sofa_scope */
};

struct sofa_space_objective {
    const struct sofa_node *node;
    const char *name;
    int goal; /* +1 minimise, -1 maximise, 0 as the metric has it */
    const char *unit;                    /* of an outside evaluator's objective, else NULL */
    const struct sofa_node *reference; /* its part of the reference point, NULL where none is given */
};

/* A metric that an outside evaluator tells beside its objectives. */
struct sofa_space_metric {
    const struct sofa_node *node;
    const char *name, *unit;
};

/* An outside model in place of ours: a program that answers lines with lines; node NULL where there is none. */
struct sofa_space_evaluator {
    const struct sofa_node *node, *command_node; /* the latter: the program's name */
    char **command;     /* NULL-terminated, as written */
    const char *folder; /* where it runs: the folder of the space's file */
    double timeout_s;
    size_t n_metrics;
    struct sofa_space_metric *metric;     /* [n_metrics] */
    const struct sofa_node *metrics_node; /* NULL: none are listed */
};

enum sofa_relation { SOFA_LESS, SOFA_LESS_EQUAL, SOFA_GREATER, SOFA_GREATER_EQUAL };
struct sofa_space_constraint {
    const struct sofa_node *node;
    const char *text;  /* as written */
    const char *name;  /* the metric */
    const char *limit; /* the quantity, as written */
    enum sofa_relation relation;
};

/* When a search ends before its evaluations are made: after so many suggestions in a row that each promise less
 * than `improvement` of the hypervolume; node NULL: it doesn't. */
struct sofa_space_stop {
    const struct sofa_node *node;
    double improvement;
    size_t suggestions;
};

struct sofa_space_search {
    const char *algorithm;
    const struct sofa_node *algorithm_node; /* NULL where not given */
    size_t evaluations, parallel;
    uint64_t seed;
    struct sofa_space_stop stop;
};

/* `objective: paper`: L_en + alpha L_cmp + beta L_exp; node NULL where it isn't asked for. */
struct sofa_space_paper {
    const struct sofa_node *node;
    double alpha, beta;
    bool raw_expansion; /* L_exp as printed, not per token */
};

struct sofa_space {
    struct sofa_document *document;
    struct sofa_arena arena;
    const char *file, *name;
    const char *replaced; /* what stands in for parts of the file, "" for nothing */
    char sha256[SOFA_SHA256_TEXT]; /* of the file's text and of what is replaced */
    const struct sofa_node *hardware_node;
    const char *hardware; /* a path or a name of `list hardware` */
    const char *ert, *art; /* Accelergy reference tables in place of built-in costs, NULL for none */
    double access_bytes;   /* of one memory access in them, and of CACTI's */
    bool cacti;            /* SRAM costs from CACTI, not from the built-in table */
    const char *cacti_program; /* NULL: `cacti` on PATH */
    int cacti_cells;       /* index in sofa_cacti_cells */
    struct sofa_space_workload workload;
    const struct sofa_node *parameters_node;
    size_t n_parameters;
    const struct sofa_parameter *parameter; /* [n_parameters] the table that the names are looked up in */
    struct sofa_patterns patterns; /* the choices of `pattern` */
    size_t n_objectives;
    struct sofa_space_objective objective[SOFA_OBJECTIVES_MAX];
    size_t n_constraints;
    struct sofa_space_constraint *constraint;
    struct sofa_space_search search;
    struct sofa_space_paper paper;
    struct sofa_space_evaluator evaluator;
    /* laid out by sofa_space_bind */
    struct sofa_design base; /* hardware's defaults, and parameters with one value; with an outside evaluator
                                the first value of each */
    size_t dims;
    struct sofa_space_dim *dim;
};

/* SOFA_E_INPUT with file, line and column.  The space points into itself: not to be copied. */
enum sofa_code sofa_space_read(const char *file, struct sofa_space **space, struct sofa_err *err);

/* The workload or hardware of a sweep in place of the file's own: nodes of another document, which must
 * outlive the space and whose paths are relative to its file.  NULL members leave the file's. */
struct sofa_space_override {
    const struct sofa_node *workload, *hardware;
    const char *text; /* the same however it was written, for digests */
};
/* `override` may be NULL. */
enum sofa_code sofa_space_read_with(const char *file, const struct sofa_space_override *override,
                                    struct sofa_space **space, struct sofa_err *err);
void sofa_space_free(struct sofa_space *space);

/* Lays out the lattice: `hardware` is the design of the hardware file (its `layers` set).  Call once. */
enum sofa_code sofa_space_bind(struct sofa_space *space, const struct sofa_design *hardware, struct sofa_err *err);

/* A row of the space's table by its key, NULL where there is none. */
const struct sofa_parameter *sofa_space_parameter(const struct sofa_space *space, const char *key);
/* All keys of the table; returns their number. */
size_t sofa_space_keys(const struct sofa_space *space, const char *keys[SOFA_OUTSIDE_MAX]);

/* The design at a point of the lattice, with settings that have no effect at one value (sofa_patterns_settle). */
void sofa_space_design(const struct sofa_space *space, const int *x, struct sofa_design *design);

/* The point that stands for all that have the same design: settings without effect at their first level.  Designs of
 * points with the same one are the same. */
void sofa_space_representative(const struct sofa_space *space, const int *x, int *representative);

/* Number of points, as a double: it may be 1e40. */
double sofa_space_points(const struct sofa_space *space);

/* Puts the value of the parameter `name` ("tiles", "tiles.3") into a design; it need not be on the lattice.
 * `plain`: a number has no unit but is in the parameter's, as in files.  SOFA_E_INPUT with a "did you mean". */
enum sofa_code sofa_space_put(const struct sofa_space *space, const char *name, const char *value, bool plain,
                              struct sofa_design *design, struct sofa_err *err);
/* The same for "NAME=VALUE" on the command line: SOFA_E_USAGE. */
enum sofa_code sofa_space_set(const struct sofa_space *space, const char *assignment, struct sofa_design *design,
                              struct sofa_err *err);

#endif

/*
 * The model at the points that published rows ask for: which techniques are on, how many keys are kept.
 *
 * Tiles are the fewest whose scores stay on the chip, where anything goes by tiles (the published examples have 16 and
 * 4 keys a tile, so their number grows with the length); what is kept is the published share; the rest of the
 * statistics is that of synthetic rows.
 */
#ifndef SOFA_MODEL_VALIDATE_RUN_H
#define SOFA_MODEL_VALIDATE_RUN_H

#include "model/validate.h"

/* Steps of the ladders: which of the published techniques are on. */
enum sofa_validate_steps { STEP_NONE = 0, STEP_DLZS = 1, STEP_SADS = 2, STEP_SUFA = 4, STEP_RASS = 8, STEP_TILED = 16,
                           STEP_ALL = 31 };
#define SOFA_VALIDATE_TIGHTEST (SOFA_VALIDATE_LEVELS - 1)

struct sofa_validate_point {
    int level; /* of the loss: share of the keys that is kept */
    int steps;
    int scope;
    bool keys_given; /* predicted keys cost nothing to make */
    int columns;     /* of the prediction; 0: the design's */
};

/* Keys of a tile: as many as the temporary SRAM holds scores of, twice for each lane. */
double sofa_validate_tile_keys(const struct sofa_validation *validation);
/* What the model is asked at a point; points into itself: not to be copied. */
struct sofa_validate_case {
    struct sofa_workload workload;
    struct sofa_design design;
    struct sofa_statistics statistics;
    struct sofa_selection selection[SOFA_LAYERS_MAX];
};
/* False for too many layers. */
bool sofa_validate_prepare(const struct sofa_validation *validation, const struct sofa_workload *workload,
                           struct sofa_validate_point at, struct sofa_validate_case *one);
/* False where the design can't work. */
bool sofa_validate_run(const struct sofa_validation *validation, const struct sofa_workload *workload,
                       struct sofa_validate_point at, struct sofa_result *result);

/* A figure of a workload's result. */
typedef double sofa_validate_figure(const struct sofa_validation *validation, const struct sofa_workload *workload,
                                    const struct sofa_result *result);
/* Its mean over the published benchmarks; NAN where one can't work. */
double sofa_validate_mean(const struct sofa_validation *validation, struct sofa_validate_point at,
                          sofa_validate_figure *figure);
/* The mean, the least or the most of a figure at one point over the same at another. */
enum sofa_validate_statistic { STATISTIC_MEAN, STATISTIC_LEAST, STATISTIC_MOST };
double sofa_validate_ratio(const struct sofa_validation *validation, struct sofa_validate_point over,
                           struct sofa_validate_point under, sofa_validate_figure *figure,
                           enum sofa_validate_statistic what);

/* Defines a figure as an expression of v, w and r. */
#define SOFA_VALIDATE_FIGURE(function, expression)                                                               \
    static double function(const struct sofa_validation *v, const struct sofa_workload *w, const struct sofa_result *r) \
    {                                                                                                            \
        (void)v;                                                                                                 \
        (void)w;                                                                                                 \
        return expression;                                                                                       \
    }

#endif

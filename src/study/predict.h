/*
 * What the kernel's statistics of an unseen design will be, learnt from the designs seen so far.
 *
 * Latency and energy are closed forms of the design and of the selection statistics (density, union,
 * loads).  Those are measured only where the kernel ran; in between they follow, layer by layer, a
 * quadratic surface in the layer's own settings, fitted by ridge regression to what was measured
 * (in logarithms, so that ratios stay positive), relative to what is known without measuring: the
 * number of keys the quotas allow.  Settings that were measured give what was measured.
 *
 * A layer whose keys are a static pattern has nothing to be predicted; each other choice of `pattern` is a surface
 * of its own.
 *
 * Predictions only steer the search.  What a study reports comes from the kernel.
 */
#ifndef SOFA_STUDY_PREDICT_H
#define SOFA_STUDY_PREDICT_H

#include "arch/design.h"
#include "base/err.h"
#include "workload/workload.h"

struct sofa_predictor;

/* For designs of `layers` layers on `tokens` queries and keys, with so many choices of `pattern` (1: none alone). */
enum sofa_code sofa_predictor_new(int layers, int patterns, double tokens, bool causal, struct sofa_predictor **predictor,
                                  struct sofa_err *err);
void sofa_predictor_free(struct sofa_predictor *predictor);

/* Statistics measured of a design; means over heads are what is learnt. */
enum sofa_code sofa_predictor_add(struct sofa_predictor *predictor, const struct sofa_design *design,
                                  const struct sofa_statistics *measured, struct sofa_err *err);

/* Predicted statistics, one per layer: `out` has layers and heads = 1, its head [layers] the caller's. */
void sofa_predictor_get(struct sofa_predictor *predictor, const struct sofa_design *design, struct sofa_statistics *out);

/* Share of the visible keys that the quotas of the tiles allow: ceil(v * permille / 1000) in each tile
 * with v visible keys (the density without clipping, exactly). */
double sofa_quota_density(double tokens, bool causal, int tiles, int topk_permille);

#endif

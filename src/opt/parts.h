/*
 * What is learnt of an uncertain objective that is a sum of parts told one by one: the losses of layers that do not
 * see each other.  (Astudillo and Frazier, "Bayesian optimization of composite functions", ICML 2019, with a sum as the
 * outer function.)
 *
 * Part l hangs on the dimensions of layer l and on those of none.  Parts of a kind are one function, which has a Gaussian
 * process of its own; kinds are independent: means add up, and deviations within a kind as if they went together (they
 * do, where settings are near each other; it never promises too little of the unknown).  A setting that was told is
 * known from then on, whatever the other layers did.  A function has few settings, so what is believed of each is
 * computed once a change.
 */
#ifndef SOFA_OPT_PARTS_H
#define SOFA_OPT_PARTS_H

#include "base/err.h"
#include "opt/optimizer.h"

#define SOFA_PARTS_SETTINGS 1024 /* of one part, at most */

struct sofa_parts;

/* Whether the problem's parts can be learnt one by one: each has at most SOFA_PARTS_SETTINGS settings, and fewer
 * dimensions than the whole. */
bool sofa_parts_suit(const struct sofa_opt_problem *problem);

/* The problem must outlive it.  `draws`: most fantasies of the pending points. */
enum sofa_code sofa_parts_new(const struct sofa_opt_problem *problem, size_t draws, struct sofa_parts **parts,
                              struct sofa_err *err);
void sofa_parts_free(struct sofa_parts *parts);

/* Forgets what was told; the processes' parameters stay. */
enum sofa_code sofa_parts_clear(struct sofa_parts *parts, struct sofa_err *err);
/* A result: a point x [dims] and its parts' values [problem parts], finite.  The same setting again: its mean. */
enum sofa_code sofa_parts_add(struct sofa_parts *parts, const int *x, const double *value, struct sofa_err *err);
/* Fits the functions of which enough is new, and conditions them on what was told and on `draws` fantasies of the pending
 * points x_pending [pending][dims]. */
enum sofa_code sofa_parts_learn(struct sofa_parts *parts, size_t pending, const int *x_pending, size_t draws,
                                struct sofa_err *err);
/* The sum that fantasy `draw` gives pending point i. */
double sofa_parts_pending(const struct sofa_parts *parts, size_t draw, size_t i);
/* Posterior of the sum at x [dims]: mean [draws] and deviation. */
void sofa_parts_predict(struct sofa_parts *parts, const int *x, double *mean, double *sd);
/* Of each part at x, without fantasies: mean [parts] and deviation [parts]. */
void sofa_parts_each(struct sofa_parts *parts, const int *x, double *mean, double *sd);

#endif

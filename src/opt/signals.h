/*
 * What tells of the uncertain objective beside its value: signals measured with it, one for each layer, that hang (nearly)
 * on the layer's own dimensions alone, and that the objective is nearly a weighted sum of.  The loss of a language model
 * is such a sum of the squared errors of its layers' attention.
 *
 * An evaluation tells every layer's signal at its setting, so a few evaluations tell what signals the layers will have at
 * other settings (parts.h, on the logarithm), and a regression what the objective makes of them.  This is the trend; a
 * Gaussian process on all dimensions learns what is left (belief.c).
 *
 * The regression: y = a + sum over layers of w_l s_l + noise, w ~ N(0, g v (I + k 11')), v the noise's variance: layers weigh
 * alike, more or less.  g and k by evidence on a grid, v in closed form (Bishop, Pattern Recognition and Machine Learning,
 * 2006, section 3.5).
 */
#ifndef SOFA_OPT_SIGNALS_H
#define SOFA_OPT_SIGNALS_H

#include "opt/optimizer.h"

struct sofa_signals;

/* The problem's parts suit (parts.h), and it must outlive what is made. */
enum sofa_code sofa_signals_new(const struct sofa_opt_problem *problem, struct sofa_signals **signals,
                                struct sofa_err *err);
void sofa_signals_free(struct sofa_signals *signals);

/* Forgets what was told. */
enum sofa_code sofa_signals_clear(struct sofa_signals *signals, struct sofa_err *err);
/* A result: a point x [dims], its signals [problem parts], shares from 0 on, and the objective y; all finite. */
enum sofa_code sofa_signals_add(struct sofa_signals *signals, const int *x, const double *signal, double y,
                                struct sofa_err *err);
/* Learns from what was told, at least one result. */
enum sofa_code sofa_signals_learn(struct sofa_signals *signals, struct sofa_err *err);

/* What the objective makes of signals that were told. */
double sofa_signals_trend(const struct sofa_signals *signals, const double *signal);
/* The same of a point x [dims] whose signals are believed as far as they are known: mean, and variance of that. */
void sofa_signals_predict(struct sofa_signals *signals, const int *x, double *mean, double *variance);

#endif

/*
 * The Gaussian process that learns the uncertain objective from lattice points.
 *
 * Features u are the levels' places in [0,1], warped by Kumaraswamy's 1-(1-x^a)^b with (a,b) shared
 * within a parameter group (Snoek et al., ICML 2014), less 1/2; an unordered dimension is one
 * column per level, so that r^2 grows by 1/l^2 where two points differ.  The covariance is
 *
 *   s^2 [w Matern52(r_ARD) + (1-w) mean over layers of Matern52(r of that layer, lengths times rho)]
 *   + 1 + sum_c v_g u_c u'_c + sum_g t_g F_g F'_g,   F_g = sum over the group's columns of u / sqrt(their number)
 *
 * where the second line is a linear mean with its coefficients integrated out, v of a column's own
 * slope and t of the slope that a group shares.  Noise s_n^2 is added on the diagonal.  The
 * parameters are found by maximum a posteriori; their priors are in gp_prior.c.
 *
 * Outputs are standardised inside; predictions are in the caller's units.  All bits are the same
 * whatever the processor (opt/dense.h, opt/special.h).  Memory grows with the square of
 * the data.
 */
#ifndef SOFA_OPT_GP_H
#define SOFA_OPT_GP_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "opt/optimizer.h"

struct sofa_gp;

/* `dim` must outlive the process.  `additive`: with the per-layer part (w < 1). */
enum sofa_code sofa_gp_new(size_t dims, const struct sofa_opt_dim *dim, bool additive, struct sofa_gp **gp,
                           struct sofa_err *err);
void sofa_gp_free(struct sofa_gp *gp);

/* Takes x [n][dims] and outputs z [n] for fitting and conditioning; n >= 1. */
enum sofa_code sofa_gp_data(struct sofa_gp *gp, size_t n, const int *x, const double *z, struct sofa_err *err);

/*
 * Where there are too many points for that: all are surveyed, for the parameters at hand (x and z are borrowed until
 * the next survey); then some rows of the survey become the data, in the order given and on the scale of all outputs;
 * and then, for a place, the `most` of the others that are nearest to it by the kernel's own distances join them,
 * instead of those that joined for the last place.  What is then conditioned on predicts near that place.
 */
enum sofa_code sofa_gp_survey(struct sofa_gp *gp, size_t n, const int *x, const double *z, struct sofa_err *err);
enum sofa_code sofa_gp_take(struct sofa_gp *gp, size_t count, const size_t *rows, struct sofa_err *err);
enum sofa_code sofa_gp_take_nearest(struct sofa_gp *gp, const int *centre, size_t most, struct sofa_err *err);

/* Gives back the memory of the data and of what was made of them; the parameters stay. */
void sofa_gp_forget(struct sofa_gp *gp);

/* Parameters: logarithms (w: its logit), in the order of sofa_gp_theta_name. */
size_t sofa_gp_theta_count(const struct sofa_gp *gp);
void sofa_gp_theta_name(const struct sofa_gp *gp, size_t i, char *buf, size_t size);
double *sofa_gp_theta(struct sofa_gp *gp);        /* [count], to read or to set */
void sofa_gp_prior_mode(const struct sofa_gp *gp, double *theta);

/* Log evidence ln p(z | theta) of the standardised data and, where gradient isn't NULL, its
 * derivatives.  SOFA_E_NUMERIC when the covariance is not positive definite even with jitter. */
enum sofa_code sofa_gp_evidence(struct sofa_gp *gp, const double *theta, double *evidence, double *gradient,
                                struct sofa_err *err);
/* ln p(theta) and, added to gradient where that isn't NULL, its derivatives. */
double sofa_gp_log_prior(const struct sofa_gp *gp, const double *theta, double *gradient);

/* Which starts a fit tries: bits. */
#define SOFA_GP_FROM_LAST 1u  /* theta as it is */
#define SOFA_GP_FROM_MODE 2u  /* the prior's mode */
#define SOFA_GP_FROM_SHORT 4u /* lengths sqrt(d)/10 */
/* Sets theta to the best of the maxima found from `starts` with `iterations` of BFGS each;
 * *posterior: evidence plus prior there. */
enum sofa_code sofa_gp_fit(struct sofa_gp *gp, unsigned starts, int iterations, double *posterior,
                           struct sofa_err *err);

/*
 * Makes the process ready to predict: factors the covariance of the data and of `pending` points
 * x_pending, whose outputs are drawn `draws` times jointly from the posterior, by the standard normal
 * innovations e [draws][pending] (NULL: zero, which believes the mean).  Only what differs from the
 * factor at hand is computed: points appended to the same data and parameters cost O(n^2) each.
 */
enum sofa_code sofa_gp_condition(struct sofa_gp *gp, size_t pending, const int *x_pending, size_t draws,
                                 const double *e, struct sofa_err *err);
double sofa_gp_pending(const struct sofa_gp *gp, size_t draw, size_t i); /* the drawn output of pending point i */

#define SOFA_GP_BATCH 8
/* Posterior of the output (without noise) at count <= SOFA_GP_BATCH points x: mean [count][draws],
 * sd [count]. */
void sofa_gp_predict(struct sofa_gp *gp, size_t count, const int *const *x, double *mean, double *sd);

/*
 * The same for points near a base point, which differ from it in one dimension each: the covariances cost
 * O(n) less per point, and the deviation, which costs O(n^2), comes in two steps.  With k and k' the
 * covariances of base and neighbour, d = k' - k, and p = K^-1 k, the variance of the neighbour is
 *
 *   c' - k'.K^-1.k' = c' + k.p - 2 k'.p - d.K^-1.d,
 *
 * and without the last term, which is not negative, a bound that costs O(n).  By Cauchy and Schwarz's inequality
 * that term is no less than (d.s)^2 / s.K.s for any s.  With s = K^-1 d of a neighbour in the same dimension, be it of
 * an earlier base, that is nearly all of it: a step along a dimension tells much the same wherever it is taken.  So
 * the first neighbour of a dimension whose deviation is asked for leaves its s behind.  A search looks at the bounds
 * and asks only for the deviations that may matter.
 *
 * The base holds until the next condition; `count` neighbours are kept in numbered slots.
 */
enum sofa_code sofa_gp_set_base(struct sofa_gp *gp, const int *x, size_t count, struct sofa_err *err);
/* Places x in a slot: its mean [draws], and an upper bound of its deviation. */
void sofa_gp_near(struct sofa_gp *gp, size_t slot, const int *x, double *mean, double *sd_bound);
/* The deviations of count <= SOFA_GP_BATCH slots. */
void sofa_gp_near_deviations(struct sofa_gp *gp, size_t count, const size_t *slots, double *sd);

double sofa_gp_jitter(const struct sofa_gp *gp); /* added to the diagonal of the last factor, relative */
double sofa_gp_spread(const struct sofa_gp *gp); /* standard deviation of the data's outputs */
bool sofa_gp_additive(const struct sofa_gp *gp);
size_t sofa_gp_points(const struct sofa_gp *gp);

#endif

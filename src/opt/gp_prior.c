/* The priors of a Gaussian process's parameters: independent normals on their logarithms. */
#include <math.h>
#include <stdio.h>

#include "opt/gp_impl.h"
#include "opt/special.h"

struct prior {
    double mean, sd;
};

/* Length scales grow with the root of the dimension (Hvarfner, Hellsten, Nardi, "Vanilla Bayesian
 * optimization performs great in high dimensions", ICML 2024); warps after Snoek et al. 2014. */
static struct prior length_prior(const struct sofa_gp *gp)
{
    double d = (double)(gp->space.lengths ? gp->space.lengths : 1);

    return (struct prior){sqrt(2.0) + 0.5 * sofa_opt_log(d), sqrt(3.0)};
}

static const struct prior scale_prior = {0, 1}, noise_prior = {-9, 2}, mix_prior = {0, 1.5}, warp_prior = {0, 0.5};

/* Parts of the additive kernel see fewer dimensions, so their lengths are shorter. */
static struct prior ratio_prior(const struct sofa_gp *gp)
{
    return (struct prior){-0.5 * sofa_opt_log((double)(gp->space.layers ? gp->space.layers : 1)), 1};
}

/* A uniform column has variance 1/12: at the median all own slopes together, or a shared one, explain
 * half of the standardised output's variance. */
static struct prior own_slope_prior(const struct sofa_gp *gp)
{
    return (struct prior){sofa_opt_log(6.0 / (double)(gp->space.columns ? gp->space.columns : 1)), 2};
}
static const struct prior shared_slope_prior = {1.7917594692280550, 2}; /* ln 6 */

static struct prior prior_of(const struct sofa_gp *gp, size_t i)
{
    const struct gp_index *at = &gp->index;

    if (i < at->scale)
        return length_prior(gp);
    if (i == at->scale)
        return scale_prior;
    if (i == at->noise)
        return noise_prior;
    if (i < at->group)
        return i == at->mix ? mix_prior : ratio_prior(gp);
    switch ((i - at->group) % GP_PER_GROUP) {
    case GP_V:
        return own_slope_prior(gp);
    case GP_T:
        return shared_slope_prior;
    default:
        return warp_prior;
    }
}

void sofa_gp_theta_name(const struct sofa_gp *gp, size_t i, char *buf, size_t size)
{
    static const char *const of_group[GP_PER_GROUP] = {"ln a", "ln b", "ln v", "ln t"};
    const struct gp_index *at = &gp->index;

    if (i < at->scale)
        snprintf(buf, size, "ln l %zu", i);
    else if (i < at->group)
        snprintf(buf, size, "%s",
                 i == at->scale ? "ln s2" : i == at->noise ? "ln noise" : i == at->mix ? "logit w" : "ln rho");
    else
        snprintf(buf, size, "%s %zu", of_group[(i - at->group) % GP_PER_GROUP], (i - at->group) / GP_PER_GROUP);
}

void sofa_gp_prior_mode(const struct sofa_gp *gp, double *theta)
{
    for (size_t i = 0; i < gp->index.count; i++)
        theta[i] = prior_of(gp, i).mean;
}

void sofa_gp_prior_deviation(const struct sofa_gp *gp, double *sd)
{
    for (size_t i = 0; i < gp->index.count; i++)
        sd[i] = prior_of(gp, i).sd;
}

double sofa_gp_log_prior(const struct sofa_gp *gp, const double *theta, double *gradient)
{
    double sum = 0, e;

    for (size_t i = 0; i < gp->index.count; i++) {
        struct prior prior = prior_of(gp, i);

        e = (theta[i] - prior.mean) / prior.sd;
        sum -= 0.5 * e * e + sofa_opt_log(prior.sd) + SOFA_LN_SQRT_2PI;
        if (gradient)
            gradient[i] -= e / prior.sd;
    }
    return sum;
}

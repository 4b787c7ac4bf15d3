/*
 * Inside the search where every objective, and any number of constraints, is told only by an evaluation: what it
 * learns of its outputs (blackbox_outputs.c), and how it asks (blackbox.c).
 */
#ifndef SOFA_OPT_BLACKBOX_H
#define SOFA_OPT_BLACKBOX_H

#include "opt/gp.h"
#include "opt/local.h"
#include "opt/mehvi.h"

#define BLACKBOX_OUTPUTS_MAX (SOFA_OPT_OBJECTIVES_MAX + SOFA_OPT_CONSTRAINTS_MAX + 1)
#define BLACKBOX_GOOD_MAX 200 /* seeds from the front */

/* One output: an objective, a constraint, or whether a point works. */
struct blackbox_output {
    struct sofa_gp *gp;
    bool fitted;
    size_t fitted_n, changes, afresh_n;
    double bend; /* values beyond it count less and less; see sofa_blackbox_squash */
    double unit;
};

struct blackbox {
    struct sofa_halton *halton;
    size_t outputs; /* objectives, then constraints, then whether a point works at all */
    struct blackbox_output output[BLACKBOX_OUTPUTS_MAX];
    size_t start;
    double reference[SOFA_OPT_OBJECTIVES_MAX]; /* on the modelled scale */
    struct sofa_mehvi front;
    double *points; /* [room][objectives] feasible results on the modelled scale */
    size_t *trial;  /* [room] */
    size_t points_n, front_n, good_n;
    int *x;      /* [outputs][room][dims] points that tell an output */
    double *z;   /* [outputs][room] */
    int *pending; /* [room][dims] */
    size_t pending_n, room;
    bool broken; /* some point didn't work */
    int *good; /* [BLACKBOX_GOOD_MAX][dims] */
    struct sofa_local local;
    bool is_local; /* it has passed the border */
    size_t fitted_n; /* results at the last fit beyond it */
};

/* Scratch for every trial so far. */
enum sofa_code sofa_blackbox_reserve(struct sofa_optimizer *o, struct sofa_err *err);
/* What trial i says of output k; NAN where nothing. */
double sofa_blackbox_value(const struct sofa_optimizer *o, size_t i, size_t k);
bool sofa_blackbox_told(const struct sofa_optimizer *o, size_t trial); /* it says something of some output */
double sofa_blackbox_squash(const struct blackbox_output *output, double y);
void sofa_blackbox_pending(struct sofa_optimizer *o);
/* Brings the processes up to date: on all results, or on the sample, of n results. */
enum sofa_code sofa_blackbox_learn(struct sofa_optimizer *o, struct sofa_err *err);
enum sofa_code sofa_blackbox_learn_sample(struct sofa_optimizer *o, size_t n, struct sofa_err *err);
/* Their predictions, with the pending points believed at their means and, where centre isn't NULL, what is near it. */
enum sofa_code sofa_blackbox_condition(struct sofa_optimizer *o, const int *centre, struct sofa_err *err);

#endif

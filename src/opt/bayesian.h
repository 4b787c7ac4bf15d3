/*
 * Inside Bayesian search: what it believes (belief.c), what it improves on (belief_front.c), what it makes of a
 * point (acquisition.c) and how it asks (bayesian.c; past thousands of results belief_local.c).
 */
#ifndef SOFA_OPT_BAYESIAN_H
#define SOFA_OPT_BAYESIAN_H

#include "opt/algorithm.h"
#include "opt/ehvi.h"
#include "opt/gp.h"
#include "opt/local.h"
#include "opt/parts.h"
#include "opt/search.h"
#include "opt/signals.h"

#define SOFA_BAYESIAN_SEEDS 512
#define SOFA_BAYESIAN_DRAWS 16 /* fantasies of the pending points */

struct bayesian {
    struct sofa_halton *halton;
    struct sofa_gp *gp[2]; /* without and with the additive part; [1] NULL where there is none */
    struct sofa_parts *parts; /* instead of them, where the objective is told in parts; else NULL */
    struct sofa_signals *signals; /* told with the objective; NULL: none */
    bool trend; /* they are in use: the processes learn what they leave */
    int chosen;
    struct sofa_gp *model; /* that the acquisition asks: the chosen one, or that of the sample */
    bool plain; /* the objective as it is */
    bool fitted;
    size_t fitted_n, chosen_n, changes;
    size_t start; /* points of the low-discrepancy start */
    double shift; /* added to the loss before its logarithm; NAN: there is no limit to take it from */
    bool raw;     /* the loss is modelled as it is, not its logarithm: what the evidence says */

    int u;                             /* the uncertain objective, -1: none */
    size_t q;                          /* exact objectives */
    size_t exact[SOFA_OPT_OBJECTIVES_MAX];
    double reference[SOFA_OPT_OBJECTIVES_MAX]; /* [q] in use */
    bool own_reference;                /* the given one was not reached */
    double last, worst;                /* b_{K+1}, as modelled and as it is */
    size_t draws;                      /* fantasies in use: 1 when nothing is pending */
    struct sofa_ehvi front[SOFA_BAYESIAN_DRAWS];
    double *points, *losses; /* [n][q], [draws][room]: what the acquisition stands on */
    size_t *trial;           /* [n] */
    size_t points_n;
    int *pending;
    size_t pending_n;
    int *x;    /* scratch: points for the process or seeds */
    double *z; /* scratch */
    double *rest; /* scratch: z without what the signals make of it */
    int *fit_x; /* scratch: what the fit uses */
    double *fit_z;
    double *normals; /* [draws][pending] innovations of the fantasies */
    size_t room;
    int *seeds; /* [SOFA_BAYESIAN_SEEDS][dims], scratch */
    struct sofa_local local;
    struct sofa_gp *sample_gp; /* the chosen process, where it only knows a sample */
    int sample_chosen;
    double most[SOFA_OPT_OBJECTIVES_MAX]; /* [q] of the results that count, once only the front is in `points` */
    struct sofa_bayesian_near *near; /* [near_room] neighbours being scored */
    double *near_mean;               /* [near_room][draws] */
    size_t near_room;
};

enum { SOFA_TIER_LEADING, SOFA_TIER_IMPROVING }; /* of sofa_bayesian_score */
/* A sofa_score_fn on the optimizer. */
void sofa_bayesian_score(void *optimizer, const struct sofa_near *near, size_t count, const int *x,
                         struct sofa_score *score);

/* ln of the hypervolume that a suggestion with this score is expected to gain, and the hypervolume so far (promise.c). */
double sofa_bayesian_gain(const struct sofa_optimizer *o, const struct sofa_score *score);
enum sofa_code sofa_bayesian_volume(struct sofa_optimizer *o, double *volume, struct sofa_err *err);

extern const struct sofa_local_hooks sofa_belief_local;
#define SOFA_BELIEF_MOST 2000 /* results that the process is conditioned on as a whole */

/* Scratch for every trial so far: made, and freed. */
enum sofa_code sofa_belief_reserve(struct sofa_optimizer *o, struct sofa_err *err);
void sofa_belief_release(struct bayesian *b);
/* Gathers what was told; returns the number of points that teach the process. */
size_t sofa_belief_collect(struct sofa_optimizer *o);
/* Fits the process to the n points gathered, places the pending ones, and sets up the acquisition:
 * the points to improve on, the reference, the boxes. */
enum sofa_code sofa_belief_update(struct sofa_optimizer *o, size_t n, struct sofa_err *err);
void sofa_belief_drop_signals(struct bayesian *b); /* from now on the objective is learnt without them */
/* What the signals make of the results gathered; what the processes learn of those: [n]. */
enum sofa_code sofa_belief_learn_signals(struct sofa_optimizer *o, struct sofa_err *err);
const double *sofa_belief_outputs(const struct bayesian *b);
/* The steps of that.  The fit, where enough is new; the pending points among the process's data, drawn jointly or, without
 * `fantasies`, believed at their means; */
enum sofa_code sofa_belief_fit(struct sofa_optimizer *o, size_t n, struct sofa_err *err);
enum sofa_code sofa_belief_condition(struct sofa_optimizer *o, size_t n, bool fantasies, struct sofa_err *err);
/* the points to improve on, from all results that count or from those given (the others lie behind them); */
bool sofa_belief_teaches(const struct sofa_optimizer *o, size_t trial); /* it has a loss */
bool sofa_belief_counts(const struct sofa_optimizer *o, size_t trial);
void sofa_belief_points(struct sofa_optimizer *o, size_t results, const size_t *result);
/* the reference and the boxes. */
enum sofa_code sofa_belief_front(struct sofa_optimizer *o, size_t n, struct sofa_err *err);
bool sofa_belief_logarithm(const struct bayesian *b); /* whether it is the logarithm of the loss that is modelled */
double sofa_belief_loss(const struct bayesian *b, double loss); /* on the modelled scale */

#endif

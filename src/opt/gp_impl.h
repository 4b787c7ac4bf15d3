/* Inside the Gaussian process: gp.c (covariance, prediction), gp_data.c, gp_factor.c, gp_space.c (features),
 * gp_near.c (neighbours), gp_fit.c, gp_prior.c. */
#ifndef SOFA_OPT_GP_IMPL_H
#define SOFA_OPT_GP_IMPL_H

#include "opt/dense.h"
#include "opt/gp.h"

/* A column of the features. */
struct gp_column {
    size_t dim;    /* the dimension it comes from */
    int level;     /* one column of an unordered dimension: this level; -1: ordinal */
    size_t length; /* which length scale */
    int group;     /* warp and slope, -1: none (unordered) */
    size_t table;  /* where its levels start in the tables */
    size_t twin;   /* the first column whose levels are warped alike */
};

struct gp_group {
    size_t columns;
    double share; /* 1/sqrt(columns) */
};

/* Columns [from, to): a part of the additive kernel, or a dimension. */
struct gp_span {
    size_t from, to;
};

/* The features: which columns there are and what they are worth at each level. */
struct gp_space {
    size_t dims;
    const struct sofa_opt_dim *dim;
    size_t columns, padded; /* padded: rounded up to lanes */
    struct gp_column *column;
    struct gp_span *span; /* [dims] the columns of each dimension */
    size_t *slot; /* [columns] the group of a column, or `groups` where it has none */
    size_t lengths, groups, layers;
    struct gp_group *group;
    struct gp_span *layer;
    size_t entries;              /* of the tables */
    double *raw;                 /* place in [0,1], by column and level */
    double *warped;              /* u */
    double *by_a, *by_b;         /* du / d ln a, du / d ln b */
};

/* Where each parameter lies in theta. */
struct gp_index {
    size_t length; /* [lengths] ln l */
    size_t scale;  /* ln s^2 */
    size_t noise;  /* ln s_n^2 */
    size_t mix;    /* logit w; only with an additive part */
    size_t ratio;  /* ln rho; only with an additive part */
    size_t group;  /* [groups][4]: ln a, ln b, ln v, ln t */
    size_t count;
};
enum { GP_A, GP_B, GP_V, GP_T, GP_PER_GROUP };

/* The parameters in the form that the covariance uses. */
struct gp_kernel {
    double scale, noise, mix;
    double *inverse;       /* [padded] 1/l^2 of each column, 0 in the padding */
    double *inverse_layer; /* [padded] 1/(rho l)^2 */
    double *slope;         /* [padded] v_g of each column */
    double *shared;        /* [groups] t_g */
};

/* What a step along a dimension tells; see gp.h. */
struct gp_step {
    double squares; /* s.K.s, 0: none is known */
    double base;    /* s.k of the base at hand */
};

/* A point whose neighbours are predicted: its covariances part by part. */
struct gp_base {
    int *x;           /* [dims] */
    double *u;        /* [padded] features */
    double *room;     /* what the rows below lie in */
    double *linear;   /* [capacity] constant and linear part */
    double *r2;       /* [capacity] ARD distances */
    double *layers;   /* [layers][capacity] the additive part, layer by layer */
    double *layer_sum; /* [capacity] */
    double *group;    /* [groups][capacity] sum of the features of a group */
    double *weight;   /* [capacity] K^-1 k */
    double *k;        /* [capacity] */
    double *solved;   /* [capacity] L^-1 k */
    double explained; /* k.K^-1.k */
    double own;       /* its prior variance */
    double *sum;      /* [groups] of its features */
    bool groups_hold; /* for the points at hand */
    struct gp_step *step; /* [dims], for the factor at hand */
    double *steps;        /* [dims][capacity] s */
    double *slots;    /* [slot_count][capacity] covariances of the neighbours */
    double *variance; /* [slot_count] their prior variances */
    size_t *moved;    /* [slot_count] the dimension in which they differ, SOFA_GP_MIXED */
    size_t slot_count;
};

/* A layer's part of the kernel by combinations of its levels; see gp_layer.c. */
struct gp_table {
    size_t combos, padded; /* 0: no table */
    double *u;             /* [columns of the layer][padded] features */
    double *value;         /* [combos][padded] */
    bool *known;           /* [combos] rows that hold */
    unsigned short *combo; /* [capacity] of the points */
};

/* Tables that are looked up one after the other. */
struct gp_lookup {
    const double **row;           /* [layers] */
    const unsigned short **combo; /* [layers] */
    size_t count;
};

/* All points that were told, of which the process takes those near a place. */
struct gp_near {
    double r2;
    size_t index;
};
struct gp_survey {
    size_t n, room;
    const int *x;    /* [n][dims], borrowed */
    const double *z; /* [n], borrowed */
    double *u;       /* [padded][room] features */
    double *r2;      /* [room] distances from the place */
    struct gp_near *order; /* [room] */
    bool *taken;     /* [room] those that are data wherever the place is ... */
    size_t base;     /* ... their number: the first of the data */
};

/* Rows of the scratch: covariances of a batch and (T) L^-1 times them, or while fitting four rows each of what is named. */
enum { GP_STRIP_K = 0, GP_STRIP_W = 0, GP_STRIP_G = 4, GP_STRIP_VALUE = 8, GP_STRIP_R2 = 9, GP_STRIP_T = 10, GP_STRIP_ROWS = 18 };

struct sofa_gp {
    struct gp_space space;
    struct gp_index index;
    bool additive;
    const struct sofa_dense *dense;
    double *theta;
    struct gp_kernel kernel;

    size_t n;        /* data points */
    int *x;          /* [capacity][dims], pending ones after the data */
    double *z;       /* [capacity] standardised */
    double centre, spread;

    size_t capacity; /* rows that fit; also the row length of all matrices */
    size_t rows;     /* rows in the factor: data and pending */
    size_t draws, draws_capacity;
    double *u;       /* [padded][capacity] features of the points, by column */
    double *cholesky;  /* [capacity][capacity] L, lower, ones on the diagonal of the padding */
    double *inverse_t; /* [capacity][capacity] transpose of L^-1 */
    double *inverse;   /* [capacity][capacity] L^-1 by rows */
    double *precision; /* [capacity][capacity] alpha alpha' - K^-1, only while fitting */
    double *innovation; /* [draws][capacity] L^-1 z */
    double *weight;     /* [draws][capacity] K^-1 z */
    double *strip;      /* [GP_STRIP_ROWS][capacity] scratch */
    double *group_sum;  /* [groups + 1] scratch */
    double *scratch;    /* [6][padded] scratch: features and coefficients of a point, and a block of rows */
    struct gp_base base;
    struct gp_survey survey;
    struct gp_table *table; /* [layers], NULL without an additive part */
    struct gp_lookup lookup; /* scratch */
    bool tables_hold;       /* for the kernel and the points at hand */
    int *scratch_x;         /* [dims] */
    double jitter;
    int *factored_x;        /* [capacity][dims] the points whose rows of the factor hold */
    double *factored_theta; /* the parameters of the factor */
    size_t factored;        /* rows that hold; 0: none */
};

/* gp_space.c */
enum sofa_code sofa_gp_space_init(struct gp_space *space, size_t dims, const struct sofa_opt_dim *dim,
                                  struct sofa_err *err);
void sofa_gp_space_release(struct gp_space *space);
/* Fills the tables for ln a, ln b at theta [groups][GP_PER_GROUP]. */
void sofa_gp_space_warp(struct gp_space *space, const double *theta_groups);
static inline double sofa_gp_feature(const struct gp_space *space, const double *table, size_t c, const int *x)
{
    return table[space->column[c].table + (size_t)x[space->column[c].dim]];
}

/* gp_prior.c: the deviations of the priors on theta [count]. */
void sofa_gp_prior_deviation(const struct sofa_gp *gp, double *sd);

/* gp_layer.c */
#define GP_LEAST_ROWS 64 /* the capacity is never less */
enum sofa_code sofa_gp_new_tables(struct sofa_gp *gp, struct sofa_err *err);
enum sofa_code sofa_gp_reserve_tables(struct sofa_gp *gp, size_t rows, struct sofa_err *err);
void sofa_gp_free_tables(struct sofa_gp *gp);
/* Makes the tables hold for the kernel and the first `rows` points of gp->x. */
void sofa_gp_set_tables(struct sofa_gp *gp, bool same_kernel, size_t rows);
double sofa_gp_layer_weight(const struct sofa_gp *gp);
/* out[k] += the additive part of the covariance of point x, with features u, and point k < m, layer by layer */
void sofa_gp_add_layers(struct sofa_gp *gp, const int *x, const double *u, size_t m, double *out);
/* Layer l's part for point x, with features u: by the `combo` of its table, or where that hasn't one (NULL) for the
 * points k < m, in the scratch's row GP_STRIP_VALUE. */
const double *sofa_gp_layer_row(struct sofa_gp *gp, size_t l, const int *x, const double *u, size_t m,
                                const unsigned short **combo);

/* gp_near.c */
#define SOFA_GP_MIXED ((size_t)-1)
void sofa_gp_free_base(struct sofa_gp *gp);
void sofa_gp_forget_steps(struct sofa_gp *gp); /* and what else goes with the factor and the points */

/* gp_data.c */
double *sofa_gp_new_rows(size_t rows, size_t length); /* zeroed, 64-byte aligned; NULL: no memory */
/* Room for `rows` points; what was factored is forgotten when it grows, the data are kept. */
enum sofa_code sofa_gp_reserve(struct sofa_gp *gp, size_t rows, struct sofa_err *err);
void sofa_gp_free_rows(struct sofa_gp *gp);
void sofa_gp_free_survey(struct gp_survey *survey);

/* gp.c */
/* The means [draws] of a point from its covariances k, whose padding is cleared. */
void sofa_gp_means(struct sofa_gp *gp, double *k, double *mean);
/* The deviations of `count` points from the covariances in the strip and their prior variances; L^-1 times the
 * covariances is left in the strip. */
void sofa_gp_deviations(struct sofa_gp *gp, size_t count, const double *variance, double *sd);
double sofa_gp_deviation(const struct sofa_gp *gp, double variance); /* in the caller's units */
/* Covariances of a point x with features u (coef: scratch [padded]) and rows [0, m) to out. */
void sofa_gp_covariances(struct sofa_gp *gp, const int *x, const double *u, double *coef, size_t m, double *out);
/* The prior variance at features u. */
double sofa_gp_own_variance(const struct sofa_gp *gp, const double *u, double *coef);
enum sofa_code sofa_gp_reserve_draws(struct sofa_gp *gp, size_t draws, struct sofa_err *err);
/* Sets kernel and features of the data to theta */
void sofa_gp_set(struct sofa_gp *gp, const double *theta);
/* Factors rows [0, rows) of the points in gp->u: Cholesky and, with `inverse`, L^-1.  Rows below
 * `from` hold already. */
enum sofa_code sofa_gp_factor(struct sofa_gp *gp, size_t from, size_t rows, bool inverse, struct sofa_err *err);
void sofa_gp_invert(struct sofa_gp *gp); /* L^-1 of the factor at hand */
/* innovation = L^-1 z, over n rows, without the inverse */
void sofa_gp_solve(struct sofa_gp *gp, size_t n);
/* weight = L^-T innovation for each draw, over `rows` */
void sofa_gp_weights(struct sofa_gp *gp, size_t rows, size_t draws);
void sofa_gp_innovate(struct sofa_gp *gp, size_t n);
/* The features of point x (padded with zeros), and the coefficients of the linear part: returns its constant. */
void sofa_gp_features(const struct sofa_gp *gp, const int *x, double *u);
double sofa_gp_linear(const struct sofa_gp *gp, const double *u, double *coef);

#endif

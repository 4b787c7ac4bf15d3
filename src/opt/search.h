/*
 * Maximising an acquisition over the lattice: many seeds, then steps along all dimensions at once.
 *
 * From each of the best seeds every dimension is tried at +-1, +-3 and both ends (an unordered one
 * at all its levels); all improving moves are applied together, and the set is halved until that
 * improves.  What is returned is the best point met that was not seen before, so a visited optimum
 * yields its best unseen neighbour.
 */
#ifndef SOFA_OPT_SEARCH_H
#define SOFA_OPT_SEARCH_H

#include "opt/lattice.h"

/* Compared by tier first: what the acquisition says in a lower tier only leads to a higher one. */
struct sofa_score {
    int tier; /* SOFA_SCORE_REFUSED: not a point to propose */
    double value;
    bool bound; /* not its score, but no less: see struct sofa_near */
};
#define SOFA_SCORE_REFUSED (-1)

/*
 * The points to score are neighbours of `base`, in one dimension each and in the order of the dimensions.  All
 * that is asked is which is the best of each dimension, if better than `here`, and which unseen one is the best,
 * if better than `best`: the rest may be scored by upper bounds.
 */
struct sofa_near {
    const int *base;
    struct sofa_score here, best;
};

/* Scores count points x [count][dims]; near: NULL, or what is known of them. */
typedef void sofa_score_fn(void *ctx, const struct sofa_near *near, size_t count, const int *x,
                           struct sofa_score *score);

/* A box of the lattice, both ends included. */
struct sofa_region {
    int *low, *high; /* [dims] */
};

struct sofa_search {
    const struct sofa_lattice *seen; /* points that must not be returned */
    sofa_score_fn *score;
    void *ctx;
    size_t climbs;  /* how many seeds are climbed from */
    size_t strangers; /* 0, or the index of the first seed that has nothing to do with good points: the best of
                         these is climbed from as well */
    size_t rounds;  /* at most so many steps each */
    const struct sofa_region *region; /* moves stay inside; NULL: everywhere */
    struct sofa_lattice met;    /* points scored in this search ... */
    struct sofa_score *scores;  /* ... and what they scored, by their index in `met` */
    size_t capacity;
    size_t best; /* index in `met` of the best unseen, SOFA_LATTICE_NONE */
};

enum sofa_code sofa_search_init(struct sofa_search *search, const struct sofa_lattice *seen, sofa_score_fn *score,
                                void *ctx, struct sofa_err *err);
void sofa_search_release(struct sofa_search *search);
/* Adds a seed; the same point twice counts once. */
enum sofa_code sofa_search_seed(struct sofa_search *search, size_t count, const int *x, struct sofa_err *err);
/* Climbs from the best seeds; the result is in search->best. */
enum sofa_code sofa_search_run(struct sofa_search *search, struct sofa_err *err);

bool sofa_score_better(struct sofa_score a, struct sofa_score b);

#endif

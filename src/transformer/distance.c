/* How far an encoder's output is from that of dense attention. */
#include <math.h>

#include "transformer/net.h"

/* Sums over pairs of values. */
struct moments {
    double aa, ab, bb, difference;
};

static void add_pair(struct moments *m, double a, double b)
{
    m->aa += a * a;
    m->ab += a * b;
    m->bb += b * b;
    m->difference += (a - b) * (a - b);
}

/* |a - b| / |b|, 0 where both are zero. */
static double error_of(const struct moments *m)
{
    return m->difference == 0 ? 0 : sqrt(m->difference / m->bb);
}

static double cosine_of(const struct moments *m)
{
    if (m->difference == 0)
        return 1;
    return m->aa > 0 && m->bb > 0 ? m->ab / sqrt(m->aa * m->bb) : 0;
}

static void compare_states(const float *y, const float *dense, size_t s, size_t hidden, double scale,
                           struct sofa_lm_loss *loss)
{
    struct moments all = {0, 0, 0, 0};
    double cosines = 0;

    for (size_t i = 0; i < s; i++) {
        struct moments row = {0, 0, 0, 0};

        for (size_t j = 0; j < hidden; j++)
            add_pair(&row, y[i * hidden + j], dense[i * hidden + j]);
        all.difference += row.difference;
        all.bb += row.bb;
        cosines += cosine_of(&row);
    }
    loss->hidden_cosine += scale * (cosines / (double)s);
    loss->hidden_error += scale * error_of(&all);
}

/* The sentence embedding is the mean over tokens. */
static void compare_sentences(const float *y, const float *dense, size_t s, size_t hidden, double scale,
                              struct sofa_lm_loss *loss)
{
    struct moments sentence = {0, 0, 0, 0};

    for (size_t j = 0; j < hidden; j++) {
        double a = 0, b = 0;

        for (size_t i = 0; i < s; i++) {
            a += y[i * hidden + j];
            b += dense[i * hidden + j];
        }
        add_pair(&sentence, a / (double)s, b / (double)s);
    }
    loss->sentence_error += scale * error_of(&sentence);
    loss->sentence_cosine += scale * cosine_of(&sentence);
}

void sofa_distance_add(const float *y, const float *dense, size_t s, size_t hidden, double scale,
                       struct sofa_lm_loss *loss)
{
    compare_states(y, dense, s, hidden, scale, loss);
    compare_sentences(y, dense, s, hidden, scale, loss);
}

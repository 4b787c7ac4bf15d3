#include "model/roofline.h"

const char *const sofa_software_names[SOFA_SOFTWARE_COUNT] = {"dense eager", "FA1", "FA2", "LP", "LP + FA1", "LP + FA2"};

#define BYTES 2.0 /* 16-bit storage */

static double longer(double operations, double gops, double bytes, double bytes_per_s)
{
    double compute = operations / (gops * 1e9), memory = bytes / bytes_per_s;

    return compute > memory ? compute : memory;
}

/* One head's attention proper: `scores` of them, with or without storing them. */
static double attention(const struct sofa_chip *c, const struct sofa_workload *w, double scores, double efficiency)
{
    double tensors = BYTES * w->head_dim * (2 * w->queries + 2 * w->keys);
    double stored = efficiency > 0 ? 0 : c->eager_passes * BYTES * scores;

    return longer(4 * w->head_dim * scores, c->peak_gops * (efficiency > 0 ? efficiency : 1), tensors + stored,
                  c->bytes_per_s);
}

/* 8-bit product of all scores, written and read once for the selection. */
static double prediction(const struct sofa_chip *c, const struct sofa_workload *w)
{
    double scores = w->queries * w->keys;

    return longer(2 * w->head_dim * scores, c->int8_gops, 2 * scores + w->head_dim * (w->queries + w->keys),
                  c->bytes_per_s);
}

double sofa_roofline_seconds(const struct sofa_chip *c, const struct sofa_workload *w, enum sofa_software software,
                             double density)
{
    static const struct {
        bool predicts, fa1, fa2;
    } what[SOFA_SOFTWARE_COUNT] = {
        [SOFA_SOFTWARE_EAGER] = {false, false, false}, [SOFA_SOFTWARE_FA1] = {false, true, false},
        [SOFA_SOFTWARE_FA2] = {false, false, true},    [SOFA_SOFTWARE_LP] = {true, false, false},
        [SOFA_SOFTWARE_LP_FA1] = {true, true, false},  [SOFA_SOFTWARE_LP_FA2] = {true, false, true},
    };
    bool fused = what[software].fa1 || what[software].fa2;
    double efficiency = what[software].fa1 ? c->fa1_efficiency : what[software].fa2 ? c->fa2_efficiency : 0;
    double scores = fused || what[software].predicts ? sofa_workload_visible_pairs(w) : w->queries * w->keys;
    double one = attention(c, w, scores * (what[software].predicts ? density : 1), efficiency);

    if (what[software].predicts)
        one += prediction(c, w);
    return one * w->heads * w->layers * w->batch;
}

double sofa_roofline_regular_seconds(const struct sofa_chip *c, const struct sofa_workload *w, const struct sofa_pattern *p)
{
    double work = 2 * w->head_dim * (double)sofa_pattern_members(p), metadata = (double)sofa_pattern_bytes(p);
    double values = (double)p->rest.start[p->rows], queries = BYTES * w->head_dim * w->queries, keys = BYTES * w->head_dim * w->keys;
    double one;

    for (size_t i = 0; i < p->n_parts; i++)
        values += (double)p->part[i].rows * (double)p->part[i].width;
    values *= BYTES;
    one = longer(work, c->peak_gops, queries + keys + values + metadata, c->bytes_per_s) /* Q, K; scores written */
          + longer(0, c->peak_gops, 2 * values + metadata, c->bytes_per_s)              /* scores read, weights written */
          + longer(work, c->peak_gops, values + keys + queries + metadata, c->bytes_per_s); /* weights, V; O written */
    return one * w->heads * w->layers * w->batch;
}

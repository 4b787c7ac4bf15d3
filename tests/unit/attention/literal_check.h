/* Whether a run of the kernel is what its definition, taken literally, gives. */
#ifndef SOFA_TESTS_LITERAL_CHECK_H
#define SOFA_TESTS_LITERAL_CHECK_H

#include "tests/unit/attention/literal.h"
#include "tests/unit/attention/random_case.h"

static inline void close_to(double value, double expected, double tolerance, const char *name)
{
    if (!(fabs(value - expected) <= tolerance))
        fail_msg("%s: %.17g, literally %.17g", name, value, expected);
}

/* `fixed`: the selection was given; nothing was predicted and no sort in segments has lost anything. */
static inline void check_statistics(const struct sofa_attention_stats *a, const struct sofa_attention_stats *b, bool fixed)
{
    assert_true(a->selected == b->selected);
    assert_true(a->visible == b->visible);
    assert_true(a->clipped == b->clipped);
    assert_true(a->density == b->density);
    assert_true(a->blocks == b->blocks);
    assert_true(a->naive_loads == b->naive_loads);
    assert_true(a->rass_loads == b->rass_loads);
    assert_true(a->rass_last_rows == b->rass_last_rows);
    assert_true(a->rass_per_phase == b->rass_per_phase);
    close_to(a->union_block, b->union_block, 1e-14, "union_block");
    close_to(a->union_all, b->union_all, 1e-14, "union_all");
    close_to(a->block_union, b->block_union, 1e-9, "block_union");
    close_to(a->block_naive, b->block_naive, 1e-9, "block_naive");
    close_to(a->block_rass, b->block_rass, 1e-9, "block_rass");
    close_to(a->mass, b->mass, 1e-12, "mass");
    close_to(a->overlap, b->overlap, 1e-14, "overlap");
    close_to(a->overlap_sort, fixed ? 1 : b->overlap_sort, 1e-14, "overlap_sort");
    close_to(a->max_mispredict, b->max_mispredict, 1e-14, "max_mispredict");
    close_to(a->rel_error, b->rel_error, 2e-6, "rel_error");
    if (fixed)
        return;
    close_to(a->khat_scale / b->khat_scale, 1, 1e-15, "khat_scale");
    close_to(a->logit_scale / b->logit_scale, 1, 1e-15, "logit_scale");
}

/* Prediction, selection, output and statistics; `mask` as literal_run has it. */
static inline void check_literal(const struct random_case *c, const uint8_t *mask, const struct random_result *r)
{
    struct literal l;
    double difference = 0, norm = 0;

    literal_run(&c->params, mask, c->s, c->h, c->d, c->x, c->wk, c->q, c->k, c->v, c->rope, &l);
    for (size_t i = 0; i < c->s * c->d; i++) {
        assert_true(c->params.fixed || r->khat[i] == l.khat[i]);
        difference += (r->out[i] - l.o[i]) * (r->out[i] - l.o[i]);
        norm += l.o[i] * l.o[i];
    }
    if (!c->params.fixed)
        assert_memory_equal(r->scores, l.scores, c->s * c->s * sizeof *l.scores);
    assert_memory_equal(r->selection, l.selection, c->s * c->s);
    close_to(sqrt(difference), 0, 2e-6 * sqrt(norm), "output");
    check_statistics(&r->stats, &l.stats, c->params.fixed);
    literal_free(&l);
}

#endif

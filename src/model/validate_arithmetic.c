/* Rows that follow from published figures by arithmetic, and countings of operations. */
#include <math.h>

#include "model/validate_values.h"

static double published(const struct sofa_validation *v, const char *name)
{
    return sofa_validate_published(v, name);
}

enum derived {
    DRAM_ENERGY, INTERFACE_ENERGY, AREA_SHARE, POWER_SHARE, DEVICE_EFFICIENCY, CORE_EFFICIENCY, AREA_EFFICIENCY,
    LATENCY, A100_GOPS, A100_GOPS_W, TPU_GOPS, A100_LADDER, TPU_LADDER, ENERGY_LADDER, FA2_COMPARISONS,
    FA2_EXPONENTIALS, VANILLA_EXPONENTIALS,
};

static double ladder(const struct sofa_validation *v, double start, const char *a, const char *b, const char *c,
                     const char *d)
{
    return start * published(v, a) * published(v, b) * published(v, c) * (d ? published(v, d) : 1);
}

static double derived(const struct sofa_validation *v, int what)
{
    const struct sofa_published_inputs *in = &v->published->inputs;
    double prediction = published(v, "area.prediction") + published(v, "area.sort");

    switch ((enum derived)what) {
    case DRAM_ENERGY:
        return in->dram_w / in->bytes_per_s / 8 * 1e12;
    case INTERFACE_ENERGY:
        return in->interface_w / in->bytes_per_s / 8 * 1e12;
    case AREA_SHARE:
        return 100 * prediction / in->area_mm2;
    case POWER_SHARE:
        return 100 * (published(v, "power.prediction") + published(v, "power.sort")) / published(v, "power.core");
    case DEVICE_EFFICIENCY:
        return in->gops / in->device_w;
    case CORE_EFFICIENCY:
        return in->gops / in->core_w;
    case AREA_EFFICIENCY:
        return in->gops / in->area_mm2;
    case LATENCY:
        return 1e3 * in->work_gop / in->gops * 1024 / 128;
    case A100_GOPS:
        return in->gops / in->a100_speed;
    case A100_GOPS_W:
        return in->gops / in->device_w / in->a100_energy;
    case TPU_GOPS:
        return in->gops / published(v, "over_tpu.speed");
    case A100_LADDER:
        return ladder(v, published(v, "a100.lp_fa2"), "ladder.a100.dlzs", "ladder.a100.sads", "ladder.a100.sufa",
                      "ladder.a100.rass");
    case TPU_LADDER:
        return ladder(v, 2.8, "ladder.tpu.dlzs", "ladder.tpu.sads", "ladder.tpu.sufa", "ladder.tpu.rass");
    case ENERGY_LADDER:
        return ladder(v, 1, "ladder.energy.dlzs", "ladder.energy.sads", "ladder.energy.sufa_rass", NULL);
    case FA2_COMPARISONS:
        return 2048.0 * 2048 / 16;
    case FA2_EXPONENTIALS:
        return 2 * 2048.0 * 2048 / 16;
    case VANILLA_EXPONENTIALS:
        return 2048.0 * 2048;
    }
    return NAN;
}

/* GOPS of `columns` multipliers a lane that are busy so many per cent of the time, where so many per cent of the
 * operations are left to do: the rest counts as done. */
static double dense_equivalent(const struct sofa_validation *v, int columns, double busy, double left)
{
    const struct sofa_design *d = &v->hw->design;

    return 2 * 1e-9 * d->clock_hz * d->query_lanes * columns * busy / left;
}

enum accounting { BOTH_GROUPS, SUFA_ALONE, BOTH_SCOPES, SUFA_CEILING, PREDICTION_CEILING };

/* What the published utilisation and shares make of the multipliers; the ceilings stand for full use. */
static double throughput(const struct sofa_validation *v, int what)
{
    const struct sofa_design *d = &v->hw->design;
    double busy = published(v, "headline.utilisation");
    double left = published(v, "left.attention.loss2");

    switch ((enum accounting)what) {
    case BOTH_GROUPS:
        return dense_equivalent(v, d->kv_columns + d->sufa_columns, busy, left);
    case SUFA_ALONE:
        return dense_equivalent(v, d->sufa_columns, busy, left);
    case BOTH_SCOPES:
        return dense_equivalent(v, d->kv_columns + d->sufa_columns, busy,
                                published(v, "left.qkv_attention.loss2"));
    case SUFA_CEILING:
        return dense_equivalent(v, d->sufa_columns, 100, left);
    case PREDICTION_CEILING: /* a score: d shift-adds, for which the dense attention does 4 d operations */
        return 4 * 1e-9 * d->clock_hz * d->query_lanes * d->dlzs_columns;
    }
    return NAN;
}

/* The accounting of both groups at the share that is kept at a level, over the published A100. */
static double over_a100(const struct sofa_validation *v, int level)
{
    const struct sofa_design *d = &v->hw->design;
    double busy = published(v, "headline.utilisation"), left = sofa_validate_permille[level] / 10.0;

    return dense_equivalent(v, d->kv_columns + d->sufa_columns, busy, left) / published(v, "a100.throughput");
}

/* LP on a chip by operations alone: all scores once (half of the dense operations) at the rate of everything
 * else, and then the share that is kept. */
static double lp_operations(const struct sofa_validation *v, int what)
{
    (void)what;
    return 1 / (0.5 + published(v, "left.attention.loss2") / 100);
}

/* Energy of a 4-bit multiplication over that of a shift-add of full width. */
static double multiply4_energy(const struct sofa_validation *v, int what)
{
    const struct sofa_unit_cost *unit = v->hw->technology.unit;

    (void)what;
    return unit[SOFA_COMPONENT_MULTIPLY4_PE].energy_j / unit[SOFA_COMPONENT_SHIFT_PE].energy_j;
}

/* Loads of K and V by RASS against the naive schedule if nothing is held from one phase to the next, in %. */
static double rass_loads(const struct sofa_validation *v, int level)
{
    return 100 * (v->selection[level].rass_ratio / v->selection[level].naive_ratio - 1);
}

/* Means of ratios over the other accelerators: 0 energy, 1 area, 2 latency. */
static double over_others(const struct sofa_validation *v, int what)
{
    const struct sofa_published *p = v->published;
    double sum = 0;

    for (size_t i = 0; i < p->n_accelerators; i++) {
        struct sofa_normalised n = sofa_normalise(&p->accelerator[i], p->inputs.work_gop);
        bool device = !isnan(n.device_gops_per_w);

        if (what == 0)
            sum += derived(v, device ? DEVICE_EFFICIENCY : CORE_EFFICIENCY) /
                   (device ? n.device_gops_per_w : n.core_gops_per_w);
        else if (what == 1)
            sum += derived(v, AREA_EFFICIENCY) / n.gops_per_mm2;
        else
            sum += n.latency_s / (1e-3 * derived(v, LATENCY));
    }
    return sum / (double)p->n_accelerators;
}

static double rass_example(const struct sofa_validation *v, int what)
{
    return what ? v->rass_loads : v->rass_naive;
}

static double segments(const struct sofa_validation *v, int what)
{
    (void)what;
    return v->segments_differ;
}

/* Operations of one row and key, d = 64: QK and PV, one exponential, and rescalings every `phase` keys. */
static double operations_per_key(const struct sofa_complexity *c, double phase, double comparisons,
                                 double multiplies)
{
    const double d = 64;
    double rescaling = phase > 0 ? ((d + 1) * c->multiply + c->exponential) / phase : 0;

    return 2 * d * c->multiply_add + c->exponential + comparisons * c->compare + multiplies * c->multiply +
           rescaling;
}

enum softmax { FA2_UNTILED, DESCENDING_FA2, DESCENDING_ASCENDING, TILED_EXPONENTIALS, ASCENDING_TILES,
               KEYS_A_RESCALING, MULTIPLIES_A_KEY };

/* Ratios of operations, or their differences in %. */
static double softmax_operations(const struct sofa_validation *v, int what)
{
    const struct sofa_complexity *c = &v->published->complexity;
    double descending = operations_per_key(c, 0, 0, 0), rescaling = operations_per_key(c, 1, 0, 0) - descending;
    double more;

    switch ((enum softmax)what) {
    case FA2_UNTILED: /* tiles of 4 */
        return operations_per_key(c, 4, 1, 0) / operations_per_key(c, 0, 1, 0);
    case DESCENDING_FA2: /* two keys a phase */
        return 100 * (descending / operations_per_key(c, 2, 1, 0) - 1);
    case DESCENDING_ASCENDING:
        return 100 * (descending / operations_per_key(c, 0, 0, 1) - 1);
    case TILED_EXPONENTIALS: /* one for each key, two for each tile of 4 */
        return 1 + 2.0 / 4;
    case ASCENDING_TILES: /* each tile of 4 rescales the output */
        return 100 * (descending / operations_per_key(c, 4, 0, 0) - 1);
    case KEYS_A_RESCALING: /* of FA2, for the printed figure */
        more = descending / (1 + published(v, "sufa.descending_over_fa2") / 100) - descending - c->compare;
        return rescaling / more;
    case MULTIPLIES_A_KEY: /* of the ascending order, for the printed figure */
        more = descending / (1 + published(v, "sufa.descending_over_ascending") / 100) - descending;
        return more / c->multiply;
    }
    return NAN;
}

static const struct sofa_validate_value values[] = {
    {"dram.energy", derived, DRAM_ENERGY},
    {"dram.interface_energy", derived, INTERFACE_ENERGY},
    {"prediction.area_share", derived, AREA_SHARE},
    {"prediction.power_share", derived, POWER_SHARE},
    {"headline.energy_efficiency", derived, DEVICE_EFFICIENCY},
    {"headline.core_energy_efficiency", derived, CORE_EFFICIENCY},
    {"headline.area_efficiency", derived, AREA_EFFICIENCY},
    {"headline.latency", derived, LATENCY},
    {"a100.throughput", derived, A100_GOPS},
    {"a100.energy_efficiency", derived, A100_GOPS_W},
    {"ladder.a100.product", derived, A100_LADDER},
    {"ladder.tpu.product", derived, TPU_LADDER},
    {"ladder.energy.product", derived, ENERGY_LADDER},
    {"over_eight.energy", over_others, 0},
    {"over_eight.area", over_others, 1},
    {"over_eight.latency", over_others, 2},
    {"rass.example.naive", rass_example, 0},
    {"rass.example.rass", rass_example, 1},
    {"segments.different_indices", segments, 0},
    {"fa2.comparisons", derived, FA2_COMPARISONS},
    {"fa2.exponentials", derived, FA2_EXPONENTIALS},
    {"fa2.exponentials.vanilla", derived, VANILLA_EXPONENTIALS},
    {"fa2.over_untiled", softmax_operations, FA2_UNTILED},
    {"fa2.over_untiled.accounting", softmax_operations, TILED_EXPONENTIALS},
    {"sufa.descending_over_fa2", softmax_operations, DESCENDING_FA2},
    {"sufa.descending_over_fa2.keys", softmax_operations, KEYS_A_RESCALING},
    {"sufa.descending_over_ascending", softmax_operations, DESCENDING_ASCENDING},
    {"sufa.descending_over_ascending.accounting", softmax_operations, ASCENDING_TILES},
    {"sufa.descending_over_ascending.multiplies", softmax_operations, MULTIPLIES_A_KEY},
    {"headline.throughput.accounting", throughput, BOTH_GROUPS},
    {"headline.throughput.sufa_alone", throughput, SUFA_ALONE},
    {"headline.throughput.both_scopes", throughput, BOTH_SCOPES},
    {"ceiling.sufa", throughput, SUFA_CEILING},
    {"ceiling.prediction", throughput, PREDICTION_CEILING},
    {"over_a100.speed.loss0.accounting", over_a100, 0},
    {"over_a100.speed.loss1.accounting", over_a100, 1},
    {"over_tpu.throughput", derived, TPU_GOPS},
    {"a100.lp.accounting", lp_operations, 0},
    {"ladder.energy.dlzs.accounting", multiply4_energy, 0},
    {"memory.rass.loads", rass_loads, SOFA_VALIDATE_LEVELS - 1},
};
const struct sofa_validate_values sofa_validate_arithmetic = {values, sizeof values / sizeof *values};

/*
 * Energy = operations x energy each + SRAM bytes x energy(capacity) + DRAM bytes x (DRAM + interface
 * energy) + leakage x time.  Widths: shift-adds and comparisons grow with the operand width,
 * multiplications with its square (the law stands with each component).
 */
#include "model/costs.h"

static double unit_energy(const struct sofa_hardware *hw, enum sofa_component c, double bits)
{
    const struct sofa_unit_cost *unit = &hw->technology.unit[c];

    return unit->energy_j * sofa_width_factor(unit, bits);
}

/* Without layers: what the hardware is by default. */
static struct sofa_widest widest(const struct sofa_hardware *hw, const struct sofa_design *design)
{
    struct sofa_widest w = {1, 1};

    if (design->layers < 1)
        return (struct sofa_widest){hw->settings.khat_bits, hw->settings.formal_bits};
    for (int i = 0; i < design->layers; i++) {
        w.khat = design->layer[i].khat_bits > w.khat ? design->layer[i].khat_bits : w.khat;
        w.formal = design->layer[i].formal_bits > w.formal ? design->layer[i].formal_bits : w.formal;
    }
    return w;
}

/* The 4-bit multiplier is 4 bits wide whatever K^ is. */
static double predictor_bits(const struct sofa_costs *costs, double bits)
{
    return costs->predictor == SOFA_COMPONENT_MULTIPLY4_PE ? 4 : bits;
}

void sofa_costs_scale(const struct sofa_costs *costs, const struct sofa_hardware *hw,
                      const struct sofa_layer_settings *s, double scale[SCALED_COUNT])
{
    const struct sofa_unit_cost *unit = hw->technology.unit;

    scale[SCALED_SCORES] = sofa_width_factor(&unit[costs->predictor], predictor_bits(costs, s->khat_bits));
    scale[SCALED_ENCODINGS] = sofa_width_factor(&unit[SOFA_COMPONENT_LZ_ENCODER], s->q_bits);
    scale[SCALED_MACS] = sofa_width_factor(&unit[SOFA_COMPONENT_SUFA_MAC], s->formal_bits);
    scale[SCALED_EXP] = sofa_width_factor(&unit[SOFA_COMPONENT_EXP], s->formal_bits);
    scale[SCALED_DIV] = sofa_width_factor(&unit[SOFA_COMPONENT_DIV], s->formal_bits);
}

void sofa_energy_operations(const struct sofa_costs *costs, const struct sofa_hardware *hw,
                            const struct sofa_operations *o, const double scaled[SCALED_COUNT],
                            double energy[SOFA_ENERGY_COUNT])
{
    const struct sofa_unit_cost *unit = hw->technology.unit;

    energy[SOFA_ENERGY_PREDICTION] =
        o->khat_adds * unit_energy(hw, costs->predictor, predictor_bits(costs, hw->widths.x)) +
        scaled[SCALED_SCORES] * unit[costs->predictor].energy_j +
        scaled[SCALED_ENCODINGS] * unit[SOFA_COMPONENT_LZ_ENCODER].energy_j;
    energy[SOFA_ENERGY_SORT] = o->sort_cycles * (unit_energy(hw, SOFA_COMPONENT_SADS_CORE, hw->widths.score) +
                                                 unit_energy(hw, SOFA_COMPONENT_CLIP_UNIT, hw->widths.score));
    energy[SOFA_ENERGY_GENERATION] =
        o->generation_macs * unit_energy(hw, SOFA_COMPONENT_KV_MAC, hw->widths.generation);
    energy[SOFA_ENERGY_SUFA] = scaled[SCALED_MACS] * unit[SOFA_COMPONENT_SUFA_MAC].energy_j;
    energy[SOFA_ENERGY_EXP] = scaled[SCALED_EXP] * unit[SOFA_COMPONENT_EXP].energy_j;
    energy[SOFA_ENERGY_DIV] = scaled[SCALED_DIV] * unit[SOFA_COMPONENT_DIV].energy_j;
    energy[SOFA_ENERGY_TOKEN_SRAM] =
        o->token_read * costs->token.read_j_per_byte + o->token_write * costs->token.write_j_per_byte;
    energy[SOFA_ENERGY_WEIGHT_SRAM] =
        o->weight_read * costs->weight.read_j_per_byte + o->weight_write * costs->weight.write_j_per_byte;
    energy[SOFA_ENERGY_TEMP_SRAM] =
        o->temp_read * costs->temp.read_j_per_byte + o->temp_write * costs->temp.write_j_per_byte;
}

/* Whose width a component is built for: the widest that any layer asks of it, the hardware's own, or the
 * technology's. */
enum width { WIDTH_OWN, WIDTH_KHAT, WIDTH_FORMAL, WIDTH_GENERATION, WIDTH_SCORE, WIDTH_COUNT };
static const enum width width_of[SOFA_COMPONENT_COUNT] = {
    [SOFA_COMPONENT_SHIFT_PE] = WIDTH_KHAT,   [SOFA_COMPONENT_LZ_ENCODER] = WIDTH_KHAT,
    [SOFA_COMPONENT_KV_MAC] = WIDTH_GENERATION, [SOFA_COMPONENT_SUFA_MAC] = WIDTH_FORMAL,
    [SOFA_COMPONENT_EXP] = WIDTH_FORMAL,      [SOFA_COMPONENT_DIV] = WIDTH_FORMAL,
    [SOFA_COMPONENT_SADS_CORE] = WIDTH_SCORE, [SOFA_COMPONENT_CLIP_UNIT] = WIDTH_SCORE,
};

static void init_factors(struct sofa_costs *costs, const struct sofa_hardware *hw)
{
    const double bits[WIDTH_COUNT] = {
        [WIDTH_KHAT] = costs->widest.khat,
        [WIDTH_FORMAL] = costs->widest.formal,
        [WIDTH_GENERATION] = hw->widths.generation,
        [WIDTH_SCORE] = hw->widths.score,
    };

    for (int i = 0; i < SOFA_COMPONENT_COUNT; i++) {
        const struct sofa_unit_cost *unit = &hw->technology.unit[i];

        costs->factor[i] = sofa_width_factor(unit, width_of[i] == WIDTH_OWN ? unit->bits : bits[width_of[i]]);
    }
}

/* Instances of each component in a design. */
void sofa_costs_instances(const struct sofa_costs *costs, const struct sofa_design *design,
                          double instances[SOFA_COMPONENT_COUNT])
{
    double lanes = design->query_lanes;

    for (int i = 0; i < SOFA_COMPONENT_COUNT; i++)
        instances[i] = lanes; /* one a lane, but for these */
    instances[SOFA_COMPONENT_SHIFT_PE] = instances[SOFA_COMPONENT_MULTIPLY4_PE] = 0;
    instances[costs->predictor] = lanes * design->dlzs_columns;
    if (costs->predictor == SOFA_COMPONENT_MULTIPLY4_PE)
        instances[SOFA_COMPONENT_LZ_ENCODER] = 0;
    instances[SOFA_COMPONENT_KV_MAC] = lanes * design->kv_columns;
    instances[SOFA_COMPONENT_SUFA_MAC] = lanes * design->sufa_columns;
}

void sofa_costs_init(struct sofa_costs *costs, const struct sofa_hardware *hw, const struct sofa_design *design)
{
    costs->widest = widest(hw, design);
    costs->token = sofa_hardware_memory(hw, SOFA_MEMORY_TOKEN, design->token_sram_bytes);
    costs->weight = sofa_hardware_memory(hw, SOFA_MEMORY_WEIGHT, design->weight_sram_bytes);
    costs->temp = sofa_hardware_memory(hw, SOFA_MEMORY_TEMP, design->temp_sram_bytes);
    costs->predictor = design->prediction == SOFA_PREDICTION_DLZS ? SOFA_COMPONENT_SHIFT_PE : SOFA_COMPONENT_MULTIPLY4_PE;
    sofa_costs_instances(costs, design, costs->instances);
    init_factors(costs, hw);
}

double sofa_costs_leakage(const struct sofa_costs *costs, const struct sofa_hardware *hw)
{
    double sum = costs->token.leakage_w + costs->weight.leakage_w + costs->temp.leakage_w;

    for (int i = 0; i < SOFA_COMPONENT_COUNT; i++)
        sum += costs->instances[i] * hw->technology.unit[i].leakage_w * costs->factor[i];
    return sum;
}

/* Every unit busy: one operation an instance and cycle; K^ streams past the lanes (C_s elements a
 * cycle), each lane reads its token and C_g weights serve all lanes, one key serves all lanes, scores
 * go in and out of the temporary SRAM once. */
static struct sofa_operations busy_cycle(const struct sofa_hardware *hw, const struct sofa_design *d, double khat_bytes,
                                         double formal_bytes)
{
    double lanes = d->query_lanes, scores = lanes * d->dlzs_columns / hw->calibration_head_dim * hw->widths.score / 8;

    return (struct sofa_operations){
        .score_adds = lanes * d->dlzs_columns,
        .encodings = lanes,
        .sort_cycles = lanes,
        .generation_macs = lanes * d->kv_columns,
        .sufa_macs = lanes * d->sufa_columns,
        .sufa_lane_cycles = lanes,
        .token_read = d->dlzs_columns * khat_bytes + lanes * hw->widths.generation / 8 + d->sufa_columns * formal_bytes,
        .weight_read = d->kv_columns * hw->widths.generation / 8,
        .temp_write = scores,
        .temp_read = scores,
    };
}

double sofa_model_full_power(const struct sofa_hardware *hw, const struct sofa_design *design, double bytes_per_s,
                             double *power)
{
    const struct sofa_layer_settings *s = design->layers > 0 ? &design->layer[0] : &hw->settings;
    struct sofa_operations cycle = busy_cycle(hw, design, s->khat_bits / 8.0, s->formal_bits / 8.0);
    const double *of[SCALED_COUNT] = {&cycle.score_adds, &cycle.encodings, &cycle.sufa_macs, &cycle.sufa_lane_cycles,
                                      &cycle.sufa_lane_cycles};
    double sum = 0, scaled[SCALED_COUNT];
    struct sofa_design with = *design;
    struct sofa_costs costs;

    with.layers = 1;
    with.layer[0] = *s;
    sofa_costs_init(&costs, hw, &with);
    for (int i = 0; i < SOFA_ENERGY_COUNT; i++)
        power[i] = 0;
    sofa_costs_scale(&costs, hw, s, scaled);
    for (int i = 0; i < SCALED_COUNT; i++)
        scaled[i] *= *of[i];
    sofa_energy_operations(&costs, hw, &cycle, scaled, power);
    power[SOFA_ENERGY_SCHEDULER] =
        with.query_lanes * unit_energy(hw, SOFA_COMPONENT_SCHEDULER, hw->technology.unit[SOFA_COMPONENT_SCHEDULER].bits);
    for (int i = 0; i < SOFA_ENERGY_COUNT; i++)
        power[i] *= design->clock_hz;
    power[SOFA_ENERGY_LEAKAGE] = sofa_costs_leakage(&costs, hw);
    power[SOFA_ENERGY_INTERFACE] = bytes_per_s * hw->dram.interface_j_per_byte;
    power[SOFA_ENERGY_DRAM] = bytes_per_s * hw->dram.energy_j_per_byte;
    for (int i = 0; i < SOFA_ENERGY_COUNT; i++)
        sum += power[i];
    return sum;
}

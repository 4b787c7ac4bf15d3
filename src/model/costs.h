/*
 * What a design's parts cost, hoisted out of layers and blocks (energy.c, area.c).
 */
#ifndef SOFA_MODEL_COSTS_H
#define SOFA_MODEL_COSTS_H

#include "model/plan.h"

/* Operand widths the units are built for: the widest of any layer. */
struct sofa_widest {
    double khat, formal;
};
struct sofa_costs {
    struct sofa_widest widest;
    struct sofa_sram_cost token, weight, temp;
    enum sofa_component predictor;
    /* of each component: how many a design has, and what the width they are built for makes of one's cost */
    double instances[SOFA_COMPONENT_COUNT], factor[SOFA_COMPONENT_COUNT];
};
void sofa_costs_init(struct sofa_costs *costs, const struct sofa_hardware *hw, const struct sofa_design *design);
void sofa_costs_instances(const struct sofa_costs *costs, const struct sofa_design *design,
                          double instances[SOFA_COMPONENT_COUNT]);
/* W, of everything that isn't DRAM. */
double sofa_costs_leakage(const struct sofa_costs *costs, const struct sofa_hardware *hw);
/* How a layer's widths scale the energy of its operations. */
void sofa_costs_scale(const struct sofa_costs *costs, const struct sofa_hardware *hw,
                      const struct sofa_layer_settings *settings, double scale[SCALED_COUNT]);
/* Joules of operations; `scaled`: of the shift-adds of scores, encodings, MACs of SU-FA, cycles of EXP and of
 * DIV, each times its layer's factor. */
void sofa_energy_operations(const struct sofa_costs *costs, const struct sofa_hardware *hw,
                            const struct sofa_operations *operations, const double scaled[SCALED_COUNT],
                            double energy[SOFA_ENERGY_COUNT]);
double sofa_area_parts(const struct sofa_costs *costs, const struct sofa_hardware *hw, double area[SOFA_AREA_COUNT]);

#endif

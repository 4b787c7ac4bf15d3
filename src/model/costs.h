/*
 * What a design's parts cost, hoisted out of layers and blocks (energy.c, area.c).
 */
#ifndef SOFA_MODEL_COSTS_H
#define SOFA_MODEL_COSTS_H

#include "model/model.h"

/* Operand widths the units are built for: the widest of any layer. */
struct sofa_widest {
    double khat, formal;
};
struct sofa_costs {
    struct sofa_widest widest;
    struct sofa_sram_cost token, weight, temp;
    enum sofa_component predictor;
};
void sofa_costs_init(struct sofa_costs *costs, const struct sofa_hardware *hw, const struct sofa_design *design);
void sofa_costs_instances(const struct sofa_costs *costs, const struct sofa_design *design,
                          double instances[SOFA_COMPONENT_COUNT]);
double sofa_costs_width(const struct sofa_costs *costs, const struct sofa_hardware *hw, enum sofa_component component);
/* W, of everything that isn't DRAM. */
double sofa_costs_leakage(const struct sofa_costs *costs, const struct sofa_hardware *hw, const struct sofa_design *design);
/* Adds the joules of a layer's operations. */
void sofa_energy_layer(const struct sofa_costs *costs, const struct sofa_hardware *hw,
                       const struct sofa_layer_settings *settings, const struct sofa_operations *operations,
                       double energy[SOFA_ENERGY_COUNT]);
double sofa_area_parts(const struct sofa_costs *costs, const struct sofa_hardware *hw, const struct sofa_design *design,
                       double area[SOFA_AREA_COUNT]);

#endif

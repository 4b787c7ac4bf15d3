/*
 * Area = instances x area each (at the width they are built for) + SRAM(capacity) + what a printed
 * total differs from the sum of its printed parts, in proportion.
 */
#include "model/costs.h"

static const enum sofa_area part_of[SOFA_COMPONENT_COUNT] = {
    [SOFA_COMPONENT_SHIFT_PE] = SOFA_AREA_PREDICTION,     [SOFA_COMPONENT_LZ_ENCODER] = SOFA_AREA_PREDICTION,
    [SOFA_COMPONENT_MULTIPLY4_PE] = SOFA_AREA_PREDICTION, [SOFA_COMPONENT_SADS_CORE] = SOFA_AREA_SORT,
    [SOFA_COMPONENT_CLIP_UNIT] = SOFA_AREA_SORT,          [SOFA_COMPONENT_KV_MAC] = SOFA_AREA_GENERATION,
    [SOFA_COMPONENT_SUFA_MAC] = SOFA_AREA_SUFA,           [SOFA_COMPONENT_EXP] = SOFA_AREA_SUFA,
    [SOFA_COMPONENT_DIV] = SOFA_AREA_SUFA,                [SOFA_COMPONENT_SCHEDULER] = SOFA_AREA_SCHEDULER,
};

double sofa_area_parts(const struct sofa_costs *costs, const struct sofa_hardware *hw, double area[SOFA_AREA_COUNT])
{
    double sum = 0;

    for (int i = 0; i < SOFA_AREA_COUNT; i++)
        area[i] = 0;
    for (int i = 0; i < SOFA_COMPONENT_COUNT; i++)
        area[part_of[i]] += costs->instances[i] * hw->technology.unit[i].area_mm2 * costs->factor[i];
    area[SOFA_AREA_MEMORY] = costs->token.area_mm2 + costs->weight.area_mm2 + costs->temp.area_mm2;
    for (int i = 0; i < SOFA_AREA_TOTAL_GAP; i++)
        sum += area[i];
    area[SOFA_AREA_TOTAL_GAP] = sum * (hw->technology.total_over_parts - 1);
    return sum + area[SOFA_AREA_TOTAL_GAP];
}

double sofa_model_area(const struct sofa_hardware *hw, const struct sofa_design *design, double *area)
{
    struct sofa_costs costs;

    sofa_costs_init(&costs, hw, design);
    return sofa_area_parts(&costs, hw, area);
}

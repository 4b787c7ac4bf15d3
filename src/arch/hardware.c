#include "arch/hardware.h"

#include <stdlib.h>
#include <string.h>

const struct sofa_component_row sofa_component_rows[SOFA_COMPONENT_COUNT] = {
#define X(id, name, operation) [id] = {name, operation},
    SOFA_COMPONENTS(X)
#undef X
};

void sofa_hardware_free(struct sofa_hardware *hw)
{
    if (!hw)
        return;
    for (size_t i = 0; i < sizeof hw->document / sizeof *hw->document; i++)
        sofa_document_free(hw->document[i]);
    free(hw->sram_text);
    memset(hw, 0, sizeof *hw);
}

enum sofa_code sofa_hardware_design(const struct sofa_hardware *hw, int layers, struct sofa_design *design,
                                    struct sofa_err *err)
{
    if (layers < 1 || layers > SOFA_LAYERS_MAX)
        return sofa_fail(err, SOFA_E_INPUT, "%d layers are outside 1..%d", layers, SOFA_LAYERS_MAX);
    *design = hw->design;
    design->layers = layers;
    for (int i = 0; i < layers; i++)
        design->layer[i] = hw->settings;
    return SOFA_OK;
}

struct sofa_sram_cost sofa_hardware_memory(const struct sofa_hardware *hw, enum sofa_memory memory, double capacity_bytes)
{
    const struct sofa_memory_factor *f = &hw->memory[memory];
    struct sofa_sram_cost cost = sofa_sram_cost(&hw->sram, capacity_bytes);

    cost.read_j_per_byte *= f->read;
    cost.write_j_per_byte *= f->write;
    cost.leakage_w *= f->leakage;
    cost.area_mm2 *= f->area;
    return cost;
}

double sofa_width_factor(const struct sofa_unit_cost *unit, double bits)
{
    double f;

    if (unit->law == SOFA_WIDTH_NONE || bits == unit->bits)
        return 1.0;
    f = bits / unit->bits;
    return unit->law == SOFA_WIDTH_LINEAR ? f : f * f;
}

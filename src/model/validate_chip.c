/* The published chip: area and power as the calibrated costs give them. */
#include "model/costs.h"
#include "model/validate_values.h"

static double area(const struct sofa_validation *v, int what)
{
    double parts[SOFA_AREA_COUNT], total = sofa_model_area(v->hw, &v->hw->design, parts);

    return what == SOFA_AREA_COUNT ? total : what == SOFA_AREA_TOTAL_GAP ? total - parts[what] : parts[what];
}

static double sram_5mib(const struct sofa_validation *v, int what)
{
    (void)what;
    return sofa_sram_cost(&v->hw->sram, 5 * 0x1p20).area_mm2;
}

/* W, every unit busy: dynamic and leakage of the components of one module (-1: all). */
static double module_power(const struct sofa_validation *v, int module)
{
    static const int module_of[SOFA_COMPONENT_COUNT] = {
        [SOFA_COMPONENT_SHIFT_PE] = 0, [SOFA_COMPONENT_LZ_ENCODER] = 0, [SOFA_COMPONENT_MULTIPLY4_PE] = 0,
        [SOFA_COMPONENT_SADS_CORE] = 1, [SOFA_COMPONENT_CLIP_UNIT] = 1, [SOFA_COMPONENT_KV_MAC] = 2,
        [SOFA_COMPONENT_SUFA_MAC] = 3, [SOFA_COMPONENT_EXP] = 3, [SOFA_COMPONENT_DIV] = 3,
        [SOFA_COMPONENT_SCHEDULER] = 4,
    };
    double instances[SOFA_COMPONENT_COUNT], sum = 0;
    struct sofa_design d = v->hw->design;
    struct sofa_costs costs;

    d.layers = 1;
    d.layer[0] = v->hw->settings;
    sofa_costs_init(&costs, v->hw, &d);
    sofa_costs_instances(&costs, &d, instances);
    for (int i = 0; i < SOFA_COMPONENT_COUNT; i++) {
        const struct sofa_unit_cost *u = &v->hw->technology.unit[i];

        if (module_of[i] == module)
            sum += instances[i] * (u->energy_j * d.clock_hz + u->leakage_w);
    }
    return sum;
}

static double power_module_mw(const struct sofa_validation *v, int module)
{
    return 1e3 * module_power(v, module);
}

static double power(const struct sofa_validation *v, int what)
{
    double parts[SOFA_ENERGY_COUNT];
    double device = sofa_model_full_power(v->hw, &v->hw->design, v->hw->calibration_bytes_per_s, parts);

    if (what == SOFA_ENERGY_COUNT)
        return device;
    return parts[what];
}

static double power_core_mw(const struct sofa_validation *v, int what)
{
    (void)what;
    return 1e3 * (power(v, SOFA_ENERGY_COUNT) - power(v, SOFA_ENERGY_DRAM) - power(v, SOFA_ENERGY_INTERFACE));
}

static double power_memory_mw(const struct sofa_validation *v, int what)
{
    double modules = 0;

    for (int i = 0; i < 5; i++)
        modules += power_module_mw(v, i);
    return power_core_mw(v, what) - modules;
}

static const struct sofa_validate_value values[] = {
    {"area.prediction", area, SOFA_AREA_PREDICTION},
    {"area.sort", area, SOFA_AREA_SORT},
    {"area.kv_generation", area, SOFA_AREA_GENERATION},
    {"area.sufa", area, SOFA_AREA_SUFA},
    {"area.memory", area, SOFA_AREA_MEMORY},
    {"area.scheduler", area, SOFA_AREA_SCHEDULER},
    {"area.modules", area, SOFA_AREA_TOTAL_GAP},
    {"area.total", area, SOFA_AREA_COUNT},
    {"area.sram_5mib", sram_5mib, 0},
    {"power.prediction", power_module_mw, 0},
    {"power.sort", power_module_mw, 1},
    {"power.kv_generation", power_module_mw, 2},
    {"power.sufa", power_module_mw, 3},
    {"power.scheduler", power_module_mw, 4},
    {"power.memory", power_memory_mw, 0},
    {"power.core", power_core_mw, 0},
    {"power.interface", power, SOFA_ENERGY_INTERFACE},
    {"power.dram", power, SOFA_ENERGY_DRAM},
    {"power.device", power, SOFA_ENERGY_COUNT},
};
const struct sofa_validate_values sofa_validate_chip = {values, sizeof values / sizeof *values};

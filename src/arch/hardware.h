/*
 * A hardware description: the design's defaults and what its parts cost.
 *
 * One YAML file under models/hardware/ refers to a technology file (area, energy and leakage of each
 * kind of component) and an SRAM file (area and energy over capacity).  Every number in them has a
 * source beside it; the text is kept, so that an explanation can quote it.
 * Costs are scaled on reading from the file's node and supply to those of the hardware, with the rule
 * by which the published comparison normalises: s = node ratio; area s^2, energy s Vdd^2; leakage
 * follows the area and the supply.
 */
#ifndef SOFA_ARCH_HARDWARE_H
#define SOFA_ARCH_HARDWARE_H

#include <stdbool.h>
#include <stddef.h>

#include "arch/design.h"
#include "base/err.h"
#include "config/node.h"

/* What a chip is made of, beside its memories: identifier, name in files, what one "operation" is */
#define SOFA_COMPONENTS(X)                                                                        \
    X(SOFA_COMPONENT_SHIFT_PE, "shift_pe", "shift-add of the prediction")                         \
    X(SOFA_COMPONENT_LZ_ENCODER, "lz_encoder", "leading-zero encoding")                           \
    X(SOFA_COMPONENT_MULTIPLY4_PE, "multiply4_pe", "4-bit multiply-add of the prediction")        \
    X(SOFA_COMPONENT_SADS_CORE, "sads_core", "busy cycle of a 16-to-4 sorting core")              \
    X(SOFA_COMPONENT_CLIP_UNIT, "clip_unit", "busy cycle of a clipping unit")                     \
    X(SOFA_COMPONENT_KV_MAC, "kv_mac", "multiply-accumulate of the K/V generation")               \
    X(SOFA_COMPONENT_SUFA_MAC, "sufa_mac", "multiply-accumulate of the formal attention")         \
    X(SOFA_COMPONENT_EXP, "exp", "cycle of a lane whose formal attention is busy")                \
    X(SOFA_COMPONENT_DIV, "div", "cycle of a lane whose formal attention is busy")                \
    X(SOFA_COMPONENT_SCHEDULER, "scheduler", "cycle of a lane, busy or not")

enum sofa_component {
#define X(id, name, operation) id,
    SOFA_COMPONENTS(X)
#undef X
        SOFA_COMPONENT_COUNT
};
struct sofa_component_row {
    const char *name, *operation;
};
extern const struct sofa_component_row sofa_component_rows[SOFA_COMPONENT_COUNT];

/* How a cost grows with operand width. */
enum sofa_width_law { SOFA_WIDTH_NONE, SOFA_WIDTH_LINEAR, SOFA_WIDTH_SQUARE };

/* Of one instance at `bits` operand width, at the hardware's node and supply. */
struct sofa_unit_cost {
    double area_mm2;
    double energy_j;  /* of one operation, see SOFA_COMPONENTS */
    double leakage_w;
    double bits;
    int law; /* enum sofa_width_law */
    const char *source;
};

struct sofa_technology {
    const char *name, *source;
    double node_nm, vdd_v; /* at which the file's numbers hold */
    struct sofa_unit_cost unit[SOFA_COMPONENT_COUNT];
    double total_over_parts; /* a printed total over the sum of its printed parts, 1 where they agree */
    const char *total_source;
};

#define SOFA_SRAM_POINTS 32
struct sofa_sram_point {
    double capacity_bytes, read_j_per_byte, write_j_per_byte;
    double area_mm2, leakage_w; /* of the memory; area 0: macro and bytes as below */
    const char *source;
};
/* Memories: area = macro_area + capacity * byte_area; energy a byte interpolated over capacity on
 * logarithmic axes, outside the table as capacity^exponent; all energies times `energy_scale`.  Points
 * that know their area and leakage give these likewise, outside in proportion to capacity. */
struct sofa_sram {
    const char *name, *source;
    double node_nm, vdd_v;
    double macro_area_mm2, byte_area_mm2, leakage_w_per_byte;
    const char *area_source, *leakage_source;
    double energy_scale, exponent;
    const char *scale_source;
    size_t points;
    struct sofa_sram_point point[SOFA_SRAM_POINTS]; /* capacities ascending */
};
struct sofa_sram_cost {
    double area_mm2, leakage_w, read_j_per_byte, write_j_per_byte;
};

/* What other tables make of a memory's costs; all 1 with the built-in ones. */
enum sofa_memory { SOFA_MEMORY_TOKEN, SOFA_MEMORY_WEIGHT, SOFA_MEMORY_TEMP, SOFA_MEMORY_COUNT };
struct sofa_memory_factor {
    double read, write, leakage, area;
};

struct sofa_dram {
    const char *name, *source;
    double channels;
    double energy_j_per_byte, interface_j_per_byte;
};

/* Operand widths that no search turns, in bits. */
struct sofa_widths {
    double x, weight, score, generation; /* X and W_k of the prediction, stored scores, X and W of K/V */
    const char *source;
};

struct sofa_hardware {
    const char *name, *description, *source;
    double node_nm, vdd_v;
    struct sofa_technology technology;
    struct sofa_sram sram;
    struct sofa_memory_factor memory[SOFA_MEMORY_COUNT];
    struct sofa_dram dram;
    struct sofa_widths widths;
    struct sofa_design design;            /* knobs' defaults; no layers */
    const char *design_source;
    struct sofa_layer_settings settings;  /* default of every layer */
    /* The state in which the chip's power is stated: DRAM traffic, and the head width, which says how
     * many scores a cycle pass the temporary SRAM. */
    double calibration_bytes_per_s, calibration_head_dim;
    const char *calibration_source;
    struct sofa_document *document[5];    /* owned: the texts above live there */
    char *sram_text;                      /* owned: the same of costs that a program gave, else NULL */
};

/* Reads a hardware file and what it refers to.  SOFA_E_INPUT with place for an unknown key, a wrong
 * unit, or a size that isn't positive.  On failure nothing is left to free. */
enum sofa_code sofa_hardware_read(const char *path, struct sofa_hardware *hw, struct sofa_err *err);
void sofa_hardware_free(struct sofa_hardware *hw);
/* A technology or an SRAM file by itself.  Its texts live in *document, which the caller frees, also after a
 * failure. */
enum sofa_code sofa_technology_read(const char *path, struct sofa_technology *technology, struct sofa_document **document,
                                    struct sofa_err *err);
enum sofa_code sofa_sram_read(const char *path, struct sofa_sram *sram, struct sofa_document **document,
                              struct sofa_err *err);

/* The default design for so many layers.  SOFA_E_INPUT past SOFA_LAYERS_MAX. */
enum sofa_code sofa_hardware_design(const struct sofa_hardware *hw, int layers, struct sofa_design *design,
                                    struct sofa_err *err);

/* Costs of one memory of this capacity; all zero for a capacity of 0. */
struct sofa_sram_cost sofa_sram_cost(const struct sofa_sram *sram, double capacity_bytes);
/* The same for one of the hardware's memories, its factors included. */
struct sofa_sram_cost sofa_hardware_memory(const struct sofa_hardware *hw, enum sofa_memory memory, double capacity_bytes);
/* The factor by which a unit's cost grows at an operand width. */
double sofa_width_factor(const struct sofa_unit_cost *unit, double bits);

#endif

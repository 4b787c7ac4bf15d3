/*
 * A design: the hardware, the switches of its techniques, and the algorithm's settings per layer.
 * This is what a candidate of the design space becomes and what the analytical model evaluates.
 */
#ifndef SOFA_ARCH_DESIGN_H
#define SOFA_ARCH_DESIGN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

#define SOFA_LAYERS_MAX 128

enum sofa_prediction { SOFA_PREDICTION_DLZS, SOFA_PREDICTION_MULTIPLY4 };
enum sofa_sort { SOFA_SORT_SADS, SOFA_SORT_FULL };
enum sofa_softmax { SOFA_SOFTMAX_DESCENDING, SOFA_SOFTMAX_ASCENDING, SOFA_SOFTMAX_FA2 };
enum sofa_schedule { SOFA_SCHEDULE_RASS, SOFA_SCHEDULE_NAIVE };
enum sofa_pipeline { SOFA_PIPELINE_TILED, SOFA_PIPELINE_SERIAL };
enum sofa_khat_store { SOFA_KHAT_KEEP, SOFA_KHAT_RECOMPUTE };
enum sofa_kv_generation { SOFA_KV_ON_DEMAND, SOFA_KV_ALL };
enum sofa_clip_reference { SOFA_CLIP_SEGMENT, SOFA_CLIP_RUNNING };

/* Settings of one layer, as integers where the kernel takes integers. */
struct sofa_layer_settings {
    int tiles;         /* Tc >= 1 */
    int topk_permille; /* 1..1000 */
    double radius;     /* logits, INFINITY = off */
    int reference;     /* enum sofa_clip_reference */
    int khat_bits, q_bits, formal_bits;
    int pattern;       /* of keys: 0 for none, else its number in the space's table (space/patterns.h) */
};

/* Parameters that a space may define for an outside evaluator; their values take the place of the layers'. */
#define SOFA_OUTSIDE_MAX 512

/* The knobs a search may turn; everything else about the hardware is in struct sofa_hardware. */
struct sofa_design {
    int query_lanes;            /* P */
    int dlzs_columns;           /* C_s, shift PEs a lane */
    int kv_columns;             /* C_g, MAC a lane */
    int sufa_columns;           /* C_f, MAC a lane, half in each array */
    int keys_per_phase;         /* g, keys a query takes in one scheduling phase */
    double clock_hz;
    double dram_bytes_per_s;
    double token_sram_bytes, weight_sram_bytes, temp_sram_bytes;
    int prediction, sort, softmax, schedule, pipeline, khat_store, kv_generation; /* the enums above */
    int layers;
    union {
        struct sofa_layer_settings layer[SOFA_LAYERS_MAX];
        double outside[SOFA_OUTSIDE_MAX]; /* of a space with an evaluator: nothing else in here counts then */
    };
};

/* What a run of the functional kernel must take from the design for its statistics to be this
 * design's: rows of a block (P) and keys a query takes in one scheduling phase (g). */
struct sofa_design_blocking {
    size_t block_rows, keys_per_phase;
};
struct sofa_design_blocking sofa_design_blocking(const struct sofa_design *design);

/* Names of the switches' values, NULL-terminated, in the order of the enums. */
extern const char *const sofa_prediction_names[], *const sofa_sort_names[], *const sofa_softmax_names[],
    *const sofa_schedule_names[], *const sofa_pipeline_names[], *const sofa_khat_store_names[],
    *const sofa_kv_generation_names[], *const sofa_clip_reference_names[];

#endif

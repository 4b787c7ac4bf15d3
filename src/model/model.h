/*
 * The analytical model: what a design costs on a workload, without simulating it.
 *
 * Equations and their sources stand beside the functions that hold them: plan.c (what a block of
 * queries is asked to do), block_tiles.h and block_time.h (what that comes to), sequence.c, energy.c, area.c.
 * Cycles, seconds, joules, mm2, bytes; double throughout.
 * A design that cannot work is a result with `feasible` false and a reason, not an error.
 */
#ifndef SOFA_MODEL_MODEL_H
#define SOFA_MODEL_MODEL_H

#include <stdbool.h>
#include <stddef.h>

#include "arch/design.h"
#include "arch/hardware.h"
#include "base/err.h"
#include "workload/workload.h"

/* Where time goes: cycles each unit is busy (they overlap, so they don't add up to the total). */
#define SOFA_STAGES(X)                                                                            \
    X(SOFA_STAGE_KHAT, "khat_prediction", "predicting keys (DLZS phase 1)")                       \
    X(SOFA_STAGE_SCORES, "score_prediction", "predicting scores (DLZS phase 2)")                  \
    X(SOFA_STAGE_SORT, "sort", "clipping and sorting (SADS)")                                     \
    X(SOFA_STAGE_GENERATION, "kv_generation", "generating K and V")                               \
    X(SOFA_STAGE_QK, "sufa_qk", "first array of SU-FA")                                           \
    X(SOFA_STAGE_PV, "sufa_pv", "second array of SU-FA, rescaling included")                      \
    X(SOFA_STAGE_EXP, "sufa_exp", "exponentials of SU-FA")                                        \
    X(SOFA_STAGE_DIV, "sufa_div", "divisions at the end of a row")                                \
    X(SOFA_STAGE_DRAM, "dram", "transfers from and to DRAM")
/* What crosses the DRAM interface. */
#define SOFA_TRAFFIC(X)                                                                           \
    X(SOFA_TRAFFIC_X, "prediction_x", "tokens for the prediction of keys")                        \
    X(SOFA_TRAFFIC_WEIGHTS, "prediction_weights", "W_k for the prediction of keys")               \
    X(SOFA_TRAFFIC_KHAT, "khat", "predicted keys, written once and read by each block")           \
    X(SOFA_TRAFFIC_QUERIES, "queries", "Q")                                                       \
    X(SOFA_TRAFFIC_SCORES, "predicted_scores", "predicted scores that don't fit on the chip")     \
    X(SOFA_TRAFFIC_ATTENTION, "attention_scores", "formal scores between stages that don't overlap") \
    X(SOFA_TRAFFIC_KV, "keys_values", "selected K and V")                                         \
    X(SOFA_TRAFFIC_GENERATION_X, "generation_x", "tokens for the generation of K and V")          \
    X(SOFA_TRAFFIC_GENERATION_WEIGHTS, "generation_weights", "W_k and W_v for the generation")    \
    X(SOFA_TRAFFIC_GENERATED, "generated_kv", "generated K and V, written")                       \
    X(SOFA_TRAFFIC_OUTPUTS, "outputs", "O")
#define SOFA_ENERGIES(X)                                                                          \
    X(SOFA_ENERGY_PREDICTION, "prediction", "shift PEs (or multipliers) and encoders")            \
    X(SOFA_ENERGY_SORT, "sort", "sorting cores and clipping units")                               \
    X(SOFA_ENERGY_GENERATION, "kv_generation", "MACs of the K/V generation")                      \
    X(SOFA_ENERGY_SUFA, "sufa_mac", "MACs of SU-FA")                                              \
    X(SOFA_ENERGY_EXP, "sufa_exp", "EXP units")                                                   \
    X(SOFA_ENERGY_DIV, "sufa_div", "DIV units")                                                   \
    X(SOFA_ENERGY_SCHEDULER, "scheduler", "scheduler and others")                                 \
    X(SOFA_ENERGY_TOKEN_SRAM, "token_sram", "token SRAM")                                         \
    X(SOFA_ENERGY_WEIGHT_SRAM, "weight_sram", "weight SRAM")                                      \
    X(SOFA_ENERGY_TEMP_SRAM, "temp_sram", "temporary SRAM")                                       \
    X(SOFA_ENERGY_LEAKAGE, "leakage", "leakage of the whole chip over the time")                  \
    X(SOFA_ENERGY_INTERFACE, "dram_interface", "DRAM interface")                                  \
    X(SOFA_ENERGY_DRAM, "dram", "DRAM")
#define SOFA_AREAS(X)                                                                             \
    X(SOFA_AREA_PREDICTION, "prediction", "shift PEs (or multipliers) and encoders")              \
    X(SOFA_AREA_SORT, "sort", "sorting cores and clipping units")                                 \
    X(SOFA_AREA_GENERATION, "kv_generation", "MACs of the K/V generation")                        \
    X(SOFA_AREA_SUFA, "sufa", "MACs, EXP and DIV units of SU-FA")                                 \
    X(SOFA_AREA_MEMORY, "memory", "token, weight and temporary SRAM")                             \
    X(SOFA_AREA_SCHEDULER, "scheduler", "scheduler and others")                                   \
    X(SOFA_AREA_TOTAL_GAP, "printed_total_gap", "printed total less the sum of the printed parts, in proportion")

#define X(id, name, help) id,
enum sofa_stage { SOFA_STAGES(X) SOFA_STAGE_COUNT };
enum sofa_traffic { SOFA_TRAFFIC(X) SOFA_TRAFFIC_COUNT };
enum sofa_energy { SOFA_ENERGIES(X) SOFA_ENERGY_COUNT };
enum sofa_area { SOFA_AREAS(X) SOFA_AREA_COUNT };
#undef X

/* Operations by component (energy.c turns them into joules), over the whole workload. */
struct sofa_operations {
    double khat_adds, score_adds;         /* shift-adds at the width of X and of K^ */
    double encodings;                     /* leading-zero encodings */
    double sort_cycles;                   /* busy core-cycles */
    double generation_macs, sufa_macs;    /* rescaling included in the latter */
    double sufa_lane_cycles;
    double exponentials, comparisons, divisions;
    double token_read, token_write, weight_read, weight_write, temp_read, temp_write; /* SRAM bytes */
};

#define SOFA_REASON_MAX 160
struct sofa_result {
    bool feasible;
    char reason[SOFA_REASON_MAX]; /* why not, else empty */
    double cycles, latency_s, energy_j, area_mm2, power_w, edp;
    double throughput_gops;       /* dense-equivalent operations over time */
    double energy_efficiency, core_energy_efficiency, area_efficiency; /* GOPS/W with and without DRAM; GOPS/mm2 */
    double utilisation;           /* of the MACs of SU-FA */
    double pe_utilisation;        /* of all PEs: prediction, generation, SU-FA */
    double dram_bytes;
    double core_power_w;
    double stage_cycles[SOFA_STAGE_COUNT];
    double bytes[SOFA_TRAFFIC_COUNT];   /* sum: dram_bytes */
    double energy[SOFA_ENERGY_COUNT];   /* sum: energy_j */
    double area[SOFA_AREA_COUNT];       /* sum: area_mm2 */
    struct sofa_operations operations;
    double dense_operations;            /* what throughput counts */
};

/* Evaluates.  No allocation, no state; safe from any number of threads.  Costs microseconds. */
void sofa_model_evaluate(const struct sofa_hardware *hw, const struct sofa_design *design,
                         const struct sofa_workload *workload, const struct sofa_statistics *statistics,
                         struct sofa_result *result);

/* Area alone: part by part into area[SOFA_AREA_COUNT]; returns the sum, mm2. */
double sofa_model_area(const struct sofa_hardware *hw, const struct sofa_design *design, double *area);

/* Power with every unit busy in every cycle and DRAM traffic of so many bytes a second, part by part
 * into power[SOFA_ENERGY_COUNT]; returns the sum, W.  At the published design and traffic this is the
 * point the costs were calibrated on. */
double sofa_model_full_power(const struct sofa_hardware *hw, const struct sofa_design *design, double bytes_per_s,
                             double *power);

/* Who supplies a metric's value. */
enum sofa_metric_source { SOFA_METRIC_MODEL, SOFA_METRIC_STUDY, SOFA_METRIC_OUTSIDE };
struct sofa_metric {
    const char *name, *unit;
    bool maximise;
    const char *help;
    enum sofa_metric_source source;
    size_t offset; /* into struct sofa_result, for SOFA_METRIC_MODEL */
};
extern const struct sofa_metric sofa_metrics[];
extern const size_t sofa_metric_count;
/* NULL for a name that isn't there. */
const struct sofa_metric *sofa_metric_find(const char *name);
/* NaN for what the model doesn't supply, or of an infeasible design. */
double sofa_metric_value(const struct sofa_metric *metric, const struct sofa_result *result);

/* Breakdowns, without knowing their names. */
enum sofa_breakdown { SOFA_BREAKDOWN_CYCLES, SOFA_BREAKDOWN_BYTES, SOFA_BREAKDOWN_ENERGY, SOFA_BREAKDOWN_AREA,
                      SOFA_BREAKDOWN_COUNT };
extern const char *const sofa_breakdown_names[SOFA_BREAKDOWN_COUNT]; /* "cycles", "bytes", "energy", "area" */
extern const char *const sofa_breakdown_units[SOFA_BREAKDOWN_COUNT];
struct sofa_part {
    const char *name, *help;
    double value;
};
/* Part `i` of a breakdown, counted from 0; false past the last. */
bool sofa_model_part(enum sofa_breakdown breakdown, size_t i, const struct sofa_result *result, struct sofa_part *part);

#endif

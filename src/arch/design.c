#include "arch/design.h"

const char *const sofa_prediction_names[] = {"dlzs", "multiply4", NULL};
const char *const sofa_sort_names[] = {"sads", "full", NULL};
const char *const sofa_softmax_names[] = {"descending", "ascending", "fa2", NULL};
const char *const sofa_schedule_names[] = {"rass", "naive", NULL};
const char *const sofa_pipeline_names[] = {"tiled", "serial", NULL};
const char *const sofa_khat_store_names[] = {"keep", "recompute", NULL};
const char *const sofa_kv_generation_names[] = {"on_demand", "all", NULL};
const char *const sofa_clip_reference_names[] = {"segment", "running", NULL};

struct sofa_design_blocking sofa_design_blocking(const struct sofa_design *design)
{
    return (struct sofa_design_blocking){
        .block_rows = design->query_lanes > 0 ? (size_t)design->query_lanes : 1,
        .keys_per_phase = design->keys_per_phase > 0 ? (size_t)design->keys_per_phase : 1,
    };
}

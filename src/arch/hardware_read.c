/* Reading hardware, technology and SRAM files. */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "arch/hardware.h"
#include "base/file.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))
#define LARGE 1e18
#define TINY 1e-30 /* below any physical size: what isn't positive is refused */

/* A number that must be greater than zero; the key is named. */
static enum sofa_code need_positive(const struct sofa_node *map, const char *key, double value, struct sofa_err *err)
{
    const struct sofa_node *node = sofa_node_get(map, key);

    if (isfinite(value) && value > 0)
        return SOFA_OK;
    return sofa_node_fail(node ? node : map, err, "'%s' must be finite and greater than 0", key);
}

/* ---- technology ---- */

static const char *const law_names[] = {"none", "linear", "square", NULL};

struct unit_entry {
    double area, energy, leakage, power, share, instances, bits;
    int law;
    const char *source;
};
#define U(key, kind, member, unit, least, most, need) \
    {key, SOFA_FIELD_##kind, offsetof(struct unit_entry, member), unit, least, most, NULL, need}
static const struct sofa_field unit_fields[] = {
    U("area", NUMBER, area, "mm2", 0, LARGE, true),
    U("energy", NUMBER, energy, "J", 0, LARGE, false),
    U("leakage", NUMBER, leakage, "W", 0, LARGE, false),
    U("power", NUMBER, power, "W", 0, LARGE, false),
    U("static", NUMBER, share, "1", 0, 1, false),
    U("instances", NUMBER, instances, "1", 1, LARGE, false),
    U("bits", NUMBER, bits, "1", 1, 64, false),
    {"scales", SOFA_FIELD_CHOICE, offsetof(struct unit_entry, law), NULL, 0, 0, law_names, false},
    U("source", STRING, source, NULL, 0, 0, true),
};
#undef U

/* One component: area (and power, at `clock`, every instance busy) of all its instances together, or
 * area, energy and leakage of one. */
static enum sofa_code read_unit(const struct sofa_node *node, double clock_hz, struct sofa_unit_cost *unit,
                                struct sofa_err *err)
{
    struct unit_entry e = {.energy = -1, .power = -1, .instances = 1, .bits = 16};
    enum sofa_code rc;

    SOFA_TRY(sofa_node_read(node, unit_fields, COUNT(unit_fields), &e, err));
    if ((e.energy < 0) == (e.power < 0))
        return sofa_node_fail(node, err, "expected either 'energy' (of one operation) or 'power' (of all instances, busy)");
    SOFA_TRY(need_positive(node, "area", e.area, err));
    *unit = (struct sofa_unit_cost){.area_mm2 = e.area / e.instances, .bits = e.bits, .law = e.law, .source = e.source};
    if (e.power >= 0) {
        unit->energy_j = e.power * (1 - e.share) / (e.instances * clock_hz);
        unit->leakage_w = e.power * e.share / e.instances;
    } else {
        unit->energy_j = e.energy;
        unit->leakage_w = e.leakage;
    }
out:
    return rc;
}

struct technology_entry {
    const char *kind;
    double version, node, vdd, clock, total;
    const char *name, *source, *total_source;
    const struct sofa_node *components;
};
#define T(key, kind, member, unit, least, most, need) \
    {key, SOFA_FIELD_##kind, offsetof(struct technology_entry, member), unit, least, most, NULL, need}
static const struct sofa_field technology_fields[] = {
    T("version", NUMBER, version, "1", 1, 1, true),
    T("kind", STRING, kind, NULL, 0, 0, true),
    T("name", STRING, name, NULL, 0, 0, true),
    T("source", STRING, source, NULL, 0, 0, true),
    T("node", NUMBER, node, "nm", 1, 1000, true),
    T("vdd", NUMBER, vdd, "V", 0.1, 10, true),
    T("clock", NUMBER, clock, "Hz", 1, LARGE, true),
    T("total_over_parts", NUMBER, total, "1", 0.5, 2, false),
    T("total_source", STRING, total_source, NULL, 0, 0, false),
    T("components", NODE, components, NULL, 0, 0, true),
};
#undef T

static enum sofa_code read_components(const struct sofa_node *node, double clock_hz, struct sofa_technology *t,
                                      struct sofa_err *err)
{
    const char *names[SOFA_COMPONENT_COUNT];
    enum sofa_code rc;

    for (size_t i = 0; i < SOFA_COMPONENT_COUNT; i++)
        names[i] = sofa_component_rows[i].name;
    SOFA_TRY(sofa_node_check_keys(node, names, SOFA_COMPONENT_COUNT, err));
    for (size_t i = 0; i < SOFA_COMPONENT_COUNT; i++) {
        const struct sofa_node *value = NULL;

        SOFA_TRY(sofa_node_need(node, names[i], &value, err));
        SOFA_TRY(read_unit(value, clock_hz, &t->unit[i], err));
    }
out:
    return rc;
}

static enum sofa_code read_technology(const struct sofa_node *root, struct sofa_technology *t, struct sofa_err *err)
{
    struct technology_entry e = {.total = 1};
    enum sofa_code rc;

    SOFA_TRY(sofa_node_read_kind(root, "technology", technology_fields, COUNT(technology_fields), &e, err));
    t->name = e.name;
    t->source = e.source;
    t->node_nm = e.node;
    t->vdd_v = e.vdd;
    t->total_over_parts = e.total;
    t->total_source = e.total_source;
    SOFA_TRY(read_components(e.components, e.clock, t, err));
out:
    return rc;
}

/* ---- SRAM ---- */

#define P(key, kind, member, unit, least, most, need) \
    {key, SOFA_FIELD_##kind, offsetof(struct sofa_sram_point, member), unit, least, most, NULL, need}
static const struct sofa_field point_fields[] = {
    P("capacity", NUMBER, capacity_bytes, "B", 1, LARGE, true),
    P("read", NUMBER, read_j_per_byte, "J/B", TINY, LARGE, true),
    P("write", NUMBER, write_j_per_byte, "J/B", TINY, LARGE, true),
    P("source", STRING, source, NULL, 0, 0, true),
};
#undef P

static enum sofa_code read_points(const struct sofa_node *list, struct sofa_sram *sram, struct sofa_err *err)
{
    enum sofa_code rc;

    SOFA_TRY(sofa_node_read_list(list, point_fields, COUNT(point_fields), sram->point, sizeof *sram->point, SOFA_SRAM_POINTS,
                                 &sram->points, err));
    if (sram->points < 1)
        return sofa_node_fail(list, err, "expected 1 to %d points", SOFA_SRAM_POINTS);
    for (size_t i = 1; i < sram->points; i++)
        if (!(sram->point[i].capacity_bytes > sram->point[i - 1].capacity_bytes))
            return sofa_node_fail(list->item[i], err, "capacities must ascend");
out:
    return rc;
}

struct sram_entry {
    const char *kind;
    double version;
    struct sofa_sram sram;
    const struct sofa_node *points;
};
#define S(key, kind, member, unit, least, most, need) \
    {key, SOFA_FIELD_##kind, offsetof(struct sram_entry, member), unit, least, most, NULL, need}
static const struct sofa_field sram_fields[] = {
    S("version", NUMBER, version, "1", 1, 1, true),
    S("kind", STRING, kind, NULL, 0, 0, true),
    S("name", STRING, sram.name, NULL, 0, 0, true),
    S("source", STRING, sram.source, NULL, 0, 0, true),
    S("node", NUMBER, sram.node_nm, "nm", 1, 1000, true),
    S("vdd", NUMBER, sram.vdd_v, "V", 0.1, 10, true),
    S("macro_area", NUMBER, sram.macro_area_mm2, "mm2", 0, LARGE, true),
    S("byte_area", NUMBER, sram.byte_area_mm2, "mm2/B", TINY, LARGE, true),
    S("area_source", STRING, sram.area_source, NULL, 0, 0, true),
    S("leakage", NUMBER, sram.leakage_w_per_byte, "W/B", 0, LARGE, true),
    S("leakage_source", STRING, sram.leakage_source, NULL, 0, 0, true),
    S("energy_scale", NUMBER, sram.energy_scale, "1", TINY, LARGE, true),
    S("scale_source", STRING, sram.scale_source, NULL, 0, 0, true),
    S("exponent", NUMBER, sram.exponent, "1", 0, 2, true),
    S("energy", NODE, points, NULL, 0, 0, true),
};
#undef S

static enum sofa_code read_sram(const struct sofa_node *root, struct sofa_sram *sram, struct sofa_err *err)
{
    struct sram_entry e = {0};
    enum sofa_code rc;

    SOFA_TRY(sofa_node_read_kind(root, "sram", sram_fields, COUNT(sram_fields), &e, err));
    SOFA_TRY(read_points(e.points, &e.sram, err));
    *sram = e.sram;
out:
    return rc;
}

/* ---- hardware ---- */

struct design_entry {
    struct sofa_design d;
    const char *source;
};
#define D(key, kind, member, unit, least, most) \
    {key, SOFA_FIELD_##kind, offsetof(struct design_entry, d.member), unit, least, most, NULL, true}
#define C(key, member, names) \
    {key, SOFA_FIELD_CHOICE, offsetof(struct design_entry, d.member), NULL, 0, 0, names, false}
static const struct sofa_field design_fields[] = {
    D("query_lanes", INTEGER, query_lanes, NULL, 1, 65536),
    D("dlzs_columns", INTEGER, dlzs_columns, NULL, 1, 65536),
    D("kv_columns", INTEGER, kv_columns, NULL, 1, 65536),
    D("sufa_columns", INTEGER, sufa_columns, NULL, 2, 65536),
    D("keys_per_phase", INTEGER, keys_per_phase, NULL, 1, 65536),
    D("clock", NUMBER, clock_hz, "Hz", 1e3, 1e12),
    D("dram_bandwidth", NUMBER, dram_bytes_per_s, "B/s", 1, LARGE),
    D("token_sram", NUMBER, token_sram_bytes, "B", 1, 1e12),
    D("weight_sram", NUMBER, weight_sram_bytes, "B", 1, 1e12),
    D("temp_sram", NUMBER, temp_sram_bytes, "B", 1, 1e12),
    C("prediction", prediction, sofa_prediction_names),
    C("sort", sort, sofa_sort_names),
    C("softmax", softmax, sofa_softmax_names),
    C("schedule", schedule, sofa_schedule_names),
    C("pipeline", pipeline, sofa_pipeline_names),
    C("khat_store", khat_store, sofa_khat_store_names),
    C("kv_generation", kv_generation, sofa_kv_generation_names),
    {"source", SOFA_FIELD_STRING, offsetof(struct design_entry, source), NULL, 0, 0, NULL, true},
};
#undef D
#undef C

struct settings_entry {
    struct sofa_layer_settings s;
    double topk;
};
#define L(key, kind, member, unit, least, most) \
    {key, SOFA_FIELD_##kind, offsetof(struct settings_entry, member), unit, least, most, NULL, true}
static const struct sofa_field settings_fields[] = {
    L("tiles", INTEGER, s.tiles, NULL, 1, 1000000),
    L("topk", NUMBER, topk, "1", 0.001, 1),
    L("radius", NUMBER, s.radius, "1", TINY, INFINITY),
    {"reference", SOFA_FIELD_CHOICE, offsetof(struct settings_entry, s.reference), NULL, 0, 0,
     sofa_clip_reference_names, true},
    L("khat_bits", INTEGER, s.khat_bits, NULL, 4, 16),
    L("q_bits", INTEGER, s.q_bits, NULL, 4, 16),
    L("formal_bits", INTEGER, s.formal_bits, NULL, 8, 16),
};
#undef L

#define W(key, kind, member, least, most, need) \
    {key, SOFA_FIELD_##kind, offsetof(struct sofa_widths, member), NULL, least, most, NULL, need}
static const struct sofa_field widths_fields[] = {
    W("x", NUMBER, x, 1, 64, true),
    W("weight", NUMBER, weight, 1, 64, true),
    W("score", NUMBER, score, 1, 64, true),
    W("generation", NUMBER, generation, 1, 64, true),
    W("source", STRING, source, 0, 0, true),
};
#undef W

#define M(key, kind, member, unit, least, most) \
    {key, SOFA_FIELD_##kind, offsetof(struct sofa_dram, member), unit, least, most, NULL, true}
static const struct sofa_field dram_fields[] = {
    M("name", STRING, name, NULL, 0, 0),
    M("channels", NUMBER, channels, "1", 1, 65536),
    M("energy", NUMBER, energy_j_per_byte, "J/B", 0, LARGE),
    M("interface_energy", NUMBER, interface_j_per_byte, "J/B", 0, LARGE),
    M("source", STRING, source, NULL, 0, 0),
};
#undef M

struct hardware_entry {
    double version, node, vdd;
    const char *kind, *name, *description, *source, *technology, *sram;
    const struct sofa_node *design, *settings, *widths, *dram, *calibration;
};
#define K(key, kind, member, unit, least, most) \
    {key, SOFA_FIELD_##kind, offsetof(struct sofa_hardware, member), unit, least, most, NULL, true}
static const struct sofa_field calibration_fields[] = {
    K("traffic", NUMBER, calibration_bytes_per_s, "B/s", 0, LARGE),
    K("head_dim", NUMBER, calibration_head_dim, "1", 1, 65536),
    K("source", STRING, calibration_source, NULL, 0, 0),
};
#undef K

#define H(key, kind, member, unit, least, most, need) \
    {key, SOFA_FIELD_##kind, offsetof(struct hardware_entry, member), unit, least, most, NULL, need}
static const struct sofa_field hardware_fields[] = {
    H("version", NUMBER, version, "1", 1, 1, true),
    H("kind", STRING, kind, NULL, 0, 0, true),
    H("name", STRING, name, NULL, 0, 0, true),
    H("description", STRING, description, NULL, 0, 0, true),
    H("source", STRING, source, NULL, 0, 0, true),
    H("technology", STRING, technology, NULL, 0, 0, true),
    H("sram", STRING, sram, NULL, 0, 0, true),
    H("node", NUMBER, node, "nm", 1, 1000, false),
    H("vdd", NUMBER, vdd, "V", 0.1, 10, false),
    H("calibration", NODE, calibration, NULL, 0, 0, true),
    H("design", NODE, design, NULL, 0, 0, true),
    H("settings", NODE, settings, NULL, 0, 0, true),
    H("widths", NODE, widths, NULL, 0, 0, true),
    H("dram", NODE, dram, NULL, 0, 0, true),
};
#undef H

static enum sofa_code read_design(const struct sofa_node *node, struct sofa_hardware *hw, struct sofa_err *err)
{
    struct design_entry e = {0};
    enum sofa_code rc;

    SOFA_TRY(sofa_node_read(node, design_fields, COUNT(design_fields), &e, err));
    if (e.d.sufa_columns % 2)
        return sofa_node_fail(sofa_node_get(node, "sufa_columns"), err,
                              "'sufa_columns' must be even: half of them in each array");
    hw->design = e.d;
    hw->design_source = e.source;
out:
    return rc;
}

static enum sofa_code read_settings(const struct sofa_node *node, struct sofa_layer_settings *settings,
                                    struct sofa_err *err)
{
    struct settings_entry e = {0};
    enum sofa_code rc;

    SOFA_TRY(sofa_node_read(node, settings_fields, COUNT(settings_fields), &e, err));
    e.s.topk_permille = (int)lround(e.topk * 1000);
    if (fabs(e.topk * 1000 - e.s.topk_permille) > 1e-6)
        return sofa_node_fail(sofa_node_get(node, "topk"), err, "'topk' must be a whole number of thousandths");
    *settings = e.s;
out:
    return rc;
}

static enum sofa_code open_beside(const char *file, const char *name, struct sofa_document **document,
                                  struct sofa_err *err)
{
    char *path = sofa_path_relative_to_file(file, name);
    enum sofa_code rc;

    if (!path)
        return sofa_fail_nomem(err, "a path");
    rc = sofa_document_read(path, document, err);
    free(path);
    return rc;
}

/* From the files' node and supply to the hardware's: see the head of hardware.h. */
static void scale_costs(struct sofa_hardware *hw)
{
    double s = hw->node_nm / hw->technology.node_nm, v = hw->vdd_v / hw->technology.vdd_v;

    for (size_t i = 0; i < SOFA_COMPONENT_COUNT; i++) {
        hw->technology.unit[i].area_mm2 *= s * s;
        hw->technology.unit[i].energy_j *= s * v * v;
        hw->technology.unit[i].leakage_w *= s * s * v;
    }
    s = hw->node_nm / hw->sram.node_nm;
    v = hw->vdd_v / hw->sram.vdd_v;
    hw->sram.macro_area_mm2 *= s * s;
    hw->sram.byte_area_mm2 *= s * s;
    hw->sram.energy_scale *= s * v * v;
    hw->sram.leakage_w_per_byte *= s * s * v;
}

static enum sofa_code read_parts(const char *path, const struct hardware_entry *e, struct sofa_hardware *hw,
                                 struct sofa_err *err)
{
    enum sofa_code rc;

    SOFA_TRY(open_beside(path, e->technology, &hw->document[1], err));
    SOFA_TRY(read_technology(sofa_document_root(hw->document[1]), &hw->technology, err));
    SOFA_TRY(open_beside(path, e->sram, &hw->document[2], err));
    SOFA_TRY(read_sram(sofa_document_root(hw->document[2]), &hw->sram, err));
    SOFA_TRY(read_design(e->design, hw, err));
    SOFA_TRY(read_settings(e->settings, &hw->settings, err));
    SOFA_TRY(sofa_node_read(e->widths, widths_fields, COUNT(widths_fields), &hw->widths, err));
    SOFA_TRY(sofa_node_read(e->dram, dram_fields, COUNT(dram_fields), &hw->dram, err));
    SOFA_TRY(sofa_node_read(e->calibration, calibration_fields, COUNT(calibration_fields), hw, err));
out:
    return rc;
}

enum sofa_code sofa_hardware_read(const char *path, struct sofa_hardware *hw, struct sofa_err *err)
{
    struct hardware_entry e = {0};
    const struct sofa_node *root;
    enum sofa_code rc;

    memset(hw, 0, sizeof *hw);
    SOFA_TRY(sofa_document_read(path, &hw->document[0], err));
    root = sofa_document_root(hw->document[0]);
    SOFA_TRY(sofa_node_read_kind(root, "hardware", hardware_fields, COUNT(hardware_fields), &e, err));
    SOFA_TRY(read_parts(path, &e, hw, err));
    hw->name = e.name;
    hw->description = e.description;
    hw->source = e.source;
    hw->node_nm = e.node > 0 ? e.node : hw->technology.node_nm;
    hw->vdd_v = e.vdd > 0 ? e.vdd : hw->technology.vdd_v;
    for (int i = 0; i < SOFA_MEMORY_COUNT; i++)
        hw->memory[i] = (struct sofa_memory_factor){1, 1, 1, 1};
    scale_costs(hw);
out:
    if (rc != SOFA_OK)
        sofa_hardware_free(hw);
    return rc;
}

enum sofa_code sofa_technology_read(const char *path, struct sofa_technology *technology, struct sofa_document **document,
                                    struct sofa_err *err)
{
    enum sofa_code rc;

    *document = NULL;
    SOFA_TRY(sofa_document_read(path, document, err));
    SOFA_TRY(read_technology(sofa_document_root(*document), technology, err));
out:
    return rc;
}

enum sofa_code sofa_sram_read(const char *path, struct sofa_sram *sram, struct sofa_document **document,
                              struct sofa_err *err)
{
    enum sofa_code rc;

    *document = NULL;
    SOFA_TRY(sofa_document_read(path, document, err));
    SOFA_TRY(read_sram(sofa_document_root(*document), sram, err));
out:
    return rc;
}

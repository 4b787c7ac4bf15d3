#include "arch/accelergy.h"

#include <math.h>
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))
#define PICOJOULE 1e-12
#define SQUARE_MICROMETRE 1e-6 /* mm2 */

static const char *const memory_names[SOFA_MEMORY_COUNT] = {"token_sram", "weight_sram", "temp_sram"};

/* "system.pe[0..3]" and "pe" are the same component. */
static bool same_component(const char *table, const char *name)
{
    size_t n = strcspn(table, "[");
    const char *start = table;

    for (size_t i = 0; i < n; i++)
        if (table[i] == '.')
            start = table + i + 1;
    n -= (size_t)(start - table);
    return strlen(name) == n && strncmp(start, name, n) == 0;
}

/* The list of tables under the root key; what else stands there is refused. */
static enum sofa_code open_tables(const char *path, const char *root_key, struct sofa_document **document,
                                  const struct sofa_node **tables, struct sofa_err *err)
{
    static const char *const keys[] = {"version", "tables"};
    const struct sofa_node *root;
    enum sofa_code rc;

    SOFA_TRY(sofa_document_read(path, document, err));
    SOFA_TRY(sofa_node_need(sofa_document_root(*document), root_key, &root, err));
    SOFA_TRY(sofa_node_check_keys(root, keys, COUNT(keys), err));
    SOFA_TRY(sofa_node_need(root, "tables", tables, err));
    rc = sofa_node_expect(*tables, SOFA_NODE_LIST, err);
out:
    return rc;
}

/* The component's table, NULL where there is none. */
static enum sofa_code find_table(const struct sofa_node *tables, const char *name, const struct sofa_node **table,
                                 struct sofa_err *err)
{
    const struct sofa_node *text;
    enum sofa_code rc = SOFA_OK;

    *table = NULL;
    for (size_t i = 0; i < tables->count && !*table; i++) {
        SOFA_TRY(sofa_node_need(tables->item[i], "name", &text, err));
        SOFA_TRY(sofa_node_expect(text, SOFA_NODE_SCALAR, err));
        if (same_component(text->text, name))
            *table = tables->item[i];
    }
out:
    return rc;
}

static enum sofa_code need_table(const struct sofa_node *tables, const char *name, const struct sofa_node **table,
                                 struct sofa_err *err)
{
    enum sofa_code rc;

    SOFA_TRY(find_table(tables, name, table, err));
    if (!*table)
        rc = sofa_node_fail(tables, err, "no table is for the component '%s'", name);
out:
    return rc;
}

static enum sofa_code positive(const struct sofa_node *node, double *value, struct sofa_err *err)
{
    enum sofa_code rc;

    SOFA_TRY(sofa_node_number(node, "1", value, err));
    if (!(isfinite(*value) && *value >= 0))
        rc = sofa_node_fail(node, err, "expected a finite number that isn't negative");
out:
    return rc;
}

/* Energies of a table's actions, pJ; NAN for those it doesn't have. */
struct actions {
    double operation, read, write, leak;
};

static enum sofa_code read_actions(const struct sofa_node *table, struct actions *a, struct sofa_err *err)
{
    static const char *const keys[] = {"name", "actions"}, *const action_keys[] = {"name", "arguments", "energy"};
    const struct sofa_node *list, *name, *energy;
    enum sofa_code rc;

    *a = (struct actions){NAN, NAN, NAN, NAN};
    SOFA_TRY(sofa_node_check_keys(table, keys, COUNT(keys), err));
    SOFA_TRY(sofa_node_need(table, "actions", &list, err));
    SOFA_TRY(sofa_node_expect(list, SOFA_NODE_LIST, err));
    for (size_t i = 0; i < list->count; i++) {
        double value, *to = &a->operation;

        SOFA_TRY(sofa_node_check_keys(list->item[i], action_keys, COUNT(action_keys), err));
        SOFA_TRY(sofa_node_need(list->item[i], "name", &name, err));
        SOFA_TRY(sofa_node_need(list->item[i], "energy", &energy, err));
        SOFA_TRY(positive(energy, &value, err));
        if (strcmp(name->text, "leak") == 0)
            to = &a->leak;
        else if (strcmp(name->text, "read") == 0)
            to = &a->read;
        else if (strcmp(name->text, "write") == 0)
            to = &a->write;
        *to = fmax(*to, value); /* fmax takes the number where the other is NaN */
    }
out:
    return rc;
}

static enum sofa_code apply_memory(struct sofa_hardware *hw, int memory, double capacity, const struct sofa_node *table,
                                   double access_bytes, struct sofa_err *err)
{
    struct sofa_sram_cost built_in = sofa_sram_cost(&hw->sram, capacity);
    struct sofa_memory_factor *factor = &hw->memory[memory];
    struct actions a;
    enum sofa_code rc;

    SOFA_TRY(read_actions(table, &a, err));
    if (isnan(a.read) || isnan(a.write))
        return sofa_node_fail(table, err, "a memory needs the actions 'read' and 'write'");
    factor->read = a.read * PICOJOULE / access_bytes / built_in.read_j_per_byte;
    factor->write = a.write * PICOJOULE / access_bytes / built_in.write_j_per_byte;
    if (!isnan(a.leak) && built_in.leakage_w > 0)
        factor->leakage = a.leak * PICOJOULE * hw->design.clock_hz / built_in.leakage_w;
out:
    return rc;
}

static const double *capacities(const struct sofa_hardware *hw, double capacity[SOFA_MEMORY_COUNT])
{
    capacity[SOFA_MEMORY_TOKEN] = hw->design.token_sram_bytes;
    capacity[SOFA_MEMORY_WEIGHT] = hw->design.weight_sram_bytes;
    capacity[SOFA_MEMORY_TEMP] = hw->design.temp_sram_bytes;
    return capacity;
}

static enum sofa_code apply_component(struct sofa_hardware *hw, int component, const struct sofa_node *table,
                                      struct sofa_err *err)
{
    struct sofa_unit_cost *unit = &hw->technology.unit[component];
    struct actions a;
    enum sofa_code rc;

    SOFA_TRY(read_actions(table, &a, err));
    if (isnan(a.operation))
        return sofa_node_fail(table, err, "there is no action but 'leak', 'read' and 'write' here; expected one such as 'compute'");
    unit->energy_j = a.operation * PICOJOULE;
    unit->leakage_w = isnan(a.leak) ? 0 : a.leak * PICOJOULE * hw->design.clock_hz;
    unit->source = table->file;
out:
    return rc;
}

/* DRAM's energy is that of an access, interface and all. */
static enum sofa_code apply_dram(struct sofa_hardware *hw, const struct sofa_node *table, double access_bytes,
                                 struct sofa_err *err)
{
    struct actions a;
    enum sofa_code rc;

    SOFA_TRY(read_actions(table, &a, err));
    if (isnan(a.read) && isnan(a.write) && isnan(a.operation))
        return sofa_node_fail(table, err, "DRAM needs one of the actions 'read', 'write' and 'access'");
    hw->dram.energy_j_per_byte = fmax(fmax(a.read, a.write), a.operation) * PICOJOULE / access_bytes;
    hw->dram.interface_j_per_byte = 0;
    hw->dram.source = table->file;
out:
    return rc;
}

static enum sofa_code apply_ert(struct sofa_hardware *hw, const struct sofa_node *tables, double access_bytes,
                                struct sofa_err *err)
{
    const struct sofa_node *table;
    double capacity[SOFA_MEMORY_COUNT];
    enum sofa_code rc;

    for (int i = 0; i < SOFA_COMPONENT_COUNT; i++) {
        SOFA_TRY(i == SOFA_COMPONENT_MULTIPLY4_PE ? find_table(tables, sofa_component_rows[i].name, &table, err)
                                                  : need_table(tables, sofa_component_rows[i].name, &table, err));
        if (table)
            SOFA_TRY(apply_component(hw, i, table, err));
    }
    capacities(hw, capacity);
    for (int i = 0; i < SOFA_MEMORY_COUNT; i++) {
        SOFA_TRY(need_table(tables, memory_names[i], &table, err));
        SOFA_TRY(apply_memory(hw, i, capacity[i], table, access_bytes, err));
    }
    SOFA_TRY(need_table(tables, "dram", &table, err));
    rc = apply_dram(hw, table, access_bytes, err);
out:
    return rc;
}

static enum sofa_code read_area(const struct sofa_node *table, double *mm2, struct sofa_err *err)
{
    static const char *const keys[] = {"name", "area"};
    const struct sofa_node *area;
    enum sofa_code rc;

    SOFA_TRY(sofa_node_check_keys(table, keys, COUNT(keys), err));
    SOFA_TRY(sofa_node_need(table, "area", &area, err));
    SOFA_TRY(positive(area, mm2, err));
    *mm2 *= SQUARE_MICROMETRE;
out:
    return rc;
}

static enum sofa_code apply_art(struct sofa_hardware *hw, const struct sofa_node *tables, struct sofa_err *err)
{
    const struct sofa_node *table;
    double capacity[SOFA_MEMORY_COUNT], mm2;
    enum sofa_code rc;

    for (int i = 0; i < SOFA_COMPONENT_COUNT; i++) {
        SOFA_TRY(i == SOFA_COMPONENT_MULTIPLY4_PE ? find_table(tables, sofa_component_rows[i].name, &table, err)
                                                  : need_table(tables, sofa_component_rows[i].name, &table, err));
        if (table)
            SOFA_TRY(read_area(table, &hw->technology.unit[i].area_mm2, err));
    }
    capacities(hw, capacity);
    for (int i = 0; i < SOFA_MEMORY_COUNT; i++) {
        SOFA_TRY(need_table(tables, memory_names[i], &table, err));
        SOFA_TRY(read_area(table, &mm2, err));
        hw->memory[i].area = mm2 / sofa_sram_cost(&hw->sram, capacity[i]).area_mm2;
    }
    hw->technology.total_over_parts = 1; /* no printed total here */
    hw->technology.total_source = NULL;
out:
    return rc;
}

enum sofa_code sofa_accelergy_apply(struct sofa_hardware *hw, const char *ert_path, const char *art_path,
                                    double access_bytes, struct sofa_err *err)
{
    const struct sofa_node *tables;
    enum sofa_code rc = SOFA_OK;

    if (ert_path) {
        SOFA_TRY(open_tables(ert_path, "ERT", &hw->document[3], &tables, err));
        SOFA_TRY(apply_ert(hw, tables, access_bytes, err));
    }
    if (art_path) {
        SOFA_TRY(open_tables(art_path, "ART", &hw->document[4], &tables, err));
        SOFA_TRY(apply_art(hw, tables, err));
    }
out:
    return rc;
}

#include "arch/published.h"

#include <math.h>
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))
#define LARGE 1e18
#define TINY 1e-30

const char *const sofa_row_kind_names[] = {"given", "derived", "predicted", NULL};

#define A(key, kind, member, unit, need) \
    {key, SOFA_FIELD_##kind, offsetof(struct sofa_accelerator, member), unit, TINY, LARGE, NULL, need}
static const struct sofa_field accelerator_fields[] = {
    A("name", STRING, name, NULL, true),
    A("node", NUMBER, node_nm, "nm", true),
    A("vdd", NUMBER, vdd_v, "V", true),
    A("clock", NUMBER, clock_hz, "Hz", true),
    A("area", NUMBER, area_mm2, "mm2", true),
    A("core_power", NUMBER, core_w, "W", true),
    A("io_power", NUMBER, io_w, "W", false),
    A("throughput", NUMBER, gops, "GOPS", true),
    A("multipliers", NUMBER, multipliers, "1", true),
};
#undef A

#define C(key, kind, member, unit) \
    {key, SOFA_FIELD_##kind, offsetof(struct sofa_chip, member), unit, TINY, LARGE, NULL, true}
#define O(key, kind, member, unit) \
    {key, SOFA_FIELD_##kind, offsetof(struct sofa_chip, member), unit, TINY, LARGE, NULL, false}
static const struct sofa_field chip_fields[] = {
    C("name", STRING, name, NULL),
    C("source", STRING, source, NULL),
    C("peak", NUMBER, peak_gops, "GOPS"),
    C("int8_peak", NUMBER, int8_gops, "GOPS"),
    C("bandwidth", NUMBER, bytes_per_s, "B/s"),
    C("power", NUMBER, power_w, "W"),
    C("eager_passes", NUMBER, eager_passes, "1"),
    C("fa1_efficiency", NUMBER, fa1_efficiency, "1"),
    C("fa2_efficiency", NUMBER, fa2_efficiency, "1"),
    O("splat_over_triton", NUMBER, splat_over_triton, "1"),
    O("splat_over_tvm", NUMBER, splat_over_tvm, "1"),
    O("splat_source", STRING, splat_source, NULL),
};
#undef O
#undef C

#define X(key, kind, member) \
    {key, SOFA_FIELD_##kind, offsetof(struct sofa_complexity, member), "1", TINY, LARGE, NULL, true}
static const struct sofa_field complexity_fields[] = {
    X("source", STRING, source),
    X("sort_source", STRING, sort_source),
    X("shift_add", NUMBER, shift_add),
    X("multiply4_add", NUMBER, multiply4_add),
    X("compare", NUMBER, compare),
    X("multiply_add", NUMBER, multiply_add),
    X("exponential", NUMBER, exponential),
    X("multiply", NUMBER, multiply),
    X("sort_cycle", NUMBER, sort_cycle),
};
#undef X

#define I(key, member, unit) \
    {key, SOFA_FIELD_NUMBER, offsetof(struct sofa_published_inputs, member), unit, TINY, LARGE, NULL, true}
static const struct sofa_field input_fields[] = {
    I("throughput", gops, "GOPS"),     I("core_power", core_w, "W"),        I("device_power", device_w, "W"),
    I("area", area_mm2, "mm2"),        I("traffic", bytes_per_s, "B/s"),    I("dram_power", dram_w, "W"),
    I("interface_power", interface_w, "W"), I("work", work_gop, "GOP"),     I("a100_speed", a100_speed, "1"),
    I("a100_energy", a100_energy, "1"),
};
#undef I

struct row_entry {
    struct sofa_published_row row;
    const struct sofa_node *published;
};
#define R(key, kind, member, names, need) {key, SOFA_FIELD_##kind, offsetof(struct row_entry, member), NULL, 0, 0, names, need}
static const struct sofa_field row_fields[] = {
    R("name", STRING, row.name, NULL, true),
    R("published", NODE, published, NULL, true),
    R("unit", STRING, row.unit, NULL, true),
    R("kind", CHOICE, row.kind, sofa_row_kind_names, true),
    R("note", STRING, row.note, NULL, false),
    R("why", STRING, row.why, NULL, false),
};
#undef R

struct file_entry {
    double version;
    const char *kind, *source;
    const struct sofa_node *inputs, *accelerators, *chips, *complexity, *benchmarks, *rows;
};
#define F(key, kind, member, most) {key, SOFA_FIELD_##kind, offsetof(struct file_entry, member), "1", most, most, NULL, true}
static const struct sofa_field file_fields[] = {
    F("version", NUMBER, version, 1),       F("kind", STRING, kind, 0),     F("source", STRING, source, 0),
    F("inputs", NODE, inputs, 0),           F("chips", NODE, chips, 0),     F("accelerators", NODE, accelerators, 0),
    F("complexity", NODE, complexity, 0),   F("rows", NODE, rows, 0),       F("benchmarks", NODE, benchmarks, 0),
};
#undef F

static enum sofa_code expect_list(const struct sofa_node *list, size_t most, size_t *n, struct sofa_err *err)
{
    enum sofa_code rc;

    SOFA_TRY(sofa_node_expect(list, SOFA_NODE_LIST, err));
    if (list->count > most)
        return sofa_node_fail(list, err, "more than %zu entries", most);
    *n = list->count;
out:
    return rc;
}

static enum sofa_code read_rows(const struct sofa_node *list, struct sofa_published *p, struct sofa_err *err)
{
    enum sofa_code rc;

    SOFA_TRY(expect_list(list, SOFA_PUBLISHED_ROWS, &p->n_rows, err));
    for (size_t i = 0; i < p->n_rows; i++) {
        struct row_entry e = {.published = NULL};

        SOFA_TRY(sofa_node_read(list->item[i], row_fields, COUNT(row_fields), &e, err));
        SOFA_TRY(sofa_node_number(e.published, e.row.unit, &e.row.value, err));
        p->row[i] = e.row;
    }
out:
    return rc;
}

static enum sofa_code read_lists(const struct file_entry *e, struct sofa_published *p, struct sofa_err *err)
{
    enum sofa_code rc;

    SOFA_TRY(sofa_node_read_list(e->accelerators, accelerator_fields, COUNT(accelerator_fields), p->accelerator,
                                 sizeof *p->accelerator, SOFA_PUBLISHED_ACCELERATORS, &p->n_accelerators, err));
    SOFA_TRY(sofa_node_read_list(e->chips, chip_fields, COUNT(chip_fields), p->chip, sizeof *p->chip,
                                 SOFA_PUBLISHED_CHIPS, &p->n_chips, err));
    SOFA_TRY(expect_list(e->benchmarks, SOFA_PUBLISHED_BENCHMARKS, &p->n_benchmarks, err));
    for (size_t i = 0; i < p->n_benchmarks; i++)
        SOFA_TRY(sofa_node_string(e->benchmarks->item[i], &p->benchmark[i], err));
    SOFA_TRY(read_rows(e->rows, p, err));
out:
    return rc;
}

enum sofa_code sofa_published_read(const char *path, struct sofa_published *p, struct sofa_err *err)
{
    struct file_entry e = {.kind = NULL};
    const struct sofa_node *root;
    enum sofa_code rc;

    memset(p, 0, sizeof *p);
    SOFA_TRY(sofa_document_read(path, &p->document, err));
    root = sofa_document_root(p->document);
    SOFA_TRY(sofa_node_read_kind(root, "published", file_fields, COUNT(file_fields), &e, err));
    p->source = e.source;
    SOFA_TRY(sofa_node_read(e.inputs, input_fields, COUNT(input_fields), &p->inputs, err));
    SOFA_TRY(sofa_node_read(e.complexity, complexity_fields, COUNT(complexity_fields), &p->complexity, err));
    SOFA_TRY(read_lists(&e, p, err));
out:
    if (rc != SOFA_OK)
        sofa_published_free(p);
    return rc;
}

void sofa_published_free(struct sofa_published *published)
{
    if (!published)
        return;
    sofa_document_free(published->document);
    memset(published, 0, sizeof *published);
}

struct sofa_normalised sofa_normalise(const struct sofa_accelerator *a, double work_gop)
{
    double s = a->node_nm / 28, power = s * a->vdd_v * a->vdd_v;

    return (struct sofa_normalised){
        .core_gops_per_w = a->gops / a->core_w * power,
        .device_gops_per_w = a->io_w > 0 ? a->gops / (a->core_w / power + a->io_w) : NAN,
        .gops_per_mm2 = a->gops / a->area_mm2 * s * s,
        .latency_s = work_gop / a->gops * (a->multipliers / 128) * (a->clock_hz / 1e9),
    };
}

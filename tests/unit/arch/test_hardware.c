/* Hardware, technology and SRAM files: what is shipped reads, what is wrong is named with its place. */
#include <dirent.h>
#include <math.h>
#include <unistd.h>

#include "arch/hardware.h"
#include "tests/unit/test.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

static char *read_text(const char *name)
{
    char *path = test_source_file(name), *text = calloc(1, 65536);
    FILE *f = fopen(path, "r");

    assert_non_null(f);
    assert_non_null(text);
    assert_true(fread(text, 1, 65535, f) > 0);
    fclose(f);
    free(path);
    return text;
}

static void write_text(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    fputs(text, f);
    assert_int_equal(fclose(f), 0);
}

/* `text` with the first `from` replaced by `to`; malloc'd. */
static char *replaced(const char *text, const char *from, const char *to)
{
    const char *at = strstr(text, from);
    char *out = calloc(1, strlen(text) + strlen(to) + 1);

    if (!at)
        fail_msg("'%s' isn't in the file", from);
    assert_non_null(out);
    memcpy(out, text, (size_t)(at - text));
    strcat(strcat(out, to), at + strlen(from));
    return out;
}

/* Copies the three files of the published chip to a folder, one of them changed. */
static enum sofa_code read_changed(const char *which, const char *from, const char *to, struct sofa_err *err)
{
    static const char *const names[] = {"hardware", "technology", "sram"};
    char folder[] = "/tmp/sofa-hw-XXXXXX", path[128];
    struct sofa_hardware hw;
    enum sofa_code rc;

    assert_non_null(mkdtemp(folder));
    for (size_t i = 0; i < COUNT(names); i++) {
        char source[64], *text, *changed;

        snprintf(source, sizeof source, "models/%s/sofa-28nm.yaml", names[i]);
        text = read_text(source);
        changed = strcmp(which, names[i]) == 0 ? replaced(text, from, to) : replaced(text, "version", "version");
        if (i == 0) {
            char *t = replaced(changed, "../technology/sofa-28nm.yaml", "technology.yaml");

            free(changed);
            changed = replaced(t, "../sram/sofa-28nm.yaml", "sram.yaml");
            free(t);
        }
        snprintf(path, sizeof path, "%s/%s.yaml", folder, names[i]);
        write_text(path, changed);
        free(changed);
        free(text);
    }
    snprintf(path, sizeof path, "%s/hardware.yaml", folder);
    rc = sofa_hardware_read(path, &hw, err);
    if (rc == SOFA_OK)
        sofa_hardware_free(&hw);
    for (size_t i = 0; i < COUNT(names); i++) {
        snprintf(path, sizeof path, "%s/%s.yaml", folder, names[i]);
        unlink(path);
    }
    rmdir(folder);
    return rc;
}

static void wrong_files_are_refused_with_the_place(void **state)
{
    static const struct {
        const char *file, *from, *to, *says;
    } cases[] = {
        {"hardware", "query_lanes: 128", "query_lanes: 0", "range"},
        {"hardware", "query_lanes: 128", "query_lanes: -4", "-4"},
        {"hardware", "query_lanes: 128", "query_lane: 128", "did you mean 'query_lanes'"},
        {"hardware", "token_sram: 192 KiB", "token_sram: 0 KiB", "range"},
        {"hardware", "token_sram: 192 KiB", "token_sram: -1 KiB", "range"},
        {"hardware", "token_sram: 192 KiB", "token_sram: 192 mm2", "dimension"},
        {"hardware", "token_sram: 192 KiB", "token_sram: 192", "unit"},
        {"hardware", "clock: 1 GHz", "clock: nan Hz", "nan"},
        {"hardware", "clock: 1 GHz", "clock: inf Hz", "range"},
        {"hardware", "sufa_columns: 4", "sufa_columns: 5", "even"},
        {"hardware", "kind: hardware", "kind: workload", "expected 'hardware'"},
        {"hardware", "prediction: dlzs", "prediction: magic", "magic"},
        {"hardware", "topk: 10 %", "topk: 150 %", "range"},
        {"hardware", "topk: 10 %", "topk: 0.12345", "thousandths"},
        {"hardware", "radius: inf", "radius: 0", "range"},
        {"hardware", "energy: 4.013 pJ/bit", "energy: 4.013 pJ", "dimension"},
        {"technology", "area: 0.875 mm2", "area: 0 mm2", "area"},
        {"technology", "power: 146.21 mW", "energy: 1 pJ, power: 146.21 mW", "either"},
        {"technology", "scheduler:", "shedule:", "did you mean"},
        {"technology", "static: 10 %", "static: 110 %", "range"},
        {"technology", "instances: 4096", "instances: 0", "range"},
        {"sram", "byte_area: 0.00105776389258176 mm2/KiB", "byte_area: 1 KiB", "dimension"},
        {"sram", "capacity: 64 KiB", "capacity: 0 KiB", "range"},
        {"sram", "energy_scale: 0.251841739398618", "energy_scale: 0", "range"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct sofa_err err = SOFA_ERR_INIT;
        enum sofa_code rc = read_changed(cases[i].file, cases[i].from, cases[i].to, &err);

        if (rc != SOFA_E_INPUT)
            fail_msg("'%s' was taken", cases[i].to);
        if (!strstr(err.text, cases[i].says))
            fail_msg("'%s': \"%s\" doesn't say '%s'", cases[i].to, err.text, cases[i].says);
        assert_true(err.line > 0 && err.file[0] != '\0');
    }
}

static void a_missing_part_is_named(void **state)
{
    char path[] = "/tmp/sofa-hw-XXXXXX.yaml", *text = read_text("models/hardware/sofa-28nm.yaml");
    struct sofa_err err = SOFA_ERR_INIT;
    struct sofa_hardware hw;

    (void)state;
    assert_true(close(mkstemps(path, 5)) == 0);
    write_text(path, text);
    assert_int_equal(sofa_hardware_read(path, &hw, &err), SOFA_E_INPUT);
    assert_non_null(strstr(err.file, "sofa-28nm.yaml"));
    unlink(path);
    free(text);
}

static void an_unchanged_copy_reads(void **state)
{
    struct sofa_err err = SOFA_ERR_INIT;

    (void)state;
    assert_int_equal(read_changed("hardware", "version", "version", &err), SOFA_OK);
}

static void every_shipped_hardware_file_reads(void **state)
{
    char *folder = test_source_file("models/hardware");
    DIR *directory = opendir(folder);
    struct dirent *entry;
    int read = 0;

    (void)state;
    assert_non_null(directory);
    while ((entry = readdir(directory))) {
        char path[1024];
        struct sofa_err err = SOFA_ERR_INIT;
        struct sofa_hardware hw;

        if (!strstr(entry->d_name, ".yaml"))
            continue;
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        if (sofa_hardware_read(path, &hw, &err) != SOFA_OK)
            fail_msg("%s:%d: %s", err.file, err.line, err.text);
        for (size_t i = 0; i < SOFA_COMPONENT_COUNT; i++)
            assert_true(hw.technology.unit[i].source && hw.technology.unit[i].area_mm2 > 0);
        sofa_hardware_free(&hw);
        read++;
    }
    closedir(directory);
    free(folder);
    assert_true(read >= 4);
}

static void costs_scale_with_node_and_supply_as_published(void **state)
{
    char *path = test_source_file("models/hardware/sofa-28nm.yaml");
    char *small = test_source_file("models/hardware/sofa-server-16nm.yaml");
    struct sofa_hardware a, b;

    (void)state;
    assert_int_equal(sofa_hardware_read(path, &a, NULL), SOFA_OK);
    assert_int_equal(sofa_hardware_read(small, &b, NULL), SOFA_OK);
    for (size_t i = 0; i < SOFA_COMPONENT_COUNT; i++) {
        double s = 16.0 / 28, v = 0.8;

        assert_true(fabs(b.technology.unit[i].area_mm2 / a.technology.unit[i].area_mm2 - s * s) < 1e-12);
        assert_true(fabs(b.technology.unit[i].energy_j / a.technology.unit[i].energy_j - s * v * v) < 1e-12);
    }
    sofa_hardware_free(&a);
    sofa_hardware_free(&b);
    free(path);
    free(small);
}

static void sram_energy_goes_through_its_points_and_grows(void **state)
{
    struct sofa_sram sram = {.energy_scale = 1, .exponent = 0.5, .points = 2, .byte_area_mm2 = 1e-9,
                             .point = {{.capacity_bytes = 1024, .read_j_per_byte = 1e-13, .write_j_per_byte = 2e-13},
                                       {.capacity_bytes = 4096, .read_j_per_byte = 4e-13, .write_j_per_byte = 5e-13}}};

    (void)state;
    assert_true(fabs(sofa_sram_cost(&sram, 1024).read_j_per_byte / 1e-13 - 1) < 1e-12);
    assert_true(fabs(sofa_sram_cost(&sram, 4096).write_j_per_byte / 5e-13 - 1) < 1e-12);
    assert_true(fabs(sofa_sram_cost(&sram, 2048).read_j_per_byte / 2e-13 - 1) < 1e-12);
    assert_true(fabs(sofa_sram_cost(&sram, 16384).read_j_per_byte / 8e-13 - 1) < 1e-12);
    assert_true(fabs(sofa_sram_cost(&sram, 256).read_j_per_byte / 5e-14 - 1) < 1e-12);
    assert_true(sofa_sram_cost(&sram, 0).area_mm2 == 0);
}

static void points_that_know_area_and_leakage_give_them(void **state)
{
    struct sofa_sram sram = {.energy_scale = 1, .exponent = 0.5, .points = 2, .byte_area_mm2 = 1, .leakage_w_per_byte = 1,
                             .point = {{1024, 1e-13, 2e-13, 0.01, 0.001, ""}, {4096, 4e-13, 5e-13, 0.04, 0.003, ""}}};

    (void)state;
    assert_true(sofa_sram_cost(&sram, 1024).area_mm2 == 0.01 && sofa_sram_cost(&sram, 4096).leakage_w == 0.003);
    assert_true(fabs(sofa_sram_cost(&sram, 2048).area_mm2 / 0.02 - 1) < 1e-12);
    assert_true(fabs(sofa_sram_cost(&sram, 2560).leakage_w / 0.002 - 1) < 1e-12);
    assert_true(fabs(sofa_sram_cost(&sram, 8192).area_mm2 / 0.08 - 1) < 1e-12);
    assert_true(fabs(sofa_sram_cost(&sram, 512).leakage_w / 0.0005 - 1) < 1e-12);
}

static void kernels_take_block_and_phase_from_the_design(void **state)
{
    struct sofa_design d = {.query_lanes = 96, .keys_per_phase = 3};

    (void)state;
    assert_int_equal(sofa_design_blocking(&d).block_rows, 96);
    assert_int_equal(sofa_design_blocking(&d).keys_per_phase, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_unchanged_copy_reads),
        cmocka_unit_test(wrong_files_are_refused_with_the_place),
        cmocka_unit_test(a_missing_part_is_named),
        cmocka_unit_test(every_shipped_hardware_file_reads),
        cmocka_unit_test(costs_scale_with_node_and_supply_as_published),
        cmocka_unit_test(sram_energy_goes_through_its_points_and_grows),
        cmocka_unit_test(points_that_know_area_and_leakage_give_them),
        cmocka_unit_test(kernels_take_block_and_phase_from_the_design),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

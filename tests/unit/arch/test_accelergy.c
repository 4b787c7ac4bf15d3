/* Accelergy's reference tables in place of the built-in costs. */
#include <math.h>
#include <unistd.h>

#include "arch/accelergy.h"
#include "tests/unit/test.h"

static struct sofa_hardware hw;

static int setup(void **state)
{
    char *path = test_source_file("models/hardware/sofa-28nm.yaml");

    (void)state;
    assert_int_equal(sofa_hardware_read(path, &hw, NULL), SOFA_OK);
    free(path);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    sofa_hardware_free(&hw);
    return 0;
}

static void write_file(char *path, const char *text)
{
    FILE *f;

    strcpy(path, "/tmp/sofa-ert-XXXXXX.yaml");
    assert_true(close(mkstemps(path, 5)) == 0);
    f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    assert_int_equal(fclose(f), 0);
}

/* An ERT of all components but one, each operation as many pJ as its index plus one. */
static void make_ert(char *text, size_t size, const char *without)
{
    static const char *const memories[] = {"token_sram", "weight_sram", "temp_sram", "dram"};
    size_t n = (size_t)snprintf(text, size, "ERT:\n  version: '0.4'\n  tables:\n");

    for (int i = 0; i < SOFA_COMPONENT_COUNT; i++)
        if (strcmp(sofa_component_rows[i].name, without) != 0)
            n += (size_t)snprintf(text + n, size - n,
                                  "  - {name: 'system.core.%s[0..127]', actions: [{name: compute, arguments: {w: 1}, energy: 0.5}, "
                                  "{name: compute, arguments: {w: 2}, energy: %d}, {name: leak, energy: 0.25}]}\n",
                                  sofa_component_rows[i].name, i + 1);
    for (size_t i = 0; i < 4; i++)
        if (strcmp(memories[i], without) != 0)
            n += (size_t)snprintf(text + n, size - n,
                                  "  - {name: %s, actions: [{name: read, energy: 16}, {name: write, energy: 32}]}\n", memories[i]);
}

static void energies_come_from_the_table_the_largest_of_an_action(void **state)
{
    char text[8192], path[64];
    struct sofa_sram_cost token;

    (void)state;
    make_ert(text, sizeof text, "multiply4_pe"); /* which may be missing */
    write_file(path, text);
    assert_int_equal(sofa_accelergy_apply(&hw, path, NULL, 16, NULL), SOFA_OK);
    unlink(path);
    assert_true(fabs(hw.technology.unit[SOFA_COMPONENT_SADS_CORE].energy_j / ((SOFA_COMPONENT_SADS_CORE + 1) * 1e-12) - 1) < 1e-12);
    assert_true(fabs(hw.technology.unit[SOFA_COMPONENT_EXP].leakage_w / (0.25e-12 * hw.design.clock_hz) - 1) < 1e-12);
    token = sofa_hardware_memory(&hw, SOFA_MEMORY_TOKEN, hw.design.token_sram_bytes);
    assert_true(fabs(token.read_j_per_byte / 1e-12 - 1) < 1e-12);
    assert_true(fabs(token.write_j_per_byte / 2e-12 - 1) < 1e-12);
    assert_true(fabs(hw.dram.energy_j_per_byte / 2e-12 - 1) < 1e-12);
    assert_true(hw.dram.interface_j_per_byte == 0);
}

static void a_missing_component_is_named(void **state)
{
    static const char *const names[] = {"sads_core", "temp_sram", "dram"};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct sofa_err err = SOFA_ERR_INIT;
        char text[8192], path[64];

        make_ert(text, sizeof text, names[i]);
        write_file(path, text);
        assert_int_equal(sofa_accelergy_apply(&hw, path, NULL, 16, &err), SOFA_E_INPUT);
        unlink(path);
        assert_non_null(strstr(err.text, names[i]));
        assert_true(err.line > 0);
        sofa_document_free(hw.document[3]);
        hw.document[3] = NULL;
    }
}

static void areas_come_from_the_table(void **state)
{
    static const char *const memories[] = {"token_sram", "weight_sram", "temp_sram"};
    char text[8192], path[64];
    size_t n = (size_t)snprintf(text, sizeof text, "ART:\n  version: '0.4'\n  tables:\n");

    (void)state;
    for (int i = 0; i < SOFA_COMPONENT_COUNT; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "  - {name: 's.%s[1..1]', area: %d}\n", sofa_component_rows[i].name, 100 + i);
    for (size_t i = 0; i < 3; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "  - {name: %s, area: 2000000}\n", memories[i]);
    write_file(path, text);
    assert_int_equal(sofa_accelergy_apply(&hw, NULL, path, 0, NULL), SOFA_OK);
    unlink(path);
    assert_true(fabs(hw.technology.unit[SOFA_COMPONENT_DIV].area_mm2 - (100 + SOFA_COMPONENT_DIV) * 1e-6) < 1e-15);
    assert_true(fabs(sofa_hardware_memory(&hw, SOFA_MEMORY_TEMP, hw.design.temp_sram_bytes).area_mm2 - 2) < 1e-12);
    assert_true(hw.technology.total_over_parts == 1);
}

static void nonsense_in_a_table_is_refused(void **state)
{
    static const char *const texts[] = {
        "ERT:\n  version: '0.4'\n  tables:\n  - {name: shift_pe, actions: [{name: compute, energy: -1}]}\n",
        "ERT:\n  version: '0.4'\n  tables:\n  - {name: shift_pe, actions: [{name: leak, energy: 1}]}\n",
        "ERT:\n  version: '0.4'\n  tables:\n  - {name: shift_pe, actions: [{name: compute, energy: nan}]}\n",
        "ERT:\n  version: '0.4'\n  tables:\n  - {name: shift_pe, actions: [{name: compute, enery: 1}]}\n",
        "ERT:\n  tables: 4\n",
        "ART:\n  tables: []\n",
    };

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct sofa_err err = SOFA_ERR_INIT;
        char path[64];

        write_file(path, texts[i]);
        assert_int_equal(sofa_accelergy_apply(&hw, path, NULL, 16, &err), SOFA_E_INPUT);
        unlink(path);
        sofa_document_free(hw.document[3]);
        hw.document[3] = NULL;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(energies_come_from_the_table_the_largest_of_an_action, setup, teardown),
        cmocka_unit_test_setup_teardown(a_missing_component_is_named, setup, teardown),
        cmocka_unit_test_setup_teardown(areas_come_from_the_table, setup, teardown),
        cmocka_unit_test_setup_teardown(nonsense_in_a_table_is_refused, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

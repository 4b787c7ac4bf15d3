/* The published rows: every one has a unit and a source, and wrong files are refused with the place. */
#include <math.h>
#include <unistd.h>

#include "arch/published.h"
#include "base/unit.h"
#include "tests/unit/test.h"

static void shipped_rows_have_names_of_their_own_and_a_unit(void **state)
{
    char *path = test_source_file("models/published/sofa.yaml");
    struct sofa_published *p = calloc(1, sizeof *p);
    struct sofa_err err = SOFA_ERR_INIT;
    struct sofa_unit unit;

    (void)state;
    assert_non_null(p);
    if (sofa_published_read(path, p, &err) != SOFA_OK)
        fail_msg("%s:%d: %s", err.file, err.line, err.text);
    for (size_t i = 0; i < p->n_rows; i++) {
        assert_int_equal(sofa_unit_parse(p->row[i].unit, &unit, NULL), SOFA_OK);
        assert_true(p->row[i].note || p->row[i].why);
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(p->row[i].name, p->row[j].name);
    }
    assert_int_equal(p->n_accelerators, 8);
    assert_int_equal(p->n_benchmarks, 20);
    sofa_published_free(p);
    free(p);
    free(path);
}

static void normalisation_follows_the_published_rule(void **state)
{
    const struct sofa_accelerator a = {.name = "x", .node_nm = 56, .vdd_v = 2, .clock_hz = 5e8, .area_mm2 = 2,
                                       .core_w = 1, .io_w = 1, .gops = 100, .multipliers = 256};
    struct sofa_normalised n = sofa_normalise(&a, 10);

    (void)state;
    assert_true(fabs(n.core_gops_per_w - 800) < 1e-9); /* 100 * 2 * 4 */
    assert_true(fabs(n.device_gops_per_w - 100 / (1.0 / 8 + 1)) < 1e-9);
    assert_true(fabs(n.gops_per_mm2 - 200) < 1e-9); /* 50 * 4 */
    assert_true(fabs(n.latency_s - 0.1 * 2 * 0.5) < 1e-12);
}

static void a_row_of_the_wrong_dimension_is_refused(void **state)
{
    char path[] = "/tmp/sofa-pub-XXXXXX.yaml", *source = test_source_file("models/published/sofa.yaml");
    struct sofa_published *p = calloc(1, sizeof *p);
    struct sofa_err err = SOFA_ERR_INIT;
    FILE *in = fopen(source, "r"), *out;
    char line[1024];
    int number = 0, at = 0;

    (void)state;
    assert_non_null(p);
    assert_non_null(in);
    assert_true(close(mkstemps(path, 5)) == 0);
    out = fopen(path, "w");
    assert_non_null(out);
    while (fgets(line, sizeof line, in)) {
        char *mm2 = strstr(line, "name: area.total, published: 5.69 mm2");

        number++;
        if (mm2) {
            memcpy(strstr(line, "5.69 mm2"), "5.69 W  ", 8);
            at = number;
        }
        fputs(line, out);
    }
    fclose(in);
    assert_int_equal(fclose(out), 0);
    assert_int_equal(sofa_published_read(path, p, &err), SOFA_E_INPUT);
    assert_int_equal(err.line, at);
    unlink(path);
    free(p);
    free(source);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shipped_rows_have_names_of_their_own_and_a_unit),
        cmocka_unit_test(normalisation_follows_the_published_rule),
        cmocka_unit_test(a_row_of_the_wrong_dimension_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

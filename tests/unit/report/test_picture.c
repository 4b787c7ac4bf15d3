/* Reports from a study's folder: axes, texts, what is read, and what a page may not let through. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "opt/pareto.h"
#include "report/axis.h"
#include "report/html.h"
#include "report/picture.h"
#include "tests/unit/test.h"

#define TRIALS 40

/* Objectives of trial i: a curve with a hump, so that some are dominated. */
static double latency_of(size_t i)
{
    return 1e-4 * (1 + (double)((i * 7) % TRIALS));
}

static double loss_of(size_t i)
{
    return 0.2 / (1 + (double)((i * 7) % TRIALS)) + (i % 3 ? 0.05 : 0);
}

static void put(struct sofa_store *store, size_t i)
{
    struct sofa_store_parameter parameter[] = {{"tiles.0", (int)(i % 4), 2.0 * (double)(i % 4) + 2},
                                               {"tiles.1", 0, 4},
                                               {"sort", 1, 1},
                                               {"radius", 0, i % 2 ? INFINITY : 4}};
    struct sofa_store_metric metric[] = {{"accuracy_loss", "", loss_of(i)}, {"latency", "", latency_of(i)}};
    struct sofa_store_trial t = {.id = i,
                                 .status = i == 5 ? SOFA_TRIAL_INFEASIBLE : SOFA_TRIAL_FEASIBLE,
                                 .seconds = 0.5,
                                 .reason = i == 5 ? "area <= 1 mm2 & </script><b>" : "",
                                 .parameters = 4,
                                 .metrics = 2,
                                 .parameter = parameter,
                                 .metric = metric};

    assert_int_equal(sofa_store_put(store, &t, NULL), SOFA_OK);
}

static bool on_front(size_t i)
{
    double mine[2] = {latency_of(i), loss_of(i)};

    for (size_t k = 0; k < TRIALS; k++) {
        double other[2] = {latency_of(k), loss_of(k)};

        if (k != 5 && sofa_pareto_dominates(other, mine, 2))
            return false;
    }
    return i != 5;
}

static double volume_after(size_t n)
{
    double y[2 * TRIALS], reference[2] = {0.004, 0.1}, volume;
    size_t m = 0;

    for (size_t i = 0; i < n; i++) {
        if (i == 5)
            continue;
        y[2 * m] = latency_of(i);
        y[2 * m++ + 1] = loss_of(i);
    }
    assert_int_equal(sofa_hypervolume(y, m, 2, reference, &volume, NULL), SOFA_OK);
    return volume;
}

static void write_text(const char *folder, const char *name, const char *text)
{
    char *path = sofa_path_join(folder, name);

    assert_int_equal(sofa_file_write_atomic(path, text, strlen(text), NULL), SOFA_OK);
    free(path);
}

static char *front_text(void)
{
    struct sofa_str s = SOFA_STR_INIT;
    const char *comma = "";
    char *text;

    sofa_str_add(
        &s, "{\"schema\": \"sofa-dse/pareto/1\", \"program\": {\"name\": \"sofa-dse\", \"version\": \"0\"},"
            "\"space\": {\"name\": \"<img src=x onerror=alert(1)>&\", \"sha256\": \"00\"},"
            "\"objectives\": [{\"name\": \"latency\", \"unit\": \"s\", \"goal\": \"minimize\"},"
            "{\"name\": \"accuracy_loss\", \"unit\": \"1\", \"goal\": \"minimize\"}],"
            "\"constraints\": [\"accuracy_loss <= 10 %\", \"area <= 8 mm2\"],"
            "\"search\": {\"algorithm\": \"random\", \"evaluations\": 40, \"seed\": 1},"
            "\"reference_point\": [0.004, 0.1], \"hypervolume\": 0.25, \"points\": [");
    for (size_t i = 0; i < TRIALS; i++) {
        if (on_front(i)) {
            sofa_str_addf(&s, "%s{\"id\": %zu}", comma, i);
            comma = ", ";
        }
    }
    sofa_str_add(&s, "]}");
    text = sofa_format("%s", s.text);
    sofa_str_release(&s);
    return text;
}

struct folder {
    char path[64];
    struct sofa_store *store;
};

static int make_study(void **state)
{
    static struct folder f;
    char *text = front_text();
    bool existed;

    snprintf(f.path, sizeof f.path, "/tmp/sofa-test-XXXXXX");
    assert_non_null(mkdtemp(f.path));
    assert_int_equal(sofa_store_open(f.path, &f.store, &existed, NULL), SOFA_OK);
    for (size_t i = 0; i < TRIALS; i++)
        put(f.store, i);
    assert_int_equal(sofa_store_flush(f.store, NULL), SOFA_OK);
    write_text(f.path, "pareto.json", text);
    free(text);
    *state = &f;
    return 0;
}

static int drop_study(void **state)
{
    struct folder *f = *state;
    char *command = sofa_format("rm -rf '%s'", f->path);

    sofa_store_close(f->store);
    assert_int_equal(system(command), 0);
    free(command);
    return 0;
}

static void a_study_is_read_while_it_is_being_written(void **state)
{
    const struct folder *f = *state;
    struct sofa_report_data d;

    assert_int_equal(sofa_report_data_read(f->path, &d, NULL), SOFA_OK);
    assert_int_equal(d.history.n_trials, TRIALS);
    assert_int_equal(d.history.n_parameters, 4);
    assert_string_equal(d.history.parameter[1], "tiles.1");
    for (size_t i = 0; i < TRIALS; i++) {
        assert_int_equal(d.history.trial[i].id, i);
        assert_true(d.history.trial[i].metric[0] == latency_of(i) &&
                    d.history.trial[i].metric[1] == loss_of(i));
        assert_true(d.history.trial[i].value[0] == 2.0 * (double)(i % 4) + 2);
        assert_int_equal(d.on_front[i], on_front(i));
    }
    assert_int_equal(d.history.trial[5].status, SOFA_TRIAL_INFEASIBLE);
    sofa_report_data_release(&d);
}

static void a_closed_study_is_read_without_leaving_files_behind(void **state)
{
    struct folder *f = *state;
    struct sofa_report_data d;
    char *log = sofa_path_join(f->path, "study.db-wal");

    sofa_store_close(f->store);
    f->store = NULL;
    assert_false(sofa_file_exists(log));
    assert_int_equal(sofa_report_data_read(f->path, &d, NULL), SOFA_OK);
    assert_int_equal(d.history.n_trials, TRIALS);
    sofa_report_data_release(&d);
    assert_false(sofa_file_exists(log));
    free(log);
}

static void progress_is_the_hypervolume_after_each_evaluation(void **state)
{
    const struct folder *f = *state;
    struct sofa_report_data d;

    assert_int_equal(sofa_report_data_read(f->path, &d, NULL), SOFA_OK);
    assert_int_equal(d.n_steps, TRIALS);
    for (size_t i = 0; i < TRIALS; i++) {
        assert_int_equal(d.step[i].after, i + 1);
        assert_true(fabs(d.step[i].hypervolume - volume_after(i + 1)) <= 1e-15);
    }
    assert_true(d.step[TRIALS - 1].hypervolume > 0);
    sofa_report_data_release(&d);
}

static void constraints_bound_the_objectives_they_name(void **state)
{
    const struct folder *f = *state;
    struct sofa_report_data d;

    assert_int_equal(sofa_report_data_read(f->path, &d, NULL), SOFA_OK);
    assert_int_equal(d.n_constraints, 2);
    assert_true(isnan(d.objective[0].limit));
    assert_true(fabs(d.objective[1].limit - 0.1) < 1e-15 && d.objective[1].limit_above);
    assert_string_equal(d.objective[1].shown_unit, "%");
    sofa_report_data_release(&d);
}

static size_t count(const char *text, const char *what)
{
    size_t n = 0;

    for (const char *at = strstr(text, what); at; at = strstr(at + 1, what))
        n++;
    return n;
}

static void texts_of_the_study_stay_texts_in_the_page(void **state)
{
    const struct folder *f = *state;
    char *path = sofa_path_join(f->path, "page.html"), *page;
    size_t size;

    assert_int_equal(sofa_report_html(f->path, path, NULL), SOFA_OK);
    assert_int_equal(sofa_file_read(path, 1 << 24, &page, &size, NULL), SOFA_OK);
    assert_null(strstr(page, "<img"));
    assert_non_null(strstr(page, "&lt;img src=x onerror=alert(1)&gt;&amp;"));
    assert_int_equal(count(page, "</script>"), 2);
    assert_int_equal(count(page, "<b>"), 0);
    free(page);
    free(path);
}

static void a_picture_shows_every_trial_once(void **state)
{
    const struct folder *f = *state;
    struct sofa_str svg = SOFA_STR_INIT;
    struct sofa_report_data d;

    assert_int_equal(sofa_report_data_read(f->path, &d, NULL), SOFA_OK);
    sofa_svg_scatter(&d, 0, 1, false, &svg);
    assert_int_equal(count(svg.text, "class=\"f\""), d.n_front);
    assert_int_equal(count(svg.text, "class=\"t\""), TRIALS - 1 - d.n_front);
    assert_int_equal(count(svg.text, "class=\"i\""), 1);
    assert_int_equal(count(svg.text, "class=\"limit\""), 1);
    assert_null(strstr(svg.text, "nan"));
    sofa_svg_parameter(&d, 3, 0, &svg);
    assert_non_null(strstr(svg.text, ">inf<"));
    sofa_str_release(&svg);
    sofa_report_data_release(&d);
}

static void a_folder_that_holds_no_front_is_refused(void **state)
{
    static const char *const bad[] = {
        "",
        "[]",
        "{}",
        "{\"schema\": 3}",
        "{\"schema\": \"other\"}",
        "{\"schema\": \"sofa-dse/pareto/1\"}",
        "{\"schema\": \"sofa-dse/pareto/1\", \"objectives\": [1], \"reference_point\": [1], \"points\": []}",
        "{\"schema\": \"sofa-dse/pareto/1\", \"objectives\": [{\"name\": \"latency\"}], \"reference_point\": [1]}",
        "{\"schema\": \"sofa-dse/pareto/1\", \"objectives\": [{\"name\": \"latency\", \"unit\": \"s\", \"goal\": \"minimize\"}]}",
        "{\"schema\": \"sofa-dse/pareto/1\", \"objectives\": [{\"name\": \"latency\", \"unit\": \"s\", \"goal\": \"minimize\"}],"
        " \"reference_point\": [1], \"constraints\": [2]}",
        "{\"schema\": \"sofa-dse/pareto/1\", \"objectives\": [{\"name\": \"latency\", \"unit\": \"s\", \"goal\": \"minimize\"}],"
        " \"reference_point\": [1], \"points\": [{\"id\": 4000}]}",
    };
    const struct folder *f = *state;
    struct sofa_report_data d;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct sofa_err err = SOFA_ERR_INIT;

        write_text(f->path, "pareto.json", bad[i]);
        assert_int_equal(sofa_report_data_read(f->path, &d, &err), SOFA_E_INPUT);
        assert_non_null(strstr(err.file, "pareto.json"));
    }
    assert_int_equal(sofa_report_data_read("/nowhere", &d, NULL), SOFA_E_INPUT);
}

static void a_damaged_database_is_an_error(void **state)
{
    struct folder *f = *state;
    struct sofa_report_data d;
    struct sofa_err err = SOFA_ERR_INIT;

    sofa_store_close(f->store);
    f->store = NULL;
    write_text(f->path, "study.db",
               "this is no database, but it is long enough to be looked at as one by whoever opens it");
    assert_int_equal(sofa_report_data_read(f->path, &d, &err), SOFA_E_IO);
    assert_non_null(strstr(err.file, "study.db"));
}

static void ticks_are_round_and_inside(void **state SOFA_UNUSED)
{
    static const struct {
        double low, high;
        const char *unit;
    } rows[] = {{0, 1, "1"},         {1.5e-4, 9e-4, "s"},       {1e-5, 1, "s"},
                {-0.001, 0.05, "%"}, {5.5, 5.9, "mm2"},         {3, 3, "1"},
                {0, 0, "J"},         {1e-300, 1e300, "1"},      {-7, -7, "1"},
                {NAN, NAN, "1"},     {INFINITY, -INFINITY, "s"}};
    char text[SOFA_TICK_TEXT_MAX];

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct sofa_axis a;

        sofa_axis_init(&a, rows[i].low, rows[i].high, rows[i].unit, 5, 100, 0);
        assert_in_range(a.n_ticks, 2, SOFA_TICKS_MAX);
        for (size_t k = 0; k < a.n_ticks; k++) {
            assert_true(sofa_axis_place(&a, a.tick[k]) >= -1e-6 &&
                        sofa_axis_place(&a, a.tick[k]) <= 100 + 1e-6);
            sofa_axis_tick_text(&a, a.tick[k], text);
            assert_true(strlen(text) <= 8);
            assert_true(k == 0 || a.tick[k] > a.tick[k - 1]);
        }
        assert_true(isnan(rows[i].low) || rows[i].low > rows[i].high ||
                    (sofa_axis_holds(&a, rows[i].low) && sofa_axis_holds(&a, rows[i].high)));
    }
}

static void units_are_printed_as_people_write_them(void **state SOFA_UNUSED)
{
    static const struct {
        const char *unit, *printed;
    } rows[] = {{"us", "µs"},   {"12 uJ", "12 µJ"}, {"mm2", "mm²"}, {"GOPS/mm2", "GOPS/mm²"},
                {"J*s", "J·s"}, {"", ""},           {"ms", "ms"}};
    char text[16];

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        sofa_report_pretty_unit(rows[i].unit, text, sizeof text);
        assert_string_equal(text, rows[i].printed);
    }
    sofa_report_pretty_unit("J*s*J*s*J*s*J*s", text, sizeof text);
    assert_true(strlen(text) < sizeof text);
}

static void parameters_are_printed_by_their_kind(void **state SOFA_UNUSED)
{
    static const struct {
        const char *name;
        double value;
        const char *text;
    } rows[] = {{"topk", 0.15, "15 %"},
                {"token_sram", 65536, "64 KiB"},
                {"radius", INFINITY, "inf"},
                {"sort", 1, "full"},
                {"sort", 7, "7"},
                {"sort", -1, "-1"},
                {"x1", 0.25, "0.25"},
                {"sort", INFINITY, "inf"}};
    char text[SOFA_REPORT_TEXT_MAX];

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        sofa_report_parameter_text(sofa_parameter_find(rows[i].name), rows[i].value, text);
        assert_string_equal(text, rows[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_study_is_read_while_it_is_being_written, make_study, drop_study),
        cmocka_unit_test_setup_teardown(a_closed_study_is_read_without_leaving_files_behind, make_study,
                                        drop_study),
        cmocka_unit_test_setup_teardown(progress_is_the_hypervolume_after_each_evaluation, make_study,
                                        drop_study),
        cmocka_unit_test_setup_teardown(constraints_bound_the_objectives_they_name, make_study, drop_study),
        cmocka_unit_test_setup_teardown(texts_of_the_study_stay_texts_in_the_page, make_study, drop_study),
        cmocka_unit_test_setup_teardown(a_picture_shows_every_trial_once, make_study, drop_study),
        cmocka_unit_test_setup_teardown(a_folder_that_holds_no_front_is_refused, make_study, drop_study),
        cmocka_unit_test_setup_teardown(a_damaged_database_is_an_error, make_study, drop_study),
        cmocka_unit_test(ticks_are_round_and_inside),
        cmocka_unit_test(units_are_printed_as_people_write_them),
        cmocka_unit_test(parameters_are_printed_by_their_kind),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

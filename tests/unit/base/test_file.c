#include "tests/unit/test.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

static void the_digest_is_that_of_fips_180(void **state)
{
    char text[SOFA_SHA256_TEXT], million[1000];

    (void)state;
    sofa_sha256("", 0, text);
    assert_string_equal(text, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    sofa_sha256("abc", 3, text);
    assert_string_equal(text, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    sofa_sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56, text);
    assert_string_equal(text, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    memset(million, 'a', sizeof million);
    sofa_sha256(million, sizeof million, text);
    assert_string_equal(text, "41edece42d63e8d9bf515a9ba6932e1c20cbc9f5a5d134645adb5db1b9737ea3");
}

static void an_atomic_write_replaces_the_whole_file(void **state)
{
    char directory[] = "/tmp/sofa-test-XXXXXX", path[64], *data;
    size_t size;

    (void)state;
    assert_non_null(mkdtemp(directory));
    snprintf(path, sizeof path, "%s/file", directory);
    assert_int_equal(sofa_file_write_atomic(path, "a long first text", 17, NULL), SOFA_OK);
    assert_int_equal(sofa_file_write_atomic(path, "second", 6, NULL), SOFA_OK);
    assert_int_equal(sofa_file_read(path, 100, &data, &size, NULL), SOFA_OK);
    assert_int_equal(size, 6);
    assert_string_equal(data, "second");
    free(data);
    assert_int_equal(sofa_file_read(path, 5, &data, &size, NULL), SOFA_E_INPUT);
    unlink(path);
    rmdir(directory);
    assert_int_equal(sofa_file_write_atomic(path, "x", 1, NULL), SOFA_E_IO);
}

static void a_pipe_is_written_to_and_not_replaced(void **state)
{
    char directory[] = "/tmp/sofa-test-XXXXXX", path[64], got[8] = "";
    struct stat st;
    int fd;

    (void)state;
    assert_non_null(mkdtemp(directory));
    snprintf(path, sizeof path, "%s/pipe", directory);
    assert_int_equal(mkfifo(path, 0600), 0);
    fd = open(path, O_RDWR);
    assert_true(fd >= 0);
    assert_int_equal(sofa_file_write_atomic(path, "data", 4, NULL), SOFA_OK);
    assert_int_equal(stat(path, &st), 0);
    assert_true(S_ISFIFO(st.st_mode));
    assert_int_equal(read(fd, got, 4), 4);
    assert_string_equal(got, "data");
    close(fd);
    unlink(path);
    rmdir(directory);
}

static void paths_are_taken_apart_and_joined(void **state)
{
    static const struct {
        const char *file, *name, *joined;
    } cases[] = {
        {"a/b.yaml", "../c", "a/../c"}, {"b.yaml", "c", "c"}, {"/b.yaml", "c", "/c"}, {"a/b.yaml", "/c", "/c"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *path = sofa_path_relative_to_file(cases[i].file, cases[i].name);

        assert_string_equal(path, cases[i].joined);
        free(path);
    }
}

static void a_folder_is_no_file_and_an_absent_file_is_bad_input(void **state)
{
    struct sofa_map map;
    struct sofa_err err = SOFA_ERR_INIT;

    (void)state;
    assert_int_equal(sofa_map_open("/tmp", &map, &err), SOFA_E_INPUT);
    assert_int_equal(sofa_map_open("/nonexistent/x", &map, &err), SOFA_E_INPUT);
    assert_string_equal(err.file, "/nonexistent/x");
}

static void names_in_the_data_are_sorted_and_without_ending(void **state)
{
    static const char *const files[] = {"b.yaml", "a-c.yaml", "a.yaml", "note.txt", ".yaml"};
    char directory[] = "/tmp/sofa-test-XXXXXX", path[64];
    struct sofa_names names;

    (void)state;
    assert_non_null(mkdtemp(directory));
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        snprintf(path, sizeof path, "%s/%s", directory, files[i]);
        assert_int_equal(sofa_file_write_atomic(path, "x: 1\n", 5, NULL), SOFA_OK);
    }
    setenv("SOFA_DSE_DATA", directory, 1);
    assert_true(sofa_data_names(".", &names));
    assert_int_equal(names.n, 3);
    assert_string_equal(names.name[0], "a");
    assert_string_equal(names.name[1], "a-c");
    assert_string_equal(names.name[2], "b");
    sofa_names_release(&names);
    assert_false(sofa_data_names("nowhere", &names));
    assert_int_equal(names.n, 0);
    unsetenv("SOFA_DSE_DATA");
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        snprintf(path, sizeof path, "%s/%s", directory, files[i]);
        unlink(path);
    }
    rmdir(directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_digest_is_that_of_fips_180),
        cmocka_unit_test(an_atomic_write_replaces_the_whole_file),
        cmocka_unit_test(a_pipe_is_written_to_and_not_replaced),
        cmocka_unit_test(paths_are_taken_apart_and_joined),
        cmocka_unit_test(a_folder_is_no_file_and_an_absent_file_is_bad_input),
        cmocka_unit_test(names_in_the_data_are_sorted_and_without_ending),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <stdatomic.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "acsr/jit.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/str.h"
#include "tests/unit/acsr/operands.h"
#include "tests/unit/acsr/patterns.h"

/* What the tests share: one kernel that the machine's compiler made, and a stand-in for a compiler that copies it. */
static struct {
    char folder[64]; /* a temporary one */
    bool compiler;   /* whether the machine has one */
    const char *isa;
    struct sofa_arena arena;
    struct sofa_pattern pattern;
    struct sofa_acsr_plan plan;
} all = {.folder = "/tmp/sofa-test-jit.XXXXXX", .arena = SOFA_ARENA_INIT};

#define NEEDS_COMPILER()                                                                                              \
    do {                                                                                                              \
        (void)state;                                                                                                  \
        if (!all.compiler)                                                                                            \
            skip();                                                                                                   \
    } while (0)

static char *path(const char *name)
{
    char *p = sofa_path_join(all.folder, name);

    assert_non_null(p);
    return p;
}

/* A program of a few lines of shell, under this name in the folder. */
static char *script(const char *name, const char *text)
{
    char *file = path(name);
    char *all_text = sofa_format("#!/bin/sh\nout=; while [ $# -gt 0 ]; do [ \"$1\" = -o ] && out=$2; shift; done\n%s\n", text);

    assert_int_equal(sofa_file_write_atomic(file, all_text, strlen(all_text), NULL), SOFA_OK);
    assert_int_equal(chmod(file, 0700), 0);
    free(all_text);
    return file;
}

static enum sofa_code load(const char *compiler, const char *cache, double timeout_s, struct sofa_generated **kernel,
                           struct sofa_jit_facts *facts, struct sofa_err *err)
{
    struct sofa_jit_options options = {all.isa, compiler, cache, timeout_s, NULL};

    *err = (struct sofa_err)SOFA_ERR_INIT;
    return sofa_jit_load(&all.plan, 16, &options, kernel, facts, err);
}

/* The only entry of a cache, malloc'd. */
static char *entry(const char *cache)
{
    char *command = sofa_format("ls %s/acsr-*.so", cache), line[512] = "";
    FILE *ls = popen(command, "r");

    assert_non_null(ls);
    assert_non_null(fgets(line, sizeof line, ls));
    pclose(ls);
    free(command);
    line[strcspn(line, "\n")] = '\0';
    return sofa_format("%s", line);
}

static void check_kernel(const struct sofa_generated *kernel)
{
    struct sofa_arena arena = SOFA_ARENA_INIT;
    struct sofa_acsr_operands o = test_operands(&all.pattern, 16, &arena);
    struct sofa_err err = SOFA_ERR_INIT;

    assert_int_equal(sofa_generated_attention(kernel, &o, &arena, &err), SOFA_OK);
    assert_true(test_difference(&all.pattern, &o, &arena) < 1e-5);
    sofa_arena_release(&arena);
}

static int setup(void **state)
{
    static const struct pattern_case c = {"window:9", 64, 64, false, SPARSE};
    const struct sofa_acsr_kernel *kernel;
    struct sofa_jit_facts facts;
    struct sofa_generated *g;
    struct sofa_err err;
    char *cache;

    (void)state;
    if (!mkdtemp(all.folder) || sofa_acsr_kernel_find(NULL, &kernel, NULL) != SOFA_OK)
        return 1;
    all.isa = sofa_acsr_kernel_name(kernel);
    all.pattern = test_pattern(&c, &all.arena);
    if (sofa_acsr_plan_build(&all.pattern, SOFA_ACSR_ALL, &all.arena, &all.plan, &err) != SOFA_OK)
        return 1;
    cache = path("first");
    all.compiler = load(NULL, cache, 0, &g, &facts, &err) == SOFA_OK;
    if (!all.compiler)
        print_message("# no compiler: %s\n", err.text);
    if (all.compiler) { /* what the compiler made, before it was sealed, will do as well sealed */
        char *from = entry(cache), *to = path("made.so");

        if (rename(from, to) != 0)
            return 1;
        free(from);
        free(to);
        sofa_generated_free(g);
    }
    free(cache);
    return 0;
}

static int teardown(void **state)
{
    char *command = sofa_format("chmod -R u+w %s; rm -rf %s", all.folder, all.folder);
    int rc = system(command);

    (void)state;
    free(command);
    sofa_arena_release(&all.arena);
    return rc;
}

/* Counts its calls in the file `calls`. */
static char *copier(void)
{
    char *text = sofa_format("echo x >>%s/calls; cp %s/made.so \"$out\"", all.folder, all.folder), *file = script("copy", text);

    free(text);
    return file;
}

static size_t calls(void)
{
    char *file = path("calls"), *data;
    size_t size = 0;

    if (sofa_file_read(file, 1 << 20, &data, &size, NULL) == SOFA_OK) {
        free(data);
        unlink(file);
    }
    free(file);
    return size / 2;
}

static void same_bits(const struct pattern_case *c, size_t d, const struct sofa_acsr_kernel *kernel)
{
    struct sofa_arena arena = SOFA_ARENA_INIT;
    struct sofa_err err = SOFA_ERR_INIT;
    struct sofa_pattern p = test_pattern(c, &arena);
    struct sofa_acsr_operands o = test_operands(&p, d, &arena);
    struct sofa_jit_options options = {sofa_acsr_kernel_name(kernel), NULL, NULL, 0, NULL};
    struct sofa_acsr_plan plan;
    struct sofa_jit_facts facts;
    struct sofa_generated *g;
    float *general = o.out;
    char *cache = path("bits");

    options.folder = cache;
    assert_int_equal(sofa_acsr_plan_build(&p, SOFA_ACSR_ALL, &arena, &plan, &err), SOFA_OK);
    if (sofa_jit_load(&plan, d, &options, &g, &facts, &err) != SOFA_OK)
        fail_msg("%s", err.text);
    assert_int_equal(sofa_acsr_attention(kernel, &plan, &o, &arena, &err), SOFA_OK);
    o.out = test_floats(&arena, p.rows * d, 1, 5);
    assert_int_equal(sofa_generated_attention(g, &o, &arena, &err), SOFA_OK);
    assert_memory_equal(o.out, general, p.rows * d * sizeof *general);
    assert_true(test_difference(&p, &o, &arena) < 1e-5);
    sofa_generated_free(g);
    free(cache);
    sofa_arena_release(&arena);
}

static void generated_kernels_have_the_bits_of_the_general_one(void **state)
{
    /* shapes in several chunks; rows in several groups, lines, empty rows and padding */
    static const struct pattern_case window = {"window:100", 400, 400, false, SPARSE};
    static const struct pattern_case mixed = {NULL, 96, 80, false, PROGRESSIONS};

    NEEDS_COMPILER();
    for (size_t n = 0; test_kernel(n); n++) {
        if (!test_kernel(n + 1))
            same_bits(&window, 64, test_kernel(n));
        same_bits(&mixed, 20, test_kernel(n));
    }
}

static void a_kernel_is_compiled_once_and_then_found(void **state)
{
    char *cache = path("once"), *compiler = copier();
    struct sofa_jit_facts facts;
    struct sofa_generated *g;
    struct sofa_err err;

    NEEDS_COMPILER();
    for (int again = 0; again < 2; again++) {
        assert_int_equal(load(compiler, cache, 0, &g, &facts, &err), SOFA_OK);
        assert_int_equal(facts.cached, again);
        assert_true(facts.kept);
        assert_string_equal(facts.note, "");
        check_kernel(g);
        sofa_generated_free(g);
        assert_int_equal(calls(), again ? 0 : 1);
    }
    free(cache);
    free(compiler);
}

/* Loads after something was done to the entry; the kernel is made anew with a note that has `why` in it. */
static void made_anew(const char *compiler, const char *cache, const char *why)
{
    struct sofa_jit_facts facts;
    struct sofa_generated *g;
    struct sofa_err err;

    assert_int_equal(load(compiler, cache, 0, &g, &facts, &err), SOFA_OK);
    assert_false(facts.cached);
    assert_true(facts.kept);
    if (!strstr(facts.note, why))
        fail_msg("note: %s", facts.note);
    check_kernel(g);
    sofa_generated_free(g);
    assert_int_equal(calls(), 1);
    assert_int_equal(load(compiler, cache, 0, &g, &facts, &err), SOFA_OK);
    assert_true(facts.cached);
    sofa_generated_free(g);
}

static void a_damaged_entry_is_made_anew(void **state)
{
    char *cache = path("damaged"), *compiler = copier(), *file;
    struct sofa_jit_facts facts;
    struct sofa_generated *g;
    struct sofa_err err;
    struct stat s;

    NEEDS_COMPILER();
    assert_int_equal(load(compiler, cache, 0, &g, &facts, &err), SOFA_OK);
    sofa_generated_free(g);
    calls();
    file = entry(cache);
    assert_int_equal(stat(file, &s), 0);
    assert_int_equal(truncate(file, s.st_size / 2), 0);
    made_anew(compiler, cache, "is damaged");
    assert_int_equal(truncate(file, 0), 0);
    made_anew(compiler, cache, "is empty");
    for (off_t at = 5000; at < s.st_size; at += s.st_size / 3) { /* one byte */
        FILE *f = fopen(file, "r+b");
        int byte;

        assert_non_null(f);
        fseek(f, at, SEEK_SET);
        byte = fgetc(f);
        fseek(f, at, SEEK_SET);
        fputc(byte ^ 1, f);
        fclose(f);
        made_anew(compiler, cache, "is damaged");
    }
    assert_int_equal(chmod(file, 0666), 0);
    made_anew(compiler, cache, "writable by others");
    assert_int_equal(unlink(file), 0);
    assert_int_equal(symlink("/nowhere", file), 0); /* not followed */
    made_anew(compiler, cache, "cannot read");
    free(file);
    free(cache);
    free(compiler);
}

static void two_processes_at_once_leave_one_good_entry(void **state)
{
    char *cache = path("two"), *compiler = copier();
    struct sofa_jit_facts facts;
    struct sofa_generated *g;
    struct sofa_err err;
    pid_t child[4];
    int status;

    NEEDS_COMPILER();
    for (size_t i = 0; i < 4; i++)
        if ((child[i] = fork()) == 0) {
            for (int again = 0; again < 3; again++) {
                if (load(compiler, cache, 0, &g, &facts, &err) != SOFA_OK || facts.note[0])
                    _exit(1);
                check_kernel(g);
                sofa_generated_free(g);
            }
            _exit(0);
        }
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(waitpid(child[i], &status, 0), child[i]);
        assert_int_equal(status, 0);
    }
    assert_int_equal(load(compiler, cache, 0, &g, &facts, &err), SOFA_OK);
    assert_true(facts.cached);
    sofa_generated_free(g);
    calls();
    free(cache);
    free(compiler);
}

static void a_compiler_that_fails_is_told_of(void **state)
{
    static const struct {
        const char *name, *text, *says;
    } cases[] = {
        {"fails", "echo 'kernel.c:1: error: no such thing' >&2; echo more >&2; exit 3", "status 3: kernel.c:1: error: no such thing"},
        {"dies", "kill -9 $$", "signal 9"},
        {"idles", "exit 0", "left no object"},
        {"babbles", "echo this is no object >\"$out\"", "can't be loaded"},
    };
    char *cache = path("failing");
    struct sofa_jit_facts facts;
    struct sofa_generated *g;
    struct sofa_err err;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *compiler = script(cases[i].name, cases[i].text), *command;

        assert_int_not_equal(load(compiler, cache, 0, &g, &facts, &err), SOFA_OK);
        assert_null(g);
        if (!strstr(err.text, cases[i].says))
            fail_msg("%s: %s", cases[i].name, err.text);
        command = sofa_format("test -z \"$(ls -A %s)\"", cache); /* nothing is left, neither entry nor scratch */
        assert_int_equal(system(command), 0);
        free(command);
        free(compiler);
    }
    free(cache);
}

static void another_kernel_than_the_one_written_is_refused(void **state)
{
    char *cache = path("other"), *compiler = copier();
    struct sofa_jit_options options = {all.isa, compiler, cache, 0, NULL};
    struct sofa_jit_facts facts;
    struct sofa_generated *g;
    struct sofa_err err = SOFA_ERR_INIT;

    NEEDS_COMPILER();
    assert_int_equal(sofa_jit_load(&all.plan, 17, &options, &g, &facts, &err), SOFA_E_EVAL);
    assert_non_null(strstr(err.text, "not what was written"));
    calls();
    free(cache);
    free(compiler);
}

static void a_compiler_that_hangs_is_killed(void **state)
{
    char *cache = path("hanging"), *compiler = script("hangs", "sleep 60 & wait");
    struct sofa_jit_facts facts;
    struct sofa_generated *g;
    struct sofa_err err;
    double start = sofa_seconds();

    (void)state;
    assert_int_equal(load(compiler, cache, 0.2, &g, &facts, &err), SOFA_E_EVAL);
    assert_non_null(strstr(err.text, "took longer than 0.2 s"));
    assert_true(sofa_seconds() - start < 20);
    free(cache);
    free(compiler);
}

static void a_signal_stops_the_compiler(void **state)
{
    char *cache = path("stopped"), *compiler = script("hangs", "sleep 60");
    atomic_bool stop = true;
    struct sofa_jit_options options = {all.isa, compiler, cache, 0, &stop};
    struct sofa_jit_facts facts;
    struct sofa_generated *g;
    struct sofa_err err = SOFA_ERR_INIT;

    (void)state;
    assert_int_equal(sofa_jit_load(&all.plan, 16, &options, &g, &facts, &err), SOFA_E_INTERRUPTED);
    free(cache);
    free(compiler);
}

static void no_compiler_is_told_of(void **state)
{
    char *cache = path("none");
    struct sofa_jit_facts facts;
    struct sofa_generated *g;
    struct sofa_err err;

    (void)state;
    assert_int_equal(load("no-such-compiler --option", cache, 0, &g, &facts, &err), SOFA_E_EVAL);
    assert_string_equal(err.text, "there is no compiler 'no-such-compiler'");
    free(cache);
}

static void a_cache_that_cannot_be_used_only_makes_a_note(void **state)
{
    char *file = path("file"), *under = path("file/cache"), *open_to_all = path("open"), *compiler = copier();
    const char *const folders[] = {under, open_to_all};
    struct sofa_jit_facts facts;
    struct sofa_generated *g;
    struct sofa_err err;

    NEEDS_COMPILER();
    assert_int_equal(sofa_file_write_atomic(file, "x", 1, NULL), SOFA_OK);
    assert_int_equal(mkdir(open_to_all, 0700), 0);
    assert_int_equal(chmod(open_to_all, 0777), 0);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(load(compiler, folders[i], 0, &g, &facts, &err), SOFA_OK);
        assert_false(facts.kept);
        assert_non_null(strstr(facts.note, "the kernel is not kept"));
        assert_null(strchr(facts.note, '\n'));
        check_kernel(g);
        sofa_generated_free(g);
    }
    calls();
    free(file);
    free(under);
    free(open_to_all);
    free(compiler);
}

static void a_changed_compiler_makes_another_entry(void **state)
{
    char *cache = path("changed"), *compiler = copier();
    struct sofa_jit_facts facts;
    struct sofa_generated *g;
    struct sofa_err err;
    FILE *f;

    NEEDS_COMPILER();
    for (int again = 0; again < 2; again++) {
        assert_int_equal(load(compiler, cache, 0, &g, &facts, &err), SOFA_OK);
        assert_false(facts.cached);
        sofa_generated_free(g);
        f = fopen(compiler, "a");
        assert_non_null(f);
        fputs("# a newer one\n", f);
        fclose(f);
    }
    calls();
    free(cache);
    free(compiler);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(generated_kernels_have_the_bits_of_the_general_one),
        cmocka_unit_test(a_kernel_is_compiled_once_and_then_found),
        cmocka_unit_test(a_damaged_entry_is_made_anew),
        cmocka_unit_test(two_processes_at_once_leave_one_good_entry),
        cmocka_unit_test(a_compiler_that_fails_is_told_of),
        cmocka_unit_test(another_kernel_than_the_one_written_is_refused),
        cmocka_unit_test(a_compiler_that_hangs_is_killed),
        cmocka_unit_test(a_signal_stops_the_compiler),
        cmocka_unit_test(no_compiler_is_told_of),
        cmocka_unit_test(a_cache_that_cannot_be_used_only_makes_a_note),
        cmocka_unit_test(a_changed_compiler_makes_another_entry),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}

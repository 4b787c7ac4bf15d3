#include "acsr/jit.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "acsr/cache.h"
#include "acsr/compiler.h"
#include "acsr/emit.h"
#include "base/clock.h"

#define TIMEOUT_SECONDS 60

struct sofa_generated {
    void *object;
    int fd; /* of its file: stays open, for loaders know objects by name and this one's has the number in it */
    void (*attend)(const float *q, const float *k, const float *v, float *out, float *scratch);
    size_t d, scratch; /* floats */
};

/* All that one load has at hand. */
struct jit {
    const struct sofa_acsr_plan *plan;
    const struct sofa_jit_options *options;
    struct sofa_jit_facts *facts;
    size_t d;
    struct sofa_compiler compiler;
    struct sofa_str text;
    char digest[SOFA_SHA256_TEXT]; /* of the text, which carries it in its last lines */
    char *entry; /* path in the cache, NULL where there is none */
    char build[512]; /* the folder it is compiled in, "" before */
};

static const char *const common_options[] = {"-std=c11", "-O3", "-ffp-contract=off", "-fno-math-errno", "-fPIC", "-shared"};
#define COMMON (sizeof common_options / sizeof *common_options)

static void note(struct jit *j, const struct sofa_err *why, const char *what)
{
    size_t used = strlen(j->facts->note);

    snprintf(j->facts->note + used, sizeof j->facts->note - used, "%s%s%s%s%s%s", used ? "; " : "", why->file,
             *why->file ? ": " : "", why->text, *what ? "; " : "", what);
}

/* SHA-256 of what the object depends on. */
static void digest(const struct jit *j, char key[SOFA_SHA256_TEXT])
{
    struct sofa_str all = SOFA_STR_INIT;

    sofa_str_add_bytes(&all, j->text.text, j->text.length);
    for (size_t i = 0; i < COMMON; i++)
        sofa_str_addf(&all, "%s\n", common_options[i]);
    for (const char *const *o = sofa_acsr_isa_options(j->options->isa); *o; o++)
        sofa_str_addf(&all, "%s\n", *o);
    sofa_compiler_identity(&j->compiler, &all);
    sofa_sha256(all.text, all.length, key);
    sofa_str_release(&all);
}

static enum sofa_code symbols(struct sofa_generated *g, const struct jit *j, struct sofa_err *err)
{
    const size_t *shape = dlsym(g->object, "sofa_acsr_generated_shape");
    const size_t *scratch = dlsym(g->object, "sofa_acsr_generated_scratch");
    const char *of = dlsym(g->object, "sofa_acsr_generated_digest");
    void *attend = dlsym(g->object, "sofa_acsr_generated_attend");

    if (!shape || !scratch || !attend || !of || strcmp(of, j->digest) != 0 || shape[0] != 1 || shape[1] != j->plan->rows || shape[2] != j->plan->columns ||
        shape[3] != j->d)
        return sofa_fail(err, SOFA_E_EVAL, "the compiled kernel is not what was written");
    memcpy(&g->attend, &attend, sizeof attend);
    g->d = j->d;
    g->scratch = *scratch;
    return SOFA_OK;
}

/* Loads the very file that was looked at, not what may stand under its name by now.  Takes over fd. */
static enum sofa_code load(const struct jit *j, int fd, struct sofa_generated **kernel, struct sofa_err *err)
{
    struct sofa_generated *g = calloc(1, sizeof *g);
    char path[64];
    enum sofa_code rc;

    if (!g) {
        close(fd);
        return sofa_fail_nomem(err, "a generated kernel");
    }
    g->fd = fd;
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    g->object = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (g->object)
        rc = symbols(g, j, err);
    else
        rc = sofa_fail(err, SOFA_E_EVAL, "the compiled kernel can't be loaded: %s", dlerror());
    if (rc == SOFA_OK)
        *kernel = g;
    else
        sofa_generated_free(g);
    return rc;
}

/* The text, with its digest. */
static enum sofa_code write_text(struct jit *j, struct sofa_err *err)
{
    enum sofa_code rc;

    SOFA_TRY(sofa_acsr_emit_c(j->plan, j->d, j->options->isa, &j->text, err));
    sofa_sha256(j->text.text, j->text.length, j->digest);
    sofa_str_addf(&j->text, "\nextern const char sofa_acsr_generated_digest[];\n"
                            "const char sofa_acsr_generated_digest[] = \"%s\";\n", j->digest);
    if (j->text.failed)
        rc = sofa_fail_nomem(err, "the text of a kernel");
out:
    return rc;
}

/* From the cache, where it has a good entry. */
static void load_cached(struct jit *j, struct sofa_generated **kernel)
{
    struct sofa_err err = SOFA_ERR_INIT;
    enum sofa_code rc;
    int fd = -1;

    rc = sofa_cache_open(j->entry, &fd, &err);
    if (rc == SOFA_OK && fd >= 0) {
        sofa_cache_touch(fd);
        rc = load(j, fd, kernel, &err);
    }
    if (rc != SOFA_OK)
        note(j, &err, "the kernel is made anew");
}

/* A folder to compile in: in the cache, so that renaming keeps to one file system, else where temporary files go. */
static enum sofa_code make_build_folder(struct jit *j, const char *cache, struct sofa_err *err)
{
    const char *tmp = getenv("TMPDIR");

    snprintf(j->build, sizeof j->build, "%s/build.XXXXXX", cache ? cache : tmp && *tmp ? tmp : "/tmp");
    if (mkdtemp(j->build))
        return SOFA_OK;
    sofa_fail(err, SOFA_E_EVAL, "cannot make the folder %s: %s", j->build, strerror(errno));
    j->build[0] = '\0';
    return SOFA_E_EVAL;
}

static enum sofa_code compile(struct jit *j, const char *object, struct sofa_err *err)
{
    char *source = sofa_format("%s/kernel.c", j->build), *log = sofa_format("%s/log", j->build);
    double start = sofa_seconds(), timeout = j->options->timeout_s > 0 ? j->options->timeout_s : TIMEOUT_SECONDS;
    const char *words[SOFA_COMPILER_WORDS];
    enum sofa_code rc = SOFA_OK;
    size_t n = 0;

    if (!source || !log) {
        rc = sofa_fail_nomem(err, "a path");
        goto out;
    }
    for (size_t i = 0; i < COMMON; i++)
        words[n++] = common_options[i];
    for (const char *const *o = sofa_acsr_isa_options(j->options->isa); *o; o++)
        words[n++] = *o;
    words[n++] = "-o";
    words[n++] = object;
    words[n++] = source;
    words[n++] = "-lm";
    words[n] = NULL;
    SOFA_TRY(sofa_file_write_atomic(source, j->text.text, j->text.length, err));
    SOFA_TRY(sofa_compiler_run(&j->compiler, words, log, timeout, j->options->cancel, err));
out:
    j->facts->compile_s = sofa_seconds() - start;
    free(source);
    free(log);
    return rc;
}

/* Compiles, seals, loads and only then keeps: what can't be loaded never gets into the cache. */
static enum sofa_code build(struct jit *j, const char *cache, struct sofa_generated **kernel, struct sofa_err *err)
{
    struct sofa_err why = SOFA_ERR_INIT;
    char *object = NULL;
    enum sofa_code rc;
    int fd = -1;

    SOFA_TRY(make_build_folder(j, cache, err));
    object = sofa_format("%s/kernel.so", j->build);
    if (!object) {
        rc = sofa_fail_nomem(err, "a path");
        goto out;
    }
    SOFA_TRY(compile(j, object, err));
    if (!sofa_file_exists(object)) {
        rc = sofa_fail(err, SOFA_E_EVAL, "the compiler '%s' left no object", j->compiler.argv[0]);
        goto out;
    }
    SOFA_TRY(sofa_cache_seal(object, err));
    SOFA_TRY(sofa_cache_open(object, &fd, err));
    SOFA_TRY(load(j, fd, kernel, err));
    j->facts->kept = cache && rename(object, j->entry) == 0;
    if (j->facts->kept)
        sofa_cache_prune(cache, SOFA_CACHE_ENTRIES);
    if (cache && !j->facts->kept) {
        sofa_fail_errno(&why, "write", j->entry);
        note(j, &why, "the kernel is not kept");
    }
out:
    if (j->build[0])
        sofa_cache_remove_build(j->build);
    free(object);
    return rc;
}

/* The cache, ready for use; NULL with a note where it can't be used. */
static char *open_cache(struct jit *j)
{
    char *folder = j->options->folder ? sofa_format("%s", j->options->folder) : sofa_cache_folder();
    char key[SOFA_SHA256_TEXT];
    struct sofa_err err = SOFA_ERR_INIT;
    enum sofa_code rc;

    rc = folder ? sofa_cache_prepare(folder, &err) : sofa_fail(&err, SOFA_E_IO, "there is no folder for a cache: HOME is not set");
    if (rc == SOFA_OK) {
        digest(j, key);
        j->entry = sofa_format("%s/acsr-%s.so", folder, key);
        if (j->entry)
            return folder;
        sofa_fail_nomem(&err, "a path");
    }
    note(j, &err, "the kernel is not kept");
    free(folder);
    return NULL;
}

enum sofa_code sofa_jit_load(const struct sofa_acsr_plan *plan, size_t d, const struct sofa_jit_options *options,
                             struct sofa_generated **kernel, struct sofa_jit_facts *facts, struct sofa_err *err)
{
    struct jit j = {.plan = plan, .options = options, .facts = facts, .d = d, .text = SOFA_STR_INIT};
    double start = sofa_seconds();
    enum sofa_code rc;
    char *cache = NULL;

    *kernel = NULL;
    *facts = (struct sofa_jit_facts){.cached = false};
    SOFA_TRY(sofa_compiler_find(options->compiler, &j.compiler, err));
    SOFA_TRY(write_text(&j, err));
    facts->text_bytes = j.text.length;
    cache = open_cache(&j);
    if (cache)
        load_cached(&j, kernel);
    facts->cached = facts->kept = *kernel != NULL;
    if (!*kernel)
        SOFA_TRY(build(&j, cache, kernel, err));
out:
    facts->seconds = sofa_seconds() - start;
    sofa_compiler_release(&j.compiler);
    sofa_str_release(&j.text);
    free(j.entry);
    free(cache);
    return rc;
}

void sofa_generated_free(struct sofa_generated *kernel)
{
    if (!kernel)
        return;
    if (kernel->object)
        dlclose(kernel->object);
    close(kernel->fd);
    free(kernel);
}

enum sofa_code sofa_generated_attention(const struct sofa_generated *kernel, const struct sofa_acsr_operands *operands,
                                        struct sofa_arena *arena, struct sofa_err *err)
{
    struct sofa_arena_mark mark = sofa_arena_mark(arena);
    float *scratch = sofa_arena_alloc(arena, kernel->scratch, sizeof *scratch);

    if (operands->d != kernel->d)
        return sofa_fail(err, SOFA_E_INPUT, "the kernel is for a head width of %zu, not %zu", kernel->d, operands->d);
    if (!scratch)
        return sofa_fail_nomem(err, "the scratch of a kernel");
    kernel->attend(operands->q, operands->k, operands->v, operands->out, scratch);
    sofa_arena_rewind(arena, mark);
    return SOFA_OK;
}

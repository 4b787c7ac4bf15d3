#include "study/inputs.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"

#define WHOLE_MOST ((size_t)64 << 20)
#define PART ((size_t)1 << 20)
#define FILES_MOST 1024

static void add(struct sofa_str *out, const char *kind, const char *name, const void *data, size_t size)
{
    char digest[SOFA_SHA256_TEXT];

    sofa_sha256(data, size, digest);
    sofa_str_addf(out, "%s %s %s\n", kind, name, digest);
}

static enum sofa_code add_file(struct sofa_str *out, const char *kind, const char *path, struct sofa_err *err)
{
    struct sofa_str parts = SOFA_STR_INIT;
    struct sofa_map map;
    enum sofa_code rc;

    SOFA_TRY(sofa_map_open(path, &map, err));
    if (map.size <= WHOLE_MOST) {
        add(out, kind, sofa_path_base(path), map.data, map.size);
    } else {
        sofa_str_addf(&parts, "%zu\n", map.size);
        sofa_str_add_bytes(&parts, (const char *)map.data, PART);
        sofa_str_add_bytes(&parts, (const char *)map.data + map.size - PART, PART);
        add(out, kind, sofa_path_base(path), parts.text, parts.length);
        if (parts.failed)
            rc = sofa_fail_nomem(err, path);
    }
    sofa_map_close(&map);
out:
    sofa_str_release(&parts);
    return rc;
}

/* A path, or a name of the program's own data. */
static enum sofa_code add_named(struct sofa_str *out, const char *kind, const struct sofa_node *node, const char *folder,
                                const char *name, struct sofa_err *err)
{
    char *path = NULL;
    enum sofa_code rc;

    SOFA_TRY(sofa_problem_find_file(node, folder, name, &path, err));
    rc = add_file(out, kind, path, err);
out:
    free(path);
    return rc;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Of a checkpoint's folder what can hold numbers: not a README, say. */
static bool belongs(const char *name)
{
    static const char *const endings[] = {".json", ".safetensors", ".npy"};
    size_t n = strlen(name);

    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++)
        if (n > strlen(endings[i]) && strcmp(name + n - strlen(endings[i]), endings[i]) == 0)
            return true;
    return false;
}

static enum sofa_code add_folder(struct sofa_str *out, const char *kind, const char *folder, struct sofa_err *err)
{
    DIR *open_folder = opendir(folder);
    enum sofa_code rc = SOFA_OK;
    struct dirent *entry;
    char *path[FILES_MOST];
    size_t n = 0;

    if (!open_folder) /* a file by itself */
        return add_file(out, kind, folder, err);
    while (n < FILES_MOST && (entry = readdir(open_folder)))
        if (belongs(entry->d_name) && (path[n] = sofa_path_join(folder, entry->d_name)))
            n++;
    closedir(open_folder);
    qsort(path, n, sizeof *path, by_name);
    for (size_t i = 0; i < n; i++) {
        if (rc == SOFA_OK)
            rc = add_file(out, kind, path[i], err);
        free(path[i]);
    }
    return rc;
}

/* Their texts are at hand. */
static void add_hardware(struct sofa_str *out, const struct sofa_problem *p)
{
    static const char *const kinds[] = {"hardware", "technology", "sram", "ert", "art"};

    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        const struct sofa_document *document = p->hardware.document[i];
        const char *text;
        size_t size;

        if (!document)
            continue;
        text = sofa_document_text(document, &size);
        add(out, kinds[i], sofa_path_base(sofa_document_root(document)->file), text, size);
    }
    if (p->hardware.sram_text)
        add(out, "cacti", "program", p->hardware.sram_text, strlen(p->hardware.sram_text));
}

enum sofa_code sofa_problem_inputs(const struct sofa_problem *p, struct sofa_str *out, struct sofa_err *err)
{
    const struct sofa_space_workload *w = &p->space->workload;
    enum sofa_code rc = SOFA_OK;

    if (p->space->evaluator.node)
        return rc;
    add_hardware(out, p);
    if (w->checkpoint)
        SOFA_TRY(add_folder(out, "checkpoint", w->checkpoint, err));
    if (w->text)
        SOFA_TRY(add_file(out, "text", w->text, err));
    if (w->shape)
        SOFA_TRY(add_named(out, "workload", w->node, "models/workloads", w->shape, err));
    if (w->statistics)
        SOFA_TRY(add_named(out, "statistics", w->node, "models/statistics", w->statistics, err));
    if (out->failed)
        rc = sofa_fail_nomem(err, "digests");
out:
    return rc;
}

/* Lines of `a` that `b` has not, by their names: with another digest, or not at all. */
static size_t differences(const char *a, const char *b, bool gone, struct sofa_str *out)
{
    size_t n = 0;

    for (; *a; a += strcspn(a, "\n"), a += *a == '\n') {
        size_t line = strcspn(a, "\n"), name = line > SOFA_SHA256_TEXT ? line - SOFA_SHA256_TEXT : 0;
        const char *at = b;

        while (*at && !(strncmp(at, a, name + 1) == 0 && strcspn(at, "\n") == line)) {
            at += strcspn(at, "\n");
            at += *at == '\n';
        }
        if (*at && (gone || strncmp(at, a, line) == 0))
            continue;
        n++;
        sofa_str_addf(out, "%s%.*s %s", out->length ? "; " : "", (int)name, a, *at ? "changed" : gone ? "is new" : "is gone");
    }
    return n;
}

size_t sofa_inputs_changes(const char *was, const char *now, struct sofa_str *out)
{
    size_t n = differences(was, now, false, out);

    return n + differences(now, was, true, out);
}

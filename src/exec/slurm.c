#include "exec/slurm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "exec/processes.h"

/* Told apart by address from words that happen to read the same. */
const char SOFA_SLURM_INDEX[] = "INDEX", SOFA_SLURM_CPUS[] = "CPUS";

#define WORDS_MAX 256

/* A word that a shell reads as exactly this text. */
static void add_quoted(struct sofa_str *out, const char *text)
{
    sofa_str_add(out, "'");
    for (; *text; text++) {
        if (*text == '\'')
            sofa_str_add(out, "'\\''");
        else
            sofa_str_add_bytes(out, text, 1);
    }
    sofa_str_add(out, "'");
}

static void add_script(struct sofa_str *out, const char *const *argv, size_t offset)
{
    sofa_str_add(out, "#!/bin/sh\nexec");
    for (size_t i = 0; argv[i]; i++) {
        sofa_str_add(out, " ");
        if (argv[i] == SOFA_SLURM_INDEX)
            sofa_str_addf(out, "\"$((SLURM_ARRAY_TASK_ID + %zu))\"", offset);
        else if (argv[i] == SOFA_SLURM_CPUS)
            sofa_str_add(out, "\"${SLURM_CPUS_PER_TASK:-1}\"");
        else
            add_quoted(out, argv[i]);
    }
    sofa_str_add(out, "\n");
}

static enum sofa_code write_script(const struct sofa_slurm_array *a, const char *name, const char *const *argv, size_t offset,
                                   char **path, struct sofa_err *err)
{
    struct sofa_str text = SOFA_STR_INIT;
    enum sofa_code rc;

    add_script(&text, argv, offset);
    *path = sofa_format("%s/slurm/%s.sh", a->folder, name);
    rc = *path && !text.failed ? sofa_file_write_atomic(*path, text.text, text.length, err) : sofa_fail_nomem(err, "a script");
    sofa_str_release(&text);
    return rc;
}

/* Indices of an array run from 0 to MaxArraySize - 1. */
static enum sofa_code array_limit(size_t *limit, struct sofa_err *err)
{
    char *const argv[] = {"scontrol", "show", "config", NULL};
    char *text = NULL;
    const char *at;
    enum sofa_code rc;

    SOFA_TRY(sofa_process_output(argv, &text, err));
    at = strstr(text, "MaxArraySize");
    at = at ? strchr(at, '=') : NULL;
    *limit = at ? strtoull(at + 1, NULL, 10) : 0;
    if (*limit < 1)
        rc = sofa_fail(err, SOFA_E_IO, "scontrol doesn't tell MaxArraySize; are job arrays switched off?");
out:
    free(text);
    return rc;
}

/* "0-5,7,9-10": the indices of one chunk, counted from its offset.  Returns where the next starts. */
static size_t add_ranges(struct sofa_str *out, const struct sofa_slurm_array *a, size_t from, size_t limit)
{
    size_t offset = a->index[from] / limit * limit, i = from;

    while (i < a->n && a->index[i] < offset + limit) {
        size_t first = i;

        while (i + 1 < a->n && a->index[i + 1] == a->index[i] + 1 && a->index[i + 1] < offset + limit)
            i++;
        sofa_str_addf(out, "%s%zu", out->length && out->text[out->length - 1] != '=' ? "," : "", a->index[first] - offset);
        if (i > first)
            sofa_str_addf(out, "-%zu", a->index[i] - offset);
        i++;
    }
    return i;
}

/* Runs sbatch with the common options, `extra` (array or dependency) and the script; *id is malloc'd. */
static enum sofa_code sbatch(const struct sofa_slurm_array *a, char **extra, const char *script, char **id, struct sofa_err *err)
{
    char *argv[WORDS_MAX], *name = sofa_format("--job-name=%s", a->name), *where = sofa_format("--chdir=%s", a->folder);
    enum sofa_code rc;
    size_t n = 0;

    if (!name || !where) {
        rc = sofa_fail_nomem(err, "sbatch");
        goto out;
    }
    argv[n++] = "sbatch";
    argv[n++] = "--parsable";
    argv[n++] = "--requeue";
    argv[n++] = "--signal=B:USR1@60";
    argv[n++] = name;
    argv[n++] = where;
    while (*extra)
        argv[n++] = *extra++;
    for (size_t i = 0; i < a->n_options && n < WORDS_MAX - 2; i++)
        argv[n++] = (char *)a->option[i];
    argv[n++] = (char *)script;
    argv[n] = NULL;
    SOFA_TRY(sofa_process_output(argv, id, err));
    (*id)[strcspn(*id, ";\n")] = '\0'; /* "17;cluster" */
out:
    free(name);
    free(where);
    return rc;
}

static enum sofa_code submit_chunk(const struct sofa_slurm_array *a, size_t *next, size_t limit, struct sofa_str *ids,
                                   struct sofa_err *err)
{
    size_t offset = a->index[*next] / limit * limit, end;
    struct sofa_str ranges = SOFA_STR_INIT;
    char *extra[] = {NULL, "--output=slurm/%A_%a.log", NULL}, *script = NULL, *id = NULL, name[48];
    enum sofa_code rc;

    snprintf(name, sizeof name, "tasks-%zu", offset);
    SOFA_TRY(write_script(a, name, a->argv, offset, &script, err));
    sofa_str_add(&ranges, "--array=");
    end = add_ranges(&ranges, a, *next, limit);
    extra[0] = ranges.text;
    SOFA_TRY(ranges.failed ? sofa_fail_nomem(err, "sbatch") : sbatch(a, extra, script, &id, err));
    sofa_str_addf(ids, "%s%s", ids->length ? "," : "", id);
    *next = end;
out:
    sofa_str_release(&ranges);
    free(script);
    free(id);
    return rc;
}

static enum sofa_code submit_after(const struct sofa_slurm_array *a, struct sofa_str *ids, struct sofa_err *err)
{
    struct sofa_str dependency = SOFA_STR_INIT;
    char *extra[] = {NULL, "--kill-on-invalid-dep=yes", "--output=slurm/merge-%j.log", NULL}, *script = NULL, *id = NULL;
    enum sofa_code rc;

    SOFA_TRY(write_script(a, "merge", a->after, 0, &script, err));
    sofa_str_add(&dependency, "--dependency=afterok:");
    for (const char *c = ids->text; *c; c++)
        sofa_str_add_bytes(&dependency, *c == ',' ? ":" : c, 1);
    extra[0] = dependency.text;
    SOFA_TRY(dependency.failed ? sofa_fail_nomem(err, "sbatch") : sbatch(a, extra, script, &id, err));
    sofa_str_addf(ids, ",%s", id);
out:
    sofa_str_release(&dependency);
    free(script);
    free(id);
    return rc;
}

enum sofa_code sofa_slurm_submit(const struct sofa_slurm_array *array, struct sofa_str *ids, size_t *submitted,
                                 struct sofa_err *err)
{
    char *folder = sofa_format("%s/slurm", array->folder);
    enum sofa_code rc;
    size_t limit;

    *submitted = 0;
    if (!folder)
        return sofa_fail_nomem(err, "sbatch");
    SOFA_TRY(sofa_make_directory(folder, err));
    SOFA_TRY(array_limit(&limit, err));
    while (*submitted < array->n)
        SOFA_TRY(submit_chunk(array, submitted, limit, ids, err));
    rc = submit_after(array, ids, err);
out:
    free(folder);
    return rc;
}

enum sofa_code sofa_slurm_active(const char *ids, bool *active, struct sofa_err *err)
{
    char *list = sofa_format("--jobs=%s", ids), *text = NULL;
    char *argv[] = {"squeue", "--noheader", "--format=%i", list, NULL};
    struct sofa_err why = SOFA_ERR_INIT;
    enum sofa_code rc;

    if (!list)
        return sofa_fail_nomem(err, "squeue");
    rc = sofa_process_output(argv, &text, &why);
    *active = rc == SOFA_OK && text[strspn(text, " \n")];
    if (rc != SOFA_OK && strstr(why.text, "Invalid job id")) /* ended so long ago that it is forgotten */
        rc = SOFA_OK;
    else if (rc != SOFA_OK)
        sofa_fail(err, rc, "%s", why.text);
    free(list);
    free(text);
    return rc;
}

enum sofa_code sofa_slurm_requeue_self(struct sofa_err *err)
{
    const char *id = getenv("SLURM_JOB_ID");
    char *argv[] = {"scontrol", "requeue", NULL, NULL}, *text = NULL;
    enum sofa_code rc;

    if (!id)
        return SOFA_OK;
    argv[2] = (char *)id;
    rc = sofa_process_output(argv, &text, err);
    free(text);
    return rc;
}

/* sofa-dse merge: one front out of many studies or fronts. */
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "base/str.h"
#include "cli/cli.h"
#include "study/merge.h"

struct merge_options {
    const char *output;
    bool by_workload;
};
static const struct sofa_option options[] = {
    {.name = "output", .letter = 'o', .kind = SOFA_OPTION_STRING, .offset = offsetof(struct merge_options, output),
     .argument = "OUT.json", .help = "where the front goes"},
    {.name = "by-workload", .kind = SOFA_OPTION_FLAG, .offset = offsetof(struct merge_options, by_workload),
     .help = "fronts of several workloads: keep a front of each"},
};

/* A study stands for the front it left. */
static enum sofa_code find_front(const char *name, char **path, struct sofa_err *err)
{
    *path = sofa_is_directory(name) ? sofa_path_join(name, "pareto.json") : sofa_format("%s", name);
    if (!*path)
        return sofa_fail_nomem(err, name);
    if (sofa_is_directory(name) && !sofa_file_exists(*path))
        return sofa_fail_at(err, SOFA_E_INPUT, name, 0, 0, "no front is there; expected a study that was finished or stopped");
    return SOFA_OK;
}

void sofa_tell_merged(const struct sofa_merge_result *result, size_t n, const char *of, const char *file)
{
    if (result->workloads > 1)
        fprintf(stderr, "%zu points on the fronts of %zu workloads of %zu %s, in %s\n", result->points, result->workloads, n, of,
                file);
    else
        fprintf(stderr, "%zu points on the front of %zu %s, in %s\n", result->points, n, of, file);
}

static enum sofa_code merge(char **name, size_t n, const struct merge_options *o, struct sofa_err *err)
{
    struct sofa_merge_source *source = calloc(n, sizeof *source);
    char **path = calloc(n, sizeof *path);
    struct sofa_merge_result result;
    enum sofa_code rc = SOFA_OK;

    if (!source || !path) {
        rc = sofa_fail_nomem(err, "the fronts");
        goto out;
    }
    for (size_t i = 0; i < n; i++) {
        SOFA_TRY(find_front(name[i], &path[i], err));
        source[i] = (struct sofa_merge_source){path[i], name[i]};
    }
    SOFA_TRY(sofa_merge_fronts(source, n, o->by_workload, o->output, &result, err));
    sofa_tell_merged(&result, n, "sources", o->output);
out:
    for (size_t i = 0; path && i < n; i++)
        free(path[i]);
    free(path);
    free(source);
    return rc;
}

static enum sofa_code run(int argc, char **argv, struct sofa_err *err)
{
    struct merge_options o = {.output = NULL};
    enum sofa_code rc;
    int operands;
    bool done;

    SOFA_TRY(sofa_options_read(&sofa_cmd_merge, argc, argv, &o, &operands, &done, err));
    if (done)
        goto out;
    if (!o.output)
        return sofa_fail(err, SOFA_E_USAGE, "merge: -o OUT.json is missing");
    rc = merge(argv + 1, (size_t)operands, &o, err);
out:
    return rc;
}

const struct sofa_command sofa_cmd_merge = {
    "merge", "merge A B... -o OUT.json [--by-workload]", "makes one front out of many studies or fronts", options,
    sizeof options / sizeof *options, 1, -1, run,
};

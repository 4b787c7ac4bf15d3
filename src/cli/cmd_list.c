/* sofa-dse list: what the program knows. */
#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "acsr/acsr.h"
#include "base/arena.h"
#include "base/file.h"
#include "base/str.h"
#include "cli/cli.h"
#include "config/node.h"
#include "model/model.h"
#include "opt/optimizer.h"
#include "space/parameter.h"

struct row {
    const char *name, *unit, *description;
};

struct listing {
    struct sofa_arena arena; /* texts and rows */
    struct row *rows;
    size_t count, room;
};

static enum sofa_code add_row(struct listing *l, const char *name, const char *unit, const char *description,
                              struct sofa_err *err)
{
    struct row row = {sofa_arena_strdup(&l->arena, name), sofa_arena_strdup(&l->arena, unit),
                      sofa_arena_strdup(&l->arena, description)};

    if (l->count == l->room) {
        size_t room = l->room ? 2 * l->room : 32;
        struct row *rows = realloc(l->rows, room * sizeof *rows);

        if (!rows)
            return sofa_fail_nomem(err, "the list");
        l->rows = rows;
        l->room = room;
    }
    if (!row.name || !row.unit || !row.description)
        return sofa_fail_nomem(err, "the list");
    l->rows[l->count++] = row;
    return SOFA_OK;
}

/* One row from DIRECTORY/NAME.yaml: its name and what its `description`, or else its `source`, says. */
static enum sofa_code add_file(struct listing *l, const char *folder, const char *name, struct sofa_err *err)
{
    char *file = sofa_format("%s/%s.yaml", folder, name), *path = file ? sofa_data_file(file) : NULL;
    struct sofa_document *document = NULL;
    const struct sofa_node *description;
    enum sofa_code rc = SOFA_OK;

    if (!path) {
        rc = sofa_fail_nomem(err, name);
        goto out;
    }
    SOFA_TRY(sofa_document_read(path, &document, err));
    description = sofa_node_get(sofa_document_root(document), "description");
    if (!description)
        description = sofa_node_get(sofa_document_root(document), "source");
    rc = add_row(l, name, "", description ? description->text : "", err);
out:
    sofa_document_free(document);
    free(path);
    free(file);
    return rc;
}

static enum sofa_code add_folder(struct listing *l, const char *folder, struct sofa_err *err)
{
    struct sofa_names names;
    enum sofa_code rc = SOFA_OK;

    if (!sofa_data_names(folder, &names))
        return sofa_fail(err, SOFA_E_IO, "the folder '%s' of the program's data was not found", folder);
    for (size_t i = 0; i < names.n && rc == SOFA_OK; i++)
        rc = add_file(l, folder, names.name[i], err);
    sofa_names_release(&names);
    return rc;
}

static enum sofa_code list_hardware(struct listing *l, struct sofa_err *err)
{
    return add_folder(l, "models/hardware", err);
}

static enum sofa_code list_workloads(struct listing *l, struct sofa_err *err)
{
    return add_folder(l, "models/workloads", err);
}

static enum sofa_code list_algorithms(struct listing *l, struct sofa_err *err)
{
    enum sofa_code rc = SOFA_OK;
    size_t n;
    const struct sofa_opt_algorithm *a = sofa_opt_algorithms(&n);

    for (size_t i = 0; i < n && rc == SOFA_OK; i++)
        rc = add_row(l, a[i].name, "", a[i].description, err);
    return rc;
}

static enum sofa_code list_metrics(struct listing *l, struct sofa_err *err)
{
    enum sofa_code rc = SOFA_OK;

    for (size_t i = 0; i < sofa_metric_count && rc == SOFA_OK; i++)
        rc = add_row(l, sofa_metrics[i].name, sofa_metrics[i].unit, sofa_metrics[i].help, err);
    return rc;
}

/* "query_lanes  1  queries worked on in parallel (P); 1 to 65536; each: layer" */
static enum sofa_code list_parameters(struct listing *l, struct sofa_err *err)
{
    struct sofa_str text = SOFA_STR_INIT;
    char least[SOFA_PARAMETER_TEXT_MAX], most[SOFA_PARAMETER_TEXT_MAX];
    enum sofa_code rc = SOFA_OK;
    size_t n;
    const struct sofa_parameter *p = sofa_parameters(&n);

    for (size_t i = 0; i < n && rc == SOFA_OK; i++) {
        sofa_str_clear(&text);
        sofa_str_addf(&text, "%s; ", p[i].help);
        for (size_t k = 0; p[i].names && p[i].names[k]; k++)
            sofa_str_addf(&text, "%s%s", k ? "|" : "", p[i].names[k]);
        if (!p[i].names) {
            sofa_parameter_text(&p[i], p[i].least, least);
            sofa_parameter_text(&p[i], p[i].most, most);
            sofa_str_addf(&text, "%s to %s", least, most);
        }
        sofa_str_add(&text, p[i].per_layer ? "; may be set for each layer" : "");
        rc = add_row(l, p[i].key, p[i].unit, text.text, err);
    }
    sofa_str_release(&text);
    return rc;
}

/* "window  -  window:reach: row i sees ...; SOURCE" */
static enum sofa_code list_generators(struct listing *l, struct sofa_err *err)
{
    struct sofa_str text = SOFA_STR_INIT;
    enum sofa_code rc = SOFA_OK;
    size_t n;
    const struct sofa_generator *g = sofa_generators(&n);

    for (size_t i = 0; i < n && rc == SOFA_OK; i++) {
        sofa_str_clear(&text);
        sofa_generator_form(&g[i], &text);
        sofa_str_addf(&text, ": %s; %s", g[i].help, g[i].source);
        rc = text.failed ? sofa_fail_nomem(err, "the list") : add_row(l, g[i].name, "", text.text, err);
    }
    sofa_str_release(&text);
    return rc;
}

static const struct {
    const char *name;
    enum sofa_code (*fill)(struct listing *l, struct sofa_err *err);
} kinds[] = {
    {"algorithms", list_algorithms},
    {"metrics", list_metrics},
    {"parameters", list_parameters},
    {"workloads", list_workloads},
    {"hardware", list_hardware},
    {"generators", list_generators},
};
#define N_KINDS (sizeof kinds / sizeof *kinds)

static enum sofa_code print_json(const struct listing *l, struct sofa_err *err)
{
    cJSON *list = cJSON_CreateArray();

    for (size_t i = 0; list && i < l->count; i++) {
        cJSON *row = cJSON_CreateObject();

        cJSON_AddStringToObject(row, "name", l->rows[i].name);
        cJSON_AddStringToObject(row, "unit", l->rows[i].unit);
        cJSON_AddStringToObject(row, "description", l->rows[i].description);
        cJSON_AddItemToArray(list, row);
    }
    return sofa_json_print(list, err);
}

static enum sofa_code print_rows(const struct listing *l, struct sofa_err *err)
{
    for (size_t i = 0; i < l->count; i++)
        printf("%-24s %-8s %s\n", l->rows[i].name, *l->rows[i].unit ? l->rows[i].unit : "-", l->rows[i].description);
    return sofa_output_finish(err);
}

static enum sofa_code find_kind(const char *name, size_t *index, struct sofa_err *err)
{
    const char *names[N_KINDS];

    for (*index = 0; *index < N_KINDS; ++*index) {
        names[*index] = kinds[*index].name;
        if (strcmp(name, kinds[*index].name) == 0)
            return SOFA_OK;
    }
    sofa_fail(err, SOFA_E_USAGE, "list: '%s' is not known", name);
    sofa_err_append_choices(err, name, names, N_KINDS);
    return SOFA_E_USAGE;
}

struct list_options {
    bool json;
};
static const struct sofa_option options[] = {
    {.name = "json", .kind = SOFA_OPTION_FLAG, .offset = offsetof(struct list_options, json), .help = "as JSON"},
};

static enum sofa_code run(int argc, char **argv, struct sofa_err *err)
{
    struct list_options o = {false};
    struct listing l = {SOFA_ARENA_INIT, NULL, 0, 0};
    enum sofa_code rc;
    int operands;
    bool done;
    size_t kind;

    SOFA_TRY(sofa_options_read(&sofa_cmd_list, argc, argv, &o, &operands, &done, err));
    if (done)
        goto out;
    SOFA_TRY(find_kind(argv[1], &kind, err));
    SOFA_TRY(kinds[kind].fill(&l, err));
    rc = o.json ? print_json(&l, err) : print_rows(&l, err);
out:
    free(l.rows);
    sofa_arena_release(&l.arena);
    return rc;
}

const struct sofa_command sofa_cmd_list = {
    "list", "list algorithms|metrics|parameters|workloads|hardware|generators [--json]",
    "lists what the program knows, one a line, with units and a description", options, 1, 1, 1, run,
};

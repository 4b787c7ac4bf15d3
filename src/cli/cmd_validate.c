/* sofa-dse validate: every published row, ours beside it. */
#include <cjson/cJSON.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/cli.h"
#include "cli/data.h"

#define NAME_WIDTH 42 /* the longest name */

struct validate_options {
    bool json;
};
static const struct sofa_option options[] = {
    {.name = "json", .kind = SOFA_OPTION_FLAG, .offset = offsetof(struct validate_options, json), .help = "as JSON"},
};

static enum sofa_code compute(const struct sofa_reference_data *data, double *ours, struct sofa_err *err)
{
    for (size_t i = 0; i < data->published.n_rows; i++) {
        const struct sofa_published_row *row = &data->published.row[i];
        bool known;

        ours[i] = sofa_validate_row(&data->validation, row, &known);
        if (!known)
            return sofa_fail(err, SOFA_E_INPUT, "no way to compute the row '%s' is known", row->name);
        if (!row->why && !isfinite(ours[i]))
            return sofa_fail(err, SOFA_E_EVAL, "the row '%s' came out as no number", row->name);
    }
    return SOFA_OK;
}

static enum sofa_code print_table(const struct sofa_validation *v, const double *ours, struct sofa_err *err)
{
    const struct sofa_published *p = v->published;
    struct sofa_str note = SOFA_STR_INIT;
    enum sofa_code rc = SOFA_OK;

    printf("%-*s %12s %12s %-9s %-10s %8s  %s\n", NAME_WIDTH, "row", "published", "ours", "unit", "kind", "error", "note");
    for (size_t i = 0; i < p->n_rows; i++) {
        const struct sofa_published_row *row = &p->row[i];

        SOFA_TRY(sofa_validate_note(v, row, &note, err));
        printf("%-*s %12.6g ", NAME_WIDTH, row->name, row->value);
        if (row->why)
            printf("%12s ", "-");
        else
            printf("%12.6g ", ours[i]);
        printf("%-9s %-10s ", row->unit, sofa_row_kind_names[row->kind]);
        if (row->why)
            printf("%8s  %s\n", "-", note.text);
        else
            printf("%+7.1f%%  %s\n", 100 * (ours[i] / row->value - 1), note.text);
    }
out:
    sofa_str_release(&note);
    return rc;
}

static enum sofa_code print_json(const struct sofa_validation *v, const double *ours, struct sofa_err *err)
{
    const struct sofa_published *p = v->published;
    cJSON *root = cJSON_CreateObject(), *rows = cJSON_AddArrayToObject(root, "rows");
    struct sofa_str note = SOFA_STR_INIT;
    enum sofa_code rc;

    for (size_t i = 0; rows && i < p->n_rows; i++) {
        const struct sofa_published_row *row = &p->row[i];
        cJSON *item;

        SOFA_TRY(sofa_validate_note(v, row, &note, err));
        item = cJSON_CreateObject();
        cJSON_AddStringToObject(item, "name", row->name);
        cJSON_AddNumberToObject(item, "published", row->value);
        cJSON_AddNumberToObject(item, "ours", ours[i]); /* NaN prints as null */
        cJSON_AddStringToObject(item, "unit", row->unit);
        cJSON_AddStringToObject(item, "kind", sofa_row_kind_names[row->kind]);
        cJSON_AddNumberToObject(item, "error", ours[i] / row->value - 1);
        cJSON_AddStringToObject(item, "note", note.text);
        cJSON_AddItemToArray(rows, item);
    }
    if (!rows) {
        cJSON_Delete(root);
        root = NULL;
    }
    rc = sofa_json_print(root, err);
    root = NULL;
out:
    cJSON_Delete(root);
    sofa_str_release(&note);
    return rc;
}

static enum sofa_code validate(const struct validate_options *o, struct sofa_err *err)
{
    struct sofa_reference_data *data = calloc(1, sizeof *data);
    double ours[SOFA_PUBLISHED_ROWS];
    enum sofa_code rc;

    if (!data)
        return sofa_fail_nomem(err, "the published rows");
    SOFA_TRY(sofa_reference_open(data, err));
    SOFA_TRY(compute(data, ours, err));
    if (o->json) {
        rc = print_json(&data->validation, ours, err);
    } else {
        SOFA_TRY(print_table(&data->validation, ours, err));
        rc = sofa_output_finish(err);
    }
out:
    sofa_reference_free(data);
    free(data);
    return rc;
}

static enum sofa_code run(int argc, char **argv, struct sofa_err *err)
{
    struct validate_options o = {false};
    enum sofa_code rc;
    int operands;
    bool done;

    SOFA_TRY(sofa_options_read(&sofa_cmd_validate, argc, argv, &o, &operands, &done, err));
    if (!done)
        rc = validate(&o, err);
out:
    return rc;
}

const struct sofa_command sofa_cmd_validate = {
    "validate", "validate [--json]", "every published figure beside ours, with its kind and error", options,
    sizeof options / sizeof *options, 0, 0, run,
};

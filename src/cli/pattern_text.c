/* A pattern in numbers, for people and as JSON. */
#include <cjson/cJSON.h>
#include <stdio.h>

#include "acsr/facts.h"
#include "base/unit.h"
#include "cli/pattern.h"

static cJSON *range_json(double least, double most)
{
    cJSON *o = cJSON_CreateObject();

    cJSON_AddNumberToObject(o, "least", least);
    cJSON_AddNumberToObject(o, "most", most);
    return o;
}

static cJSON *part_json(const struct sofa_acsr *part)
{
    cJSON *o = cJSON_CreateObject(), *shift;
    struct sofa_acsr_facts f;

    sofa_acsr_describe(part, &f);
    cJSON_AddNumberToObject(o, "members", (double)f.members);
    cJSON_AddNumberToObject(o, "width", (double)part->width);
    cJSON_AddNumberToObject(o, "rows", (double)f.rows);
    cJSON_AddItemToObject(o, "row", range_json((double)f.first_row, (double)f.last_row));
    cJSON_AddItemToObject(o, "column", range_json((double)f.first_column, (double)f.last_column));
    cJSON_AddItemToObject(o, "stride", range_json(f.stride_least, f.stride_most));
    cJSON_AddItemToObject(o, "count", range_json(f.count_least, f.count_most));
    shift = cJSON_AddObjectToObject(o, "shift");
    cJSON_AddNumberToObject(shift, "columns", f.shift);
    cJSON_AddNumberToObject(shift, "share", f.shift_share);
    return o;
}

/* [first, last, members] of each row, null where it has none; false when memory is exhausted. */
static bool add_spans(cJSON *o, const struct sofa_pattern *p)
{
    cJSON *rows = cJSON_AddArrayToObject(o, "row_spans");
    size_t first, last;
    bool ok = rows != NULL;

    for (size_t i = 0; i < p->rows && ok; i++) {
        if (sofa_pattern_row_span(p, i, &first, &last)) {
            double row[] = {(double)first, (double)last, (double)sofa_pattern_row_members(p, i)};

            ok = cJSON_AddItemToArray(rows, cJSON_CreateDoubleArray(row, 3));
        } else {
            ok = cJSON_AddItemToArray(rows, cJSON_CreateNull());
        }
    }
    return ok;
}

static void add_metadata(cJSON *o, const struct sofa_pattern_facts *f)
{
    cJSON *bytes = cJSON_AddObjectToObject(o, "metadata_bytes"), *span = cJSON_AddObjectToObject(o, "span");

    cJSON_AddNumberToObject(bytes, "acsr", (double)f->bytes);
    cJSON_AddNumberToObject(bytes, "csr", (double)f->bytes_csr);
    cJSON_AddNumberToObject(o, "padded_values", f->padded);
    cJSON_AddNumberToObject(span, "least", (double)f->span_least);
    cJSON_AddNumberToObject(span, "mean", f->span_mean);
    cJSON_AddNumberToObject(span, "most", (double)f->span_most);
}

struct cJSON *sofa_pattern_json(const struct sofa_pattern_source *source, bool spans)
{
    const struct sofa_pattern *p = &source->pattern;
    cJSON *o = cJSON_CreateObject(), *parts, *rest;
    struct sofa_pattern_facts f;

    sofa_pattern_describe(p, &f);
    cJSON_AddStringToObject(o, "pattern", source->spec);
    cJSON_AddStringToObject(o, "source", source->from_file ? "mask" : "generators");
    cJSON_AddNumberToObject(o, "rows", (double)p->rows);
    cJSON_AddNumberToObject(o, "columns", (double)p->columns);
    cJSON_AddBoolToObject(o, "causal", source->causal);
    cJSON_AddNumberToObject(o, "members", (double)f.members);
    cJSON_AddNumberToObject(o, "density", f.density);
    cJSON_AddNumberToObject(o, "width", (double)f.width);
    cJSON_AddNumberToObject(o, "empty_rows", (double)f.empty_rows);
    parts = cJSON_AddArrayToObject(o, "parts");
    for (size_t k = 0; k < p->n_parts; k++)
        cJSON_AddItemToArray(parts, part_json(&p->part[k]));
    rest = cJSON_AddObjectToObject(o, "remainder");
    cJSON_AddNumberToObject(rest, "members", (double)f.rest);
    add_metadata(o, &f);
    if (spans && !add_spans(o, p)) {
        cJSON_Delete(o);
        return NULL;
    }
    return o;
}

static void print_range(const char *what, long least, long most)
{
    if (least == most)
        printf("%s %ld", what, least);
    else
        printf("%s %ld to %ld", what, least, most);
}

static void print_part(size_t k, const struct sofa_acsr *part)
{
    struct sofa_acsr_facts f;

    sofa_acsr_describe(part, &f);
    printf("part %-8zu%zu members: rows %zu to %zu, columns %zu to %zu, ", k, f.members, f.first_row, f.last_row, f.first_column,
           f.last_column);
    print_range("stride", f.stride_least, f.stride_most);
    print_range(", count", f.count_least, f.count_most);
    if (f.shift_share > 0)
        printf(", first column %+d a row (%.0f %% of rows)", f.shift, 100 * f.shift_share);
    putchar('\n');
}

static void print_spans(const struct sofa_pattern *p)
{
    size_t first, last;

    printf("%10s %10s %10s %10s\n", "row", "first", "last", "members");
    for (size_t i = 0; i < p->rows; i++)
        if (sofa_pattern_row_span(p, i, &first, &last))
            printf("%10zu %10zu %10zu %10zu\n", i, first, last, sofa_pattern_row_members(p, i));
        else
            printf("%10zu %10s %10s %10d\n", i, "-", "-", 0);
}

void sofa_pattern_print(const struct sofa_pattern_source *source, bool spans)
{
    const struct sofa_pattern *p = &source->pattern;
    char acsr[SOFA_QUANTITY_TEXT_MAX], csr[SOFA_QUANTITY_TEXT_MAX];
    struct sofa_pattern_facts f;

    sofa_pattern_describe(p, &f);
    sofa_quantity_text((double)f.bytes, "B", acsr);
    sofa_quantity_text((double)f.bytes_csr, "B", csr);
    printf("%s: %zu queries, %zu keys%s\n", source->spec, p->rows, p->columns, source->causal ? ", causal" : "");
    printf("members      %zu, density %.4g %%\n", f.members, 100 * f.density);
    printf("width        %zu, members of the fullest row\n", f.width);
    if (f.empty_rows)
        printf("empty        %zu rows\n", f.empty_rows);
    printf("spans        %zu to %zu columns, mean %.4g\n", f.span_least, f.span_most, f.span_mean);
    for (size_t k = 0; k < p->n_parts; k++)
        print_part(k, &p->part[k]);
    printf("remainder    %zu members\n", f.rest);
    printf("metadata     %s; as CSR %s\n", acsr, csr);
    if (spans)
        print_spans(p);
}

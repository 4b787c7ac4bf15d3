#include "acsr/facts.h"

#include "acsr/build.h"

/* Counts of shifts seen, as a majority vote (Boyer and Moore) and then a recount. */
static void find_shift(const struct sofa_acsr *part, struct sofa_acsr_facts *facts)
{
    size_t votes = 0, pairs = 0, agree = 0;

    for (int pass = 0; pass < 2; pass++)
        for (size_t i = 1; i < part->rows; i++) {
            const struct sofa_acsr_row *a = &part->row[i - 1], *b = &part->row[i];

            if (!a->count || !b->count)
                continue;
            if (pass) {
                pairs++;
                agree += b->first - a->first == facts->shift;
            } else if (votes == 0) {
                facts->shift = b->first - a->first;
                votes = 1;
            } else {
                votes = b->first - a->first == facts->shift ? votes + 1 : votes - 1;
            }
        }
    facts->shift_share = pairs ? (double)agree / (double)pairs : 0;
}

static void add_row(const struct sofa_acsr_row *r, size_t i, struct sofa_acsr_facts *f)
{
    size_t last = (size_t)sofa_acsr_row_last(r);

    f->first_row = f->rows ? f->first_row : i;
    f->last_row = i;
    f->rows++;
    f->members += (size_t)r->count;
    f->first_column = (size_t)r->first < f->first_column ? (size_t)r->first : f->first_column;
    f->last_column = last > f->last_column ? last : f->last_column;
    f->count_least = r->count < f->count_least ? r->count : f->count_least;
    f->count_most = r->count > f->count_most ? r->count : f->count_most;
    if (r->count > 1) {
        f->stride_least = r->stride < f->stride_least ? r->stride : f->stride_least;
        f->stride_most = r->stride > f->stride_most ? r->stride : f->stride_most;
    }
}

void sofa_acsr_describe(const struct sofa_acsr *part, struct sofa_acsr_facts *facts)
{
    *facts = (struct sofa_acsr_facts){
        .first_column = SIZE_MAX, .stride_least = INT32_MAX, .stride_most = 1, .count_least = INT32_MAX};
    for (size_t i = 0; i < part->rows; i++)
        if (part->row[i].count)
            add_row(&part->row[i], i, facts);
    facts->stride_least = facts->stride_least > facts->stride_most ? facts->stride_most : facts->stride_least;
    find_shift(part, facts);
}

void sofa_pattern_describe(const struct sofa_pattern *pattern, struct sofa_pattern_facts *facts)
{
    size_t rows = pattern->rows, first, last, full = 0;
    double spans = 0;

    *facts = (struct sofa_pattern_facts){.members = sofa_pattern_members(pattern),
                                         .rest = pattern->rest.start[rows],
                                         .width = sofa_pattern_width(pattern),
                                         .span_least = SIZE_MAX,
                                         .bytes = sofa_pattern_bytes(pattern),
                                         .bytes_csr = sofa_pattern_bytes_csr(pattern)};
    facts->density = (double)facts->members / ((double)rows * (double)pattern->columns);
    for (size_t p = 0; p < pattern->n_parts; p++)
        facts->padded += (double)rows * (double)pattern->part[p].width;
    for (size_t i = 0; i < rows; i++) {
        size_t span;

        if (!sofa_pattern_row_span(pattern, i, &first, &last))
            continue;
        span = last - first + 1;
        full++;
        spans += (double)span;
        facts->span_least = span < facts->span_least ? span : facts->span_least;
        facts->span_most = span > facts->span_most ? span : facts->span_most;
    }
    facts->empty_rows = rows - full;
    facts->span_least = full ? facts->span_least : 0;
    facts->span_mean = full ? spans / (double)full : 0;
}

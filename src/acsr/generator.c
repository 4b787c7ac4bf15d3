#include "acsr/generator.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "acsr/build.h"
#include "base/str.h"

#define SIDE INT32_MAX
#define SIZE(name) {name, 1, SIDE, -1}
#define SIZE_OR(name, fallback) {name, 1, SIDE, fallback}

#define SPARSE_TRANSFORMER "Child et al.: Generating long sequences with sparse transformers, arXiv 1904.10509"
#define LONGFORMER "Beltagy et al.: Longformer, arXiv 2004.05150"
#define BIGBIRD "Zaheer et al.: Big Bird, NeurIPS 2020, arXiv 2007.14062"
#define SPLAT "Gupta et al.: SPLAT, OOPSLA 2025, arXiv 2407.16847"

/* The plain generators in the order of their kinds, then the unions in the order of unions[]. */
static const struct sofa_generator shown[] = {
    {"global_rows", {SIZE("rows")}, false, "the first `rows` rows see every column", LONGFORMER ", global attention"},
    {"global_columns", {SIZE("columns")}, false, "every row sees the first `columns` columns", LONGFORMER ", global attention"},
    {"prefix", {SIZE("columns")}, false, "every row sees the first `columns` columns, a prompt",
     "Xiao et al.: Efficient streaming language models with attention sinks, arXiv 2309.17453"},
    {"blocked", {SIZE("size")}, false, "row block b sees column blocks b-1 and b of `size`", SPLAT},
    {"block_window", {SIZE("size"), SIZE_OR("reach", 1)}, false, "row block b sees column blocks b-reach to b+reach of `size`",
     BIGBIRD ", window of blocks"},
    {"window", {SIZE("reach")}, false, "row i sees columns i-reach to i+reach", LONGFORMER ", sliding window"},
    {"dilated", {SIZE("reach"), SIZE("step")}, false, "row i sees columns i+t*step for t from -reach to reach",
     LONGFORMER ", dilated window"},
    {"strided", {SIZE("step")}, false, "row i sees columns j = i modulo `step`", SPARSE_TRANSFORMER ", strided attention"},
    /* half of the 512 of the published base model, and the one classification token */
    {"longformer", {SIZE_OR("reach", 256), SIZE_OR("tokens", 1)}, true, "window:reach+global_rows:tokens+global_columns:tokens",
     LONGFORMER},
    {"local_strided", {SIZE_OR("reach", 128), SIZE_OR("step", 128)}, true, "window:reach+strided:step",
     SPARSE_TRANSFORMER ", figure 3b"},
    /* block length 64, window 3 blocks, 2 global blocks: the published base model */
    {"bigbird", {SIZE_OR("size", 64), SIZE_OR("reach", 1), SIZE_OR("blocks", 2)}, true,
     "block_window:size:reach and the first `blocks` blocks of rows and of columns; without its random blocks", BIGBIRD},
};

#define N_SHOWN (sizeof shown / sizeof shown[0])

_Static_assert(N_SHOWN > N_KINDS, "every kind and the unions have a row");

const struct sofa_generator *sofa_generators(size_t *n)
{
    *n = N_SHOWN;
    return shown;
}

static void add(struct terms *terms, enum generator_kind kind, int64_t a, int64_t b)
{
    terms->term[terms->n++] = (struct term){kind, {a, b}};
}

static void longformer(const int64_t *number, struct terms *terms)
{
    add(terms, KIND_WINDOW, number[0], 0);
    add(terms, KIND_GLOBAL_ROWS, number[1], 0);
    add(terms, KIND_GLOBAL_COLUMNS, number[1], 0);
}

static void local_strided(const int64_t *number, struct terms *terms)
{
    add(terms, KIND_WINDOW, number[0], 0);
    add(terms, KIND_STRIDED, number[1], 0);
}

static void bigbird(const int64_t *number, struct terms *terms)
{
    add(terms, KIND_BLOCK_WINDOW, number[0], number[1]);
    add(terms, KIND_GLOBAL_ROWS, number[0] * number[2], 0);
    add(terms, KIND_GLOBAL_COLUMNS, number[0] * number[2], 0);
}

#define EXPANDED_MAX 3 /* terms that one union adds */

static void (*const unions[])(const int64_t *number, struct terms *terms) = {longformer, local_strided, bigbird};

_Static_assert(sizeof unions / sizeof unions[0] == N_SHOWN - N_KINDS, "every union has a row");

static size_t parameter_count(const struct sofa_generator *g)
{
    size_t n = 0;

    while (n < SOFA_GENERATOR_PARAMETERS && g->parameter[n].name)
        n++;
    return n;
}

static enum sofa_code find_generator(const char *name, size_t *index, struct sofa_err *err)
{
    const char *names[N_SHOWN];

    for (*index = 0; *index < N_SHOWN; ++*index) {
        names[*index] = shown[*index].name;
        if (!strcmp(name, shown[*index].name))
            return SOFA_OK;
    }
    sofa_fail(err, SOFA_E_INPUT, "no generator is called '%s'", name);
    sofa_err_append_choices(err, name, names, N_SHOWN);
    return SOFA_E_INPUT;
}

static enum sofa_code read_number(const struct sofa_generator *g, size_t k, const char *text, int64_t *value, struct sofa_err *err)
{
    const struct sofa_generator_parameter *p = &g->parameter[k];
    char *end;

    errno = 0;
    *value = strtoll(text, &end, 10);
    if (end != text && !*end && !errno && *value >= p->least && *value <= p->most && text[strspn(text, "0123456789")] == 0)
        return SOFA_OK;
    return sofa_fail(err, SOFA_E_INPUT, "generator %s: %s is '%s'; expected a whole number from %lld to %lld", g->name, p->name, text,
                     (long long)p->least, (long long)p->most);
}

void sofa_generator_form(const struct sofa_generator *generator, struct sofa_str *out)
{
    size_t n = parameter_count(generator), open = 0;

    sofa_str_add(out, generator->name);
    for (size_t k = 0; k < n; k++) {
        const struct sofa_generator_parameter *p = &generator->parameter[k];

        if (p->fallback < 0) {
            sofa_str_addf(out, ":%s", p->name);
        } else {
            sofa_str_addf(out, "[:%s=%lld", p->name, (long long)p->fallback);
            open++;
        }
    }
    while (open-- > 0)
        sofa_str_add(out, "]");
}

static void append_form(const struct sofa_generator *g, struct sofa_err *err)
{
    struct sofa_str form = SOFA_STR_INIT;

    sofa_generator_form(g, &form);
    sofa_err_append(err, "; expected %s", form.text);
    sofa_str_release(&form);
}

/* The numbers after the name; `text` is NULL where none stand there.  Cuts text at the colons. */
static enum sofa_code read_numbers(const struct sofa_generator *g, char *text, int64_t *number, struct sofa_err *err)
{
    size_t n = parameter_count(g), k = 0;

    for (; k < n && text; k++) {
        char *next = strchr(text, ':');

        if (next)
            *next++ = 0;
        if (read_number(g, k, text, &number[k], err))
            return SOFA_E_INPUT;
        text = next;
    }
    if (text || (k < n && g->parameter[k].fallback < 0)) {
        if (text)
            sofa_fail(err, SOFA_E_INPUT, "generator %s has no parameter for '%s'", g->name, text);
        else
            sofa_fail(err, SOFA_E_INPUT, "generator %s lacks its parameter %s", g->name, g->parameter[k].name);
        append_form(g, err);
        return SOFA_E_INPUT;
    }
    for (; k < n; k++)
        number[k] = g->parameter[k].fallback;
    return SOFA_OK;
}

/* The text without the blanks around it; cuts it. */
static char *trim(char *text)
{
    size_t n;

    text += strspn(text, " \t");
    for (n = strlen(text); n > 0 && (text[n - 1] == ' ' || text[n - 1] == '\t'); n--)
        text[n - 1] = 0;
    return text;
}

/* One generator of a SPEC; cuts `text`. */
static enum sofa_code read_term(char *text, struct terms *terms, struct sofa_err *err)
{
    int64_t number[SOFA_GENERATOR_PARAMETERS] = {0};
    char *numbers = strchr(text, ':');
    size_t index;

    if (numbers)
        *numbers++ = 0;
    if (!*text)
        return sofa_fail(err, SOFA_E_INPUT, "the name of a generator is missing; expected NAME:NUMBER..., joined by '+'");
    if (find_generator(text, &index, err) || read_numbers(&shown[index], numbers, number, err))
        return SOFA_E_INPUT;
    if (terms->n + EXPANDED_MAX > TERMS_MAX)
        return sofa_fail(err, SOFA_E_INPUT, "more than %d generators are joined", TERMS_MAX - EXPANDED_MAX);
    if (index < N_KINDS)
        add(terms, (enum generator_kind)index, number[0], number[1]);
    else
        unions[index - N_KINDS](number, terms);
    return SOFA_OK;
}

/* By kind; of two of a kind the one with more members first, so that nothing may be left of the other. */
static int compare_terms(const void *x, const void *y)
{
    const struct term *a = x, *b = y;
    int larger_first = a->number[0] < b->number[0] ? 1 : a->number[0] > b->number[0] ? -1 : 0;

    if (a->kind != b->kind)
        return a->kind < b->kind ? -1 : 1;
    if (a->number[0] == b->number[0])
        return a->number[1] < b->number[1] ? -1 : a->number[1] > b->number[1];
    return a->kind == KIND_STRIDED ? -larger_first : larger_first;
}

enum sofa_code sofa_generator_parse(const char *spec, struct terms *terms, struct sofa_err *err)
{
    enum sofa_code rc = SOFA_OK;
    char *copy = strdup(spec), *text = copy;

    terms->n = 0;
    if (!copy)
        return sofa_fail_nomem(err, "a pattern's text");
    while (text && !rc) {
        char *next = strchr(text, '+');

        if (next)
            *next++ = 0;
        rc = read_term(trim(text), terms, err);
        text = next;
    }
    free(copy);
    qsort(terms->term, terms->n, sizeof terms->term[0], compare_terms);
    return rc;
}

enum sofa_code sofa_pattern_check(const char *spec, struct sofa_err *err)
{
    struct terms terms;

    return sofa_generator_parse(spec, &terms, err);
}

/* The columns lo .. hi of stride `stride` through `anchor`, cut to [0, limit). */
static struct sofa_acsr_row cut(int64_t stride, int64_t anchor, int64_t lo, int64_t hi, int64_t limit)
{
    int64_t first;

    lo = lo < 0 ? 0 : lo;
    hi = hi >= limit ? limit - 1 : hi;
    first = lo + ((anchor - lo) % stride + stride) % stride;
    if (first > hi)
        return SOFA_ACSR_ROW_NONE;
    return sofa_acsr_row_make(stride, first, (hi - first) / stride + 1);
}

struct sofa_acsr_row sofa_generator_row(const struct term *term, size_t row, size_t limit)
{
    int64_t i = (int64_t)row, n = (int64_t)limit, a = term->number[0], b = term->number[1];

    switch (term->kind) {
    case KIND_GLOBAL_ROWS: return cut(1, 0, 0, i < a ? n - 1 : -1, n);
    case KIND_GLOBAL_COLUMNS:
    case KIND_PREFIX: return cut(1, 0, 0, a - 1, n);
    case KIND_BLOCKED: return cut(1, 0, (i / a - 1) * a, (i / a + 1) * a - 1, n);
    case KIND_BLOCK_WINDOW: return cut(1, 0, (i / a - b) * a, (i / a + b + 1) * a - 1, n);
    case KIND_WINDOW: return cut(1, i, i - a, i + a, n);
    case KIND_DILATED: return cut(b, i, i - a * b, i + a * b, n);
    case KIND_STRIDED: return cut(a, i, 0, n - 1, n);
    case N_KINDS: break;
    }
    return SOFA_ACSR_ROW_NONE;
}

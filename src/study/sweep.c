#include "study/sweep.h"

#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/str.h"
#include "opt/optimizer.h"

#define TASKS_MAX 1000000.0
#define NAME_MAX_TEXT 100

const char *const sofa_sweep_axis_names[SOFA_SWEEP_AXES] = {"space", "workload", "hardware", "algorithm", "seed", "evaluations"};

struct fields {
    int version;
    const char *name;
    const struct sofa_node *matrix, *include, *exclude, *slurm;
};
#define NODE(member) .kind = SOFA_FIELD_NODE, .offset = offsetof(struct fields, member)
static const struct sofa_field table[] = {
    {.key = "version", .kind = SOFA_FIELD_INTEGER, .offset = offsetof(struct fields, version), .least = 1, .most = 1, .required = true},
    {.key = "name", .kind = SOFA_FIELD_STRING, .offset = offsetof(struct fields, name), .required = true},
    {.key = "matrix", NODE(matrix)},
    {.key = "include", NODE(include)},
    {.key = "exclude", NODE(exclude)},
    {.key = "slurm", NODE(slurm)},
};

/* A value in one way of writing, so that equal values have equal texts. */
static void add_canonical(struct sofa_str *out, const struct sofa_node *node)
{
    if (node->kind == SOFA_NODE_SCALAR) {
        sofa_str_addf(out, "%zu:%s", strlen(node->text), node->text);
        return;
    }
    sofa_str_add(out, node->kind == SOFA_NODE_MAP ? "{" : "[");
    for (size_t i = 0; i < node->count; i++) {
        if (node->kind == SOFA_NODE_MAP)
            sofa_str_addf(out, "%s=", node->key[i]->text);
        add_canonical(out, node->item[i]);
        sofa_str_add(out, ",");
    }
    sofa_str_add(out, node->kind == SOFA_NODE_MAP ? "}" : "]");
}

/* Numbers are compared, and named, as what they are: 1 and 01 are one seed. */
static bool is_number(int axis)
{
    return axis == SOFA_SWEEP_SEED || axis == SOFA_SWEEP_EVALUATIONS;
}

static bool equal(const struct sofa_node *a, const struct sofa_node *b)
{
    if (a->kind != b->kind || a->count != b->count)
        return false;
    if (a->kind == SOFA_NODE_SCALAR)
        return strcmp(a->text, b->text) == 0;
    for (size_t i = 0; i < a->count; i++) {
        const struct sofa_node *other = a->kind == SOFA_NODE_MAP ? sofa_node_get(b, a->key[i]->text) : b->item[i];

        if (!other || !equal(a->item[i], other))
            return false;
    }
    return true;
}

static int axis_of(const char *key)
{
    int a = 0;

    while (strcmp(sofa_sweep_axis_names[a], key) != 0)
        a++;
    return a;
}

/* One axis of the matrix: its values, a single one standing for a list of one. */
struct axis {
    int index;
    size_t count;
    const struct sofa_node *const *value;
    const struct sofa_node *one;
};

static enum sofa_code read_axes(const struct sofa_node *matrix, struct axis *axis, size_t *n, struct sofa_err *err)
{
    enum sofa_code rc;

    *n = 0;
    SOFA_TRY(sofa_node_check_keys(matrix, sofa_sweep_axis_names, SOFA_SWEEP_AXES, err));
    for (size_t i = 0; i < matrix->count; i++) {
        struct axis *a = &axis[i];

        a->index = axis_of(matrix->key[i]->text);
        a->one = matrix->item[i];
        a->count = a->one->kind == SOFA_NODE_LIST ? a->one->count : 1;
        a->value = a->one->kind == SOFA_NODE_LIST ? (const struct sofa_node *const *)a->one->item : &a->one;
        if (!a->count)
            return sofa_node_fail(a->one, err, "'%s' has no values", matrix->key[i]->text);
    }
    *n = matrix->count;
out:
    return rc;
}

static bool equal_on(int axis, const struct sofa_node *a, const struct sofa_node *b)
{
    long i, j;

    if (is_number(axis) && sofa_node_integer(a, 0, LONG_MAX, &i, NULL) == SOFA_OK &&
        sofa_node_integer(b, 0, LONG_MAX, &j, NULL) == SOFA_OK)
        return i == j;
    return equal(a, b);
}

/* Whether a task has every value of a map. */
static bool has_all(const struct sofa_sweep_task *task, const struct sofa_node *map)
{
    for (size_t i = 0; i < map->count; i++) {
        int a = axis_of(map->key[i]->text);

        if (!task->value[a] || !equal_on(a, task->value[a], map->item[i]))
            return false;
    }
    return true;
}

/* used[i]: that exclude->item[i] took some combination out. */
static bool excluded(const struct sofa_sweep_task *task, const struct sofa_node *exclude, bool *used)
{
    bool out = false;

    for (size_t i = 0; exclude && i < exclude->count; i++)
        if (has_all(task, exclude->item[i]))
            out = used[i] = true;
    return out;
}

static enum sofa_code check_list(const struct sofa_node *list, struct sofa_err *err)
{
    enum sofa_code rc = SOFA_OK;

    if (!list)
        return SOFA_OK;
    SOFA_TRY(sofa_node_expect(list, SOFA_NODE_LIST, err));
    for (size_t i = 0; i < list->count; i++) {
        SOFA_TRY(sofa_node_expect(list->item[i], SOFA_NODE_MAP, err));
        SOFA_TRY(sofa_node_check_keys(list->item[i], sofa_sweep_axis_names, SOFA_SWEEP_AXES, err));
        if (!list->item[i]->count)
            return sofa_node_fail(list->item[i], err, "no keys");
        for (size_t k = 0; k < list->item[i]->count; k++)
            if (list->item[i]->item[k]->kind == SOFA_NODE_LIST)
                return sofa_node_fail(list->item[i]->item[k], err, "a list stands here; expected a value, in an entry for each");
    }
out:
    return rc;
}

/* Combination k of the axes. */
static void set_values(struct sofa_sweep_task *t, const struct axis *axis, size_t n, size_t k)
{
    memset(t, 0, sizeof *t);
    for (size_t i = n; i-- > 0; k /= axis[i].count)
        t->value[axis[i].index] = axis[i].value[k % axis[i].count];
}

/* Every combination that is not excluded, the last axis varying fastest.  *idle is an entry of `exclude` that
 * excludes nothing, or NULL. */
static enum sofa_code combine(struct sofa_sweep *s, const struct fields *f, size_t room, const struct sofa_node **idle,
                              struct sofa_err *err)
{
    struct axis axis[SOFA_SWEEP_AXES];
    size_t n = 0, all = 1, excludes = f->exclude ? f->exclude->count : 0;
    bool *used = NULL;
    double product = 1;
    enum sofa_code rc = SOFA_OK;

    if (f->matrix) {
        SOFA_TRY(sofa_node_expect(f->matrix, SOFA_NODE_MAP, err));
        SOFA_TRY(read_axes(f->matrix, axis, &n, err));
    }
    for (size_t i = 0; i < n; i++)
        product *= (double)axis[i].count;
    if (product > TASKS_MAX)
        return sofa_node_fail(f->matrix, err, "%g tasks; at most %g", product, TASKS_MAX);
    all = n ? (size_t)product : 0;
    s->task = calloc(all + room + 1, sizeof *s->task);
    used = calloc(excludes + 1, sizeof *used);
    if (!s->task || !used) {
        rc = sofa_fail_nomem(err, "the tasks");
        goto out;
    }
    for (size_t k = 0; k < all; k++) {
        set_values(&s->task[s->n_tasks], axis, n, k);
        s->n_tasks += !excluded(&s->task[s->n_tasks], f->exclude, used);
    }
    for (size_t i = excludes; i-- > 0;)
        if (!used[i])
            *idle = f->exclude->item[i];
out:
    free(used);
    return rc;
}

/* Values of `map` that are of the matrix must be the task's; the others are added. */
static bool extend(struct sofa_sweep_task *task, const struct sofa_node *map, const struct sofa_node *matrix)
{
    for (size_t i = 0; i < map->count; i++) {
        int a = axis_of(map->key[i]->text);

        if (sofa_node_get(matrix, map->key[i]->text) && !equal_on(a, task->value[a], map->item[i]))
            return false;
    }
    for (size_t i = 0; i < map->count; i++)
        task->value[axis_of(map->key[i]->text)] = map->item[i];
    return true;
}

static void include(struct sofa_sweep *s, const struct fields *f)
{
    size_t combined = s->n_tasks;

    for (size_t i = 0; f->include && i < f->include->count; i++) {
        const struct sofa_node *map = f->include->item[i];
        bool used = false;

        memset(&s->task[s->n_tasks], 0, sizeof *s->task); /* may hold a combination that was excluded */
        for (size_t k = 0; k < combined; k++)
            used |= extend(&s->task[k], map, f->matrix);
        for (size_t j = 0; !used && j < map->count; j++)
            s->task[s->n_tasks].value[axis_of(map->key[j]->text)] = map->item[j];
        s->n_tasks += !used;
    }
}

static void add_word(struct sofa_str *out, const char *text)
{
    const char *base = sofa_path_base(text), *dot = strrchr(base, '.');
    size_t n = dot && (strcmp(dot, ".yaml") == 0 || strcmp(dot, ".yml") == 0) ? (size_t)(dot - base) : strlen(base);

    for (size_t i = 0; i < n; i++) {
        char c = isalnum((unsigned char)base[i]) || base[i] == '-' ? base[i] : '_';

        sofa_str_add_bytes(out, &c, 1);
    }
}

/* Value `v` of an axis: for people into `name`, in full into `all`. */
static void add_value(const struct sofa_sweep_task *t, int axis, struct sofa_str *name, struct sofa_str *all)
{
    const struct sofa_node *v = t->value[axis];
    char number[32];

    sofa_str_addf(all, "\n%s: ", sofa_sweep_axis_names[axis]);
    sofa_str_add(name, name->length ? "." : "");
    if (is_number(axis)) {
        snprintf(number, sizeof number, "%ld", axis == SOFA_SWEEP_SEED ? t->seed : t->evaluations);
        sofa_str_addf(name, "%s%s", sofa_sweep_axis_names[axis], number);
        sofa_str_addf(all, "%zu:%s", strlen(number), number);
    } else {
        add_word(name, v->kind == SOFA_NODE_SCALAR ? v->text : sofa_sweep_axis_names[axis]);
        add_canonical(all, v);
    }
}

/* "small.sofa-28nm.seed3.a1b2c3d4": what people look for, and a digest of everything, of more digits where the
 * name is cut short and many may have the same. */
static enum sofa_code name_task(struct sofa_sweep *s, struct sofa_sweep_task *t, struct sofa_err *err)
{
    struct sofa_str name = SOFA_STR_INIT, all = SOFA_STR_INIT, replaced = SOFA_STR_INIT;
    char digest[SOFA_SHA256_TEXT], text[NAME_MAX_TEXT];

    for (int a = 0; a < SOFA_SWEEP_AXES; a++)
        if (t->value[a])
            add_value(t, a, &name, a == SOFA_SWEEP_WORKLOAD || a == SOFA_SWEEP_HARDWARE ? &replaced : &all);
    sofa_str_add(&all, replaced.text);
    sofa_sha256(all.text, all.length, digest);
    snprintf(text, sizeof text, "%.80s.%.*s", name.text, name.length > 80 ? 16 : 8, digest);
    t->name = sofa_arena_strdup(&s->arena, text);
    t->override.text = sofa_arena_strdup(&s->arena, replaced.text);
    sofa_str_release(&name);
    sofa_str_release(&all);
    sofa_str_release(&replaced);
    return t->name && t->override.text ? SOFA_OK : sofa_fail_nomem(err, "the tasks");
}

static enum sofa_code resolve_space(struct sofa_sweep *s, struct sofa_sweep_task *t, struct sofa_err *err)
{
    const struct sofa_node *node = t->value[SOFA_SWEEP_SPACE];
    const char *text;
    char *path;
    enum sofa_code rc;

    if (!node)
        return sofa_node_fail(sofa_document_root(s->document), err, "a task has no 'space'; expected it in 'matrix' or 'include'");
    SOFA_TRY(sofa_node_string(node, &text, err));
    path = sofa_path_relative_to_file(s->file, text);
    t->space = path ? sofa_arena_strdup(&s->arena, path) : NULL;
    free(path);
    if (!t->space)
        rc = sofa_fail_nomem(err, text);
out:
    return rc;
}

static enum sofa_code resolve_algorithm(const struct sofa_node *node, const char **algorithm, struct sofa_err *err)
{
    const char *names[32];
    size_t n;
    const struct sofa_opt_algorithm *a = sofa_opt_algorithms(&n);
    enum sofa_code rc;
    int index;

    n = n < 32 ? n : 32;
    for (size_t i = 0; i < n; i++)
        names[i] = a[i].name;
    SOFA_TRY(sofa_node_choice(node, names, n, &index, err));
    *algorithm = names[index];
out:
    return rc;
}

static enum sofa_code resolve_task(struct sofa_sweep *s, struct sofa_sweep_task *t, struct sofa_err *err)
{
    enum sofa_code rc;

    t->seed = -1;
    t->override.workload = t->value[SOFA_SWEEP_WORKLOAD];
    t->override.hardware = t->value[SOFA_SWEEP_HARDWARE];
    SOFA_TRY(resolve_space(s, t, err));
    if (t->value[SOFA_SWEEP_ALGORITHM])
        SOFA_TRY(resolve_algorithm(t->value[SOFA_SWEEP_ALGORITHM], &t->algorithm, err));
    if (t->value[SOFA_SWEEP_SEED])
        SOFA_TRY(sofa_node_integer(t->value[SOFA_SWEEP_SEED], 0, 9007199254740992, &t->seed, err));
    if (t->value[SOFA_SWEEP_EVALUATIONS])
        SOFA_TRY(sofa_node_integer(t->value[SOFA_SWEEP_EVALUATIONS], 1, 1000000000, &t->evaluations, err));
    rc = name_task(s, t, err);
out:
    return rc;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp((*(const struct sofa_sweep_task *const *)a)->name, (*(const struct sofa_sweep_task *const *)b)->name);
}

/* Two tasks alike would write one folder. */
static enum sofa_code refuse_twins(struct sofa_sweep *s, struct sofa_err *err)
{
    const struct sofa_sweep_task **sorted = calloc(s->n_tasks + 1, sizeof *sorted);
    enum sofa_code rc = SOFA_OK;

    if (!sorted)
        return sofa_fail_nomem(err, "the tasks");
    for (size_t i = 0; i < s->n_tasks; i++)
        sorted[i] = &s->task[i];
    qsort(sorted, s->n_tasks, sizeof *sorted, compare_names);
    for (size_t i = 1; rc == SOFA_OK && i < s->n_tasks; i++)
        if (strcmp(sorted[i - 1]->name, sorted[i]->name) == 0)
            rc = sofa_node_fail(sorted[i]->value[SOFA_SWEEP_SPACE], err, "two tasks are the same: %s", sorted[i]->name);
    free(sorted);
    return rc;
}

static enum sofa_code read_slurm(struct sofa_sweep *s, const struct sofa_node *node, struct sofa_err *err)
{
    static const struct sofa_field options_table[] = {{.key = "options", .kind = SOFA_FIELD_NODE}};
    const struct sofa_node *options = NULL;
    enum sofa_code rc;

    SOFA_TRY(sofa_node_read(node, options_table, 1, &options, err));
    if (!options)
        goto out;
    SOFA_TRY(sofa_node_expect(options, SOFA_NODE_LIST, err));
    s->slurm_option = sofa_arena_alloc(&s->arena, options->count + 1, sizeof *s->slurm_option);
    if (!s->slurm_option)
        return sofa_fail_nomem(err, "the options");
    for (size_t i = 0; i < options->count; i++) {
        SOFA_TRY(sofa_node_string(options->item[i], &s->slurm_option[i], err));
        if (s->slurm_option[i][0] != '-')
            return sofa_node_fail(options->item[i], err, "'%s' is not an option; expected e.g. '--partition=short'",
                                  s->slurm_option[i]);
    }
    s->n_slurm = options->count;
out:
    return rc;
}

static enum sofa_code expand(struct sofa_sweep *s, struct sofa_err *err)
{
    const struct sofa_node *idle = NULL;
    struct fields f = {0};
    enum sofa_code rc;

    SOFA_TRY(sofa_node_read(sofa_document_root(s->document), table, sizeof table / sizeof *table, &f, err));
    s->name = f.name;
    if (!f.name[0] || f.name[0] == '.' || strchr(f.name, '/'))
        return sofa_node_fail(sofa_node_get(sofa_document_root(s->document), "name"), err,
                              "'%s' can't name a folder; expected letters, digits, '-', '_' and '.'", f.name);
    SOFA_TRY(check_list(f.include, err));
    SOFA_TRY(check_list(f.exclude, err));
    SOFA_TRY(combine(s, &f, f.include ? f.include->count : 0, &idle, err));
    include(s, &f);
    if (!s->n_tasks)
        return sofa_node_fail(sofa_document_root(s->document), err, "no tasks are left");
    for (size_t i = 0; i < s->n_tasks; i++)
        SOFA_TRY(resolve_task(s, &s->task[i], err));
    SOFA_TRY(refuse_twins(s, err));
    if (idle)
        return sofa_node_fail(idle, err, "excludes nothing; no combination has all of this");
    if (f.slurm)
        rc = read_slurm(s, f.slurm, err);
out:
    return rc;
}

enum sofa_code sofa_sweep_read(const char *file, struct sofa_sweep **sweep, struct sofa_err *err)
{
    struct sofa_sweep *s = calloc(1, sizeof *s);
    enum sofa_code rc;

    if (!s)
        return sofa_fail_nomem(err, file);
    s->file = sofa_arena_strdup(&s->arena, file);
    if (!s->file) {
        rc = sofa_fail_nomem(err, file);
        goto out;
    }
    SOFA_TRY(sofa_document_read(file, &s->document, err));
    SOFA_TRY(expand(s, err));
    *sweep = s;
    s = NULL;
out:
    sofa_sweep_free(s);
    return rc;
}

void sofa_sweep_free(struct sofa_sweep *sweep)
{
    if (!sweep)
        return;
    sofa_document_free(sweep->document);
    sofa_arena_release(&sweep->arena);
    free(sweep->task);
    free(sweep);
}

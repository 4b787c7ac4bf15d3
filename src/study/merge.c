#include "study/merge.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/str.h"
#include "opt/pareto.h"
#include "space/space.h"

#define SCHEMA "sofa-dse/pareto/1"
#define MOST_BYTES ((size_t)1 << 30)

struct point {
    double y[SOFA_OBJECTIVES_MAX]; /* minimised sense */
    cJSON *json;                   /* of its source's document */
    size_t source, order, group;
};

/* Points of one workload, or of one outside evaluator; those of others don't compare. */
struct group {
    const cJSON *subject;  /* a member "workload" or "evaluator"; NULL where the fronts have neither */
    size_t source;         /* the first that has it */
    double reference[SOFA_OBJECTIVES_MAX], volume; /* minimised sense: the worst of the sources' */
    size_t points;
};

struct merging {
    const struct sofa_merge_source *source;
    cJSON **document; /* [n] */
    size_t n, m;      /* sources, objectives */
    double sign[SOFA_OBJECTIVES_MAX];
    bool by_workload;
    struct group *group;
    size_t groups;
    struct point *point;
    size_t count, room;
};

static enum sofa_code fail_input(const struct merging *g, size_t i, const char *what, struct sofa_err *err)
{
    return sofa_fail_at(err, SOFA_E_INPUT, g->source[i].path, 0, 0, "%s", what);
}

static enum sofa_code read_document(struct merging *g, size_t i, struct sofa_err *err)
{
    const cJSON *schema;
    enum sofa_code rc;
    char *text = NULL;
    size_t size;

    SOFA_TRY(sofa_file_read(g->source[i].path, MOST_BYTES, &text, &size, err));
    g->document[i] = cJSON_ParseWithLength(text, size);
    schema = cJSON_GetObjectItemCaseSensitive(g->document[i], "schema");
    if (!g->document[i])
        rc = fail_input(g, i, "not a JSON document", err);
    else if (!cJSON_IsString(schema) || strcmp(schema->valuestring, SCHEMA) != 0)
        rc = fail_input(g, i, "not a front; expected one of schema " SCHEMA, err);
    else if (!cJSON_IsArray(cJSON_GetObjectItemCaseSensitive(g->document[i], "points")))
        rc = fail_input(g, i, "not a front; expected 'points'", err);
out:
    free(text);
    return rc;
}

/* The objectives of the first source: their number and senses. */
static enum sofa_code read_objectives(struct merging *g, struct sofa_err *err)
{
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(g->document[0], "objectives"), *o;

    g->m = (size_t)cJSON_GetArraySize(list);
    if (g->m < 1 || g->m > SOFA_OBJECTIVES_MAX)
        return fail_input(g, 0, "not a front; expected 'objectives'", err);
    g->m = 0;
    cJSON_ArrayForEach(o, list) {
        const cJSON *goal = cJSON_GetObjectItemCaseSensitive(o, "goal");

        if (!cJSON_IsString(goal) || !cJSON_IsString(cJSON_GetObjectItemCaseSensitive(o, "name")))
            return fail_input(g, 0, "an objective has no name and goal", err);
        g->sign[g->m++] = strcmp(goal->valuestring, "maximize") == 0 ? -1 : 1;
    }
    return SOFA_OK;
}

static enum sofa_code check_objectives(const struct merging *g, size_t i, struct sofa_err *err)
{
    const cJSON *first = cJSON_GetObjectItemCaseSensitive(g->document[0], "objectives");
    const cJSON *mine = cJSON_GetObjectItemCaseSensitive(g->document[i], "objectives");

    if (cJSON_Compare(first, mine, 1))
        return SOFA_OK;
    return sofa_fail_at(err, SOFA_E_INPUT, g->source[i].path, 0, 0, "its objectives are not those of %s", g->source[0].path);
}

static enum sofa_code make_room(struct merging *g, struct sofa_err *err)
{
    size_t room = g->room ? 2 * g->room : 256;
    struct point *more;

    if (g->count < g->room)
        return SOFA_OK;
    more = realloc(g->point, room * sizeof *more);
    if (!more)
        return sofa_fail_nomem(err, "the points");
    g->point = more;
    g->room = room;
    return SOFA_OK;
}

/* What was evaluated: how its points compare with others'. */
static const cJSON *subject_of(const cJSON *json)
{
    const cJSON *workload = cJSON_GetObjectItemCaseSensitive(json, "workload");

    return workload ? workload : cJSON_GetObjectItemCaseSensitive(json, "evaluator");
}

static const cJSON *command_of(const cJSON *subject)
{
    return cJSON_GetObjectItemCaseSensitive(subject, "command");
}

/* Of an evaluator the command counts; the axes of its space may differ, as those of ours. */
static bool same_subject(const cJSON *a, const cJSON *b)
{
    if (command_of(a) && command_of(b))
        return cJSON_Compare(command_of(a), command_of(b), 1);
    return a && b ? cJSON_Compare(a, b, 1) : a == b;
}

/* "bert-base-squad (attention, synthetic, 1 batch, 384 queries, 384 keys)", "./my-model (--fast)". */
static void describe_subject(const cJSON *subject, struct sofa_str *out)
{
    const cJSON *member, *list = command_of(subject) ? command_of(subject) : subject;
    size_t n = 0;

    if (!subject)
        sofa_str_add(out, "not named");
    cJSON_ArrayForEach(member, list) {
        sofa_str_add(out, n == 0 ? "" : n == 1 ? " (" : ", ");
        if (cJSON_IsString(member))
            sofa_str_addf(out, "%.60s", member->valuestring);
        else
            sofa_str_addf(out, "%g %s", member->valuedouble, member->string ? member->string : "");
        n++;
    }
    sofa_str_add(out, n > 1 ? ")" : "");
}

static enum sofa_code fail_unlike(const struct merging *g, const cJSON *subject, size_t i, struct sofa_err *err)
{
    struct sofa_str mine = SOFA_STR_INIT, first = SOFA_STR_INIT;
    enum sofa_code rc;

    describe_subject(subject, &mine);
    describe_subject(g->group[0].subject, &first);
    rc = sofa_fail_at(err, SOFA_E_INPUT, g->source[i].path, 0, 0, "its %s is %s, that of %s is %s; such points don't "
                      "compare, --by-workload keeps a front of each", command_of(subject) ? "evaluator" : "workload", mine.text,
                      g->source[g->group[0].source].path, first.text);
    sofa_str_release(&mine);
    sofa_str_release(&first);
    return rc;
}

/* The group of a subject, a new one where there is none. */
static enum sofa_code find_group(struct merging *g, const cJSON *subject, size_t i, size_t *index, struct sofa_err *err)
{
    struct group *more;

    for (*index = 0; *index < g->groups; ++*index)
        if (same_subject(g->group[*index].subject, subject))
            return SOFA_OK;
    if (g->groups && !g->by_workload)
        return fail_unlike(g, subject, i, err);
    more = realloc(g->group, (g->groups + 1) * sizeof *more);
    if (!more)
        return sofa_fail_nomem(err, "the workloads");
    g->group = more;
    more[g->groups] = (struct group){.subject = subject, .source = i};
    for (size_t k = 0; k < g->m; k++)
        more[g->groups].reference[k] = -INFINITY;
    g->groups++;
    return SOFA_OK;
}

/* One front of a source: all of it, or its part of one workload. */
static enum sofa_code take_reference(struct merging *g, size_t i, const cJSON *front, struct sofa_err *err)
{
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(front, "reference_point");
    enum sofa_code rc;
    size_t index;

    SOFA_TRY(find_group(g, subject_of(front), i, &index, err));
    for (size_t k = 0; k < g->m; k++) {
        const cJSON *v = cJSON_GetArrayItem(list, (int)k);

        if (cJSON_IsNull(v) && !cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(g->document[i], "points")))
            continue; /* it follows from a front, and there is none */
        if (!cJSON_IsNumber(v))
            return fail_input(g, i, "no 'reference_point'", err);
        g->group[index].reference[k] = fmax(g->group[index].reference[k], g->sign[k] * v->valuedouble);
    }
out:
    return rc;
}

static enum sofa_code take_point(struct merging *g, size_t i, cJSON *json, struct sofa_err *err)
{
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(g->document[0], "objectives"), *o;
    const cJSON *values = cJSON_GetObjectItemCaseSensitive(json, "objectives");
    const cJSON *subject = subject_of(json);
    struct point *p;
    enum sofa_code rc;
    size_t k = 0;

    SOFA_TRY(make_room(g, err));
    p = &g->point[g->count];
    *p = (struct point){.json = json, .source = i, .order = g->count};
    if (!subject)
        subject = subject_of(g->document[i]);
    SOFA_TRY(find_group(g, subject, i, &p->group, err));
    cJSON_ArrayForEach(o, list) {
        const cJSON *v = cJSON_GetObjectItemCaseSensitive(values, cJSON_GetObjectItemCaseSensitive(o, "name")->valuestring);

        if (!cJSON_IsNumber(v))
            return fail_input(g, i, "a point lacks an objective", err);
        p->y[k] = g->sign[k] * v->valuedouble;
        k++;
    }
    g->count++;
out:
    return rc;
}

/* A front of several workloads has a reference point for each. */
static enum sofa_code take_document(struct merging *g, size_t i, struct sofa_err *err)
{
    cJSON *fronts = cJSON_GetObjectItemCaseSensitive(g->document[i], "fronts"), *json;
    enum sofa_code rc = SOFA_OK;

    if (!fronts)
        SOFA_TRY(take_reference(g, i, g->document[i], err));
    cJSON_ArrayForEach(json, fronts)
        SOFA_TRY(take_reference(g, i, json, err));
    cJSON_ArrayForEach(json, cJSON_GetObjectItemCaseSensitive(g->document[i], "points"))
        SOFA_TRY(take_point(g, i, json, err));
out:
    return rc;
}

static enum sofa_code read_all(struct merging *g, struct sofa_err *err)
{
    enum sofa_code rc = SOFA_OK;

    for (size_t i = 0; i < g->n; i++) {
        SOFA_TRY(read_document(g, i, err));
        if (i == 0)
            SOFA_TRY(read_objectives(g, err));
        SOFA_TRY(check_objectives(g, i, err));
        SOFA_TRY(take_document(g, i, err));
    }
out:
    return rc;
}

/* By the objectives, then by where they come from. */
static int compare_points(const void *a, const void *b)
{
    const struct point *p = a, *q = b;

    for (size_t k = 0; k < SOFA_OBJECTIVES_MAX; k++)
        if (p->y[k] != q->y[k])
            return p->y[k] < q->y[k] ? -1 : 1;
    return p->order < q->order ? -1 : 1;
}

/* Keeps what no point of its workload dominates; of equal points the first. */
static enum sofa_code keep_front(struct merging *g, size_t group, struct sofa_err *err)
{
    double *y = malloc((g->count + 1) * g->m * sizeof *y);
    bool *on = malloc(g->count + 1);
    size_t n = 0, kept = 0, at = 0;
    enum sofa_code rc;

    if (!y || !on) {
        rc = sofa_fail_nomem(err, "the front");
        goto out;
    }
    for (size_t i = 0; i < g->count; i++)
        if (g->point[i].group == group)
            memcpy(y + n++ * g->m, g->point[i].y, g->m * sizeof *y);
    SOFA_TRY(sofa_pareto_front(y, n, g->m, on, err));
    SOFA_TRY(sofa_hypervolume(y, n, g->m, g->group[group].reference, &g->group[group].volume, err));
    for (size_t i = 0; i < g->count; i++)
        if (g->point[i].group != group || on[at++])
            g->point[kept++] = g->point[i];
    g->group[group].points = n - (g->count - kept);
    g->count = kept;
out:
    free(y);
    free(on);
    return rc;
}

static void copy_member(cJSON *to, const cJSON *from, const char *key)
{
    const cJSON *member = cJSON_GetObjectItemCaseSensitive(from, key);

    if (member)
        cJSON_AddItemToObject(to, key, cJSON_Duplicate(member, 1));
}

static cJSON *sources_json(const struct merging *g)
{
    static const char *const keys[] = {"program", "space", "workload", "evaluator", "constraints", "search", "reference_point",
                                       "hypervolume", "fronts", "sources"};
    cJSON *list = cJSON_CreateArray();

    for (size_t i = 0; i < g->n; i++) {
        cJSON *o = cJSON_CreateObject();

        cJSON_AddStringToObject(o, "name", g->source[i].name);
        for (size_t k = 0; k < sizeof keys / sizeof *keys; k++)
            copy_member(o, g->document[i], keys[k]);
        cJSON_AddItemToArray(list, o);
    }
    return list;
}

static void add_subject(cJSON *to, const struct group *group)
{
    if (group->subject)
        cJSON_AddItemToObject(to, group->subject->string, cJSON_Duplicate(group->subject, 1));
}

static bool is_replaced(const char *key)
{
    return strcmp(key, "id") == 0 || strcmp(key, "from") == 0 || strcmp(key, "workload") == 0 || strcmp(key, "evaluator") == 0;
}

/* The point as it was, numbered anew, with where it comes from. */
static cJSON *point_json(const struct merging *g, const struct point *p, size_t id)
{
    cJSON *o = cJSON_CreateObject(), *from = cJSON_CreateObject();
    const cJSON *member;

    cJSON_AddNumberToObject(o, "id", (double)id);
    cJSON_AddStringToObject(from, "source", g->source[p->source].name);
    copy_member(from, p->json, "id");
    copy_member(from, p->json, "from");
    cJSON_AddItemToObject(o, "from", from);
    if (g->groups > 1)
        add_subject(o, &g->group[p->group]);
    cJSON_ArrayForEach(member, p->json)
        if (!is_replaced(member->string))
            cJSON_AddItemToObject(o, member->string, cJSON_Duplicate(member, 1));
    return o;
}

static void add_measures(cJSON *to, const struct merging *g, const struct group *group)
{
    cJSON *list = cJSON_AddArrayToObject(to, "reference_point");

    for (size_t k = 0; k < g->m; k++)
        cJSON_AddItemToArray(list, cJSON_CreateNumber(g->sign[k] * group->reference[k]));
    cJSON_AddNumberToObject(to, "hypervolume", group->volume);
}

/* Of one workload as a study's; of several, what each has by itself. */
static void add_groups(cJSON *root, const struct merging *g)
{
    cJSON *list;

    if (g->groups == 1) {
        add_measures(root, g, &g->group[0]);
        return;
    }
    list = cJSON_AddArrayToObject(root, "fronts");
    for (size_t i = 0; i < g->groups; i++) {
        cJSON *o = cJSON_CreateObject();

        add_subject(o, &g->group[i]);
        cJSON_AddNumberToObject(o, "points", (double)g->group[i].points);
        add_measures(o, g, &g->group[i]);
        cJSON_AddItemToArray(list, o);
    }
}

static cJSON *front_json(const struct merging *g)
{
    cJSON *root = cJSON_CreateObject(), *o, *list;

    cJSON_AddStringToObject(root, "schema", SCHEMA);
    o = cJSON_AddObjectToObject(root, "program");
    cJSON_AddStringToObject(o, "name", PACKAGE_NAME);
    cJSON_AddStringToObject(o, "version", PACKAGE_VERSION);
    if (g->groups == 1)
        add_subject(root, &g->group[0]);
    copy_member(root, g->document[0], "objectives");
    cJSON_AddItemToObject(root, "sources", sources_json(g));
    add_groups(root, g);
    list = cJSON_AddArrayToObject(root, "points");
    for (size_t i = 0; i < g->count; i++)
        cJSON_AddItemToArray(list, point_json(g, &g->point[i], i));
    return root;
}

static enum sofa_code write_front(const struct merging *g, const char *out, struct sofa_err *err)
{
    struct sofa_str line = SOFA_STR_INIT;
    cJSON *root = front_json(g);
    char *text = sofa_json_text(root);
    enum sofa_code rc;

    if (text)
        sofa_str_addf(&line, "%s\n", text);
    rc = text && !line.failed ? sofa_file_write_atomic(out, line.text, line.length, err) : sofa_fail_nomem(err, "the front");
    cJSON_free(text);
    cJSON_Delete(root);
    sofa_str_release(&line);
    return rc;
}

enum sofa_code sofa_merge_fronts(const struct sofa_merge_source *source, size_t n, bool by_workload, const char *out,
                                 struct sofa_merge_result *result, struct sofa_err *err)
{
    struct merging g = {.source = source, .n = n, .by_workload = by_workload, .document = calloc(n + 1, sizeof *g.document)};
    enum sofa_code rc;

    if (!g.document)
        return sofa_fail_nomem(err, "the fronts");
    SOFA_TRY(read_all(&g, err));
    for (size_t i = 0; i < g.groups; i++)
        SOFA_TRY(keep_front(&g, i, err));
    qsort(g.point, g.count, sizeof *g.point, compare_points);
    SOFA_TRY(write_front(&g, out, err));
    *result = (struct sofa_merge_result){.points = g.count, .workloads = g.groups};
out:
    for (size_t i = 0; i < n; i++)
        cJSON_Delete(g.document[i]);
    free(g.document);
    free(g.group);
    free(g.point);
    return rc;
}

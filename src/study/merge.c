#include "study/merge.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/str.h"
#include "opt/pareto.h"
#include "space/space.h"

#define SCHEMA "sofa-dse/pareto/1"
#define MOST_BYTES ((size_t)1 << 30)

struct point {
    double y[SOFA_OBJECTIVES_MAX]; /* minimised sense */
    cJSON *json;                   /* of its source's document */
    size_t source, order;
};

struct merging {
    const struct sofa_merge_source *source;
    cJSON **document; /* [n] */
    size_t n, m;      /* sources, objectives */
    double sign[SOFA_OBJECTIVES_MAX];
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

static enum sofa_code take_point(struct merging *g, size_t i, cJSON *json, struct sofa_err *err)
{
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(g->document[0], "objectives"), *o;
    const cJSON *values = cJSON_GetObjectItemCaseSensitive(json, "objectives");
    struct point *p;
    enum sofa_code rc;
    size_t k = 0;

    SOFA_TRY(make_room(g, err));
    p = &g->point[g->count];
    *p = (struct point){.json = json, .source = i, .order = g->count};
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

static enum sofa_code read_all(struct merging *g, struct sofa_err *err)
{
    enum sofa_code rc = SOFA_OK;

    for (size_t i = 0; i < g->n; i++) {
        cJSON *json;

        SOFA_TRY(read_document(g, i, err));
        if (i == 0)
            SOFA_TRY(read_objectives(g, err));
        SOFA_TRY(check_objectives(g, i, err));
        cJSON_ArrayForEach(json, cJSON_GetObjectItemCaseSensitive(g->document[i], "points"))
            SOFA_TRY(take_point(g, i, json, err));
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

/* Keeps what nothing dominates.  Sorted, a point can only be dominated by one before it, and of equal
 * points the first stands first. */
static void keep_front(struct merging *g)
{
    size_t kept = 0;

    qsort(g->point, g->count, sizeof *g->point, compare_points);
    for (size_t i = 0; i < g->count; i++) {
        const struct point *p = &g->point[i];
        bool out = false;

        for (size_t j = kept; !out && j-- > 0;)
            out = sofa_pareto_dominates(g->point[j].y, p->y, g->m) || memcmp(g->point[j].y, p->y, g->m * sizeof *p->y) == 0;
        if (!out)
            g->point[kept++] = *p;
    }
    g->count = kept;
}

/* The worst of the sources' reference points: below it lie all of them. */
static enum sofa_code find_reference(const struct merging *g, double *reference, struct sofa_err *err)
{
    for (size_t k = 0; k < g->m; k++)
        reference[k] = -INFINITY;
    for (size_t i = 0; i < g->n; i++) {
        const cJSON *list = cJSON_GetObjectItemCaseSensitive(g->document[i], "reference_point");

        for (size_t k = 0; k < g->m; k++) {
            const cJSON *v = cJSON_GetArrayItem(list, (int)k);

            if (!cJSON_IsNumber(v))
                return fail_input(g, i, "no 'reference_point'", err);
            reference[k] = fmax(reference[k], g->sign[k] * v->valuedouble);
        }
    }
    return SOFA_OK;
}

static enum sofa_code measure(const struct merging *g, const double *reference, double *volume, struct sofa_err *err)
{
    double *y = malloc((g->count + 1) * g->m * sizeof *y);
    enum sofa_code rc;

    if (!y)
        return sofa_fail_nomem(err, "the front");
    for (size_t i = 0; i < g->count; i++)
        memcpy(y + i * g->m, g->point[i].y, g->m * sizeof *y);
    rc = sofa_hypervolume(y, g->count, g->m, reference, volume, err);
    free(y);
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
    static const char *const keys[] = {"program", "space", "workload", "constraints", "search", "reference_point", "hypervolume", "sources"};
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
    cJSON_ArrayForEach(member, p->json)
        if (strcmp(member->string, "id") != 0 && strcmp(member->string, "from") != 0)
            cJSON_AddItemToObject(o, member->string, cJSON_Duplicate(member, 1));
    return o;
}

static cJSON *front_json(const struct merging *g, const double *reference, double volume)
{
    cJSON *root = cJSON_CreateObject(), *o, *list;

    cJSON_AddStringToObject(root, "schema", SCHEMA);
    o = cJSON_AddObjectToObject(root, "program");
    cJSON_AddStringToObject(o, "name", PACKAGE_NAME);
    cJSON_AddStringToObject(o, "version", PACKAGE_VERSION);
    copy_member(root, g->document[0], "objectives");
    cJSON_AddItemToObject(root, "sources", sources_json(g));
    list = cJSON_AddArrayToObject(root, "reference_point");
    for (size_t k = 0; k < g->m; k++)
        cJSON_AddItemToArray(list, cJSON_CreateNumber(g->sign[k] * reference[k]));
    cJSON_AddNumberToObject(root, "hypervolume", volume);
    list = cJSON_AddArrayToObject(root, "points");
    for (size_t i = 0; i < g->count; i++)
        cJSON_AddItemToArray(list, point_json(g, &g->point[i], i));
    return root;
}

static enum sofa_code write_front(const struct merging *g, const char *out, struct sofa_err *err)
{
    double reference[SOFA_OBJECTIVES_MAX], volume = 0;
    struct sofa_str line = SOFA_STR_INIT;
    cJSON *root = NULL;
    char *text = NULL;
    enum sofa_code rc;

    SOFA_TRY(find_reference(g, reference, err));
    SOFA_TRY(measure(g, reference, &volume, err));
    root = front_json(g, reference, volume);
    text = cJSON_Print(root);
    if (text)
        sofa_str_addf(&line, "%s\n", text);
    rc = text && !line.failed ? sofa_file_write_atomic(out, line.text, line.length, err) : sofa_fail_nomem(err, "the front");
out:
    cJSON_free(text);
    cJSON_Delete(root);
    sofa_str_release(&line);
    return rc;
}

enum sofa_code sofa_merge_fronts(const struct sofa_merge_source *source, size_t n, const char *out, size_t *points,
                                 struct sofa_err *err)
{
    struct merging g = {.source = source, .n = n, .document = calloc(n + 1, sizeof *g.document)};
    enum sofa_code rc;

    if (!g.document)
        return sofa_fail_nomem(err, "the fronts");
    SOFA_TRY(read_all(&g, err));
    keep_front(&g);
    SOFA_TRY(write_front(&g, out, err));
    *points = g.count;
out:
    for (size_t i = 0; i < n; i++)
        cJSON_Delete(g.document[i]);
    free(g.document);
    free(g.point);
    return rc;
}

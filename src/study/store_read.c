/* The store, read. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "study/store_impl.h"

/* Everything of one trial while it is read. */
struct reading {
    struct sofa_arena arena;
    struct sofa_store_parameter *parameter;
    struct sofa_store_metric *metric;
    struct sofa_statistics selection;
    size_t room_parameters, room_metrics;
};

static char *column_text(struct reading *r, sqlite3_stmt *q, int i)
{
    const char *text = (const char *)sqlite3_column_text(q, i);

    return sofa_arena_strdup(&r->arena, text ? text : "");
}

static bool make_room(void **rows, size_t *room, size_t count, size_t size)
{
    void *more;

    if (count < *room)
        return true;
    more = realloc(*rows, (*room ? 2 * *room : 32) * size);
    if (!more)
        return false;
    *rows = more;
    *room = *room ? 2 * *room : 32;
    return true;
}

static enum sofa_code read_parameters(struct sofa_store *s, struct reading *r, struct sofa_store_trial *t, struct sofa_err *err)
{
    sqlite3_stmt *q = s->statement[EACH_PARAMETER];
    int got;

    sqlite3_bind_int64(q, 1, (sqlite3_int64)t->id);
    while ((got = sqlite3_step(q)) == SQLITE_ROW) {
        if (!make_room((void **)&r->parameter, &r->room_parameters, t->parameters, sizeof *r->parameter))
            break;
        r->parameter[t->parameters++] = (struct sofa_store_parameter){column_text(r, q, 0), sqlite3_column_int(q, 1), sqlite3_column_double(q, 2)};
    }
    sqlite3_reset(q);
    t->parameter = r->parameter;
    return got == SQLITE_DONE ? SOFA_OK : sofa_store_fail(s, "read", err);
}

static enum sofa_code read_metrics(struct sofa_store *s, struct reading *r, struct sofa_store_trial *t, struct sofa_err *err)
{
    sqlite3_stmt *q = s->statement[EACH_METRIC];
    int got;

    sqlite3_bind_int64(q, 1, (sqlite3_int64)t->id);
    while ((got = sqlite3_step(q)) == SQLITE_ROW) {
        if (!make_room((void **)&r->metric, &r->room_metrics, t->metrics, sizeof *r->metric))
            break;
        r->metric[t->metrics++] = (struct sofa_store_metric){
            column_text(r, q, 0), column_text(r, q, 1),
            sqlite3_column_type(q, 2) == SQLITE_NULL ? (double)NAN : sqlite3_column_double(q, 2)};
    }
    sqlite3_reset(q);
    t->metric = r->metric;
    return got == SQLITE_DONE ? SOFA_OK : sofa_store_fail(s, "read", err);
}

#define SELECTION_2 offsetof(struct sofa_selection, mass) /* bytes of a head up to schema 2 */

/* Heads of `each` bytes as they lie in the file. */
static void take_heads(struct sofa_selection *head, size_t n, const char *bytes, size_t each)
{
    for (size_t i = 0; i < n; i++) {
        head[i].mass = head[i].output_error = NAN;
        memcpy(&head[i], bytes + i * each, each);
    }
}

static enum sofa_code read_selection(struct sofa_store *s, struct reading *r, struct sofa_store_trial *t, struct sofa_err *err)
{
    sqlite3_stmt *q = s->statement[EACH_SELECTION];
    enum sofa_code rc = SOFA_OK;
    size_t bytes, heads;

    sqlite3_bind_int64(q, 1, (sqlite3_int64)t->id);
    if (sqlite3_step(q) == SQLITE_ROW) {
        r->selection.layers = sqlite3_column_int(q, 0);
        r->selection.heads = sqlite3_column_int(q, 1);
        snprintf(r->selection.source, sizeof r->selection.source, "%s", (const char *)sqlite3_column_text(q, 2));
        bytes = (size_t)sqlite3_column_bytes(q, 3);
        heads = (size_t)r->selection.layers * (size_t)r->selection.heads;
        if (r->selection.layers < 1 || r->selection.heads < 1 ||
            (bytes != heads * sizeof *r->selection.head && bytes != heads * SELECTION_2)) {
            rc = sofa_fail_at(err, SOFA_E_IO, s->file, 0, 0, "the statistics of evaluation %zu are damaged", t->id);
        } else if (!(r->selection.head = sofa_arena_alloc(&r->arena, heads, sizeof *r->selection.head))) {
            rc = sofa_fail_nomem(err, s->file);
        } else {
            take_heads(r->selection.head, heads, sqlite3_column_blob(q, 3), bytes / heads);
            t->selection = &r->selection;
        }
    }
    sqlite3_reset(q);
    return rc;
}

static enum sofa_code read_trial(struct sofa_store *s, sqlite3_stmt *q, struct reading *r, struct sofa_store_trial *t,
                                 struct sofa_err *err)
{
    const char *status = (const char *)sqlite3_column_text(q, 1);
    enum sofa_code rc;
    int i = 0;

    sofa_arena_reset(&r->arena);
    while (i < SOFA_TRIAL_STATUSES && strcmp(sofa_trial_status_names[i], status ? status : "") != 0)
        i++;
    if (i == SOFA_TRIAL_STATUSES)
        return sofa_fail_at(err, SOFA_E_IO, s->file, 0, 0, "an evaluation has the unknown status '%s'", status ? status : "");
    *t = (struct sofa_store_trial){.id = (size_t)sqlite3_column_int64(q, 0), .status = (enum sofa_trial_status)i,
                                   .seconds = sqlite3_column_double(q, 2), .worker = (size_t)sqlite3_column_int64(q, 3),
                                   .reason = column_text(r, q, 4)};
    SOFA_TRY(read_parameters(s, r, t, err));
    SOFA_TRY(read_metrics(s, r, t, err));
    rc = read_selection(s, r, t, err);
out:
    return rc;
}

enum sofa_code sofa_store_each(struct sofa_store *store,
                               enum sofa_code (*row)(void *ctx, const struct sofa_store_trial *trial, struct sofa_err *err),
                               void *ctx, struct sofa_err *err)
{
    sqlite3_stmt *q = store->statement[EACH_EVALUATION];
    struct reading r = {.arena = SOFA_ARENA_INIT};
    struct sofa_store_trial trial;
    enum sofa_code rc = SOFA_OK;
    int got = SQLITE_DONE;

    while (rc == SOFA_OK && (got = sqlite3_step(q)) == SQLITE_ROW) {
        rc = read_trial(store, q, &r, &trial, err);
        if (rc == SOFA_OK)
            rc = row(ctx, &trial, err);
    }
    if (rc == SOFA_OK && got != SQLITE_DONE)
        rc = sofa_store_fail(store, "read", err);
    sqlite3_reset(q);
    free(r.parameter);
    free(r.metric);
    sofa_arena_release(&r.arena);
    return rc;
}

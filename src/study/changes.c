#include "study/changes.h"

#include <stdio.h>
#include <string.h>

#include "config/node.h"

#define PATH_MAX_TEXT 200

struct changes {
    struct sofa_str *out;
    size_t count, most;
};

/* A scalar as it stands; of others what they are. */
static const char *word(const struct sofa_node *node)
{
    if (!node)
        return "missing";
    return node->kind == SOFA_NODE_SCALAR ? node->text : node->kind == SOFA_NODE_LIST ? "a list" : "a map";
}

static void note(struct changes *c, const char *path, const struct sofa_node *was, const struct sofa_node *now)
{
    if (c->count++ < c->most)
        sofa_str_addf(c->out, "%s%s was %.60s, now %.60s", c->count > 1 ? "; " : "", path, word(was), word(now));
}

static void extend(char *to, const char *path, const char *name)
{
    snprintf(to, PATH_MAX_TEXT, "%.*s%s%s", PATH_MAX_TEXT / 2, path, *path && *name != '[' ? "." : "", name);
}

static void compare(struct changes *c, const char *path, const struct sofa_node *was, const struct sofa_node *now);

/* What the command line may set as well: compared as it takes effect, not as it is written.  And how long an
 * evaluator may take and when to end early, which one learns underway. */
static bool set_elsewhere(const char *path)
{
    static const char *const paths[] = {"search", "search.algorithm", "search.evaluations", "search.seed", "search.parallel",
                                        "search.stop", "search.stop.improvement", "search.stop.suggestions",
                                        "evaluator.timeout"};

    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        if (strcmp(path, paths[i]) == 0)
            return true;
    return false;
}

static void compare_maps(struct changes *c, const char *path, const struct sofa_node *was, const struct sofa_node *now)
{
    char below[PATH_MAX_TEXT];

    for (size_t i = 0; i < was->count; i++) {
        extend(below, path, was->key[i]->text);
        compare(c, below, was->item[i], sofa_node_get(now, was->key[i]->text));
    }
    for (size_t i = 0; i < now->count; i++) {
        if (sofa_node_get(was, now->key[i]->text))
            continue;
        extend(below, path, now->key[i]->text);
        compare(c, below, NULL, now->item[i]);
    }
}

static void compare_lists(struct changes *c, const char *path, const struct sofa_node *was, const struct sofa_node *now)
{
    size_t n = was->count > now->count ? was->count : now->count;
    char below[PATH_MAX_TEXT], index[32];

    for (size_t i = 0; i < n; i++) {
        snprintf(index, sizeof index, "[%zu]", i);
        extend(below, path, index);
        compare(c, below, i < was->count ? was->item[i] : NULL, i < now->count ? now->item[i] : NULL);
    }
}

static void compare(struct changes *c, const char *path, const struct sofa_node *was, const struct sofa_node *now)
{
    if (!was || !now || was->kind != now->kind) {
        if (!set_elsewhere(path))
            note(c, path, was, now);
    } else if (was->kind == SOFA_NODE_MAP) {
        compare_maps(c, path, was, now);
    } else if (was->kind == SOFA_NODE_LIST) {
        compare_lists(c, path, was, now);
    } else if (strcmp(was->text, now->text) != 0 && !set_elsewhere(path)) {
        note(c, path, was, now);
    }
}

size_t sofa_space_changes(const char *was, const char *now, size_t most, struct sofa_str *out)
{
    struct changes c = {.out = out, .most = most};
    struct sofa_document *before = NULL, *after = NULL;
    struct sofa_err err = SOFA_ERR_INIT;

    if (sofa_document_parse("the study's space", was, strlen(was), &before, &err) != SOFA_OK ||
        sofa_document_parse("the space", now, strlen(now), &after, &err) != SOFA_OK) {
        c.count = 1;
        sofa_str_addf(out, "what it was cannot be read: %s", err.text);
    } else {
        compare(&c, "", sofa_document_root(before), sofa_document_root(after));
    }
    if (c.count > most)
        sofa_str_addf(out, "; and %zu more", c.count - most);
    sofa_document_free(before);
    sofa_document_free(after);
    return c.count;
}

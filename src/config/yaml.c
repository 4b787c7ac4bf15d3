/* libyaml's events into nodes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/arena.h"
#include "base/file.h"
#include "config/node.h"

#define DOCUMENT_MAX ((size_t)64 << 20) /* bytes */
#define DEPTH_MAX 64

struct sofa_document {
    struct sofa_arena arena;
    char *file, *text;
    size_t size;
    const struct sofa_node *root;
};

/* A name for a node, "&name". */
struct anchor {
    struct anchor *next;
    const char *name;
    struct sofa_node *node;
    bool open; /* still being built: an alias would contain itself */
};

struct builder {
    struct sofa_document *document;
    yaml_parser_t parser;
    yaml_event_t event;
    bool have_event;
    struct anchor *anchors;
    struct sofa_err *err;
};

/* Nodes of a list or map while its length isn't known yet. */
struct growing {
    const struct sofa_node **item;
    size_t count, room;
};

static enum sofa_code fail_at_mark(struct builder *b, yaml_mark_t mark, const char *what)
{
    return sofa_fail_at(b->err, SOFA_E_INPUT, b->document->file, (int)mark.line + 1, (int)mark.column + 1, "%s", what);
}

static enum sofa_code next_event(struct builder *b)
{
    if (b->have_event)
        yaml_event_delete(&b->event);
    b->have_event = false;
    if (!yaml_parser_parse(&b->parser, &b->event)) {
        if (b->parser.error == YAML_MEMORY_ERROR)
            return sofa_fail_nomem(b->err, b->document->file);
        return fail_at_mark(b, b->parser.problem_mark, b->parser.problem ? b->parser.problem : "not YAML");
    }
    b->have_event = true;
    return SOFA_OK;
}

static enum sofa_code push(struct builder *b, struct growing *list, const struct sofa_node *node)
{
    if (list->count == list->room) {
        size_t room = list->room ? 2 * list->room : 8;
        const struct sofa_node **item = sofa_arena_alloc(&b->document->arena, room, sizeof *item);

        if (!item)
            return sofa_fail_nomem(b->err, b->document->file);
        if (list->count)
            memcpy(item, list->item, list->count * sizeof *item);
        list->item = item;
        list->room = room;
    }
    list->item[list->count++] = node;
    return SOFA_OK;
}

static enum sofa_code new_node(struct builder *b, enum sofa_node_kind kind, const char *anchor_name,
                               struct sofa_node **node, struct anchor **anchor)
{
    struct sofa_arena *arena = &b->document->arena;

    *anchor = NULL;
    *node = sofa_arena_zalloc(arena, 1, sizeof **node);
    if (!*node)
        return sofa_fail_nomem(b->err, b->document->file);
    **node = (struct sofa_node){.kind = kind, .text = "", .file = b->document->file,
                                .line = (int)b->event.start_mark.line + 1,
                                .column = (int)b->event.start_mark.column + 1};
    if (!anchor_name)
        return SOFA_OK;
    *anchor = sofa_arena_zalloc(arena, 1, sizeof **anchor);
    if (!*anchor || !((*anchor)->name = sofa_arena_strdup(arena, anchor_name)))
        return sofa_fail_nomem(b->err, b->document->file);
    (*anchor)->node = *node;
    (*anchor)->open = true;
    (*anchor)->next = b->anchors;
    b->anchors = *anchor;
    return SOFA_OK;
}

static enum sofa_code build_alias(struct builder *b, const struct sofa_node **out)
{
    const char *name = (const char *)b->event.data.alias.anchor;

    for (const struct anchor *a = b->anchors; a; a = a->next) {
        if (strcmp(a->name, name) != 0)
            continue;
        if (a->open)
            return fail_at_mark(b, b->event.start_mark, "an alias that contains itself");
        *out = a->node;
        return SOFA_OK;
    }
    return fail_at_mark(b, b->event.start_mark, "an alias to a name that was not given");
}

static enum sofa_code build_scalar(struct builder *b, const struct sofa_node **out)
{
    const char *text = (const char *)b->event.data.scalar.value;
    struct anchor *anchor;
    struct sofa_node *node;
    enum sofa_code rc;

    if (b->event.data.scalar.tag)
        return fail_at_mark(b, b->event.start_mark, "tags are not known here");
    if (strlen(text) != b->event.data.scalar.length)
        return fail_at_mark(b, b->event.start_mark, "a zero byte in a scalar");
    SOFA_TRY(new_node(b, SOFA_NODE_SCALAR, (const char *)b->event.data.scalar.anchor, &node, &anchor));
    node->text = sofa_arena_strdup(&b->document->arena, text);
    if (!node->text)
        return sofa_fail_nomem(b->err, b->document->file);
    node->quoted = b->event.data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    if (anchor)
        anchor->open = false;
    *out = node;
out:
    return rc;
}

static enum sofa_code build(struct builder *b, int depth, const struct sofa_node **out);

static enum sofa_code build_list(struct builder *b, int depth, const struct sofa_node **out)
{
    struct growing items = {NULL, 0, 0};
    const struct sofa_node *item;
    struct anchor *anchor;
    struct sofa_node *node;
    enum sofa_code rc;

    SOFA_TRY(new_node(b, SOFA_NODE_LIST, (const char *)b->event.data.sequence_start.anchor, &node, &anchor));
    for (;;) {
        SOFA_TRY(next_event(b));
        if (b->event.type == YAML_SEQUENCE_END_EVENT)
            break;
        SOFA_TRY(build(b, depth + 1, &item));
        SOFA_TRY(push(b, &items, item));
    }
    node->item = items.item;
    node->count = items.count;
    if (anchor)
        anchor->open = false;
    *out = node;
out:
    return rc;
}

static enum sofa_code build_key(struct builder *b, const struct growing *keys, const struct sofa_node **key)
{
    enum sofa_code rc;

    if (b->event.type != YAML_SCALAR_EVENT)
        return fail_at_mark(b, b->event.start_mark, "a key must be a word");
    SOFA_TRY(build_scalar(b, key));
    for (size_t i = 0; i < keys->count; i++)
        if (strcmp(keys->item[i]->text, (*key)->text) == 0)
            return sofa_node_fail(*key, b->err, "'%s' stands here twice; first in line %d", (*key)->text,
                                  keys->item[i]->line);
out:
    return rc;
}

static enum sofa_code build_map(struct builder *b, int depth, const struct sofa_node **out)
{
    struct growing keys = {NULL, 0, 0}, values = {NULL, 0, 0};
    const struct sofa_node *child;
    struct anchor *anchor;
    struct sofa_node *node;
    enum sofa_code rc;

    SOFA_TRY(new_node(b, SOFA_NODE_MAP, (const char *)b->event.data.mapping_start.anchor, &node, &anchor));
    for (;;) {
        SOFA_TRY(next_event(b));
        if (b->event.type == YAML_MAPPING_END_EVENT)
            break;
        SOFA_TRY(build_key(b, &keys, &child));
        SOFA_TRY(push(b, &keys, child));
        SOFA_TRY(next_event(b));
        SOFA_TRY(build(b, depth + 1, &child));
        SOFA_TRY(push(b, &values, child));
    }
    node->key = keys.item;
    node->item = values.item;
    node->count = keys.count;
    if (anchor)
        anchor->open = false;
    *out = node;
out:
    return rc;
}

/* The node that the current event starts. */
static enum sofa_code build(struct builder *b, int depth, const struct sofa_node **out)
{
    if (depth > DEPTH_MAX)
        return fail_at_mark(b, b->event.start_mark, "nested too deeply");
    switch (b->event.type) {
    case YAML_SCALAR_EVENT:
        return build_scalar(b, out);
    case YAML_ALIAS_EVENT:
        return build_alias(b, out);
    case YAML_SEQUENCE_START_EVENT:
        return build_list(b, depth, out);
    case YAML_MAPPING_START_EVENT:
        return build_map(b, depth, out);
    default:
        return fail_at_mark(b, b->event.start_mark, "nothing stands here; expected a value");
    }
}

static enum sofa_code build_document(struct builder *b)
{
    enum sofa_code rc;

    SOFA_TRY(next_event(b)); /* stream start */
    SOFA_TRY(next_event(b));
    if (b->event.type == YAML_STREAM_END_EVENT)
        return sofa_fail_at(b->err, SOFA_E_INPUT, b->document->file, 1, 1, "the file is empty");
    SOFA_TRY(next_event(b));
    SOFA_TRY(build(b, 0, &b->document->root));
    SOFA_TRY(next_event(b)); /* document end */
    SOFA_TRY(next_event(b));
    if (b->event.type != YAML_STREAM_END_EVENT)
        rc = fail_at_mark(b, b->event.start_mark, "a second document; expected one");
out:
    return rc;
}

static struct sofa_document *document_new(const char *file, char *text, size_t size)
{
    struct sofa_document *d = calloc(1, sizeof *d);

    if (!d)
        return NULL;
    d->text = text;
    d->size = size;
    d->file = sofa_arena_strdup(&d->arena, file);
    if (!d->file) {
        free(d);
        return NULL;
    }
    return d;
}

/* Takes `text`, also when it fails. */
static enum sofa_code parse_owned(const char *file, char *text, size_t size, struct sofa_document **document,
                                  struct sofa_err *err)
{
    struct sofa_document *d = document_new(file, text, size);
    struct builder b = {.document = d, .err = err};
    enum sofa_code rc;

    if (!d || !yaml_parser_initialize(&b.parser)) {
        if (!d)
            free(text);
        sofa_document_free(d);
        return sofa_fail_nomem(err, file);
    }
    yaml_parser_set_input_string(&b.parser, (const unsigned char *)text, size);
    yaml_parser_set_encoding(&b.parser, YAML_UTF8_ENCODING);
    rc = build_document(&b);
    if (b.have_event)
        yaml_event_delete(&b.event);
    yaml_parser_delete(&b.parser);
    if (rc == SOFA_OK)
        *document = d;
    else
        sofa_document_free(d);
    return rc;
}

enum sofa_code sofa_document_parse(const char *file, const char *text, size_t size, struct sofa_document **document,
                                   struct sofa_err *err)
{
    char *copy = malloc(size + 1);

    if (!copy)
        return sofa_fail_nomem(err, file);
    if (size)
        memcpy(copy, text, size);
    copy[size] = '\0';
    return parse_owned(file, copy, size, document, err);
}

enum sofa_code sofa_document_read(const char *file, struct sofa_document **document, struct sofa_err *err)
{
    enum sofa_code rc;
    char *text;
    size_t size;

    SOFA_TRY(sofa_file_read(file, DOCUMENT_MAX, &text, &size, err));
    rc = parse_owned(file, text, size, document, err);
out:
    return rc;
}

void sofa_document_free(struct sofa_document *document)
{
    if (!document)
        return;
    free(document->text);
    sofa_arena_release(&document->arena);
    free(document);
}

const struct sofa_node *sofa_document_root(const struct sofa_document *document)
{
    return document->root;
}

const char *sofa_document_text(const struct sofa_document *document, size_t *size)
{
    *size = document->size;
    return document->text;
}

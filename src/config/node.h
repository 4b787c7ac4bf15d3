/*
 * Documents as trees of nodes that know their place.
 *
 * YAML 1.1 (libyaml) and JSON, which is read as the YAML it is.  Duplicate keys, several
 * documents, tags and aliases that contain themselves are refused; aliases share their node.
 * Whoever reads a map lists the keys it knows: an unknown key is an error with its place and
 * a "did you mean".  All failures are SOFA_E_INPUT (or SOFA_E_NOMEM).
 */
#ifndef SOFA_CONFIG_NODE_H
#define SOFA_CONFIG_NODE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

enum sofa_node_kind { SOFA_NODE_SCALAR, SOFA_NODE_LIST, SOFA_NODE_MAP };

struct sofa_node {
    enum sofa_node_kind kind;
    bool quoted;                   /* a scalar written in quotes: a string, whatever it looks like */
    int line, column;              /* counted from 1 */
    const char *file;              /* lives as long as the document */
    const char *text;              /* scalar: its text, never NULL */
    size_t count;                  /* items of a list, entries of a map */
    const struct sofa_node **item; /* [count] the items, or the values of a map */
    const struct sofa_node **key;  /* [count] the keys of a map, scalars */
};

struct sofa_document; /* owns its nodes */

/* `file` names the place in messages; sofa_document_read reads that file, at most 64 MiB of it. */
enum sofa_code sofa_document_read(const char *file, struct sofa_document **document, struct sofa_err *err);
enum sofa_code sofa_document_parse(const char *file, const char *text, size_t size,
                                   struct sofa_document **document, struct sofa_err *err);
void sofa_document_free(struct sofa_document *document);
const struct sofa_node *sofa_document_root(const struct sofa_document *document);
/* The document's text, as it was read. */
const char *sofa_document_text(const struct sofa_document *document, size_t *size);

/* A failure at this node. */
enum sofa_code sofa_node_fail(const struct sofa_node *node, struct sofa_err *err, const char *fmt, ...)
    SOFA_PRINTF(3, 4);

/* The value of a key of a map, NULL where it isn't there (or `map` is no map). */
const struct sofa_node *sofa_node_get(const struct sofa_node *map, const char *key);
/* The same, an error at the map where it isn't there. */
enum sofa_code sofa_node_need(const struct sofa_node *map, const char *key, const struct sofa_node **value,
                              struct sofa_err *err);
enum sofa_code sofa_node_expect(const struct sofa_node *node, enum sofa_node_kind kind, struct sofa_err *err);

/* Scalars.  `unit` as in base/unit.h ("1" for a pure number); a NULL node is a programmer's error. */
enum sofa_code sofa_node_number(const struct sofa_node *node, const char *unit, double *value, struct sofa_err *err);
enum sofa_code sofa_node_integer(const struct sofa_node *node, long least, long most, long *value, struct sofa_err *err);
enum sofa_code sofa_node_bool(const struct sofa_node *node, bool *value, struct sofa_err *err);
enum sofa_code sofa_node_string(const struct sofa_node *node, const char **text, struct sofa_err *err);
/* One of `n` names, as its index. */
enum sofa_code sofa_node_choice(const struct sofa_node *node, const char *const *names, size_t n, int *index,
                                struct sofa_err *err);
bool sofa_node_is_null(const struct sofa_node *node);

/* A map read by a table: one row for each key, `base` is the structure the offsets count from.
 * Unknown keys are errors, required ones must be there, others keep what `base` holds. */
enum sofa_field_kind {
    SOFA_FIELD_NUMBER,  /* double, in `unit`, within [least, most] */
    SOFA_FIELD_INTEGER, /* int, within [least, most] */
    SOFA_FIELD_SIZE,    /* size_t, within [least, most] */
    SOFA_FIELD_BOOL,    /* bool */
    SOFA_FIELD_STRING,  /* const char *, lives as long as the document */
    SOFA_FIELD_CHOICE,  /* int, the index in `names` */
    SOFA_FIELD_NODE,    /* const struct sofa_node * */
};
struct sofa_field {
    const char *key;
    enum sofa_field_kind kind;
    size_t offset; /* offsetof(struct, member) */
    const char *unit;
    double least, most; /* numbers and integers; both 0: unbounded */
    const char *const *names; /* choices, NULL-terminated */
    bool required;
};
enum sofa_code sofa_node_read(const struct sofa_node *map, const struct sofa_field *fields, size_t n, void *base,
                              struct sofa_err *err);

/* The same of a whole file, which says what it is: its `kind`, one of the fields, must be this one. */
enum sofa_code sofa_node_read_kind(const struct sofa_node *root, const char *kind, const struct sofa_field *fields,
                                   size_t n, void *base, struct sofa_err *err);

/* A list of such maps into an array of at most `most` elements of `size` bytes; *count how many. */
enum sofa_code sofa_node_read_list(const struct sofa_node *list, const struct sofa_field *fields, size_t n, void *array,
                                   size_t size, size_t most, size_t *count, struct sofa_err *err);

/* Only the check for unknown keys. */
enum sofa_code sofa_node_check_keys(const struct sofa_node *map, const char *const *keys, size_t n,
                                    struct sofa_err *err);

#endif

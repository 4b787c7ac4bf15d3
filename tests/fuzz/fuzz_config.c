/* The YAML and JSON reader: every node of what it takes is read in every way, and each refusal is one line. */
#include <stdlib.h>
#include <string.h>

#include "config/node.h"
#include "tests/fuzz/fuzz.h"

const char *const fuzz_words[] = {"{",    "}",    "[",    "]",   ":",       ",",  "\"",    "'",   "&a ", "*a",   "- ",     "\n",
                                  "\n  ", "---",  "...",  "#",   "!!str ", "|\n", ">-\n",  "? ",  "<<",  "~",    "null",   "true",
                                  ".inf", ".nan", "0x10", "1e9", "MiB",    "GB/s", "\\u00", "\t", "\r",  "%YAML", "design", NULL};

static void check_refusal(const struct sofa_err *err)
{
    char line[SOFA_ERR_FILE_MAX + SOFA_ERR_TEXT_MAX + 64];

    sofa_err_format(err, line, sizeof line);
    if (!*line || strchr(line, '\n'))
        abort(); /* a refusal is one line */
}

static void read_scalar(const struct sofa_node *node)
{
    static const char *const names[] = {"one", "two", NULL}, *const units[] = {"1", "B", "Hz", "B/s", "J", "m^2"};
    struct sofa_err err = SOFA_ERR_INIT;
    const char *text;
    double number;
    long whole;
    bool truth;
    int index;

    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (sofa_node_number(node, units[i], &number, &err) != SOFA_OK)
            check_refusal(&err);
    if (sofa_node_integer(node, -5, 1000, &whole, &err) == SOFA_OK && (whole < -5 || whole > 1000))
        abort();
    if (sofa_node_bool(node, &truth, &err) != SOFA_OK || sofa_node_string(node, &text, &err) != SOFA_OK)
        check_refusal(&err);
    if (sofa_node_choice(node, names, 2, &index, &err) == SOFA_OK && (index < 0 || index > 1))
        abort();
    (void)sofa_node_is_null(node);
}

/* Nodes that aliases share are seen once for each way to them, hence the limit. */
static void read_all(const struct sofa_node *node, size_t *left)
{
    struct sofa_err err = SOFA_ERR_INIT;

    if (*left == 0)
        return;
    (*left)--;
    if (node->line < 1 || node->column < 1)
        abort();
    if (node->kind == SOFA_NODE_SCALAR)
        read_scalar(node);
    for (size_t i = 0; i < node->count; i++) {
        if (node->kind == SOFA_NODE_MAP && sofa_node_get(node, node->key[i]->text) != node->item[i])
            abort(); /* a key is there once */
        read_all(node->item[i], left);
    }
    if (node->kind == SOFA_NODE_MAP && sofa_node_check_keys(node, fuzz_words, 3, &err) != SOFA_OK)
        check_refusal(&err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sofa_err err = SOFA_ERR_INIT;
    struct sofa_document *document;
    size_t left = 10000;

    if (sofa_document_parse("input", (const char *)data, size, &document, &err) != SOFA_OK) {
        check_refusal(&err);
        return 0;
    }
    read_all(sofa_document_root(document), &left);
    sofa_document_free(document);
    return 0;
}

size_t fuzz_seed(size_t i, uint8_t *data, size_t room)
{
    static const char *const seeds[] = {
        "design:\n  frequency: 1 GHz   # a clock\n  sram: {size: 64 KiB, banks: [1, 2, 4]}\n  name: 'x'\n",
        "{\"shape\": [2, 3.5, -1e3, true, null], \"text\": \"a\\u00e9\\n\", \"empty\": {}, \"list\": []}\n",
        "base: &a\n  one: 1\nother: *a\nlines: |\n  kept\n  as they are\nfolded: >-\n  one\n  line\n",
    };
    size_t n;

    if (i >= sizeof seeds / sizeof *seeds)
        return 0;
    n = strlen(seeds[i]);
    if (n > room)
        return 0;
    memcpy(data, seeds[i], n);
    return n;
}

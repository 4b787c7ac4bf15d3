/* Text to ids: normalised, cut into words, each word into tokens. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "transformer/tokenizer_impl.h"
#include "transformer/unicode.h"

#define TEXT_MOST ((size_t)1 << 27) /* with SOFA_MARK_MOST, symbols are counted in an int32_t */

struct encoder {
    const struct sofa_tokenizer *t;
    const char *name;
    struct sofa_str text; /* normalised */
    struct sofa_bpe bpe;
    bool unknown_last;
    struct sofa_ids *ids;
    struct sofa_err *err;
};

#define FAIL(e, ...) sofa_fail_at((e)->err, SOFA_E_INPUT, (e)->name, 0, 0, __VA_ARGS__)

enum sofa_code sofa_ids_add(struct sofa_ids *ids, int32_t id, struct sofa_err *err)
{
    if (ids->count == ids->room) {
        size_t room = ids->room ? 2 * ids->room : 1024;
        int32_t *grown = realloc(ids->id, room * sizeof *grown);

        if (!grown)
            return sofa_fail_nomem(err, "token ids");
        ids->id = grown;
        ids->room = room;
    }
    ids->id[ids->count++] = id;
    return SOFA_OK;
}

static const unsigned char *bytes_of(const struct encoder *e)
{
    return (const unsigned char *)e->text.text;
}

/* Blanks by their mark. */
static void normalise_marks(struct encoder *e, const unsigned char *text, size_t size)
{
    const char *mark = e->t->mark ? e->t->mark : " ";
    size_t n = strlen(mark);
    bool there = size && (*text == ' ' || (size >= n && memcmp(text, mark, n) == 0));

    if (size && (e->t->mark_first == SOFA_MARK_ALWAYS || (e->t->mark_first == SOFA_MARK_UNLESS_THERE && !there)))
        sofa_str_add_bytes(&e->text, mark, n);
    for (size_t i = 0, end; i < size; i = end) {
        const unsigned char *blank = memchr(text + i, ' ', size - i);

        end = blank ? (size_t)(blank - text) : size;
        sofa_str_add_bytes(&e->text, (const char *)text + i, end - i);
        if (blank) {
            sofa_str_add_bytes(&e->text, mark, n);
            end++;
        }
    }
}

/* The blocks that BERT's tokenization.py calls Chinese, as the library `tokenizers` has them. */
static bool is_chinese(uint32_t c)
{
    return (c >= 0x4E00 && c <= 0x9FFF) || (c >= 0x3400 && c <= 0x4DBF) || (c >= 0x20000 && c <= 0x2A6DF) ||
           (c >= 0x2A700 && c <= 0x2B73F) || (c >= 0x2B740 && c <= 0x2B81F) || (c >= 0x2B920 && c <= 0x2CEAF) ||
           (c >= 0xF900 && c <= 0xFAFF) || (c >= 0x2F800 && c <= 0x2FA1F);
}

static bool is_dropped(uint32_t c)
{
    return c == 0 || c == 0xFFFD || (sofa_unicode_is(c, SOFA_UNICODE_CONTROL) && c != '\t' && c != '\n' && c != '\r');
}

/* One character as BertNormalizer has it; `text` are its n bytes. */
static void normalise_bert_character(struct encoder *e, uint32_t c, const char *text, size_t n)
{
    const struct sofa_tokenizer *t = e->t;
    bool chinese = t->chinese && is_chinese(c);
    char low = (char)(c - 'A' + 'a');

    if (t->clean && is_dropped(c))
        return;
    if (t->clean && sofa_unicode_is_space(c))
        sofa_str_add_bytes(&e->text, " ", 1);
    else if (t->lower && c >= 'A' && c <= 'Z')
        sofa_str_add_bytes(&e->text, &low, 1);
    else if (chinese)
        sofa_str_addf(&e->text, " %.*s ", (int)n, text);
    else
        sofa_str_add_bytes(&e->text, text, n);
}

static enum sofa_code normalise_bert(struct encoder *e, const unsigned char *text, size_t size)
{
    for (size_t i = 0, from; i < size;) {
        uint32_t c;

        from = i;
        c = sofa_utf8_next(text, size, &i);
        if (c >= 0x80 && (e->t->lower || e->t->strip) && sofa_unicode_is(c, SOFA_UNICODE_FOLDED))
            return FAIL(e, "byte %zu begins U+%04" PRIX32 ", whose case or accents the tokenizer would change; "
                        "that is supported for ASCII only", from, c);
        normalise_bert_character(e, c, (const char *)text + from, i - from);
    }
    return SOFA_OK;
}

static enum sofa_code normalise(struct encoder *e, const unsigned char *text, size_t size)
{
    enum sofa_code rc = SOFA_OK;

    if (e->t->kind == SOFA_TOKENIZER_WORDPIECE) {
        rc = normalise_bert(e, text, size);
    } else if (e->t->kind == SOFA_TOKENIZER_CHARACTERS) {
        normalise_marks(e, text, size);
    } else {
        if (size && e->t->blank_first && *text != ' ')
            sofa_str_add_bytes(&e->text, " ", 1);
        sofa_str_add_bytes(&e->text, (const char *)text, size);
    }
    if (rc == SOFA_OK && e->text.failed)
        rc = sofa_fail_nomem(e->err, e->name);
    return rc;
}

/* One of the symbols a word begins with, -1: what has no token. */
static enum sofa_code add_symbol(struct encoder *e, int32_t id, uint32_t code)
{
    bool bytes = e->t->kind == SOFA_TOKENIZER_BYTES;
    bool again = id < 0 && e->unknown_last && e->t->fuse_unknown;

    e->unknown_last = id < 0;
    if (id < 0 && e->t->unknown < 0)
        return FAIL(e, "%s%0*" PRIX32 " has no token in the checkpoint's vocabulary",
                    bytes ? "the byte 0x" : "the character U+", bytes ? 2 : 4, code);
    if (!again)
        sofa_bpe_add(&e->bpe, id < 0 ? e->t->unknown : id);
    return SOFA_OK;
}

static enum sofa_code add_character(struct encoder *e, uint32_t code, const unsigned char *s, size_t n)
{
    int32_t id = sofa_token_find(e->t, s, n, "", 0);

    if (id >= 0 || !e->t->byte_fallback)
        return add_symbol(e, id, code);
    for (size_t i = 0; i < n; i++)
        sofa_bpe_add(&e->bpe, e->t->byte[s[i]]);
    e->unknown_last = false;
    return SOFA_OK;
}

static enum sofa_code encode_pairs(struct encoder *e, size_t from, size_t to)
{
    const unsigned char *s = bytes_of(e);
    enum sofa_code rc;

    SOFA_TRY(sofa_bpe_begin(&e->bpe, to - from, e->err));
    e->unknown_last = false;
    for (size_t i = from, at = from; i < to; at = i) {
        if (e->t->kind == SOFA_TOKENIZER_BYTES) {
            SOFA_TRY(add_symbol(e, e->t->byte[s[at]], s[at]));
            i++;
        } else {
            uint32_t code = sofa_utf8_next(s, to, &i);

            SOFA_TRY(add_character(e, code, s + at, i - at));
        }
    }
    rc = sofa_bpe_merge(e->t, &e->bpe, e->ids, e->err);
out:
    return rc;
}

enum class { LETTER, NUMBER, SPACE, OTHER };

static enum class class_of(const unsigned char *s, size_t size, size_t at, size_t *next)
{
    uint32_t c;

    *next = at;
    c = sofa_utf8_next(s, size, next);
    return sofa_unicode_is_space(c)                  ? SPACE
           : sofa_unicode_is(c, SOFA_UNICODE_LETTER) ? LETTER
           : sofa_unicode_is(c, SOFA_UNICODE_NUMBER) ? NUMBER
                                                     : OTHER;
}

/* The end of a run of one class; *last is where its last character begins. */
static size_t run_of(const unsigned char *s, size_t size, size_t at, enum class class, size_t *last)
{
    size_t next;

    for (*last = at; at < size && class_of(s, size, at, &next) == class; at = next)
        *last = at;
    return at;
}

/* GPT-2's 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+ at `at`: the word's end. */
static size_t end_of_word(const unsigned char *s, size_t size, size_t at)
{
    static const char *const endings[] = {"s", "t", "re", "ve", "m", "ll", "d"};
    size_t next, last, end, start = s[at] == ' ' && at + 1 < size ? at + 1 : at;
    enum class class;

    for (size_t i = 0; s[at] == '\'' && i < sizeof endings / sizeof *endings; i++) {
        size_t n = strlen(endings[i]);

        if (size - at > n && memcmp(s + at + 1, endings[i], n) == 0)
            return at + 1 + n;
    }
    class = class_of(s, size, start, &next);
    if (class != SPACE)
        return run_of(s, size, start, class, &last);
    end = run_of(s, size, at, SPACE, &last);
    return end == size || last == at ? end : last; /* the last blank goes with the word behind it */
}

static size_t end_at_mark(const struct encoder *e, size_t at)
{
    const char *mark = e->t->mark;
    size_t n = strlen(mark), size = e->text.length;

    for (at++; at < size; at++)
        if (size - at >= n && memcmp(e->text.text + at, mark, n) == 0)
            break;
    return at;
}

static enum sofa_code encode_all_pairs(struct encoder *e)
{
    size_t size = e->text.length;
    enum sofa_code rc = SOFA_OK;

    for (size_t at = 0, end; at < size && rc == SOFA_OK; at = end) {
        end = e->t->kind == SOFA_TOKENIZER_BYTES ? end_of_word(bytes_of(e), size, at)
              : e->t->mark_splits                ? end_at_mark(e, at)
                                                 : size;
        rc = encode_pairs(e, at, end);
    }
    return rc;
}

/* The longest token that the rest of the word begins with, and on behind it; all or nothing. */
static enum sofa_code encode_pieces(struct encoder *e, size_t from, size_t to, size_t characters)
{
    const struct sofa_tokenizer *t = e->t;
    const char *s = e->text.text;
    size_t first = e->ids->count;
    bool known = characters <= t->word_most;
    enum sofa_code rc = SOFA_OK;

    for (size_t at = from, end; known && at < to && rc == SOFA_OK; at = end) {
        const char *prefix = at > from ? t->continuing : "";
        int32_t id = -1;

        for (end = to - at > t->longest ? at + t->longest : to; end > at && id < 0; end -= id < 0)
            id = sofa_token_find(t, prefix, strlen(prefix), s + at, end - at);
        known = id >= 0;
        if (known)
            rc = sofa_ids_add(e->ids, id, e->err);
    }
    if (known || rc != SOFA_OK)
        return rc;
    e->ids->count = first;
    return sofa_ids_add(e->ids, t->unknown, e->err);
}

static bool is_punctuation(uint32_t c)
{
    return (c >= '!' && c <= '/') || (c >= ':' && c <= '@') || (c >= '[' && c <= '`') || (c >= '{' && c <= '~') ||
           sofa_unicode_is(c, SOFA_UNICODE_PUNCTUATION);
}

/* BertPreTokenizer: words between blanks, and every sign of punctuation one of its own. */
static enum sofa_code encode_all_pieces(struct encoder *e)
{
    size_t size = e->text.length, from = 0, characters = 0, next;
    enum sofa_code rc = SOFA_OK;

    for (size_t at = 0; at < size; at = next) {
        uint32_t c;
        bool space, alone;

        next = at;
        c = sofa_utf8_next(bytes_of(e), size, &next);
        space = sofa_unicode_is_space(c);
        alone = space || is_punctuation(c);
        characters += !alone;
        if (!alone)
            continue;
        if (at > from)
            SOFA_TRY(encode_pieces(e, from, at, characters));
        if (!space)
            SOFA_TRY(encode_pieces(e, at, next, 1));
        from = next;
        characters = 0;
    }
    if (size > from)
        rc = encode_pieces(e, from, size, characters);
out:
    return rc;
}

static enum sofa_code check_text(const struct encoder *e, const unsigned char *text, size_t size)
{
    if (size > TEXT_MOST)
        return FAIL(e, "this text has %zu bytes; a tokenizer takes at most %zu", size, TEXT_MOST);
    for (size_t i = 0; i < size;)
        if (sofa_utf8_next(text, size, &i) == UINT32_MAX)
            return FAIL(e, "byte %zu is no UTF-8, which the checkpoint's tokenizer needs", i);
    return SOFA_OK;
}

enum sofa_code sofa_tokenizer_encode(const struct sofa_tokenizer *tokenizer, const char *name,
                                     const unsigned char *text, size_t size, struct sofa_ids *ids,
                                     struct sofa_err *err)
{
    struct encoder e = {.t = tokenizer, .name = name, .text = SOFA_STR_INIT, .ids = ids, .err = err};
    enum sofa_code rc;

    SOFA_TRY(check_text(&e, text, size));
    SOFA_TRY(normalise(&e, text, size));
    rc = tokenizer->kind == SOFA_TOKENIZER_WORDPIECE ? encode_all_pieces(&e) : encode_all_pairs(&e);
out:
    sofa_str_release(&e.text);
    sofa_bpe_release(&e.bpe);
    return rc;
}

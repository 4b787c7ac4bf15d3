/* tokenizer.json, read: the vocabulary, the merges, and the few settings that are built. */
#include "transformer/tokenizer.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "transformer/tokenizer_impl.h"

#define FILE_MOST ((size_t)256 << 20)
#define WORD_MOST 1000 /* a longer word would be searched for too long */

struct reader {
    const char *file;
    size_t vocabulary;
    struct sofa_tokenizer *t;
    struct sofa_err *err;
};

#define FAIL(r, ...) sofa_fail_at((r)->err, SOFA_E_INPUT, (r)->file, 0, 0, __VA_ARGS__)

static int32_t find_text(const struct sofa_tokenizer *t, const char *text)
{
    return sofa_token_find(t, text, strlen(text), "", 0);
}

static size_t places(size_t n)
{
    size_t p = 16;

    while (p < 2 * n)
        p *= 2;
    return p;
}

static const char *text_of(const cJSON *item, const char *key)
{
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(item, key));

    return text ? text : "";
}

static bool flag(const cJSON *item, const char *key, bool otherwise)
{
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(item, key);

    return cJSON_IsBool(value) ? cJSON_IsTrue(value) : otherwise;
}

/* Absent, null, false or "". */
static bool is_off(const cJSON *item, const char *key)
{
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(item, key);

    return !value || cJSON_IsNull(value) || cJSON_IsFalse(value) || (cJSON_IsString(value) && !*value->valuestring);
}

static enum sofa_code read_vocabulary(struct reader *r, const cJSON *vocab)
{
    struct sofa_tokenizer *t = r->t;

    if (!cJSON_IsObject(vocab) || !vocab->child)
        return FAIL(r, "'model.vocab' is missing or no map of tokens");
    t->tokens = places((size_t)cJSON_GetArraySize(vocab));
    t->token = calloc(t->tokens, sizeof *t->token);
    if (!t->token)
        return sofa_fail_nomem(r->err, "the vocabulary");
    for (const cJSON *item = vocab->child; item; item = item->next) {
        size_t n = strlen(item->string);
        double id = cJSON_IsNumber(item) ? item->valuedouble : -1;
        struct sofa_token *place = sofa_token_place(t, item->string, n, "", 0);

        if (!(id >= 0 && id < (double)r->vocabulary) || id != (double)(int32_t)id)
            return FAIL(r, "token '%s' has no id from 0 to %zu, which are the model's", item->string,
                        r->vocabulary - 1);
        *place = (struct sofa_token){item->string, n, (int32_t)id};
        t->longest = n > t->longest ? n : t->longest;
    }
    return SOFA_OK;
}

/* "a b", or ["a", "b"] as newer files have it. */
static bool split_merge(const cJSON *item, const char *part[2], size_t length[2])
{
    if (cJSON_IsString(item)) {
        const char *blank = strchr(item->valuestring, ' ');

        if (!blank || strchr(blank + 1, ' '))
            return false;
        part[0] = item->valuestring;
        part[1] = blank + 1;
        length[0] = (size_t)(blank - part[0]);
    } else {
        part[0] = cJSON_GetStringValue(cJSON_GetArrayItem(item, 0));
        part[1] = cJSON_GetStringValue(cJSON_GetArrayItem(item, 1));
        if (cJSON_GetArraySize(item) != 2 || !part[0] || !part[1])
            return false;
        length[0] = strlen(part[0]);
    }
    length[1] = strlen(part[1]);
    return true;
}

static enum sofa_code read_merges(struct reader *r, const cJSON *merges)
{
    struct sofa_tokenizer *t = r->t;
    int32_t rank = 0;

    if (!cJSON_IsArray(merges))
        return FAIL(r, "'model.merges' is missing or no list");
    t->merges = places((size_t)cJSON_GetArraySize(merges));
    t->merge = calloc(t->merges, sizeof *t->merge);
    if (!t->merge)
        return sofa_fail_nomem(r->err, "the merges");
    for (const cJSON *item = merges->child; item; item = item->next, rank++) {
        const char *part[2];
        size_t n[2];
        int32_t left, right, id;

        if (!split_merge(item, part, n))
            return FAIL(r, "merge %d isn't a pair of tokens", (int)rank);
        left = sofa_token_find(t, part[0], n[0], "", 0);
        right = sofa_token_find(t, part[1], n[1], "", 0);
        id = sofa_token_find(t, part[0], n[0], part[1], n[1]);
        if (left < 0 || right < 0 || id < 0)
            return FAIL(r, "merge %d, '%.*s' with '%s', is of or makes a token that isn't in the vocabulary",
                        (int)rank, (int)n[0], part[0], part[1]);
        *sofa_merge_place(t, sofa_pair(left, right)) = (struct sofa_merge){sofa_pair(left, right), rank, id, true};
    }
    return SOFA_OK;
}

static enum sofa_code read_unknown(struct reader *r, const cJSON *model)
{
    const char *unknown = text_of(model, "unk_token");

    r->t->unknown = *unknown ? find_text(r->t, unknown) : -1;
    if (*unknown && r->t->unknown < 0)
        return FAIL(r, "'model.unk_token' is '%s', which isn't in the vocabulary", unknown);
    return SOFA_OK;
}

/* What the 256 bytes are as characters: printable ones of Latin-1 themselves, others from U+0100 on (encoder.py). */
static void read_byte_tokens(struct sofa_tokenizer *t)
{
    uint32_t other = 0x100;

    for (uint32_t b = 0; b < 256; b++) {
        bool itself = (b >= '!' && b <= '~') || (b >= 0xA1 && b <= 0xAC) || b >= 0xAE;
        uint32_t code = itself ? b : other++;
        unsigned char s[2] = {(unsigned char)code, 0};
        size_t n = code < 0x80 ? 1 : 2;

        if (n == 2) {
            s[0] = (unsigned char)(0xC0 | code >> 6);
            s[1] = (unsigned char)(0x80 | (code & 0x3F));
        }
        t->byte[b] = sofa_token_find(t, s, n, "", 0);
    }
}

static enum sofa_code read_fallback(struct reader *r)
{
    char name[8];

    for (unsigned b = 0; b < 256; b++) {
        snprintf(name, sizeof name, "<0x%02X>", b);
        r->t->byte[b] = find_text(r->t, name);
        if (r->t->byte[b] < 0)
            return FAIL(r, "'model.byte_fallback' is set, but the vocabulary lacks %s", name);
    }
    return SOFA_OK;
}

static enum sofa_code read_byte_level(struct reader *r, const cJSON *pre)
{
    if (!flag(pre, "use_regex", true))
        return FAIL(r, "pre-tokenizer ByteLevel without its regular expression isn't supported");
    if (!is_off(r->t->json, "normalizer") || r->t->byte_fallback)
        return FAIL(r, "a normalizer or byte_fallback with pre-tokenizer ByteLevel isn't supported");
    r->t->kind = SOFA_TOKENIZER_BYTES;
    r->t->blank_first = flag(pre, "add_prefix_space", true);
    read_byte_tokens(r->t);
    return SOFA_OK;
}

static enum sofa_code set_mark(struct reader *r, const char *mark)
{
    bool other = r->t->mark && strcmp(r->t->mark, mark) != 0;

    if (!*mark || strlen(mark) > SOFA_MARK_MOST || strchr(mark, ' ') || other)
        return FAIL(r, "more than one mark for blanks isn't supported, nor a long one or one with a blank");
    r->t->mark = mark;
    return SOFA_OK;
}

static enum sofa_code read_metaspace(struct reader *r, const cJSON *pre)
{
    const char *scheme = text_of(pre, "prepend_scheme");
    bool never = strcmp(scheme, "never") == 0 || !flag(pre, "add_prefix_space", true);

    if (r->t->mark)
        return FAIL(r, "pre-tokenizer Metaspace with a normalizer isn't supported");
    if (*scheme && !never && strcmp(scheme, "first") != 0 && strcmp(scheme, "always") != 0)
        return FAIL(r, "prepend_scheme '%s' isn't supported", scheme);
    r->t->mark_first = never ? SOFA_MARK_NEVER : SOFA_MARK_UNLESS_THERE;
    r->t->mark_splits = flag(pre, "split", true);
    return set_mark(r, text_of(pre, "replacement"));
}

/* One step of a byte-pair model's normalizer: Prepend, Replace " ". */
static enum sofa_code read_mark_step(struct reader *r, const cJSON *step)
{
    const char *type = text_of(step, "type");

    if (strcmp(type, "Prepend") == 0 && !r->t->mark) {
        r->t->mark_first = SOFA_MARK_ALWAYS;
        return set_mark(r, text_of(step, "prepend"));
    }
    if (strcmp(type, "Replace") == 0 &&
        strcmp(text_of(cJSON_GetObjectItemCaseSensitive(step, "pattern"), "String"), " ") == 0)
        return set_mark(r, text_of(step, "content"));
    return FAIL(r, "normalizer '%s' isn't supported for a byte-pair model but as a mark before the text, and for blanks",
                type);
}

static enum sofa_code read_marks(struct reader *r, const cJSON *normalizer)
{
    const cJSON *steps = cJSON_GetObjectItemCaseSensitive(normalizer, "normalizers");
    bool replaces = false;
    enum sofa_code rc = SOFA_OK;

    if (cJSON_IsNull(normalizer) || !normalizer)
        return SOFA_OK;
    if (strcmp(text_of(normalizer, "type"), "Sequence") != 0)
        steps = NULL;
    for (const cJSON *step = steps ? steps->child : normalizer; step && rc == SOFA_OK;
         step = steps ? step->next : NULL) {
        replaces = replaces || strcmp(text_of(step, "type"), "Replace") == 0;
        rc = read_mark_step(r, step);
    }
    if (rc == SOFA_OK && r->t->mark && !replaces)
        rc = FAIL(r, "normalizer 'Prepend' isn't supported without a Replace of blanks by the same mark");
    return rc;
}

static enum sofa_code read_bpe(struct reader *r, const cJSON *model)
{
    static const char *const off[] = {"dropout", "continuing_subword_prefix", "end_of_word_suffix", "ignore_merges"};
    const cJSON *pre = cJSON_GetObjectItemCaseSensitive(r->t->json, "pre_tokenizer");
    const char *type = text_of(pre, "type");
    enum sofa_code rc;

    for (size_t i = 0; i < sizeof off / sizeof *off; i++)
        if (!is_off(model, off[i]))
            return FAIL(r, "'model.%s' isn't supported", off[i]);
    SOFA_TRY(read_merges(r, cJSON_GetObjectItemCaseSensitive(model, "merges")));
    SOFA_TRY(read_unknown(r, model));
    r->t->fuse_unknown = flag(model, "fuse_unk", false);
    r->t->byte_fallback = flag(model, "byte_fallback", false);
    if (strcmp(type, "ByteLevel") == 0)
        return read_byte_level(r, pre);
    r->t->kind = SOFA_TOKENIZER_CHARACTERS;
    SOFA_TRY(read_marks(r, cJSON_GetObjectItemCaseSensitive(r->t->json, "normalizer")));
    if (strcmp(type, "Metaspace") == 0)
        SOFA_TRY(read_metaspace(r, pre));
    else if (pre && !cJSON_IsNull(pre))
        return FAIL(r, "pre-tokenizer '%s' isn't supported for a byte-pair model; expected ByteLevel or Metaspace",
                    type);
    if (r->t->byte_fallback)
        rc = read_fallback(r);
out:
    return rc;
}

static enum sofa_code read_bert_normalizer(struct reader *r)
{
    const cJSON *n = cJSON_GetObjectItemCaseSensitive(r->t->json, "normalizer");

    if (!n || cJSON_IsNull(n))
        return SOFA_OK;
    if (strcmp(text_of(n, "type"), "BertNormalizer") != 0)
        return FAIL(r, "normalizer '%s' isn't supported for WordPiece; expected BertNormalizer", text_of(n, "type"));
    r->t->clean = flag(n, "clean_text", true);
    r->t->chinese = flag(n, "handle_chinese_chars", true);
    r->t->lower = flag(n, "lowercase", true);
    r->t->strip = flag(n, "strip_accents", r->t->lower);
    return SOFA_OK;
}

static enum sofa_code read_wordpiece(struct reader *r, const cJSON *model)
{
    const cJSON *most = cJSON_GetObjectItemCaseSensitive(model, "max_input_chars_per_word");
    const cJSON *pre = cJSON_GetObjectItemCaseSensitive(r->t->json, "pre_tokenizer");
    const cJSON *continuing = cJSON_GetObjectItemCaseSensitive(model, "continuing_subword_prefix");
    enum sofa_code rc;

    r->t->kind = SOFA_TOKENIZER_WORDPIECE;
    if (strcmp(text_of(pre, "type"), "BertPreTokenizer") != 0)
        return FAIL(r, "pre-tokenizer '%s' isn't supported for WordPiece; expected BertPreTokenizer",
                    text_of(pre, "type"));
    if (most && !(cJSON_IsNumber(most) && most->valuedouble >= 1 && most->valuedouble <= WORD_MOST))
        return FAIL(r, "'model.max_input_chars_per_word' isn't from 1 to %d", WORD_MOST);
    r->t->word_most = most ? (size_t)most->valuedouble : 100; /* as the library has it */
    r->t->continuing = cJSON_IsString(continuing) ? continuing->valuestring : "##";
    SOFA_TRY(read_unknown(r, model));
    if (r->t->unknown < 0)
        return FAIL(r, "'model.unk_token' is missing");
    rc = read_bert_normalizer(r);
out:
    return rc;
}

/* Special ones never are in a text; others are found in it before anything else, which isn't built. */
static enum sofa_code check_added(struct reader *r)
{
    const cJSON *added = cJSON_GetObjectItemCaseSensitive(r->t->json, "added_tokens");

    for (const cJSON *item = added ? added->child : NULL; item; item = item->next)
        if (!flag(item, "special", false))
            return FAIL(r, "added token '%s' isn't special, which isn't supported", text_of(item, "content"));
    return SOFA_OK;
}

static enum sofa_code read_model(struct reader *r)
{
    const cJSON *model = cJSON_GetObjectItemCaseSensitive(r->t->json, "model");
    const char *type = text_of(model, "type");
    enum sofa_code rc;

    if (strcmp(type, "BPE") != 0 && strcmp(type, "WordPiece") != 0)
        return FAIL(r, "'model.type' is '%s'; expected BPE or WordPiece", type);
    SOFA_TRY(check_added(r));
    SOFA_TRY(read_vocabulary(r, cJSON_GetObjectItemCaseSensitive(model, "vocab")));
    rc = *type == 'B' ? read_bpe(r, model) : read_wordpiece(r, model);
out:
    return rc;
}

enum sofa_code sofa_tokenizer_open(const char *file, size_t vocabulary, struct sofa_tokenizer **tokenizer,
                                   struct sofa_err *err)
{
    struct reader r = {.file = file, .vocabulary = vocabulary, .t = calloc(1, sizeof *r.t), .err = err};
    char *text = NULL;
    size_t size;
    enum sofa_code rc;

    *tokenizer = NULL;
    if (!r.t)
        return sofa_fail_nomem(err, file);
    r.t->unknown = -1;
    SOFA_TRY(sofa_file_read(file, FILE_MOST, &text, &size, err));
    r.t->json = cJSON_ParseWithLength(text, size);
    if (!cJSON_IsObject(r.t->json))
        rc = FAIL(&r, "this isn't a JSON object");
    else
        rc = read_model(&r);
    if (rc == SOFA_OK) {
        *tokenizer = r.t;
        r.t = NULL;
    }
out:
    free(text);
    sofa_tokenizer_free(r.t);
    return rc;
}

void sofa_tokenizer_free(struct sofa_tokenizer *tokenizer)
{
    if (!tokenizer)
        return;
    cJSON_Delete(tokenizer->json);
    free(tokenizer->token);
    free(tokenizer->merge);
    free(tokenizer);
}

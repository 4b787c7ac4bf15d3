/* Text to token ids, against the library `tokenizers` (tests/golden/transformer/make_tokenizers.py). */
#include "tests/unit/test.h"

#include <cjson/cJSON.h>
#include <unistd.h>

#include "base/file.h"
#include "transformer/tokenizer.h"
#include "transformer/unicode.h"

#define FOLDER "tests/golden/transformer/tokenizers/"

static cJSON *read_cases(const char *kind)
{
    char name[256], *path, *text;
    struct sofa_err err = SOFA_ERR_INIT;
    size_t size;
    cJSON *cases;

    snprintf(name, sizeof name, FOLDER "%s/cases.json", kind);
    path = test_source_file(name);
    assert_int_equal(sofa_file_read(path, 1 << 20, &text, &size, &err), SOFA_OK);
    cases = cJSON_Parse(text);
    assert_true(cJSON_GetArraySize(cases) > 10);
    free(text);
    free(path);
    return cases;
}

static struct sofa_tokenizer *open_kind(const char *kind)
{
    char name[256], *path;
    struct sofa_err err = SOFA_ERR_INIT;
    struct sofa_tokenizer *t;

    snprintf(name, sizeof name, FOLDER "%s/tokenizer.json", kind);
    path = test_source_file(name);
    sofa_tokenizer_open(path, 1000, &t, &err);
    assert_string_equal(err.text, "");
    free(path);
    return t;
}

static void check_case(const struct sofa_tokenizer *t, const char *kind, const cJSON *item, int number)
{
    const char *hex = cJSON_GetObjectItem(item, "hex")->valuestring;
    const cJSON *wanted = cJSON_GetObjectItem(item, "ids");
    size_t size = strlen(hex) / 2, i = 0;
    unsigned char *text = malloc(size + 1);
    struct sofa_ids ids = {.id = NULL};
    struct sofa_err err = SOFA_ERR_INIT;

    for (size_t b = 0; b < size; b++) {
        const char digits[3] = {hex[2 * b], hex[2 * b + 1], '\0'};

        text[b] = (unsigned char)strtoul(digits, NULL, 16);
    }
    sofa_tokenizer_encode(t, "text", text, size, &ids, &err);
    assert_string_equal(err.text, "");
    for (const cJSON *id = wanted->child; id; id = id->next, i++)
        if (i >= ids.count || ids.id[i] != id->valueint)
            fail_msg("%s, case %d: token %zu is %d; expected %d", kind, number, i, i < ids.count ? ids.id[i] : -1,
                     id->valueint);
    assert_int_equal(ids.count, i);
    free(ids.id);
    free(text);
}

static void check_kind(const char *kind)
{
    struct sofa_tokenizer *t = open_kind(kind);
    cJSON *cases = read_cases(kind);
    int number = 0;

    for (const cJSON *item = cases->child; item; item = item->next)
        check_case(t, kind, item, number++);
    cJSON_Delete(cases);
    sofa_tokenizer_free(t);
}

static void pairs_of_bytes_are_those_of_the_library(void **state)
{
    (void)state;
    check_kind("gpt2");
    check_kind("gpt2-prefix");
}

static void pairs_of_characters_are_those_of_the_library(void **state)
{
    (void)state;
    check_kind("llama");
    check_kind("metaspace");
}

static void word_pieces_are_those_of_the_library(void **state)
{
    (void)state;
    check_kind("bert-uncased");
    check_kind("bert-cased");
}

/* The message of a text that `kind` refuses. */
static void refuse_text(const char *kind, const char *text, size_t size, const char *message)
{
    struct sofa_tokenizer *t = open_kind(kind);
    struct sofa_ids ids = {.id = NULL};
    struct sofa_err err = SOFA_ERR_INIT;

    assert_int_equal(sofa_tokenizer_encode(t, "a.txt", (const unsigned char *)text, size, &ids, &err), SOFA_E_INPUT);
    assert_string_equal(err.file, "a.txt");
    if (!strstr(err.text, message))
        fail_msg("'%s' lacks '%s'", err.text, message);
    free(ids.id);
    sofa_tokenizer_free(t);
}

static void text_that_is_no_utf8_is_refused_with_its_place(void **state)
{
    static const char *const bad[] = {"ab\xff", "ab\xc0\x80", "ab\xe2\x82", "ab\xed\xa0\x80", "ab\xf4\x90\x80\x80"};

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        refuse_text("gpt2", bad[i], strlen(bad[i]), "byte 2 is no UTF-8");
        refuse_text("bert-cased", bad[i], strlen(bad[i]), "byte 2 is no UTF-8");
    }
    refuse_text("llama", "\xe2\x82\xac", 2, "byte 0 is no UTF-8");
}

static void letters_whose_case_is_not_known_are_refused(void **state)
{
    (void)state;
    refuse_text("bert-uncased", "caf\xc3\xa9", 5, "byte 3 begins U+00E9");
}

static void refuse_file(const char *content, const char *message)
{
    char path[] = "/tmp/sofa-test-XXXXXX";
    struct sofa_err err = SOFA_ERR_INIT;
    struct sofa_tokenizer *t;
    int fd = mkstemp(path);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, content, strlen(content)), strlen(content));
    close(fd);
    assert_int_equal(sofa_tokenizer_open(path, 10, &t, &err), SOFA_E_INPUT);
    unlink(path);
    assert_null(t);
    assert_string_equal(err.file, path);
    if (!strstr(err.text, message))
        fail_msg("'%s' lacks '%s'", err.text, message);
}

#define BPE(rest) "{\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": 0, \"b\": 1, \"ab\": 2}, " rest "}"
#define BPE_AND(settings) BPE("\"merges\": [\"a b\"]}, " settings)
#define WORDPIECE(rest) "{\"model\": {\"type\": \"WordPiece\", \"vocab\": {\"a\": 0, \"[UNK]\": 1}" rest "}"
#define BERT ", \"pre_tokenizer\": {\"type\": \"BertPreTokenizer\"}"

static void what_is_not_built_is_refused_by_name(void **state)
{
    static const char *const files[][2] = {
        {"", "isn't a JSON object"},
        {"[1]", "isn't a JSON object"},
        {"{\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": 0}", "isn't a JSON object"},
        {"{}", "'model.type' is ''"},
        {"{\"model\": {\"type\": \"Unigram\"}}", "'Unigram'; expected BPE or WordPiece"},
        {"{\"model\": {\"type\": \"BPE\"}}", "'model.vocab' is missing"},
        {"{\"model\": {\"type\": \"BPE\", \"vocab\": []}}", "'model.vocab' is missing"},
        {"{\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": 10}}}", "token 'a' has no id from 0 to 9"},
        {"{\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": -1}}}", "token 'a'"},
        {"{\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": 0.5}}}", "token 'a'"},
        {"{\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": \"x\"}}}", "token 'a'"},
        {BPE("\"merges\": 3}"), "'model.merges'"},
        {BPE("\"merges\": [\"a b\", \"ab\"]}"), "merge 1 isn't a pair"},
        {BPE("\"merges\": [\"a b c\"]}"), "merge 0 isn't a pair"},
        {BPE("\"merges\": [[\"a\", 3]]}"), "merge 0 isn't a pair"},
        {BPE("\"merges\": [7]}"), "merge 0 isn't a pair"},
        {BPE("\"merges\": [\"b a\"]}"), "merge 0, 'b' with 'a'"},
        {BPE("\"merges\": [\"a c\"]}"), "merge 0, 'a' with 'c'"},
        {BPE("\"merges\": [], \"dropout\": 0.1}"), "'model.dropout'"},
        {BPE("\"merges\": [], \"unk_token\": \"x\"}"), "'model.unk_token' is 'x'"},
        {BPE("\"merges\": [], \"byte_fallback\": true}"), "lacks <0x00>"},
        {BPE_AND("\"pre_tokenizer\": {\"type\": \"Whitespace\"}"), "'Whitespace'"},
        {BPE_AND("\"pre_tokenizer\": {\"type\": \"ByteLevel\", \"use_regex\": false}"), "regular expression"},
        {BPE_AND("\"pre_tokenizer\": {\"type\": \"ByteLevel\"}, \"normalizer\": {\"type\": \"NFC\"}"), "normalizer"},
        {BPE_AND("\"normalizer\": {\"type\": \"NFC\"}"), "'NFC'"},
        {BPE_AND("\"normalizer\": {\"type\": \"Prepend\", \"prepend\": \"_\"}"), "'Prepend'"},
        {BPE_AND("\"added_tokens\": [{\"content\": \"<x>\", \"special\": false}]"), "'<x>'"},
        {WORDPIECE("}"), "pre-tokenizer ''"},
        {WORDPIECE("}" BERT), "'model.unk_token' is missing"},
        {WORDPIECE(", \"unk_token\": \"?\"}" BERT), "'model.unk_token' is '?'"},
        {WORDPIECE(", \"max_input_chars_per_word\": 1e9}" BERT), "max_input_chars_per_word"},
        {WORDPIECE(", \"unk_token\": \"a\"}" BERT ", \"normalizer\": {\"type\": \"NFKC\"}"), "'NFKC'"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        refuse_file(files[i][0], files[i][1]);
}

static void what_has_no_token_is_refused_where_there_is_no_unknown_one(void **state)
{
    char path[] = "/tmp/sofa-test-XXXXXX";
    struct sofa_err err = SOFA_ERR_INIT;
    struct sofa_ids ids = {.id = NULL};
    struct sofa_tokenizer *t;
    int fd = mkstemp(path);

    (void)state;
    assert_int_equal(write(fd, BPE_AND("\"a\": 0"), strlen(BPE_AND("\"a\": 0"))), strlen(BPE_AND("\"a\": 0")));
    close(fd);
    assert_int_equal(sofa_tokenizer_open(path, 10, &t, &err), SOFA_OK);
    unlink(path);
    assert_int_equal(sofa_tokenizer_encode(t, "x", (const unsigned char *)"abba", 4, &ids, &err), SOFA_OK);
    assert_int_equal(ids.count, 3);
    assert_int_equal(ids.id[0], 2);
    assert_int_equal(sofa_tokenizer_encode(t, "x", (const unsigned char *)"abc", 3, &ids, &err), SOFA_E_INPUT);
    assert_non_null(strstr(err.text, "U+0063 has no token"));
    free(ids.id);
    sofa_tokenizer_free(t);
}

static void a_text_of_one_word_merges_all_along(void **state)
{
    enum { N = 1 << 18 };
    struct sofa_tokenizer *t = open_kind("llama");
    unsigned char *text = malloc(N);
    struct sofa_ids ids = {.id = NULL};
    struct sofa_err err = SOFA_ERR_INIT;

    (void)state;
    for (size_t i = 0; i < N; i++)
        text[i] = (unsigned char)"the words "[i % 10];
    assert_int_equal(sofa_tokenizer_encode(t, "x", text, N, &ids, &err), SOFA_OK);
    assert_true(ids.count > N / 10 && ids.count < N / 2);
    for (size_t i = 2; i < ids.count - 2; i++) /* the two words again and again; it ends within one */
        assert_int_equal(ids.id[i], ids.id[i - 2]);
    free(ids.id);
    free(text);
    sofa_tokenizer_free(t);
}

static void classes_are_those_of_unicode(void **state)
{
    (void)state;
    assert_true(sofa_unicode_is('a', SOFA_UNICODE_LETTER) && sofa_unicode_is(0x4E2D, SOFA_UNICODE_LETTER));
    assert_true(sofa_unicode_is(0xBD, SOFA_UNICODE_NUMBER) && !sofa_unicode_is('a', SOFA_UNICODE_NUMBER));
    assert_true(sofa_unicode_is(0x2014, SOFA_UNICODE_PUNCTUATION) && sofa_unicode_is(0x200B, SOFA_UNICODE_CONTROL));
    assert_true(sofa_unicode_is(0x10FFFD, SOFA_UNICODE_CONTROL) && !sofa_unicode_is(0x10FFFF, SOFA_UNICODE_LETTER));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pairs_of_bytes_are_those_of_the_library),
        cmocka_unit_test(pairs_of_characters_are_those_of_the_library),
        cmocka_unit_test(word_pieces_are_those_of_the_library),
        cmocka_unit_test(text_that_is_no_utf8_is_refused_with_its_place),
        cmocka_unit_test(letters_whose_case_is_not_known_are_refused),
        cmocka_unit_test(what_is_not_built_is_refused_by_name),
        cmocka_unit_test(what_has_no_token_is_refused_where_there_is_no_unknown_one),
        cmocka_unit_test(a_text_of_one_word_merges_all_along),
        cmocka_unit_test(classes_are_those_of_unicode),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

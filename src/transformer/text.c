#include "transformer/text.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "transformer/net.h"
#include "transformer/npy.h"
#include "transformer/tokenizer.h"

static atomic_uint_fast64_t texts; /* opened so far */

struct sofa_text {
    uint64_t id;
    size_t tokens;
    struct sofa_map bytes; /* a text of bytes, or */
    int32_t *ids;          /* [tokens] */
};

static bool ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);

    return n >= m && strcmp(text + n - m, end) == 0;
}

static enum sofa_code check_ids(const struct sofa_tensor *t, const int64_t *ids, size_t vocabulary,
                                struct sofa_err *err)
{
    for (size_t i = 0; i < t->count; i++)
        if (ids[i] < 0 || (size_t)ids[i] >= vocabulary)
            return sofa_tensor_fail(t, err, "element %zu is %lld; expected token ids from 0 to %zu", i,
                                    (long long)ids[i], vocabulary - 1);
    return SOFA_OK;
}

/* Token ids, as a .npy vector (or a matrix, row by row). */
static enum sofa_code open_ids(const char *file, size_t vocabulary, struct sofa_text *text, struct sofa_err *err)
{
    struct sofa_npy npy = {.path = NULL};
    int64_t *wide = NULL;
    enum sofa_code rc;

    SOFA_TRY(sofa_npy_open(file, &npy, err));
    wide = malloc((npy.tensor.count + 1) * sizeof *wide);
    text->ids = malloc((npy.tensor.count + 1) * sizeof *text->ids);
    if (!wide || !text->ids) {
        rc = sofa_fail_nomem(err, file);
        goto out;
    }
    SOFA_TRY(sofa_tensor_to_int64(&npy.tensor, wide, err));
    SOFA_TRY(check_ids(&npy.tensor, wide, vocabulary, err));
    for (size_t i = 0; i < npy.tensor.count; i++)
        text->ids[i] = (int32_t)wide[i];
    text->tokens = npy.tensor.count;
out:
    free(wide);
    sofa_npy_close(&npy);
    return rc;
}

static enum sofa_code tokenize(const char *tokenizer_file, const char *file, size_t vocabulary, struct sofa_text *text,
                               struct sofa_err *err)
{
    struct sofa_tokenizer *tokenizer = NULL;
    struct sofa_map map = {.data = NULL};
    struct sofa_ids ids = {.id = NULL};
    enum sofa_code rc;

    SOFA_TRY(sofa_tokenizer_open(tokenizer_file, vocabulary, &tokenizer, err));
    SOFA_TRY(sofa_map_open(file, &map, err));
    rc = sofa_tokenizer_encode(tokenizer, file, map.data, map.size, &ids, err);
out:
    sofa_map_close(&map);
    sofa_tokenizer_free(tokenizer);
    text->ids = ids.id;
    text->tokens = ids.count;
    return rc;
}

/* With the checkpoint's tokenizer, where it has one. */
static enum sofa_code open_tokens(const struct sofa_lm *lm, const char *file, struct sofa_text *text,
                                  struct sofa_err *err)
{
    size_t vocabulary = lm->config.shape.vocabulary;
    char *tokenizer = sofa_path_join(lm->directory, "tokenizer.json");
    enum sofa_code rc;

    if (!tokenizer)
        return sofa_fail_nomem(err, file);
    if (sofa_file_exists(tokenizer))
        rc = tokenize(tokenizer, file, vocabulary, text, err);
    else
        rc = sofa_fail_at(err, SOFA_E_INPUT, file, 0, 0,
                          "a model of %zu tokens without a tokenizer.json can't read text; expected token ids as .npy",
                          vocabulary);
    free(tokenizer);
    return rc;
}

enum sofa_code sofa_text_open(const struct sofa_lm *lm, const char *file, struct sofa_text **text, struct sofa_err *err)
{
    size_t vocabulary = lm->config.shape.vocabulary;
    struct sofa_text *t = calloc(1, sizeof *t);
    enum sofa_code rc;

    *text = NULL;
    if (!t)
        return sofa_fail_nomem(err, file);
    t->id = atomic_fetch_add(&texts, 1) + 1;
    if (ends_with(file, ".npy")) {
        rc = open_ids(file, vocabulary, t, err);
    } else if (vocabulary == SOFA_LM_BYTES) {
        rc = sofa_map_open(file, &t->bytes, err);
        t->tokens = t->bytes.size;
    } else {
        rc = open_tokens(lm, file, t, err);
    }
    if (rc == SOFA_OK)
        *text = t;
    else
        sofa_text_free(t);
    return rc;
}

void sofa_text_free(struct sofa_text *text)
{
    if (!text)
        return;
    sofa_map_close(&text->bytes);
    free(text->ids);
    free(text);
}

size_t sofa_text_tokens(const struct sofa_text *text)
{
    return text->tokens;
}

uint64_t sofa_text_id(const struct sofa_text *text)
{
    return text->id;
}

void sofa_text_read(const struct sofa_text *text, size_t first, size_t n, int32_t *ids)
{
    for (size_t i = 0; i < n; i++)
        ids[i] = text->ids ? text->ids[first + i] : text->bytes.data[first + i];
}

/*
 * Text to token ids by the tokenizer.json that lies beside a Hugging Face checkpoint.
 *
 * Read are byte-pair models on bytes (GPT-2: pre-tokenizer ByteLevel with its regular expression), byte-pair models
 * on characters (Llama: a blank becomes a mark, by the normalizers Prepend and Replace or the pre-tokenizer Metaspace,
 * bytes for unknown characters), and WordPiece (BERT: BertNormalizer, BertPreTokenizer).  Whatever else a
 * file asks for is refused by name.  The text is text: special tokens in it aren't looked for, and none are put
 * around it (the file's post_processor isn't looked at).
 *
 * Sources: Sennrich, Haddow, Birch 2016 (byte-pair encoding); Radford et al. 2019, encoder.py (bytes as
 * characters, the regular expression); Devlin et al. 2019, tokenization.py (WordPiece); the library `tokenizers` for
 * the file and for what these leave open.
 */
#ifndef SOFA_TRANSFORMER_TOKENIZER_H
#define SOFA_TRANSFORMER_TOKENIZER_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct sofa_tokenizer;

struct sofa_ids {
    int32_t *id; /* owned: free */
    size_t count, room;
};

/* Ids are below `vocabulary`, the model's; SOFA_E_INPUT names the file and what in it isn't supported. */
enum sofa_code sofa_tokenizer_open(const char *file, size_t vocabulary, struct sofa_tokenizer **tokenizer,
                                   struct sofa_err *err);
void sofa_tokenizer_free(struct sofa_tokenizer *tokenizer);

/* Appends the ids of a text of `size` bytes, UTF-8 (zeros are characters like others); `name` stands in messages.
 * Memory grows with the text alone. */
enum sofa_code sofa_tokenizer_encode(const struct sofa_tokenizer *tokenizer, const char *name,
                                     const unsigned char *text, size_t size, struct sofa_ids *ids,
                                     struct sofa_err *err);

#endif

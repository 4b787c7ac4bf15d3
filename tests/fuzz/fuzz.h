/* What a fuzz target gives the short run of `make check` beside libFuzzer's entry. */
#ifndef SOFA_TESTS_FUZZ_H
#define SOFA_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A well-formed input to start from: its size (at most `room`), 0 where there is no i-th. */
size_t fuzz_seed(size_t i, uint8_t *data, size_t room);
/* Words that the format knows, NULL-terminated. */
extern const char *const fuzz_words[];

#endif

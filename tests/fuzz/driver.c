/*
 * A short run of a fuzz target with any compiler: seeds, their truncations and a fixed number of
 * seeded mutations.  It finds what a crash or a sanitizer shows; libFuzzer (`make fuzz`) finds more.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"

#define ROOM 4096
#define MUTATIONS 20000

static uint64_t state = 88172645463325252ULL;

static size_t below(size_t n)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return n ? (size_t)(state % n) : 0;
}

/* Replaces `cut` bytes at `at` by n others, which may come from data itself. */
static void splice(uint8_t *data, size_t *size, size_t at, size_t cut, const void *with, size_t n)
{
    uint8_t word[64];

    if (n > sizeof word || *size - cut + n > ROOM)
        return;
    memcpy(word, with, n);
    memmove(data + at + n, data + at + cut, *size - at - cut);
    memcpy(data + at, word, n);
    *size = *size - cut + n;
}

static void mutate(uint8_t *data, size_t *size)
{
    static const char *const numbers[] = {"0", "-1", "1e999", "18446744073709551615", "9007199254740993", "4294967296"};
    size_t at = below(*size), words = 0;
    uint8_t byte = (uint8_t)below(256);
    const char *word;

    while (fuzz_words[words])
        words++;
    switch (below(6)) {
    case 0:
        data[at] ^= (uint8_t)(1u << below(8));
        break;
    case 1:
        data[at] = byte;
        break;
    case 2:
        splice(data, size, at, below(*size - at + 1) % 16, "", 0);
        break;
    case 3:
        splice(data, size, at, 0, data + below(*size - at), below(*size - at) % 32);
        break;
    case 4:
        word = fuzz_words[below(words)];
        splice(data, size, at, 0, word, strlen(word));
        break;
    default:
        word = numbers[below(sizeof numbers / sizeof *numbers)];
        splice(data, size, at, data[at] >= '0' && data[at] <= '9', word, strlen(word));
        break;
    }
    if (*size == 0)
        data[(*size)++] = byte;
}

/* In memory of its own size, so that a sanitizer sees a read past it. */
static void run(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1);

    if (!copy)
        exit(99);
    memcpy(copy, data, size);
    LLVMFuzzerTestOneInput(copy, size);
    free(copy);
}

/* The seeds as files, for libFuzzer to start from. */
static int write_seeds(const char *folder)
{
    uint8_t seed[ROOM];
    char path[1024];
    size_t n;

    for (size_t i = 0; (n = fuzz_seed(i, seed, ROOM)) > 0; i++) {
        FILE *f;

        snprintf(path, sizeof path, "%s/seed-%zu", folder, i);
        f = fopen(path, "wb");
        if (!f || fwrite(seed, 1, n, f) != n || fclose(f) != 0)
            return 1;
    }
    return 0;
}

int main(int argc, char **argv)
{
    uint8_t seed[ROOM], data[ROOM];
    size_t n, count = 0, runs = 0;

    if (argc == 3 && strcmp(argv[1], "--seeds") == 0)
        return write_seeds(argv[2]);

    for (; (n = fuzz_seed(count, seed, ROOM)) > 0; count++) {
        for (size_t size = 0; size <= n; size++, runs++)
            run(seed, size);
        for (int i = 0; i < MUTATIONS; i++, runs++) {
            size_t size = n;

            memcpy(data, seed, n);
            for (size_t times = 1 + below(6); times > 0; times--)
                mutate(data, &size);
            run(data, size);
        }
    }
    printf("ok 1 - %zu inputs from %zu seeds were read or refused\n1..1\n", runs, count);
    return count ? 0 : 1;
}

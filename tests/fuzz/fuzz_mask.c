/* Masks taken apart: whatever the mask, the same one must come back, with every member in one place. */
#include <stdlib.h>
#include <string.h>

#include "acsr/acsr.h"
#include "tests/fuzz/fuzz.h"

const char *const fuzz_words[] = {"\xff\xff\xff\xff", "\x55\x55\x55\x55", "\x11\x11\x11", "\x49\x92\x24\x49", "\x80", NULL};

/* The first byte is the number of columns; the bits of the others are the mask, a last row that isn't whole left out. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct sofa_arena arena = SOFA_ARENA_INIT; /* kept warm: most of the time would go into it */
    struct sofa_pattern pattern;
    size_t columns = size ? data[0] % 97 + 1u : 1, rows = size ? (size - 1) * 8 / columns : 0, members = 0;
    uint8_t *mask, *back;

    if (!rows)
        return 0;
    mask = calloc(rows, columns);
    back = malloc(rows * columns);
    if (!mask || !back)
        exit(99);
    for (size_t k = 0; k < rows * columns; k++)
        members += mask[k] = data[1 + k / 8] >> k % 8 & 1;
    if (sofa_pattern_from_mask(mask, rows, columns, &arena, &pattern, NULL) != SOFA_OK)
        abort();
    sofa_pattern_to_mask(&pattern, back);
    if (memcmp(mask, back, rows * columns) != 0 || sofa_pattern_members(&pattern) != members)
        abort();
    free(mask);
    free(back);
    sofa_arena_reset(&arena);
    return 0;
}

/* A window, a stride and noise. */
size_t fuzz_seed(size_t i, uint8_t *data, size_t room)
{
    size_t columns = 40, bytes = columns * columns / 8;

    if (i >= 3 || bytes + 1 > room)
        return 0;
    memset(data, 0, bytes + 1);
    data[0] = (uint8_t)(columns - 1);
    for (size_t k = 0; k < columns * columns; k++) {
        long row = (long)(k / columns), column = (long)(k % columns);
        int member = i == 0 ? labs(row - column) < 4 || column < 2 : i == 1 ? (column - row) % 5 == 0 : k * 2654435761u >> 13 & 1;

        data[1 + k / 8] |= (uint8_t)(member << k % 8);
    }
    return bytes + 1;
}

/*
 * Arrays of equally many rows that grow together, where what they held need not be kept.
 */
#ifndef SOFA_BASE_COLUMNS_H
#define SOFA_BASE_COLUMNS_H

#include <stdbool.h>
#include <stddef.h>

/* An array: where its pointer stands (NULL in it before the first time), and the bytes of a row. */
struct sofa_column {
    void *pointer;
    size_t row;
};
#define SOFA_COLUMN(array, per_row) {&(array), (per_row) * sizeof *(array)}

/* Makes them hold `count` rows: *room, 0 before the first time, doubles, and the arrays are new, zeroed and 64-byte
 * aligned.  Where there is no memory all are freed, *room is 0 and the result false. */
bool sofa_columns_grow(const struct sofa_column *columns, size_t n, size_t *room, size_t count);
void sofa_columns_free(const struct sofa_column *columns, size_t n);

#endif

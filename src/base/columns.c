#include "base/columns.h"

#include <stdlib.h>
#include <string.h>

#define ROWS_LEAST 64

static void replace(const struct sofa_column *column, void *array)
{
    void *old;

    memcpy(&old, column->pointer, sizeof old); /* it is a pointer to another type than void */
    free(old);
    memcpy(column->pointer, &array, sizeof array);
}

void sofa_columns_free(const struct sofa_column *columns, size_t n)
{
    for (size_t i = 0; i < n; i++)
        replace(&columns[i], NULL);
}

static void *new_array(size_t bytes)
{
    void *array = aligned_alloc(64, (bytes + 63) / 64 * 64 + 64);

    return array ? memset(array, 0, bytes) : NULL;
}

bool sofa_columns_grow(const struct sofa_column *columns, size_t n, size_t *room, size_t count)
{
    size_t rows = *room ? *room : ROWS_LEAST;

    if (count <= *room)
        return true;
    while (rows < count)
        rows *= 2;
    sofa_columns_free(columns, n);
    *room = 0;
    for (size_t i = 0; i < n; i++) {
        void *array = new_array(rows * columns[i].row);

        if (!array) {
            sofa_columns_free(columns, n);
            return false;
        }
        replace(&columns[i], array);
    }
    *room = rows;
    return true;
}

#include "study/memories.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "arch/cacti.h"

static const char *const keys[] = {"token_sram", "weight_sram", "temp_sram"};
#define KEYS (sizeof keys / sizeof *keys)

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* All that memories of the space may have, ascending, each once: malloc'd, NULL when memory is exhausted. */
static double *sizes(const struct sofa_space *space, size_t *n)
{
    size_t most = KEYS, count = 0;
    double *size;

    for (size_t d = 0; d < space->dims; d++)
        most += (size_t)space->dim[d].levels;
    size = malloc(most * sizeof *size);
    for (size_t k = 0; size && k < KEYS; k++) {
        const struct sofa_parameter *row = sofa_space_parameter(space, keys[k]);

        size[count++] = sofa_parameter_value(row, -1, &space->base);
        for (size_t d = 0; d < space->dims; d++)
            for (int i = 0; space->dim[d].parameter == row && i < space->dim[d].levels; i++)
                size[count++] = space->dim[d].value[i];
    }
    if (size)
        qsort(size, count, sizeof *size, by_size);
    *n = 0;
    for (size_t i = 0; size && i < count; i++)
        if (*n == 0 || size[i] > size[*n - 1])
            size[(*n)++] = size[i];
    return size;
}

/* More than a table holds: both ends and powers of two between them. */
static size_t thin(const double *size, size_t n, double point[SOFA_SRAM_POINTS])
{
    size_t kept = 1;

    point[0] = size[0];
    for (; kept + 1 < SOFA_SRAM_POINTS; kept++) {
        double next = exp2(floor(log2(point[kept - 1])) + 1);

        if (!(next < size[n - 1]))
            break;
        point[kept] = next;
    }
    point[kept] = size[n - 1];
    return kept + 1;
}

enum sofa_code sofa_problem_apply_cacti(struct sofa_problem *p, struct sofa_err *err)
{
    const struct sofa_cacti cacti = {p->space->cacti_program, p->space->cacti_cells, p->space->access_bytes};
    const struct sofa_node *node = p->space->hardware_node;
    struct sofa_err inner = SOFA_ERR_INIT;
    double point[SOFA_SRAM_POINTS], *size;
    enum sofa_code rc;
    size_t n;

    size = sizes(p->space, &n);
    if (!size)
        return sofa_fail_nomem(err, "capacities");
    if (n > SOFA_SRAM_POINTS)
        n = thin(size, n, point);
    else
        memcpy(point, size, n * sizeof *point);
    free(size);
    rc = sofa_cacti_apply(&p->hardware, &cacti, point, n, &inner);
    if (rc == SOFA_OK)
        return rc;
    return sofa_fail_at(err, rc, node->file, node->line, node->column, "%s", inner.text);
}

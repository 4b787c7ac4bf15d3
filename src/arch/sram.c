#include <math.h>

#include "arch/hardware.h"

/* y at x on the line through (x0, y0), (x1, y1) on logarithmic axes. */
static double log_line(double x, double x0, double y0, double x1, double y1)
{
    return y0 * pow(x / x0, log(y1 / y0) / log(x1 / x0));
}

static void energy(const struct sofa_sram *sram, double capacity, double *read, double *write)
{
    const struct sofa_sram_point *first = &sram->point[0], *last = &sram->point[sram->points - 1];

    if (capacity <= first->capacity_bytes || capacity >= last->capacity_bytes) {
        const struct sofa_sram_point *end = capacity <= first->capacity_bytes ? first : last;
        double f = sram->exponent == 0.5 ? sqrt(capacity / end->capacity_bytes)
                                         : pow(capacity / end->capacity_bytes, sram->exponent);

        *read = end->read_j_per_byte * f;
        *write = end->write_j_per_byte * f;
        return;
    }
    while (first[1].capacity_bytes < capacity)
        first++;
    *read = log_line(capacity, first->capacity_bytes, first->read_j_per_byte, first[1].capacity_bytes,
                     first[1].read_j_per_byte);
    *write = log_line(capacity, first->capacity_bytes, first->write_j_per_byte, first[1].capacity_bytes,
                      first[1].write_j_per_byte);
}

struct sofa_sram_cost sofa_sram_cost(const struct sofa_sram *sram, double capacity_bytes)
{
    struct sofa_sram_cost cost = {0};

    if (!(capacity_bytes > 0) || sram->points == 0)
        return cost;
    energy(sram, capacity_bytes, &cost.read_j_per_byte, &cost.write_j_per_byte);
    cost.read_j_per_byte *= sram->energy_scale;
    cost.write_j_per_byte *= sram->energy_scale;
    cost.area_mm2 = sram->macro_area_mm2 + capacity_bytes * sram->byte_area_mm2;
    cost.leakage_w = capacity_bytes * sram->leakage_w_per_byte;
    return cost;
}

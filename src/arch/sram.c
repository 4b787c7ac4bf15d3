#include <math.h>

#include "arch/hardware.h"

/* y at x on the line through (x0, y0), (x1, y1) on logarithmic axes. */
static double log_line(double x, double x0, double y0, double x1, double y1)
{
    return y0 * pow(x / x0, log(y1 / y0) / log(x1 / x0));
}

/* Its neighbours in the table: the point itself and the next; at an end of it the end alone (twice). */
static const struct sofa_sram_point *find(const struct sofa_sram *sram, double capacity, bool *end)
{
    const struct sofa_sram_point *first = &sram->point[0], *last = &sram->point[sram->points - 1];

    *end = capacity <= first->capacity_bytes || capacity >= last->capacity_bytes;
    if (*end)
        return capacity <= first->capacity_bytes ? first : last;
    while (first[1].capacity_bytes < capacity)
        first++;
    return first;
}

static void outside(const struct sofa_sram *sram, const struct sofa_sram_point *end, double capacity,
                    struct sofa_sram_cost *cost)
{
    double ratio = capacity / end->capacity_bytes, f = sram->exponent == 0.5 ? sqrt(ratio) : pow(ratio, sram->exponent);

    cost->read_j_per_byte = end->read_j_per_byte * f;
    cost->write_j_per_byte = end->write_j_per_byte * f;
    cost->area_mm2 = end->area_mm2 * ratio;
    cost->leakage_w = end->leakage_w * ratio;
}

static void between(const struct sofa_sram_point *p, double capacity, struct sofa_sram_cost *cost)
{
    const double x0 = p->capacity_bytes, x1 = p[1].capacity_bytes;

    if (capacity == x1)
        p++;
    if (capacity == p->capacity_bytes) {
        *cost = (struct sofa_sram_cost){p->area_mm2, p->leakage_w, p->read_j_per_byte, p->write_j_per_byte};
        return;
    }
    cost->read_j_per_byte = log_line(capacity, x0, p->read_j_per_byte, x1, p[1].read_j_per_byte);
    cost->write_j_per_byte = log_line(capacity, x0, p->write_j_per_byte, x1, p[1].write_j_per_byte);
    if (!(p->area_mm2 > 0))
        return;
    cost->area_mm2 = log_line(capacity, x0, p->area_mm2, x1, p[1].area_mm2);
    cost->leakage_w = p->leakage_w + (p[1].leakage_w - p->leakage_w) * (capacity - x0) / (x1 - x0);
}

struct sofa_sram_cost sofa_sram_cost(const struct sofa_sram *sram, double capacity_bytes)
{
    struct sofa_sram_cost cost = {0};
    const struct sofa_sram_point *point;
    bool end;

    if (!(capacity_bytes > 0) || sram->points == 0)
        return cost;
    point = find(sram, capacity_bytes, &end);
    if (end)
        outside(sram, point, capacity_bytes, &cost);
    else
        between(point, capacity_bytes, &cost);
    cost.read_j_per_byte *= sram->energy_scale;
    cost.write_j_per_byte *= sram->energy_scale;
    if (sram->point[0].area_mm2 > 0)
        return cost;
    cost.area_mm2 = sram->macro_area_mm2 + capacity_bytes * sram->byte_area_mm2;
    cost.leakage_w = capacity_bytes * sram->leakage_w_per_byte;
    return cost;
}

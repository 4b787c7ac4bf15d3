/*
 * Spaces of this program's kind, with made-up formulas: layers with a top-k ratio (10 levels, 5 % to
 * 50 %) and a tile count (16 levels, 2 to 32), and shared lanes and buffers.
 *
 * The loss falls exponentially with each layer's ratio, at rates and weights that differ widely between
 * layers, rises with the tile count, and grows together: what early layers lose costs more where later
 * ones lose too.  Latency is the slowest stage of each layer, with steps where a tile no longer fits its
 * buffer; energy has traffic that jumps there as well; area is lanes and buffers.
 */
#include <math.h>
#include <string.h>

#include "base/rng.h"
#include "bench/opt/problems.h"

#define TOKENS 512.0

/* Numbers in [0,1) that belong to a layer. */
static double draw(size_t layer, uint64_t what)
{
    return (double)(sofa_mix64(sofa_mix64(layer + 1) ^ what) >> 11) / 9007199254740992.0;
}

static size_t layers_of(const struct problem *p)
{
    return p->dims / 2 - (p->dims % 2 ? 1 : p->dims == 70 ? 3 : 0);
}

static void set_dims(const struct problem *p, struct sofa_opt_dim *dim)
{
    size_t layers = layers_of(p);

    for (size_t l = 0; l < layers; l++) {
        dim[2 * l] = (struct sofa_opt_dim){.levels = 10, .group = 0, .layer = (int)l, .corner = 9};
        dim[2 * l + 1] = (struct sofa_opt_dim){.levels = 16, .group = 1, .layer = (int)l, .corner = 0};
    }
    for (size_t j = 2 * layers; j < p->dims; j++)
        dim[j] = (struct sofa_opt_dim){
            .levels = 6, .group = 2 + (int)(j - 2 * layers), .layer = -1, .corner = -1};
}

static double loss_of(const int *x, size_t layers)
{
    double sum = 0, early = 0, part, share;

    for (size_t l = 0; l < layers; l++) {
        share = 0.05 * (1 + x[2 * l]);
        part = pow(draw(l, 1), 2) * exp(-share / (0.04 + 0.16 * draw(l, 2))) * (1 + 0.04 * x[2 * l + 1] * draw(l, 3));
        sum += part * (1 + 2 * early);
        early += part / (double)layers;
    }
    return 3 * sum / (double)layers - 0.002;
}

struct machine {
    double lanes, buffer, bandwidth;
};

static struct machine machine_of(const struct problem *p, const int *x, size_t layers)
{
    struct machine machine = {64, 64, 32};
    const int *shared = x + 2 * layers;

    if (p->dims > 2 * layers) {
        machine.lanes = 16 * pow(2, shared[0]);
        machine.buffer = 8 * pow(2, shared[1]);
        machine.bandwidth = 8 * pow(2, shared[2]);
    }
    return machine;
}

static void add_layer(const struct machine *machine, const int *x, double *latency, double *energy)
{
    double ratio = 0.05 * (1 + x[0]), tiles = 2 + 2 * x[1], width = ceil(TOKENS / tiles), kept = ceil(width * ratio);
    double predict = TOKENS * TOKENS / 4 / machine->lanes, sort = tiles * (width + kept * 6) * TOKENS / 64 / 8;
    double formal = 2 * tiles * kept * TOKENS / machine->lanes;
    double bytes = 64 * TOKENS * (1 + 2 * ratio) * (width * 64 > machine->buffer * 128 ? 1.7 : 1) + 900 * tiles;
    double memory = bytes / machine->bandwidth;

    *latency += fmax(fmax(predict, sort), fmax(formal, memory)) + 30 * tiles;
    *energy += 1e-3 * (0.5 * predict * machine->lanes + 2 * formal * machine->lanes + 12 * bytes + 0.3 * sort * 64);
}

static void own(const struct problem *p, const int *x, double *y, double *g)
{
    size_t layers = layers_of(p);
    struct machine machine = machine_of(p, x, layers);
    double latency = 0, energy = 0;

    (void)g;
    for (size_t l = 0; l < layers; l++)
        add_layer(&machine, x + 2 * l, &latency, &energy);
    for (size_t j = 2 * layers + 3; j < p->dims; j++) { /* further shared ones: a best value each */
        latency *= 1 + 0.02 * pow(x[j] - (double)(j % 5), 2);
        energy *= 1 + 0.01 * x[j];
    }
    y[0] = loss_of(x, layers);
    y[1] = latency / (double)layers;
    y[2] = energy / (double)layers;
    if (p->objectives > 3)
        y[3] = machine.lanes / 16 + machine.buffer / 32 + machine.bandwidth / 16;
}

/* References: about the 90th percentile of random points in each objective. */
const struct problem problems_own[] = {
    {"quick11", 11, 4, 0, 0, set_dims, own, {0.5, 10000, 1600, 36}, NULL},
    {"bert24", 24, 3, 0, 0, set_dims, own, {0.4, 3600, 1300}, NULL},
    {"deep70", 70, 3, 0, 0, set_dims, own, {0.4, 14000, 1650}, NULL},
};
const size_t problems_own_count = sizeof problems_own / sizeof *problems_own;

/*
 * The parts of the additive kernel, from tables.  A layer's own dimensions have few combinations of levels
 * (10 ratios by 16 tile counts), fewer than there are points in a long search, so its Matern term is looked up
 * by the combinations of both points: rows of the table are computed when first asked for and hold as long
 * as the parameters.  A layer with many combinations is computed point by point.
 */
#include <stdlib.h>
#include <string.h>

#include "opt/gp_impl.h"

#define COMBOS_MAX 256 /* a table of that many takes 512 KiB */

static size_t layer_combos(const struct gp_space *space, const struct gp_span *layer)
{
    size_t combos = 1, last = (size_t)-1;

    for (size_t c = layer->from; c < layer->to && combos <= COMBOS_MAX; c++) {
        if (space->column[c].dim != last) /* an unordered dimension has several columns */
            combos *= (size_t)space->dim[space->column[c].dim].levels;
        last = space->column[c].dim;
    }
    return combos;
}

static size_t combo_of(const struct gp_space *space, const struct gp_span *layer, const int *x)
{
    size_t combo = 0, last = (size_t)-1;

    for (size_t c = layer->from; c < layer->to; c++) {
        size_t j = space->column[c].dim;

        if (j != last)
            combo = combo * (size_t)space->dim[j].levels + (size_t)x[j];
        last = j;
    }
    return combo;
}

/* The levels of a combination, into the layer's dimensions of x. */
static void set_combo(const struct gp_space *space, const struct gp_span *layer, size_t combo, int *x)
{
    size_t last = (size_t)-1;

    for (size_t c = layer->to; c-- > layer->from;) {
        size_t j = space->column[c].dim, levels = (size_t)space->dim[j].levels;

        if (j == last)
            continue;
        x[j] = (int)(combo % levels);
        combo /= levels;
        last = j;
    }
}

void sofa_gp_free_tables(struct sofa_gp *gp)
{
    for (size_t l = 0; gp->table && l < gp->space.layers; l++) {
        free(gp->table[l].u);
        free(gp->table[l].value);
        free(gp->table[l].known);
        free(gp->table[l].combo);
    }
    free(gp->table);
    free(gp->lookup.row);
    free(gp->lookup.combo);
    gp->lookup = (struct gp_lookup){0};
    gp->table = NULL;
    gp->tables_hold = false;
}

enum sofa_code sofa_gp_new_tables(struct sofa_gp *gp, struct sofa_err *err)
{
    const struct gp_space *space = &gp->space;

    if (!gp->additive)
        return SOFA_OK;
    gp->table = calloc(space->layers, sizeof *gp->table);
    gp->lookup.row = calloc(space->layers, sizeof *gp->lookup.row);
    gp->lookup.combo = calloc(space->layers, sizeof *gp->lookup.combo);
    if (!gp->table || !gp->lookup.row || !gp->lookup.combo)
        return sofa_fail_nomem(err, "a Gaussian process");
    for (size_t l = 0; l < space->layers; l++) {
        struct gp_table *table = &gp->table[l];

        table->combos = layer_combos(space, &space->layer[l]);
        if (table->combos > COMBOS_MAX) {
            table->combos = 0;
            continue;
        }
        table->padded = SOFA_DENSE_ROUND(table->combos);
        table->u = sofa_gp_new_rows(space->layer[l].to - space->layer[l].from, table->padded);
        table->value = sofa_gp_new_rows(table->combos, table->padded);
        table->known = calloc(table->combos, sizeof *table->known);
        if (!table->u || !table->value || !table->known)
            return sofa_fail_nomem(err, "a Gaussian process");
    }
    return SOFA_OK;
}

enum sofa_code sofa_gp_reserve_tables(struct sofa_gp *gp, size_t rows, struct sofa_err *err)
{
    for (size_t l = 0; gp->table && l < gp->space.layers; l++) {
        if (!gp->table[l].combos)
            continue;
        free(gp->table[l].combo);
        gp->table[l].combo = calloc(rows, sizeof *gp->table[l].combo);
        if (!gp->table[l].combo)
            return sofa_fail_nomem(err, "a Gaussian process");
    }
    return SOFA_OK;
}

void sofa_gp_set_tables(struct sofa_gp *gp, bool same_kernel, size_t rows)
{
    const struct gp_space *space = &gp->space;
    int *x = gp->scratch_x;

    for (size_t l = 0; gp->table && l < space->layers; l++) {
        const struct gp_span *layer = &space->layer[l];
        struct gp_table *table = &gp->table[l];

        if (!table->combos)
            continue;
        for (size_t i = 0; i < rows; i++)
            table->combo[i] = (unsigned short)combo_of(space, layer, gp->x + i * space->dims);
        if (same_kernel && gp->tables_hold)
            continue;
        memset(table->known, 0, table->combos * sizeof *table->known);
        for (size_t k = 0; k < table->combos; k++) {
            set_combo(space, layer, k, x);
            for (size_t c = layer->from; c < layer->to; c++)
                table->u[(c - layer->from) * table->padded + k] = sofa_gp_feature(space, space->warped, c, x);
        }
    }
    gp->tables_hold = gp->table != NULL;
}

double sofa_gp_layer_weight(const struct sofa_gp *gp)
{
    return gp->kernel.scale * (1 - gp->kernel.mix) / (double)gp->space.layers;
}

/* The row of the table for one combination with features u. */
static const double *table_row(struct sofa_gp *gp, size_t l, size_t combo, const double *u)
{
    const struct gp_span *layer = &gp->space.layer[l];
    struct gp_table *table = &gp->table[l];
    double *row = table->value + combo * table->padded, *r2 = gp->strip + GP_STRIP_R2 * gp->capacity;

    if (table->known[combo])
        return row;
    memset(row, 0, table->padded * sizeof *row);
    for (size_t from = 0; from < table->padded; from += GP_LEAST_ROWS) { /* the scratch may be that short */
        size_t n = table->padded - from < GP_LEAST_ROWS ? table->padded - from : GP_LEAST_ROWS;

        gp->dense->distances(table->u + from, table->padded, u + layer->from, gp->kernel.inverse_layer + layer->from,
                             layer->to - layer->from, n, r2);
        gp->dense->matern(r2, n, sofa_gp_layer_weight(gp), row + from);
    }
    table->known[combo] = true;
    return row;
}

/* value[k] += layer l's part for the points k < m, without a table. */
static void add_computed(struct sofa_gp *gp, size_t l, const double *u, size_t m, double *value)
{
    const struct gp_span *layer = &gp->space.layer[l];
    double *r2 = gp->strip + GP_STRIP_R2 * gp->capacity;

    gp->dense->distances(gp->u + layer->from * gp->capacity, gp->capacity, u + layer->from,
                         gp->kernel.inverse_layer + layer->from, layer->to - layer->from, m, r2);
    gp->dense->matern(r2, m, sofa_gp_layer_weight(gp), value);
}

const double *sofa_gp_layer_row(struct sofa_gp *gp, size_t l, const int *x, const double *u, size_t m,
                                const unsigned short **combo)
{
    double *value = gp->strip + GP_STRIP_VALUE * gp->capacity;

    *combo = NULL;
    if (gp->tables_hold && gp->table[l].combos) {
        *combo = gp->table[l].combo;
        return table_row(gp, l, combo_of(&gp->space, &gp->space.layer[l], x), u);
    }
    memset(value, 0, m * sizeof *value);
    add_computed(gp, l, u, m, value);
    return value;
}

void sofa_gp_add_layers(struct sofa_gp *gp, const int *x, const double *u, size_t m, double *out)
{
    struct gp_lookup *lookup = &gp->lookup;

    lookup->count = 0;
    for (size_t l = 0; l < gp->space.layers; l++) {
        if (gp->tables_hold && gp->table[l].combos) {
            lookup->row[lookup->count] = table_row(gp, l, combo_of(&gp->space, &gp->space.layer[l], x), u);
            lookup->combo[lookup->count++] = gp->table[l].combo;
            continue;
        }
        gp->dense->add_tables(lookup->row, lookup->combo, lookup->count, m, out);
        lookup->count = 0;
        add_computed(gp, l, u, m, out);
    }
    gp->dense->add_tables(lookup->row, lookup->combo, lookup->count, m, out);
}

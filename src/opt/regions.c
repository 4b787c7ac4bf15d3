#include "opt/regions.h"

#include <stdlib.h>
#include <string.h>

#include "base/columns.h"
#include "opt/pareto.h"

#define LENGTH_MOST 0.5 /* all levels from the middle one: a search that comes here isn't narrowed before it fails */
#define LENGTH_LEAST 0.05
#define WINS 3 /* in a row, then the regions grow */
#define LOSSES_LEAST 8 /* in a row, or half the dimensions, then they shrink */

enum sofa_code sofa_regions_init(struct sofa_regions *regions, size_t dims, struct sofa_err *err)
{
    *regions = (struct sofa_regions){.length = LENGTH_MOST};
    regions->box.low = calloc(dims, sizeof *regions->box.low);
    regions->box.high = calloc(dims, sizeof *regions->box.high);
    return regions->box.low && regions->box.high ? SOFA_OK : sofa_fail_nomem(err, "an optimizer");
}

void sofa_regions_release(struct sofa_regions *regions)
{
    free(regions->noted);
    free(regions->front);
    free(regions->y);
    free(regions->kept);
    free(regions->box.low);
    free(regions->box.high);
}

bool sofa_regions_in_use(const struct sofa_optimizer *o, size_t results)
{
    return results > o->problem.regions_from;
}

/* Room for all trials; the front is made anew when it grows. */
static enum sofa_code reserve(struct sofa_regions *regions, size_t count, size_t m, struct sofa_err *err)
{
    const struct sofa_column columns[] = {SOFA_COLUMN(regions->noted, 1), SOFA_COLUMN(regions->front, 1),
                                          SOFA_COLUMN(regions->y, m), SOFA_COLUMN(regions->kept, 1)};

    if (count > regions->room)
        regions->front_n = 0;
    return sofa_columns_grow(columns, 4, &regions->room, count) ? SOFA_OK : sofa_fail_nomem(err, "an optimizer");
}

static int compare_trials(const void *pa, const void *pb)
{
    size_t a = *(const size_t *)pa, b = *(const size_t *)pb;

    return (a > b) - (a < b);
}

static bool on_front(const struct sofa_regions *regions, size_t trial)
{
    return regions->front_n && bsearch(&trial, regions->front, regions->front_n, sizeof trial, compare_trials);
}

/* Counts one suggestion that did or didn't reach the front. */
static void count_result(struct sofa_regions *regions, size_t dims, bool won)
{
    size_t patience = dims / 2 > LOSSES_LEAST ? dims / 2 : LOSSES_LEAST;

    regions->wins = won ? regions->wins + 1 : 0;
    regions->losses = won ? 0 : regions->losses + 1;
    if (regions->wins == WINS) {
        regions->length = 2 * regions->length < LENGTH_MOST ? 2 * regions->length : LENGTH_MOST;
        regions->wins = 0;
    } else if (regions->losses == patience) {
        regions->length = regions->length / 2 < LENGTH_LEAST ? LENGTH_MOST : regions->length / 2;
        regions->losses = 0;
    }
}

/* Trials with the front's first, then what is new. */
static size_t gather(struct sofa_regions *regions, const struct sofa_optimizer *o, sofa_regions_trial_fn *counts)
{
    size_t n = regions->front_n;

    for (size_t i = 0; i < o->seen.count; i++)
        if (!regions->noted[i] && counts(o, i)) {
            regions->noted[i] = true;
            regions->front[n++] = i;
        }
    return n;
}

enum sofa_code sofa_regions_update(struct sofa_regions *regions, const struct sofa_optimizer *o, size_t m,
                                   sofa_regions_trial_fn *counts, sofa_regions_row_fn *row_of, struct sofa_err *err)
{
    size_t n, kept = 0;
    enum sofa_code rc;

    SOFA_TRY(reserve(regions, o->seen.count, m, err));
    if (regions->changes != o->changes) { /* a result was replaced */
        memset(regions->noted, 0, regions->room * sizeof *regions->noted);
        regions->front_n = 0;
    }
    regions->changes = o->changes;
    n = gather(regions, o, counts);
    qsort(regions->front, n, sizeof *regions->front, compare_trials);
    for (size_t i = 0; i < n; i++)
        row_of(o, regions->front[i], regions->y + i * m);
    SOFA_TRY(sofa_pareto_front(regions->y, n, m, regions->kept, err));
    for (size_t i = 0; i < n; i++)
        if (regions->kept[i])
            regions->front[kept++] = regions->front[i];
    regions->front_n = kept;
    for (; regions->looked < o->seen.count && o->trials[regions->looked].state != SOFA_TRIAL_PENDING; regions->looked++)
        if (sofa_regions_in_use(o, regions->looked))
            count_result(regions, o->problem.dims, on_front(regions, regions->looked));
out:
    return rc;
}

void sofa_regions_place(struct sofa_regions *regions, const struct sofa_optimizer *o, const int *centre)
{
    for (size_t j = 0; j < o->problem.dims; j++) {
        const struct sofa_opt_dim *dim = &o->problem.dim[j];
        int side = (int)(regions->length * dim->levels + 0.5), low, high;

        side = dim->unordered ? dim->levels : side < 1 ? 1 : side;
        low = centre[j] - side;
        high = centre[j] + side;
        regions->box.low[j] = low < 0 ? 0 : low;
        regions->box.high[j] = high >= dim->levels ? dim->levels - 1 : high;
    }
}

size_t sofa_regions_inside(const struct sofa_regions *regions, const struct sofa_optimizer *o, int *x, size_t max)
{
    size_t dims = o->problem.dims, found = 0, j;

    for (size_t i = regions->front_n; i-- > 0 && found < max;) {
        const int *point = sofa_lattice_point(&o->seen, regions->front[i]);

        for (j = 0; j < dims && point[j] >= regions->box.low[j] && point[j] <= regions->box.high[j]; j++)
            ;
        if (j == dims)
            memcpy(x + found++ * dims, point, dims * sizeof *x);
    }
    return found;
}

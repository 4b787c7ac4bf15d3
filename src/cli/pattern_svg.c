/* A pattern as a picture: queries down, keys across, each regular part in a colour. */
#include <math.h>
#include <stdio.h>

#include "acsr/facts.h"
#include "base/file.h"
#include "base/str.h"
#include "cli/pattern.h"
#include "report/svg_frame.h"

#define CELLS_MAX 256   /* a side; larger patterns have cells of several pairs */
#define SIDE 620.0      /* of the plot, in picture units */
#define SHORT_SIDE 24.0 /* at least, of patterns far from square */
#define LEFT 64.0
#define TOP 72.0
#define LEGEND 250.0    /* its width */
#define LEVELS 6        /* shades of how full a cell is */
#define TICK_ROOM 64.0  /* between two ticks, about */

/* Told apart also by the colour-blind where few are used, and seen on light and on dark. */
static const char *const colours[] = {"#0969da", "#d9730d", "#1a7f37", "#8250df", "#cf222e", "#0e8a8a", "#bf3989", "#9a6700"};
#define REST_COLOUR "#6e7781"
#define N_COLOURS (sizeof colours / sizeof colours[0])

/* How many members of each layer lie in each cell. */
struct grid {
    size_t down, across;      /* cells */
    size_t row_step, col_step; /* pairs in a cell */
    size_t layers;
    float *count;             /* [layers][down][across] */
    uint8_t *level, *layer;   /* [down][across]: how full, 0 where there is nothing, and of what */
    double width, height;     /* of a cell, in picture units */
};

static float *cells(const struct grid *g, size_t layer, size_t row)
{
    return g->count + (layer * g->down + row / g->row_step) * g->across;
}

/* The share of a progression in each cell: member by member where strides pass cells, else as evenly spread. */
static void add_row(const struct grid *g, const struct sofa_acsr_row *r, float *line)
{
    double step = (double)g->col_step, from = r->first, to = from + (double)r->stride * r->count;

    if ((size_t)r->stride > g->col_step || g->col_step == 1) {
        for (int32_t s = 0; s < r->count; s++)
            line[((size_t)r->first + (size_t)r->stride * (size_t)s) / g->col_step] += 1;
        return;
    }
    for (size_t c = (size_t)r->first / g->col_step; c < g->across && (double)c * step < to; c++) {
        double low = fmax(from, (double)c * step), high = fmin(to, (double)(c + 1) * step);

        line[c] += (float)((high - low) / r->stride);
    }
}

static bool grid_fill(struct grid *g, const struct sofa_pattern *p, struct sofa_arena *arena)
{
    size_t longest = p->rows > p->columns ? p->rows : p->columns;
    double across, down;

    g->row_step = (p->rows + CELLS_MAX - 1) / CELLS_MAX;
    g->col_step = (p->columns + CELLS_MAX - 1) / CELLS_MAX;
    g->down = (p->rows + g->row_step - 1) / g->row_step;
    g->across = (p->columns + g->col_step - 1) / g->col_step;
    g->layers = p->n_parts + 1;
    across = fmax(SHORT_SIDE, SIDE * (double)p->columns / (double)longest);
    down = fmax(SHORT_SIDE, SIDE * (double)p->rows / (double)longest);
    g->width = across * (double)g->col_step / (double)p->columns;
    g->height = down * (double)g->row_step / (double)p->rows;
    g->count = sofa_arena_zalloc(arena, g->layers * g->down * g->across, sizeof *g->count);
    g->level = sofa_arena_alloc(arena, g->down * g->across, 1);
    g->layer = sofa_arena_alloc(arena, g->down * g->across, 1);
    if (!g->count || !g->level || !g->layer)
        return false;
    for (size_t i = 0; i < p->rows; i++) {
        for (size_t k = 0; k < p->n_parts; k++)
            if (p->part[k].row[i].count)
                add_row(g, &p->part[k].row[i], cells(g, k, i));
        for (size_t m = p->rest.start[i]; m < p->rest.start[i + 1]; m++)
            cells(g, p->n_parts, i)[(size_t)p->rest.column[m] / g->col_step] += 1;
    }
    return true;
}

/* What a cell shows: the layer it has most of, and how full it is in 1..LEVELS; 0 where it has nothing. */
static void settle_cell(const struct grid *g, size_t cell)
{
    double all = 0, best = 0, share;

    for (size_t k = 0; k < g->layers; k++) {
        double n = g->count[k * g->down * g->across + cell];

        all += n;
        if (n > best) {
            best = n;
            g->layer[cell] = (uint8_t)k;
        }
    }
    share = all / ((double)g->row_step * (double)g->col_step);
    g->level[cell] = all > 0 ? (uint8_t)fmin(LEVELS, fmax(1, ceil(share * LEVELS - 1e-3))) : 0;
}

static const char *layer_colour(const struct sofa_pattern *p, size_t layer)
{
    return layer == p->n_parts ? REST_COLOUR : colours[layer % N_COLOURS];
}

/* All cells of a layer and a level as one path of horizontal runs, in cells. */
static void draw_level(const struct grid *g, const char *colour, size_t layer, int level, struct sofa_str *out)
{
    bool any = false;

    for (size_t r = 0; r < g->down; r++) {
        const uint8_t *levels = g->level + r * g->across, *layers = g->layer + r * g->across;

        for (size_t c = 0; c < g->across; c++) {
            size_t from = c;

            while (c < g->across && levels[c] == level && layers[c] == layer)
                c++;
            if (c == from)
                continue;
            if (!any)
                sofa_str_addf(out, "<path style=\"fill:%s\" fill-opacity=\"%.2f\" d=\"", colour, 0.25 + 0.75 * level / LEVELS);
            any = true;
            sofa_str_addf(out, "M%zu %zuh%zuv1h-%zuz", from, r, c - from, c - from);
        }
    }
    if (any)
        sofa_str_add(out, "\"/>\n");
}

static void draw_cells(const struct grid *g, const struct sofa_pattern *p, struct sofa_str *out)
{
    for (size_t cell = 0; cell < g->down * g->across; cell++)
        settle_cell(g, cell);
    sofa_str_addf(out, "<g transform=\"translate(%g %g) scale(%.6g %.6g)\" shape-rendering=\"crispEdges\">\n", LEFT, TOP, g->width,
                  g->height);
    for (size_t k = 0; k < g->layers; k++)
        for (int level = 1; level <= LEVELS; level++)
            draw_level(g, layer_colour(p, k), k, level, out);
    sofa_str_add(out, "</g>\n");
}

/* Ticks at round numbers, as many as have room: powers of two for sides made of them, else 1, 2 or 5 times a power of ten. */
static size_t tick_step(size_t side, double length)
{
    static const size_t factors[] = {2, 5, 10};
    size_t ten = 1, step = 1, most = 1 + (size_t)(length / TICK_ROOM);

    if (side % 64 == 0)
        while (side / step >= most)
            step *= 2;
    for (size_t k = 0; side / step >= most; k++) {
        step = ten * factors[k % 3];
        ten = k % 3 == 2 ? ten * 10 : ten;
    }
    return step;
}

static void draw_ticks(const struct grid *g, const struct sofa_pattern *p, struct sofa_str *out)
{
    double right = LEFT + g->width * (double)p->columns / (double)g->col_step, per_row = g->height / (double)g->row_step;
    double bottom = TOP + per_row * (double)p->rows, per_column = g->width / (double)g->col_step;
    char text[64];

    for (size_t j = 0; j < p->columns; j += tick_step(p->columns, right - LEFT)) {
        snprintf(text, sizeof text, "%zu", j);
        sofa_svg_text(out, "tick mid", LEFT + ((double)j + 0.5) * per_column, TOP - 7, "", text);
    }
    for (size_t i = 0; i < p->rows; i += tick_step(p->rows, bottom - TOP)) {
        snprintf(text, sizeof text, "%zu", i);
        sofa_svg_text(out, "tick end", LEFT - 7, TOP + ((double)i + 0.5) * per_row + 4, "", text);
    }
    sofa_str_addf(out, "<path class=\"border\" d=\"M%g %gH%.1fV%.1fH%gz\"/>\n", LEFT, TOP, right, bottom, LEFT);
    sofa_svg_text(out, "name mid", (LEFT + right) / 2, TOP - 25, "", "keys");
    snprintf(text, sizeof text, " transform=\"rotate(-90 14 %.1f)\"", (TOP + bottom) / 2);
    sofa_svg_text(out, "name mid", 14, (TOP + bottom) / 2, text, "queries");
}

static double legend_entry(const char *colour, double x, double y, const char *name, const char *note, struct sofa_str *out)
{
    sofa_str_addf(out, "<rect x=\"%.1f\" y=\"%.1f\" width=\"13\" height=\"13\" rx=\"2\" fill=\"%s\"/>\n", x, y - 11, colour);
    sofa_svg_text(out, "name", x + 20, y, "", name);
    sofa_svg_text(out, "note", x + 20, y + 16, "", note);
    return y + 40;
}

static void draw_legend(const struct grid *g, const struct sofa_pattern *p, double x, struct sofa_str *out)
{
    char name[96], note[128];
    double y = TOP + 12;

    for (size_t k = 0; k < p->n_parts; k++) {
        struct sofa_acsr_facts f;
        int n;

        sofa_acsr_describe(&p->part[k], &f);
        snprintf(name, sizeof name, "part %zu: %zu members", k, f.members);
        n = snprintf(note, sizeof note, "stride %d", f.stride_least);
        if (f.stride_most > f.stride_least)
            n += snprintf(note + n, sizeof note - (size_t)n, " to %d", f.stride_most);
        snprintf(note + n, sizeof note - (size_t)n, ", up to %d in a row", f.count_most);
        y = legend_entry(layer_colour(p, k), x, y, name, note, out);
    }
    if (p->rest.start[p->rows]) {
        snprintf(name, sizeof name, "remainder: %zu members", p->rest.start[p->rows]);
        y = legend_entry(REST_COLOUR, x, y, name, "not regular, kept one by one", out);
    }
    if (g->row_step * g->col_step > 1) {
        snprintf(note, sizeof note, "a cell is %zu by %zu pairs,", g->row_step, g->col_step);
        sofa_svg_text(out, "note", x, y, "", note);
        sofa_svg_text(out, "note", x, y + 15, "", "the stronger the more it has");
    }
}

static void draw(const struct sofa_pattern_source *source, const struct grid *g, struct sofa_str *out)
{
    const struct sofa_pattern *p = &source->pattern;
    double right = LEFT + g->width * (double)p->columns / (double)g->col_step;
    double bottom = TOP + g->height * (double)p->rows / (double)g->row_step, legend = TOP + 60 + 40.0 * (double)g->layers;
    char title[256];

    sofa_str_add(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    snprintf(title, sizeof title, "%.120s: %zu by %zu, %.3g %% of all pairs%s", source->spec, p->rows, p->columns,
             100 * (double)sofa_pattern_members(p) / ((double)p->rows * (double)p->columns), source->causal ? ", causal" : "");
    sofa_svg_begin(out, right + 24 + LEGEND, fmax(bottom, legend) + 20, true, title);
    sofa_svg_text(out, "title", 14, 22, "", title);
    draw_cells(g, p, out);
    draw_ticks(g, p, out);
    draw_legend(g, p, right + 24, out);
    sofa_str_add(out, "</svg>\n");
}

enum sofa_code sofa_pattern_svg(const struct sofa_pattern_source *source, const char *path, struct sofa_err *err)
{
    struct sofa_arena arena = SOFA_ARENA_INIT;
    struct sofa_str text = SOFA_STR_INIT;
    struct grid grid = {0};
    enum sofa_code rc;
    bool filled;

    filled = grid_fill(&grid, &source->pattern, &arena);
    if (filled)
        draw(source, &grid, &text);
    if (!filled || text.failed)
        rc = sofa_fail_nomem(err, "the picture");
    else
        rc = sofa_file_write_atomic(path, text.text, text.length, err);
    sofa_str_release(&text);
    sofa_arena_release(&arena);
    return rc;
}

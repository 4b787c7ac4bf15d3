/* The published problems; see problems.h. */
#include <math.h>
#include <string.h>

#include "bench/opt/problems.h"

#define PI 3.14159265358979323846
#define LEVELS 101

static void set_dims(const struct problem *p, struct sofa_opt_dim *dim)
{
    for (size_t j = 0; j < p->dims; j++)
        dim[j] = (struct sofa_opt_dim){
            .levels = p->variable[j].levels, .group = (int)j, .layer = -1, .corner = -1};
}

static double value(const struct problem *p, const int *x, size_t j)
{
    const struct variable *v = &p->variable[j];

    return v->list ? v->list[x[j]] : v->low + (v->high - v->low) * x[j] / (v->levels - 1);
}

/* The sum of what the constraints g [n] (satisfied where >= 0) lack: an objective of the RE suite. */
static double violation(const double *g, size_t n)
{
    double sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += g[i] < 0 ? -g[i] : 0;
    return sum;
}

static const double re22_areas[] = {
    0.20, 0.31, 0.40, 0.44, 0.60, 0.62, 0.79, 0.80, 0.88, 0.93, 1.0,  1.20, 1.24, 1.32,  1.40,  1.55,  1.58,  1.60, 1.76,
    1.80, 1.86, 2.0,  2.17, 2.20, 2.37, 2.40, 2.48, 2.60, 2.64, 2.79, 2.80, 3.0,  3.08,  3.10,  3.16,  3.41,  3.52, 3.60,
    3.72, 3.95, 3.96, 4.0,  4.03, 4.20, 4.34, 4.40, 4.65, 4.74, 4.80, 4.84, 5.0,  5.28,  5.40,  5.53,  5.72,  6.0,  6.16,
    6.32, 6.60, 7.11, 7.20, 7.80, 7.90, 8.0,  8.40, 8.69, 9.0,  9.48, 10.27, 11.0, 11.06, 11.85, 12.0,  13.0,  14.0, 15.0};
static const struct variable re22_variables[] = {
    {0, 0, sizeof re22_areas / sizeof *re22_areas, re22_areas}, {0, 20, LEVELS, NULL}, {0, 40, LEVELS, NULL}};

/* Reinforced concrete beam. */
static void re22(const struct problem *p, const int *x, double *y, double *g)
{
    double a = value(p, x, 0), b = value(p, x, 1), c = value(p, x, 2), lack[2];

    (void)g;
    b = b > 0 ? b : 1e-3; /* the published code divides by it */
    y[0] = 29.4 * a + 0.6 * b * c;
    lack[0] = a * c - 7.735 * (a * a / b) - 180;
    lack[1] = 4 - c / b;
    y[1] = violation(lack, 2);
}

static const struct variable re23_variables[] = {
    {0.0625, 6.25, 100, NULL}, {0.0625, 6.25, 100, NULL}, {10, 200, LEVELS, NULL}, {10, 240, LEVELS, NULL}};

/* Pressure vessel. */
static void re23(const struct problem *p, const int *x, double *y, double *g)
{
    double a = value(p, x, 0), b = value(p, x, 1), c = value(p, x, 2), d = value(p, x, 3), lack[3];

    (void)g;
    y[0] = 0.6224 * a * c * d + 1.7781 * b * c * c + 3.1661 * a * a * d + 19.84 * a * a * c;
    lack[0] = a - 0.0193 * c;
    lack[1] = b - 0.00954 * c;
    lack[2] = PI * c * c * d + 4.0 / 3 * PI * c * c * c - 1296000;
    y[1] = violation(lack, 3);
}

static const double re25_wires[] = {
    0.009,  0.0095, 0.0104, 0.0118, 0.0128, 0.0132, 0.014,  0.015,  0.0162, 0.0173, 0.018,  0.02,   0.023,  0.025,
    0.028,  0.032,  0.035,  0.041,  0.047,  0.054,  0.063,  0.072,  0.08,   0.092,  0.105,  0.12,   0.135,  0.148,
    0.162,  0.177,  0.192,  0.207,  0.225,  0.244,  0.263,  0.283,  0.307,  0.331,  0.362,  0.394,  0.4375, 0.5};
static const struct variable re25_variables[] = {
    {1, 70, 70, NULL}, {0.6, 30, LEVELS, NULL}, {0, 0, sizeof re25_wires / sizeof *re25_wires, re25_wires}};

/* Coil compression spring. */
static void re25(const struct problem *p, const int *x, double *y, double *g)
{
    double n = value(p, x, 0), coil = value(p, x, 1), wire = value(p, x, 2);
    double cf = (4 * (coil / wire) - 1) / (4 * (coil / wire) - 4) + 0.615 * wire / coil;
    double k = 11.5e6 * pow(wire, 4) / (8 * n * pow(coil, 3)), load = 1000, preload = 300;
    double length = load / k + 1.05 * (n + 2) * wire, sag = preload / k, lack[6];

    (void)g;
    y[0] = PI * PI * coil * wire * wire * (n + 2) / 4;
    lack[0] = -(8 * cf * load * coil) / (PI * pow(wire, 3)) + 189000;
    lack[1] = -length + 14;
    lack[2] = -3 + coil / wire;
    lack[3] = -sag + 6;
    lack[4] = -sag - (load - preload) / k - 1.05 * (n + 2) * wire + length;
    lack[5] = -1.25 + (load - preload) / k;
    y[1] = violation(lack, 6);
}

static const struct variable re35_variables[] = {{2.6, 3.6, LEVELS, NULL}, {0.7, 0.8, LEVELS, NULL},
                                                 {17, 28, 12, NULL},       {7.3, 8.3, LEVELS, NULL},
                                                 {7.3, 8.3, LEVELS, NULL}, {2.9, 3.9, LEVELS, NULL},
                                                 {5.0, 5.5, LEVELS, NULL}};

/* Speed reducer. */
static void re35(const struct problem *p, const int *x, double *y, double *g)
{
    double a = value(p, x, 0), b = value(p, x, 1), c = value(p, x, 2), d = value(p, x, 3), e = value(p, x, 4);
    double f = value(p, x, 5), h = value(p, x, 6), lack[11];

    (void)g;
    y[0] = 0.7854 * a * b * b * (10 * c * c / 3 + 14.933 * c - 43.0934) - 1.508 * a * (f * f + h * h) +
           7.477 * (f * f * f + h * h * h) + 0.7854 * (d * f * f + e * h * h);
    y[1] = sqrt(pow(745 * d / (b * c), 2) + 1.69e7) / (0.1 * f * f * f);
    lack[0] = -1 / (a * b * b * c) + 1.0 / 27;
    lack[1] = -1 / (a * b * b * c * c) + 1.0 / 397.5;
    lack[2] = -d * d * d / (b * c * pow(f, 4)) + 1.0 / 1.93;
    lack[3] = -e * e * e / (b * c * pow(h, 4)) + 1.0 / 1.93;
    lack[4] = -b * c + 40;
    lack[5] = -a / b + 12;
    lack[6] = -5 + a / b;
    lack[7] = -1.9 + d - 1.5 * f;
    lack[8] = -1.9 + e - 1.1 * h;
    lack[9] = -y[1] + 1300;
    lack[10] = -sqrt(pow(745 * e / (b * c), 2) + 1.575e8) / (0.1 * h * h * h) + 1100;
    y[2] = violation(lack, 11);
}

static const struct variable re36_variables[] = {
    {12, 60, 49, NULL}, {12, 60, 49, NULL}, {12, 60, 49, NULL}, {12, 60, 49, NULL}};

/* Gear train. */
static void re36(const struct problem *p, const int *x, double *y, double *g)
{
    double a = value(p, x, 0), b = value(p, x, 1), c = value(p, x, 2), d = value(p, x, 3), lack;

    (void)g;
    y[0] = fabs(6.931 - (c / a) * (d / b));
    y[1] = fmax(fmax(a, b), fmax(c, d));
    lack = 0.5 - y[0] / 6.931;
    y[2] = violation(&lack, 1);
}

static const struct variable osy_variables[] = {{0, 10, LEVELS, NULL}, {0, 10, LEVELS, NULL}, {1, 5, LEVELS, NULL},
                                                {0, 6, LEVELS, NULL},  {1, 5, LEVELS, NULL},  {0, 10, LEVELS, NULL}};

static void osy(const struct problem *p, const int *x, double *y, double *g)
{
    double v[6];

    y[1] = 0;
    for (size_t j = 0; j < 6; j++) {
        v[j] = value(p, x, j);
        y[1] += v[j] * v[j];
    }
    y[0] = -(25 * pow(v[0] - 2, 2) + pow(v[1] - 2, 2) + pow(v[2] - 1, 2) + pow(v[3] - 4, 2) + pow(v[4] - 1, 2));
    g[0] = 2 - v[0] - v[1];
    g[1] = v[0] + v[1] - 6;
    g[2] = v[1] - v[0] - 2;
    g[3] = v[0] - 3 * v[1] - 2;
    g[4] = pow(v[2] - 3, 2) + v[3] - 4;
    g[5] = 4 - pow(v[4] - 3, 2) - v[5];
}

static const struct variable currin_variables[] = {{0, 1, LEVELS, NULL}, {0, 1, LEVELS, NULL}};

/* Branin's function and Currin's, with the disc of Gelbart, Snoek and Adams (UAI 2014). */
static void branin_currin(const struct problem *p, const int *x, double *y, double *g)
{
    double a = value(p, x, 0), b = value(p, x, 1), u = 15 * a - 5, v = 15 * b;

    y[0] = pow(v - 5.1 / (4 * PI * PI) * u * u + 5 / PI * u - 6, 2) + 10 * (1 - 1 / (8 * PI)) * cos(u) + 10;
    y[1] = (b > 0 ? 1 - exp(-1 / (2 * b)) : 1) * (2300 * a * a * a + 1900 * a * a + 2092 * a + 60) /
           (100 * a * a * a + 500 * a * a + 4 * a + 20);
    g[0] = pow(u - 2.5, 2) + pow(v - 7.5, 2) - 50;
}

static const struct variable unit_fine[] = {{0, 1, LEVELS, NULL}, {0, 1, LEVELS, NULL}, {0, 1, LEVELS, NULL},
                                            {0, 1, LEVELS, NULL}, {0, 1, LEVELS, NULL}, {0, 1, LEVELS, NULL}};
static const struct variable unit_coarse[] = {{0, 1, 16, NULL}, {0, 1, 16, NULL}, {0, 1, 16, NULL}, {0, 1, 16, NULL},
                                              {0, 1, 16, NULL}, {0, 1, 16, NULL}, {0, 1, 16, NULL}, {0, 1, 16, NULL}};

static void dtlz2(const struct problem *p, const int *x, double *y, double *g)
{
    size_t m = p->objectives;
    double far = 1, t;

    (void)g;
    for (size_t j = m - 1; j < p->dims; j++)
        far += pow(value(p, x, j) - 0.5, 2);
    for (size_t i = 0; i < m; i++) {
        y[i] = far;
        for (size_t j = 0; j + i + 1 < m; j++)
            y[i] *= cos(value(p, x, j) * PI / 2);
        if (i > 0) {
            t = value(p, x, m - 1 - i);
            y[i] *= sin(t * PI / 2);
        }
    }
}

static void c2dtlz2(const struct problem *p, const int *x, double *y, double *g)
{
    const double r = 0.2;
    double ends = INFINITY, centre = -r * r, here;

    dtlz2(p, x, y, g);
    for (size_t i = 0; i < p->objectives; i++) {
        here = pow(y[i] - 1, 2) - r * r;
        for (size_t j = 0; j < p->objectives; j++)
            here += j != i ? y[j] * y[j] : 0;
        ends = fmin(ends, here);
        centre += pow(y[i] - 1 / sqrt((double)p->objectives), 2);
    }
    g[0] = fmin(ends, centre);
}

static void dtlz7(const struct problem *p, const int *x, double *y, double *g)
{
    size_t m = p->objectives;
    double far = 0, sum = 0;

    (void)g;
    for (size_t j = m - 1; j < p->dims; j++)
        far += value(p, x, j);
    far = 1 + 9 * far / (double)(p->dims - m + 1);
    for (size_t i = 0; i + 1 < m; i++) {
        y[i] = value(p, x, i);
        sum += y[i] / (1 + far) * (1 + sin(3 * PI * y[i]));
    }
    y[m - 1] = (1 + far) * ((double)m - sum);
}

/* The objective that needs an evaluation first. */
static void dtlz7_last_first(const struct problem *p, const int *x, double *y, double *g)
{
    double first;

    dtlz7(p, x, y, g);
    first = y[0];
    y[0] = y[p->objectives - 1];
    y[p->objectives - 1] = first;
}

static const struct variable brake_variables[] = {
    {55, 80, LEVELS, NULL}, {75, 110, LEVELS, NULL}, {1000, 3000, LEVELS, NULL}, {11, 20, LEVELS, NULL}};

static void disc_brake(const struct problem *p, const int *x, double *y, double *g)
{
    double a = value(p, x, 0), b = value(p, x, 1), c = value(p, x, 2), d = value(p, x, 3);
    double squares = b * b - a * a, cubes = b * b * b - a * a * a;

    y[0] = 4.9e-5 * squares * (d - 1);
    y[1] = 9.82e6 * squares / (c * d * cubes);
    g[0] = 20 - (b - a);
    g[1] = c / (3.14 * squares) - 0.4;
    g[2] = 2.22e-3 * c * cubes / (squares * squares) - 1;
    g[3] = (900 - 2.66e-2 * c * d * cubes / squares) / 900;
}

/* The references of the RE suite lie a tenth beyond the nadirs that bench/peers/opt_references.py found on
 * these lattices; those of the others are what their authors or BoTorch use. */
const struct problem problems_blackbox[] = {
    {"re22", 3, 2, 0, SOFA_OPT_ALL_UNCERTAIN, set_dims, re22, {399.06, 198.02}, .variable = re22_variables},
    {"re23", 4, 2, 0, SOFA_OPT_ALL_UNCERTAIN, set_dims, re23, {6523.1, 1417537}, .variable = re23_variables},
    {"re25", 3, 2, 0, SOFA_OPT_ALL_UNCERTAIN, set_dims, re25, {3.0988, 2.3529e9}, .variable = re25_variables},
    {"re35", 7, 3, 0, SOFA_OPT_ALL_UNCERTAIN, set_dims, re35, {7332.8, 1796.1, 437.09}, .variable = re35_variables},
    {"re36", 4, 3, 0, SOFA_OPT_ALL_UNCERTAIN, set_dims, re36, {6.5239, 41.7, 0.39129}, .variable = re36_variables},
    {"osy", 6, 2, 6, SOFA_OPT_ALL_UNCERTAIN, set_dims, osy, {-75, 75}, .variable = osy_variables},
    {"c2dtlz2", 6, 2, 1, SOFA_OPT_ALL_UNCERTAIN, set_dims, c2dtlz2, {1.1, 1.1}, .variable = unit_fine, .front_dims = 1, .front_level = 50},
    {"discbrake", 4, 2, 4, SOFA_OPT_ALL_UNCERTAIN, set_dims, disc_brake, {5.7771, 3.9651}, .variable = brake_variables},
    {"dtlz2", 8, 3, 0, SOFA_OPT_ALL_UNCERTAIN, set_dims, dtlz2, {1.1, 1.1, 1.1}, .variable = unit_coarse, .front_dims = 2,
     .front_level = 7},
    {"dtlz2x4", 8, 4, 0, SOFA_OPT_ALL_UNCERTAIN, set_dims, dtlz2, {1.1, 1.1, 1.1, 1.1}, .variable = unit_coarse},
    {"dtlz7", 8, 2, 0, SOFA_OPT_ALL_UNCERTAIN, set_dims, dtlz7, {15, 15}, .variable = unit_coarse, .front_dims = 1},
    {"currin", 2, 2, 1, SOFA_OPT_ALL_UNCERTAIN, set_dims, branin_currin, {80, 12}, .variable = currin_variables},
    /* the same with all objectives but the first declared to be exact */
    {"dtlz2grey", 8, 3, 0, 0, set_dims, dtlz2, {1.1, 1.1, 1.1}, .variable = unit_coarse, .front_dims = 2,
     .front_level = 7},
    {"dtlz7grey", 8, 2, 0, 0, set_dims, dtlz7_last_first, {15, 15}, .variable = unit_coarse, .front_dims = 1},
};
const size_t problems_blackbox_count = sizeof problems_blackbox / sizeof *problems_blackbox;

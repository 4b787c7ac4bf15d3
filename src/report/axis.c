#include "report/axis.h"

#include <float.h>
#include <math.h>
#include <stdio.h>

#include "base/unit.h"
#include "report/picture.h"

#define MARGIN 0.06    /* of the span, at both ends */
#define LOG_RATIO 30.0 /* from which a logarithmic axis tells more */

/* The round number 1, 2 or 5 times a power of ten that is next above x. */
static double round_up(double x)
{
    double power = pow(10, floor(log10(x)));

    if (x <= power * (1 + 1e-9))
        return power;
    return x <= 2 * power ? 2 * power : x <= 5 * power ? 5 * power : 10 * power;
}

static void linear_ticks(struct sofa_axis *a, size_t wanted)
{
    double step = round_up((a->high - a->low) / a->scale / (double)wanted) * a->scale;
    double first = ceil(a->low / step - 1e-9);

    a->n_ticks = 0;
    for (double i = first; i * step <= a->high * (1 + 1e-12) + 1e-9 * step && a->n_ticks < SOFA_TICKS_MAX; i++)
        a->tick[a->n_ticks++] = i * step;
}

/* Powers of ten, with 2 and 5 times them where there is room, or only every n-th where there is not. */
static void log_ticks(struct sofa_axis *a, size_t wanted)
{
    static const double parts[] = {1, 2, 5};
    double first = log10(a->low) - log10(a->scale), last = log10(a->high) - log10(a->scale);
    double room = 1.6 * (double)wanted, every = fmax(1, ceil((last - first) / room));
    size_t n_parts = (last - first) * 3 <= room ? 3 : 1;

    a->n_ticks = 0;
    for (double e = floor(first); e <= last; e += every) {
        for (size_t i = 0; i < n_parts; i++) {
            double value = parts[i] * pow(10, e) * a->scale;

            if (value >= a->low && value <= a->high && a->n_ticks < SOFA_TICKS_MAX)
                a->tick[a->n_ticks++] = value;
        }
    }
}

static void add_margin(struct sofa_axis *a)
{
    double margin = a->log ? pow(10, MARGIN * (log10(a->high) - log10(a->low))) : MARGIN * (a->high - a->low);

    a->low = a->log ? fmax(a->low / margin, DBL_MIN) : a->low - margin;
    a->high = a->log ? fmin(a->high * margin, DBL_MAX) : a->high + margin;
}

void sofa_axis_init(struct sofa_axis *axis, double low, double high, const char *unit, size_t ticks,
                    double start, double end)
{
    const char *shown;

    if (!(low <= high) || !isfinite(low * 4) || !isfinite(high * 4)) {
        low = 0;
        high = 1;
    }
    if (high - low <= 1e-12 * fmax(fabs(low), fabs(high))) {
        double room = low != 0 ? 0.05 * fabs(low) : 1;

        low -= room;
        high += room;
    }
    *axis = (struct sofa_axis){.low = low,
                               .high = high,
                               .start = start,
                               .end = end,
                               .log = low > 0 && high / low > LOG_RATIO};
    sofa_quantity_scale(axis->log ? sqrt(low) * sqrt(high) : fmax(fabs(low), fabs(high)), unit, &axis->scale,
                        &shown);
    sofa_report_pretty_unit(shown, axis->unit, sizeof axis->unit);
    add_margin(axis);
    if (axis->log)
        log_ticks(axis, ticks);
    if (!axis->log || axis->n_ticks < 2)
        linear_ticks(axis, ticks);
}

double sofa_axis_place(const struct sofa_axis *axis, double value)
{
    double t = axis->log ? (log(value) - log(axis->low)) / (log(axis->high) - log(axis->low))
                         : (value - axis->low) / (axis->high - axis->low);

    return axis->start + t * (axis->end - axis->start);
}

bool sofa_axis_holds(const struct sofa_axis *axis, double value)
{
    return value >= axis->low && value <= axis->high;
}

void sofa_axis_tick_text(const struct sofa_axis *axis, double value, char buf[SOFA_TICK_TEXT_MAX])
{
    double shown = value / axis->scale;

    /* a zero that rounding left as 1e-17 */
    if (fabs(value) < 1e-9 * (axis->high - axis->low))
        shown = 0;
    snprintf(buf, SOFA_TICK_TEXT_MAX, "%.6g", shown);
}

/*
 * An axis of a picture: from values to places, with ticks at round numbers.
 */
#ifndef SOFA_REPORT_AXIS_H
#define SOFA_REPORT_AXIS_H

#include <stdbool.h>
#include <stddef.h>

#define SOFA_TICKS_MAX 16

struct sofa_axis {
    double low, high; /* values at the ends, low < high */
    bool log;
    double scale;      /* shown number = value / scale */
    char unit[32];     /* as shown, in print ("µs"); "" for none */
    double start, end; /* places of low and high, in picture units */
    size_t n_ticks;
    double tick[SOFA_TICKS_MAX]; /* values */
};

/* An axis that holds [low, high] of values in `unit` with a margin, and about `ticks` ticks.  Where the values
 * are positive and span more than a factor 30 it is logarithmic. */
void sofa_axis_init(struct sofa_axis *axis, double low, double high, const char *unit, size_t ticks,
                    double start, double end);
double sofa_axis_place(const struct sofa_axis *axis, double value);
bool sofa_axis_holds(const struct sofa_axis *axis, double value);

/* "2.5" for a tick at 0.0025 of an axis in ms. */
#define SOFA_TICK_TEXT_MAX 32
void sofa_axis_tick_text(const struct sofa_axis *axis, double value, char buf[SOFA_TICK_TEXT_MAX]);

#endif

/*
 * Time that only goes forward, for durations and deadlines.
 */
#ifndef SOFA_BASE_CLOCK_H
#define SOFA_BASE_CLOCK_H

/* Seconds since some point in the past; not affected by changes of the date. */
double sofa_seconds(void);

#endif

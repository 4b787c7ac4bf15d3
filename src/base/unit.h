/*
 * Quantities with units, checked for dimension.
 *
 * A unit is a product of factors over a product of factors, each with an optional
 * power: "KiB", "GB/s", "pJ/bit", "mm2", "J*s", "GOPS/W", "%".  Decimal prefixes are SI,
 * Ki Mi Gi Ti are powers of 1024 (IEC 80000-13); a bit is an eighth of a byte.
 */
#ifndef SOFA_BASE_UNIT_H
#define SOFA_BASE_UNIT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/* base dimensions: bytes, seconds, joules, metres, volts, operations */
enum { SOFA_DIM_BYTE, SOFA_DIM_SECOND, SOFA_DIM_JOULE, SOFA_DIM_METRE, SOFA_DIM_VOLT, SOFA_DIM_OP, SOFA_DIM_COUNT };

struct sofa_unit {
    double factor;                /* value in base units = number * factor */
    signed char dim[SOFA_DIM_COUNT]; /* exponents */
};

/* Reads a unit; "" and "1" are the pure number.  SOFA_E_INPUT names what is unknown. */
enum sofa_code sofa_unit_parse(const char *text, struct sofa_unit *unit, struct sofa_err *err);
bool sofa_unit_same_dimension(const struct sofa_unit *a, const struct sofa_unit *b);
bool sofa_unit_is_pure(const struct sofa_unit *unit);

/* Reads "NUMBER [UNIT]" as a number of `unit` ("64 KiB" in "B" gives 65536; "15 %" in "1" gives
 * 0.15; "inf" and ".inf" are numbers).  SOFA_E_INPUT where it is no number, where the dimension
 * differs, or where a unit is needed and none stands there. */
enum sofa_code sofa_quantity_parse(const char *text, const char *unit, double *value,
                                   struct sofa_err *err);

/* The base unit of a quantity as it is written: "B" of "64 KiB", "Hz" of "1 GHz", "1" of "3" and "15 %".
 * SOFA_E_INPUT where it is no number or its unit isn't known. */
#define SOFA_UNIT_TEXT_MAX 32
enum sofa_code sofa_quantity_unit(const char *text, char unit[SOFA_UNIT_TEXT_MAX], struct sofa_err *err);
/* A number and behind a blank something else, which is a quantity if its unit is known: "5 Ghz", not "3x3". */
bool sofa_is_number_and_word(const char *text);

/* "1.5 ms", "192 KiB", "3.4 %": a value given in `unit`, for people, with 4 significant digits and
 * the prefix that fits.  An unknown unit is printed as it stands. */
#define SOFA_QUANTITY_TEXT_MAX 48
/* The same for many values at once, as on an axis: those about as large as `magnitude` are best shown
 * as value / *scale in *shown ("ms" for 0.02 s; "" for a pure number), which lives as long as `unit`. */
void sofa_quantity_scale(double magnitude, const char *unit, double *scale, const char **shown);
void sofa_quantity_text(double value, const char *unit, char buf[SOFA_QUANTITY_TEXT_MAX]);

#endif

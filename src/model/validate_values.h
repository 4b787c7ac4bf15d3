/*
 * What `validate` can compute, by name, in four tables: the chip itself, arithmetic on published figures,
 * what the model says of throughput, time and energy, and of each technique.
 * A name is that of a published row, or of a quantity that only notes speak of.
 */
#ifndef SOFA_MODEL_VALIDATE_VALUES_H
#define SOFA_MODEL_VALIDATE_VALUES_H

#include "model/validate.h"

/* `value` in the row's unit, `what` says which of a function's figures; NAN where the model has none. */
struct sofa_validate_value {
    const char *name;
    double (*value)(const struct sofa_validation *validation, int what);
    int what;
};
struct sofa_validate_values {
    const struct sofa_validate_value *value;
    size_t n;
};
extern const struct sofa_validate_values sofa_validate_chip, sofa_validate_arithmetic, sofa_validate_model,
    sofa_validate_steps;

/* The published figure of a row, NAN for a name that isn't one. */
double sofa_validate_published(const struct sofa_validation *validation, const char *name);

#endif

/*
 * Inside the room: the parts of a space file that belong to an outside evaluator.
 *
 *   evaluator: {command: [./my-model, --fast], timeout: 60 s, metrics: [g1, {name: power, unit: W}]}
 *
 * A space with one has its own parameters: the table is made from what stands under `parameters`.
 */
#ifndef SOFA_SPACE_EVALUATOR_H
#define SOFA_SPACE_EVALUATOR_H

#include "space/space.h"

/* Fills space->evaluator. */
enum sofa_code sofa_space_read_evaluator(struct sofa_space *space, const struct sofa_node *node, struct sofa_err *err);

/* Makes the parameter table of a space with an evaluator: whole numbers, numbers in the base unit of the one
 * that stands first, or names.  What else is wrong with the values shows when the lattice is laid out. */
enum sofa_code sofa_space_define_parameters(struct sofa_space *space, const struct sofa_node *node, struct sofa_err *err);

/* Objectives, metrics and constraints hold together: constraints name objectives and metrics; where no metrics
 * are listed, whatever the evaluator will tell. */
enum sofa_code sofa_space_check_outputs(const struct sofa_space *space, struct sofa_err *err);

/* A name that an evaluator is to know something by. */
enum sofa_code sofa_space_check_name(const struct sofa_node *node, const char *name, struct sofa_err *err);
enum sofa_code sofa_space_check_unit(const struct sofa_node *node, const char *unit, struct sofa_err *err);

#endif

/*
 * SRAM costs of a problem from CACTI (arch/cacti.h), where its space asks for them.
 */
#ifndef SOFA_STUDY_MEMORIES_H
#define SOFA_STUDY_MEMORIES_H

#include "study/problem.h"

/* At the capacities that the space's memories may have; its hardware is read and the space bound.  Failures
 * stand at the space's `hardware`. */
enum sofa_code sofa_problem_apply_cacti(struct sofa_problem *problem, struct sofa_err *err);

#endif

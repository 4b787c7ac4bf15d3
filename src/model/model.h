/*
 * The analytical model: what a design costs on a workload, without simulating it.
 *
 * Equations and their sources stand beside the functions that hold them (stages.c, traffic.c,
 * energy.c, area.c).  Cycles, seconds, joules, mm2, bytes; double throughout.
 * A design that cannot work is a result with `feasible` false and a reason, not an error.
 */
#ifndef SOFA_MODEL_MODEL_H
#define SOFA_MODEL_MODEL_H

#include <stdbool.h>
#include <stddef.h>

#include "arch/design.h"
#include "base/err.h"
#include "workload/workload.h"

#endif

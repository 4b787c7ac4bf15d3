/*
 * SRAM costs from CACTI, run where it is found.
 *
 * CACTI (HP Labs; 6.5 and 7.0, whose input and output files these are) takes a configuration file and
 * appends a row of comma-separated figures to FILE.out.  Each capacity is run once and kept in
 * $SOFA_DSE_CACHE, else $XDG_CACHE_HOME/sofa-dse, else ~/.cache/sofa-dse, by what it depends on: the
 * program's bytes, its tables of technology and the configuration.  Other programs have the name, so that before the first run its usage must say
 * what it is.
 */
#ifndef SOFA_ARCH_CACTI_H
#define SOFA_ARCH_CACTI_H

#include "arch/hardware.h"

/* The kinds of transistors CACTI knows for cells and periphery, NULL-terminated. */
extern const char *const sofa_cacti_cells[];

struct sofa_cacti {
    const char *program; /* a path, or NULL: `cacti` on PATH */
    int cells;           /* index in sofa_cacti_cells */
    double access_bytes; /* of one access: the width of the bus; 0: 16 */
};

/* Takes CACTI's areas, leakages and energies in place of the hardware's table, at `n` capacities (bytes;
 * ascending, different, at most SOFA_SRAM_POINTS) and on lines between them.  CACTI is asked at the
 * hardware's node within its 22 to 90 nm, else at the nearest of these and scaled as hardware.h says; the
 * supply is CACTI's own.  What the costs say of their source names CACTI's version.
 * SOFA_E_INPUT where it isn't found or isn't CACTI; SOFA_E_EVAL where it fails. */
enum sofa_code sofa_cacti_apply(struct sofa_hardware *hw, const struct sofa_cacti *cacti, const double *capacity, size_t n,
                                struct sofa_err *err);

#endif

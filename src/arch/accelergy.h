/*
 * Energies and areas from Accelergy's reference tables in place of the built-in ones.
 *
 *   ERT: {version: '0.4', tables: [{name: system.shift_pe[0..4095], actions:
 *          [{name: compute, arguments: {}, energy: 0.0062}, {name: leak, energy: 0.0007}]}]}   energies in pJ
 *   ART: {version: '0.4', tables: [{name: system.shift_pe[0..4095], area: 83.1}]}               um2 an instance
 *
 * A table belongs to the component whose name (arch/hardware.h, and token_sram, weight_sram, temp_sram,
 * dram) is left of its own once the path before it and a range behind it are gone.  Of an action that
 * repeats with other arguments the largest energy counts.  `leak` is a cycle's leakage, `read` and
 * `write` (of DRAM also `access`) one access of so many bytes, any other action a component's operation.
 * Energies stand at the component's full width; memories keep how they grow with capacity.
 */
#ifndef SOFA_ARCH_ACCELERGY_H
#define SOFA_ARCH_ACCELERGY_H

#include "arch/hardware.h"

/* Either path may be NULL.  `access_bytes`: of one access to a memory.  The 4-bit multiplier may be
 * missing; any other component that has no table is named, SOFA_E_INPUT.  Call once, after
 * sofa_hardware_read; what a table says of its source is its file's name, kept by `hw`. */
enum sofa_code sofa_accelergy_apply(struct sofa_hardware *hw, const char *ert_path, const char *art_path,
                                    double access_bytes, struct sofa_err *err);

#endif

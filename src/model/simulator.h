/*
 * A cycle-level, event-driven simulation of the same pipeline that the model puts in closed form: what the
 * model is held against.
 *
 * Every tile of every block, head, sequence and layer passes DLZS, SADS, K/V generation and SU-FA as
 * servers that take one tile at a time for a whole number of cycles; between two of them stand queues
 * of two tiles (double buffers), and a server waits when the next queue is full.  A DRAM with a service
 * rate takes one request at a time: operands of the tiles ahead as far as buffers allow (the next
 * block's first tiles too), what a tile's selection asks for once it is known, scores that don't fit,
 * and writes.  A block's first tile waits for the divisions of the block before: the lanes hold one query
 * each.
 */
#ifndef SOFA_MODEL_SIMULATOR_H
#define SOFA_MODEL_SIMULATOR_H

#include "model/model.h"

/* SOFA_E_EVAL with the reason for a design that cannot work. */
enum sofa_code sofa_simulate(const struct sofa_hardware *hw, const struct sofa_design *design,
                             const struct sofa_workload *workload, const struct sofa_statistics *statistics,
                             double *cycles, double *dram_bytes, struct sofa_err *err);

#endif

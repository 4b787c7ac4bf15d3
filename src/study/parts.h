/*
 * What is known of the accuracy before anything is measured: on which dimensions it hangs, where it is a sum over
 * layers that do not see each other, and what is measured layer by layer that tells of it.
 */
#ifndef SOFA_STUDY_PARTS_H
#define SOFA_STUDY_PARTS_H

#include "study/problem.h"

/* Whether the problem's uncertain objective is the same whatever the value of this parameter: the hardware does not
 * change what the kernel computes. */
bool sofa_problem_apart(const struct sofa_problem *problem, const struct sofa_parameter *parameter);

/* The number of layers that tell a part of the uncertain objective each; 0: they don't.  Layers of a shape on synthetic rows,
 * where the metric is a mean over heads, add up to it.  Those of a language model are signals: its loss is nearly a weighted
 * sum of the squared errors of their attention. */
size_t sofa_problem_parts(const struct sofa_problem *problem);
bool sofa_problem_signals(const struct sofa_problem *problem);
/* The parts or signals [sofa_problem_parts], of what was measured; NAN where a study of an older program does not have
 * them. */
void sofa_problem_split(const struct sofa_problem *problem, const struct sofa_statistics *measured, double *part);

#endif

#!/usr/bin/env python3
"""Nadir of the front that pymoo's NSGA-II finds on a problem's lattice in 10,000 evaluations, of three seeds
together, and a tenth of its range beyond: the references of the RE problems in bench/opt.
usage: opt_references.py PROBLEM..."""
import sys

import numpy as np
from opt_serve import Problem
from pymoo.algorithms.moo.nsga2 import NSGA2
from pymoo.core.problem import Problem as Vectorised
from pymoo.operators.crossover.sbx import SBX
from pymoo.operators.mutation.pm import PM
from pymoo.operators.repair.rounding import RoundingRepair
from pymoo.operators.sampling.rnd import IntegerRandomSampling
from pymoo.optimize import minimize
from pymoo.util.nds.non_dominated_sorting import NonDominatedSorting

for name in sys.argv[1:]:
    problem = Problem(name, "references", 0, 0)

    class Served(Vectorised):
        def __init__(self):
            super().__init__(n_var=problem.dims, n_obj=problem.objectives, xl=np.zeros(problem.dims),
                             xu=np.array(problem.levels) - 1, vtype=int)

        def _evaluate(self, x, out, *args, **kwargs):
            out["F"] = np.array([problem.evaluate(row)[0] for row in x])

    fronts = []
    for seed in range(3):
        algorithm = NSGA2(pop_size=100, sampling=IntegerRandomSampling(), eliminate_duplicates=True,
                          crossover=SBX(vtype=float, repair=RoundingRepair()),
                          mutation=PM(vtype=float, repair=RoundingRepair()))
        fronts.append(minimize(Served(), algorithm, ("n_eval", 10000), seed=seed).F)
    y = np.vstack(fronts)
    y = y[NonDominatedSorting().do(y, only_non_dominated_front=True)]
    low, high = y.min(axis=0), y.max(axis=0)
    print(name, "ideal", low, "nadir", high, "reference", high + 0.1 * (high - low), flush=True)

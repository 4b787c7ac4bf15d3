#!/usr/bin/env python3
"""pymoo's NSGA-II on a test problem: opt_pymoo.py PROBLEM SEED BUDGET [POPULATION] (pip install pymoo)."""
import sys

import numpy as np
from opt_serve import Problem
from pymoo.algorithms.moo.nsga2 import NSGA2
from pymoo.core.problem import ElementwiseProblem
from pymoo.operators.crossover.sbx import SBX
from pymoo.operators.mutation.pm import PM
from pymoo.operators.repair.rounding import RoundingRepair
from pymoo.optimize import minimize

name, seed, budget = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
population = int(sys.argv[4]) if len(sys.argv) > 4 else 20
problem = Problem(name, "pymoo-nsga2", seed, budget)


class Served(ElementwiseProblem):
    def __init__(self):
        super().__init__(n_var=problem.dims, n_obj=problem.objectives, n_ieq_constr=problem.constraints,
                         xl=np.zeros(problem.dims), xu=np.array(problem.levels) - 1, vtype=int)

    def _evaluate(self, x, out, *args, **kwargs):
        y, g = problem.evaluate(x)
        out["F"] = y
        if g:
            out["G"] = g


rng = np.random.default_rng(seed)
first = problem.start()[:population]
while len(first) < population:
    x = [int(v) for v in rng.integers(0, problem.levels)]
    if x not in first:
        first.append(x)
algorithm = NSGA2(pop_size=population, sampling=np.array(first), eliminate_duplicates=True,
                  crossover=SBX(vtype=float, repair=RoundingRepair()), mutation=PM(vtype=float, repair=RoundingRepair()))
minimize(Served(), algorithm, ("n_eval", budget), seed=seed)

#!/usr/bin/env python3
"""Optuna's samplers on a test problem: opt_optuna.py PROBLEM tpe|nsga2|gp SEED BUDGET (pip install optuna; gp: torch)."""
import sys
import warnings

import optuna
from opt_serve import Problem

warnings.filterwarnings("ignore")
optuna.logging.set_verbosity(optuna.logging.ERROR)
name, sampler, seed, budget = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
problem = Problem(name, "optuna-" + sampler, seed, budget)


def constraints(trial):
    return trial.user_attrs["g"]


kwargs = {"seed": seed}
if problem.constraints:
    kwargs["constraints_func"] = constraints
if sampler == "tpe":
    chosen = optuna.samplers.TPESampler(multivariate=True, **kwargs)
elif sampler == "nsga2":
    chosen = optuna.samplers.NSGAIISampler(population_size=20, **kwargs)
else:
    chosen = optuna.samplers.GPSampler(deterministic_objective=True, **kwargs)


def objective(trial):
    x = [trial.suggest_int(f"x{j:02d}", 0, levels - 1) for j, levels in enumerate(problem.levels)]
    y, g = problem.evaluate(x)
    trial.set_user_attr("g", g)
    return tuple(y)


study = optuna.create_study(directions=["minimize"] * problem.objectives, sampler=chosen)
for x in problem.start():
    study.enqueue_trial({f"x{j:02d}": level for j, level in enumerate(x)})
study.optimize(objective, n_trials=budget)

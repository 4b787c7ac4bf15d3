#!/usr/bin/env python3
"""Processor seconds a suggestion of the optimiser's peers, on the problem of bench/bench_opt.c; rows for opt_seconds.csv.

usage: opt_seconds.py optuna-gp|botorch N DIMS SUGGESTIONS        (one thread; pip install optuna torch botorch)

N random points are told, then suggestions are asked for and told one by one; the first is not counted, as it
loads code.  BoTorch as in its tutorials: a SingleTaskGP each, qLogNEHVI, optimize_acqf with 10 restarts of 512 raw samples.
"""
import math
import platform
import random
import sys
import time
import warnings

warnings.filterwarnings("ignore")
peer, n, dims, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
levels = [16 if j % 2 else 10 for j in range(dims)]
reference = (0.5, 1.0e3, 10.0)  # any beyond the front


def evaluate(x):
    ratios = sum(1 + x[j] for j in range(0, dims, 2))
    tiles = sum(x[j] for j in range(1, dims, 2))
    loss = sum((1 + j % 5) * math.exp(-0.4 * x[j] + 0.03 * x[j + 1]) for j in range(0, dims, 2)) / dims
    return loss, ratios * (1 + 2 / (1 + tiles / dims)), 1 + tiles / dims


def cpu():
    """The model's name; the flags' family and model where the name says little."""
    for line in open("/proc/cpuinfo"):
        if line.startswith("model name"):
            return line.split(":")[1].strip().replace(",", " ")
    return platform.processor()


def optuna_gp():
    import optuna
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    spaces = {f"x{j:02d}": optuna.distributions.IntDistribution(0, levels[j] - 1) for j in range(dims)}
    study = optuna.create_study(directions=["minimize"] * 3,
                                sampler=optuna.samplers.GPSampler(deterministic_objective=True, seed=1))
    for x in points:
        study.add_trial(optuna.trial.create_trial(params=dict(zip(spaces, x)), distributions=spaces, values=evaluate(x)))
    for _ in range(count + 1):
        start = time.process_time()
        trial = study.ask(spaces)
        spent.append(time.process_time() - start)
        study.tell(trial, evaluate([trial.params[k] for k in spaces]))
    return "Optuna " + optuna.__version__


def botorch():
    import botorch as library
    import torch
    from botorch.acquisition.multi_objective.logei import qLogNoisyExpectedHypervolumeImprovement
    from botorch.fit import fit_gpytorch_mll
    from botorch.models import ModelListGP, SingleTaskGP
    from botorch.models.transforms import Standardize
    from botorch.optim import optimize_acqf
    from gpytorch.mlls import SumMarginalLogLikelihood
    torch.set_default_dtype(torch.double)
    torch.set_num_threads(1)
    torch.manual_seed(1)
    top = torch.tensor([float(k - 1) for k in levels])
    for _ in range(count + 1):
        start = time.process_time()
        u, y = torch.tensor(points, dtype=torch.double) / top, -torch.tensor([evaluate(x) for x in points])
        model = ModelListGP(*[SingleTaskGP(u, y[:, k:k + 1], outcome_transform=Standardize(m=1)) for k in range(3)])
        fit_gpytorch_mll(SumMarginalLogLikelihood(model.likelihood, model))
        acquisition = qLogNoisyExpectedHypervolumeImprovement(model=model, ref_point=[-r for r in reference],
                                                              X_baseline=u, prune_baseline=True)
        x, _ = optimize_acqf(acquisition, bounds=torch.stack([torch.zeros(dims), torch.ones(dims)]), q=1,
                             num_restarts=10, raw_samples=512)
        spent.append(time.process_time() - start)
        points.append([int(v) for v in torch.round(x[0] * top)])
    return f"BoTorch {library.__version__}, PyTorch {torch.__version__}"


random.seed(1)
points = [[random.randrange(k) for k in levels] for _ in range(n)]
spent = []
version = (optuna_gp if peer == "optuna-gp" else botorch)()
print(f"{peer},{n},{dims},{count},{sum(spent[1:]) / count:.4g},{version.replace(',', ';')},{cpu()}")

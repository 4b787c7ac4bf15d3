#!/usr/bin/env python3
"""BoTorch on a test problem: opt_botorch.py PROBLEM plain|ehvi|mixed|mixehvi SEED BUDGET (pip install botorch).

plain: qLogNEHVI on one SingleTaskGP per output.  ehvi: qLogEHVI, which takes the results for noiseless (they are) and
needs one box decomposition instead of one for each sample of what was measured: several times less work.  mixed and
mixehvi: the same two, where the objectives that are exact in this program's grey-box form (all but the first of
bench/opt's own problems) are deterministic models of the problem itself, which is the fair rival.  The acquisition is
maximised on random and mutated lattice points and by single steps from the best of them, since the exact functions
have no gradient and the space is a lattice.
"""
import sys
import warnings

import numpy as np
import torch
from botorch.acquisition.multi_objective.logei import (qLogExpectedHypervolumeImprovement,
                                                       qLogNoisyExpectedHypervolumeImprovement)
from botorch.acquisition.multi_objective.objective import IdentityMCMultiOutputObjective
from botorch.fit import fit_gpytorch_mll
from botorch.models import ModelListGP, SingleTaskGP
from botorch.models.deterministic import GenericDeterministicModel
from botorch.models.model import ModelList
from botorch.models.transforms import Standardize
from botorch.sampling import SobolQMCNormalSampler
from botorch.sampling.get_sampler import get_sampler
from botorch.utils.multi_objective.box_decompositions.non_dominated import FastNondominatedPartitioning
from gpytorch.mlls import SumMarginalLogLikelihood
from opt_serve import Problem

warnings.filterwarnings("ignore")
torch.set_default_dtype(torch.double)
torch.set_num_threads(1)
name, form, seed, budget = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
torch.manual_seed(seed)
rng = np.random.default_rng(seed)
problem = Problem(name, "botorch-" + form, seed, budget)
twin = Problem(name, "silent", seed, 0)  # asked for the exact objectives only
levels = np.array(problem.levels)
m = problem.objectives
grey = form in ("mixed", "mixehvi")
noiseless = form in ("ehvi", "mixehvi")


def unit(x):
    return torch.tensor(np.atleast_2d(x) / np.maximum(levels - 1, 1))


known = {}  # objectives of points asked before: the acquisition asks for its baseline with every candidate


def objectives(x):
    key = x.tobytes()
    if key not in known:
        known[key] = twin.evaluate(x)[0]
    return known[key]


def exact(j):
    def f(u):
        flat = np.rint(u.reshape(-1, u.shape[-1]).numpy() * (levels - 1)).astype(np.int16)
        return torch.tensor([-objectives(x)[j] for x in flat]).reshape(*u.shape[:-1], 1)
    return GenericDeterministicModel(f, num_outputs=1)


def candidates(seen, front, count):
    x = [rng.integers(0, levels) for _ in range(count // 2)]
    while len(x) < count:
        base = front[rng.integers(len(front))].copy() if len(front) else rng.integers(0, levels)
        move = rng.random(len(levels)) < 2 / len(levels)
        base[move] += rng.integers(-2, 3, move.sum())
        x.append(np.clip(base, 0, levels - 1))
    return [v for v in {tuple(v) for v in x} if v not in seen]


def better(acq, start, seen):
    """Climbs from `start` over single steps."""
    x, value = np.array(start), float(acq(unit(start).unsqueeze(-2)))
    for _ in range(20):
        near = []
        for j in range(len(levels)):
            for step in (-3, -1, 1, 3):
                v = x.copy()
                v[j] = np.clip(v[j] + step, 0, levels[j] - 1)
                if tuple(v) not in seen and tuple(v) != tuple(x):
                    near.append(v)
        if not near:
            break
        values = acq(unit(np.array(near)).unsqueeze(-2))
        best = int(values.argmax())
        if float(values[best]) <= value:
            break
        x, value = near[best], float(values[best])
    return x, value


hyperparameters = {}  # of the last fit, for each output


def fit(gps, warm):
    """Most likely hyper-parameters; warm: from those of the last fit, as BoTorch's tutorials do: a third of the time."""
    for k, gp in enumerate(gps.models):
        if warm and k in hyperparameters:
            gp.load_state_dict(hyperparameters[k], strict=False)
    try:
        fit_gpytorch_mll(SumMarginalLogLikelihood(gps.likelihood, gps))
    except Exception:  # a fit that fails leaves the start values
        pass
    for k, gp in enumerate(gps.models):  # the scale of the outputs is the results' own, not a hyper-parameter
        hyperparameters[k] = {key: v for key, v in gp.state_dict().items() if not key.startswith("outcome_transform")}


start = problem.start()
xs, ys, gs = [], [], []
while len(xs) < budget:
    if len(xs) < len(start):
        x = start[len(xs)]
    else:
        u, y, g = unit(np.array(xs)), -torch.tensor(ys), torch.tensor(gs)
        outputs = torch.cat([y, g], dim=1) if problem.constraints else y
        learnt = [0] if grey else range(outputs.shape[1])
        gps = ModelListGP(*[SingleTaskGP(u, outputs[:, k:k + 1], outcome_transform=Standardize(m=1)) for k in learnt])
        fit(gps, warm=len(xs) > 50 and len(xs) % 10 != 0)
        model = ModelList(*gps.models, *[exact(j) for j in range(1, m)]) if grey else gps
        if grey:
            sampler = get_sampler(model.posterior(u[:2]), torch.Size([64]), seed=seed)
        else:
            sampler = SobolQMCNormalSampler(torch.Size([64]), seed=seed)
        shared = dict(
            model=model, ref_point=[-r for r in problem.reference], sampler=sampler,
            objective=IdentityMCMultiOutputObjective(outcomes=list(range(m))),
            constraints=[(lambda z, k=k: z[..., m + k]) for k in range(problem.constraints)] or None)
        if noiseless:
            feasible = [i for i in range(len(xs)) if not gs[i] or max(gs[i]) <= 0]
            acq = qLogExpectedHypervolumeImprovement(partitioning=FastNondominatedPartitioning(
                torch.tensor([-r for r in problem.reference]), y[feasible]), **shared)
        else:
            acq = qLogNoisyExpectedHypervolumeImprovement(X_baseline=u, prune_baseline=True, cache_root=False, **shared)
        seen = {tuple(v) for v in xs}
        ok = [i for i in range(len(xs)) if not gs[i] or max(gs[i]) <= 0]
        front = [np.array(xs[i]) for i in ok
                 if not any(all(a <= b for a, b in zip(ys[k], ys[i])) and ys[k] != ys[i] for k in ok)]
        pool = candidates(seen, front, 256)
        with torch.no_grad():
            values = acq(unit(np.array(pool)).unsqueeze(-2))
            tops = values.argsort(descending=True)[:3]
            found = [better(acq, pool[int(t)], seen) for t in tops]
        x = max(found, key=lambda f: f[1])[0]
    y, g = problem.evaluate(x)
    xs.append([int(v) for v in x])
    ys.append(y)
    gs.append(g)

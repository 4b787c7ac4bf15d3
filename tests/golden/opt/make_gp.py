#!/usr/bin/env python3
"""Makes gp.txt: evidence, gradient and posterior of the Gaussian process by scikit-learn.

Needs numpy and scikit-learn; made with scikit-learn 1.9.1.  Each case is a line
"case dims n tests additive gradients", then for each dimension "levels unordered group layer",
theta in the order of src/opt/gp.h, the points' levels and outputs, the evidence, `gradients`
derivatives by the first parameters, and for each test point its levels, mean and deviation.
"""
import sys

import numpy as np
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, DotProduct, Kernel, Matern, WhiteKernel


class Selected(Kernel):
    """A kernel that sees some columns, or a fixed linear map of them."""

    def __init__(self, kernel, matrix):
        self.kernel = kernel
        self.matrix = matrix

    def __call__(self, X, Y=None, eval_gradient=False):
        Y = None if Y is None else Y @ self.matrix
        return self.kernel(X @ self.matrix, Y, eval_gradient)

    def diag(self, X):
        return self.kernel.diag(X @ self.matrix)

    def is_stationary(self):
        return False

    @property
    def hyperparameters(self):
        return []

    @property
    def theta(self):
        return self.kernel.theta

    @theta.setter
    def theta(self, theta):
        self.kernel.theta = theta

    @property
    def bounds(self):
        return self.kernel.bounds

    def get_params(self, deep=True):
        return {"kernel": self.kernel, "matrix": self.matrix}

    def clone_with_theta(self, theta):
        return Selected(self.kernel.clone_with_theta(theta), self.matrix)


def numbers(values):
    print(*(f"{v:.17g}" for v in np.ravel(values)))


def case(rng, dims, n, tests, additive, warped):
    levels, unordered, group, layer = (np.array(v) for v in zip(*dims))
    d = len(dims)
    groups = list(dict.fromkeys(g for _, o, g, _ in sorted(dims, key=lambda t: t[3]) if not o))
    lengths = rng.uniform(0.3, 3, d)
    scale, noise, mix, rho = 1.3, 2e-3, 0.6, 0.5
    a = rng.uniform(0.6, 1.8, len(groups)) if warped else np.ones(len(groups))
    b = rng.uniform(0.6, 1.8, len(groups)) if warped else np.ones(len(groups))
    v = rng.uniform(0.1, 2, len(groups))
    t = rng.uniform(0.1, 2, len(groups))
    x = np.column_stack([rng.integers(0, l, n + tests) for l in levels])
    y = np.sin(x.sum(axis=1) / 4) + 0.3 * x[:, 0] + 0.1 * rng.standard_normal(n + tests)
    z = y[:n]

    columns, scales, linear = [], [], []
    order = sorted(range(d), key=lambda j: layer[j])
    layers = {}
    shared = {g: [] for g in range(len(groups))}
    for j in order:
        first = len(columns)
        if unordered[j] and levels[j] > 2:
            for l in range(levels[j]):
                columns.append((x[:, j] == l) * np.sqrt(0.5))
                scales.append(lengths[j])
                linear.append(0.0)
        else:
            raw = x[:, j] * 1.0 if unordered[j] else x[:, j] / (levels[j] - 1)
            if unordered[j]:
                columns.append(raw)
                linear.append(0.0)
            else:
                g = groups.index(group[j])
                columns.append(1 - (1 - raw ** a[g]) ** b[g] - 0.5)
                linear.append(v[g])
                shared[g].append(len(columns) - 1)
            scales.append(lengths[j])
        layers.setdefault(layer[j], []).extend(range(first, len(columns)))
    u = np.column_stack(columns)
    scales = np.array(scales)
    eye = np.eye(len(scales))
    w = mix if additive else 1.0
    kernel = ConstantKernel(scale * w) * Matern(scales, nu=2.5) + WhiteKernel(noise + 1e-6)
    if additive:
        for members in layers.values():
            kernel += Selected(ConstantKernel(scale * (1 - w) / len(layers)) *
                               Matern(scales[members] * rho, nu=2.5), eye[:, members])
    kernel += Selected(DotProduct(sigma_0=1.0), eye * np.sqrt(linear))
    for g, members in shared.items():
        if len(members) > 1:
            column = np.zeros((len(scales), 1))
            column[members, 0] = np.sqrt(t[g] / len(members))
            kernel += Selected(DotProduct(sigma_0=0.0, sigma_0_bounds="fixed"), column)
    centre, spread = z.mean(), z.std()
    gp = GaussianProcessRegressor(kernel, optimizer=None, alpha=0).fit(u[:n], (z - centre) / spread)
    evidence = gp.log_marginal_likelihood_value_
    mean, sd = gp.predict(u[n:], return_std=True)
    sd = np.sqrt(sd ** 2 - (noise + 1e-6))
    gradient = []
    if not additive and not any(unordered):
        _, raw = gp.log_marginal_likelihood(gp.kernel_.theta, eval_gradient=True)
        # scikit-learn's order: scale, lengths, noise, ...; ours: lengths, scale, noise
        by_length = raw[1:1 + d] * (lengths[order] - 0.025) / lengths[order]
        gradient = [*by_length, raw[0], raw[1 + d] * noise / (noise + 1e-6)]
    theta = [*np.log(lengths[order] - 0.025), np.log(scale), np.log(noise)]
    if additive:
        theta += [np.log(mix / (1 - mix)), np.log(rho)]
    for g in range(len(groups)):
        theta += [np.log(a[g]), np.log(b[g]), np.log(v[g]), np.log(t[g])]

    print("case", d, n, tests, int(additive), len(gradient))
    for j in range(d):
        print(levels[j], int(unordered[j]), group[j], layer[j])
    numbers(theta)
    for i in range(n):
        print(*x[i], f"{z[i]:.17g}")
    numbers([evidence])
    if gradient:
        numbers(gradient)
    for i in range(tests):
        print(*x[n + i], f"{centre + spread * mean[i]:.17g} {spread * sd[i]:.17g}")


rng = np.random.default_rng(7)
plain = [(16, 0, 0, -1), (8, 0, 0, -1), (5, 0, 1, -1)]
layered = [(10, 0, 0, 0), (16, 0, 1, 0), (10, 0, 0, 1), (16, 0, 1, 1), (4, 0, 2, -1)]
named = [(10, 0, 0, 0), (4, 1, 3, 0), (10, 0, 0, 1), (2, 1, 4, -1)]
case(rng, plain, 5, 6, False, False)
case(rng, plain, 30, 10, False, True)
case(rng, layered, 40, 10, False, True)
case(rng, layered, 40, 10, True, True)
case(rng, named, 33, 10, True, True)

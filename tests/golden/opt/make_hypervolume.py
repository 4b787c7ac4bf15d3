#!/usr/bin/env python3
"""Makes hypervolume.txt: random sets of points and their hypervolumes by pagmo.

Needs numpy and pygmo (conda-forge, or `pip install pygmo`); made with pygmo 2.20.0.
Format: a line "m n volume", the reference, then n lines of m numbers; everything is minimised.
"""
import sys

import numpy as np
import pygmo

rng = np.random.default_rng(20240611)
out = sys.stdout
for m in (2, 3, 4, 5, 6):
    for n in (1, 5, 25, 60):
        y = rng.random((n, m))
        if n == 25:  # coarse: many ties and equal rows
            y = np.round(y * 6) / 6
        if n == 60:  # near a sphere: most rows are on the front
            y = 1 - y / np.linalg.norm(y, axis=1, keepdims=True) * (0.9 + 0.1 * rng.random((n, 1)))
        reference = np.full(m, 1.0) if n != 5 else np.full(m, 0.8)
        below = y[(y < reference).all(axis=1)]
        volume = pygmo.hypervolume(below).compute(reference) if len(below) else 0.0
        print(m, n, repr(float(volume)), file=out)
        print(*(repr(float(v)) for v in reference), file=out)
        for row in y:
            print(*(f"{v:.17g}" for v in row), file=out)

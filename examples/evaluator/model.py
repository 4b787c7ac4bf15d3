#!/usr/bin/env python3
"""An outside evaluator for sofa-dse, in Python: a welded beam, cheap against stiff (Ragsdell and Phillips, 1976).

A question a line, an answer a line; standard output is for answers alone (and must be flushed), messages go to
standard error.  Anything that goes wrong while a point is worked on should be an answer, too: an "error" says that
the point cannot work, and the search goes on around it.
"""
import json
import math
import sys

LOAD, LENGTH, YOUNG, SHEAR = 6000.0, 14.0, 30e6, 12e6  # lb, in, psi, psi


def beam(h, l, t, b):
    """Cost, deflection in inches, and stress and buckling against what is allowed (at most 1)."""
    if b < h:
        raise ValueError("the weld is thicker than the beam")
    cost = 1.10471 * h * h * l + 0.04811 * t * b * (14.0 + l)
    deflection = 4.0 * LOAD * LENGTH**3 / (YOUNG * t**3 * b)
    bending = 6.0 * LOAD * LENGTH / (b * t * t)
    buckling = 4.013 * math.sqrt(YOUNG * SHEAR * t * t * b**6 / 36.0) / LENGTH**2
    buckling *= 1.0 - t / (2.0 * LENGTH) * math.sqrt(YOUNG / (4.0 * SHEAR))
    shear = LOAD / (math.sqrt(2.0) * h * l)
    moment = LOAD * (LENGTH + l / 2.0)
    radius = math.sqrt(l * l / 4.0 + ((h + t) / 2.0) ** 2)
    inertia = 2.0 * math.sqrt(2.0) * h * l * (l * l / 12.0 + ((h + t) / 2.0) ** 2)
    twist = moment * radius / inertia
    stress = math.sqrt(shear**2 + 2.0 * shear * twist * l / (2.0 * radius) + twist**2)
    return cost, deflection, {"stress": max(bending / 30000.0, stress / 13600.0), "buckling": LOAD / buckling}


for line in sys.stdin:
    question = json.loads(line)
    answer = {"id": question["id"]}
    try:
        cost, deflection, metrics = beam(**question["parameters"])
        answer["objectives"] = {"cost": cost, "deflection": deflection}
        answer["metrics"] = metrics
    except (ArithmeticError, ValueError) as error:
        answer["error"] = str(error)
    print(json.dumps(answer), flush=True)

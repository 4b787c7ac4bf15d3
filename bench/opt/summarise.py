#!/usr/bin/env python3
"""Medians over seeds of results.csv as a table, and the picture results.svg (needs matplotlib).

usage: summarise.py results.csv [results.svg]
"""
import collections
import csv
import statistics
import sys

OURS = "bayesian"
rows = collections.defaultdict(lambda: collections.defaultdict(dict))
for r in csv.DictReader(open(sys.argv[1])):
    rows[r["problem"], r["algorithm"]][int(r["evaluations"])][int(r["seed"])] = float(r["hypervolume"])
problems = list(dict.fromkeys(p for p, _ in rows))


def median(problem, algorithm, n):
    return statistics.median(rows[problem, algorithm][n].values())


print("| problem | " + OURS + ": evaluations, median (seeds) | best peer: evaluations, median (seeds) | ours reaches that at | "
      "TPE |")
print("|---|---|---|---|---|")
for p in problems:
    peers = [a for (q, a) in rows if q == p and ("optuna" in a or "pymoo" in a or "botorch" in a)]
    ours = rows[p, OURS]
    if not peers or not ours:
        continue
    end, n = max(max(rows[p, a]) for a in peers), max(ours)
    best = max((a for a in peers if end in rows[p, a]), key=lambda a: median(p, a, end))
    target = median(p, best, end)
    reached = [k for k in sorted(ours) if median(p, OURS, k) >= target]
    tpe = f"{median(p, 'optuna-tpe', end):.4g}" if rows[p, "optuna-tpe"] else "-"
    print(f"| {p} | {n}: {median(p, OURS, n):.4g} ({len(ours[n])}) | {best} {end}: {target:.4g} "
          f"({len(rows[p, best][end])}) | {reached[0] if reached else 'not'} | {tpe} |")

if len(sys.argv) > 2:
    import matplotlib
    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "sofa"
    import matplotlib.pyplot as plt
    colours = {OURS: "C3", "random": "0.6", "nsga2": "C1", "pymoo-nsga2": "C2", "optuna-nsga2": "C4",
               "optuna-tpe": "C0"}
    fig, axes = plt.subplots(3, 5, figsize=(15, 8))
    for ax in axes.flat:
        ax.axis("off")
    for ax, p in zip(axes.flat, problems):
        ax.axis("on")
        for (q, a), v in rows.items():
            if q != p or a not in colours:
                continue
            x = sorted(v)
            ax.plot(x, [statistics.median(v[k].values()) for k in x], color=colours[a], label=a,
                    lw=2 if a == OURS else 1)
            ax.fill_between(x, [min(v[k].values()) for k in x], [max(v[k].values()) for k in x], color=colours[a],
                            alpha=0.12, lw=0)
        ax.set_title(p, fontsize=9)
        ax.tick_params(labelsize=6)
    handles, labels = axes.flat[0].get_legend_handles_labels()
    fig.legend(handles, labels, loc="lower right", fontsize=9)
    fig.suptitle("hypervolume against evaluations: median, least and greatest of the seeds", fontsize=10)
    fig.tight_layout()
    fig.savefig(sys.argv[2], metadata={"Date": None})

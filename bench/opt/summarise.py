#!/usr/bin/env python3
"""The tables of README.md and the picture results.svg from results.csv.

usage: summarise.py collect DIR > results.csv    what bench/peers/opt_run.sh left, one line a run
       summarise.py results.csv [results.svg]    (needs scipy; for the picture matplotlib)

results.csv: problem,algorithm,seed,seconds and the hypervolume after 10, 20, ... evaluations.
"""
import collections
import csv
import glob
import re
import statistics
import sys

OURS = "bayesian"
SEEDS = 5  # that a test takes at least
# protocol front; the four without an exact front are the best of all runs together
EXACT = {"re22": 49105.2825, "re25": 7.28855122e+09, "re36": 45.6460996, "c2dtlz2": 0.375998808, "dtlz2": 0.752196429,
         "dtlz7": 189.344178, "currin": 595.78033, "dtlz2grey": 0.752196429, "dtlz7grey": 189.344178}


def collect(folder):
    runs = collections.defaultdict(dict)
    spent = {}
    for name in sorted(glob.glob(folder + "/*.csv")):
        for line in open(name):
            problem, algorithm, seed, n, volume, seconds = line.strip().split(",")
            runs[problem, algorithm, int(seed)][int(n)] = float(volume)
            spent[problem, algorithm, int(seed)] = seconds
    steps = range(10, 1 + max(max(v) for v in runs.values()), 10)
    print("problem,algorithm,seed,seconds," + ",".join(map(str, steps)))
    for key in sorted(runs):
        print(",".join(map(str, key)) + f",{spent[key]}," +
              ",".join(f"{runs[key][n]:.6g}" if n in runs[key] else "" for n in steps))


def read(name):
    """rows[problem][algorithm][seed] = {evaluations: hypervolume}, and the seconds."""
    rows = collections.defaultdict(lambda: collections.defaultdict(dict))
    seconds = collections.defaultdict(list)
    for r in csv.DictReader(open(name)):
        curve = {int(k): float(v) for k, v in r.items() if k.isdigit() and v}
        rows[r["problem"]][r["algorithm"]][int(r["seed"])] = curve
        seconds[r["problem"], r["algorithm"]].append((float(r["seconds"]), max(curve)))
    return rows, seconds


def median(runs, n):
    values = [c[n] for c in runs.values() if n in c]
    return statistics.median(values) if values else None


def reached(runs, target):
    """Evaluations after which the median of the runs is at the target."""
    for n in sorted(set.union(*(set(c) for c in runs.values()))):
        if median(runs, n) >= target:
            return n
    return None


def wilcoxon(ours, theirs, n):
    """p of paired seeds: they begin with the same points."""
    from scipy import stats
    pairs = [(ours[s][n], theirs[s][n]) for s in ours if s in theirs and n in ours[s] and n in theirs[s]]
    if len(pairs) < SEEDS or all(a == b for a, b in pairs):
        return 1.0
    return float(stats.wilcoxon([a for a, _ in pairs], [b for _, b in pairs]).pvalue)


def mann_whitney(ours, theirs, n):
    """p of all seeds, paired or not."""
    from scipy import stats
    return float(stats.mannwhitneyu([c[n] for c in ours.values() if n in c], [c[n] for c in theirs.values() if n in c]).pvalue)


def holm(tests):
    """Adjusted p by key."""
    adjusted, least = {}, 0.0
    for i, (key, p) in enumerate(sorted(tests.items(), key=lambda t: t[1])):
        least = max(least, min(1.0, p * (len(tests) - i)))
        adjusted[key] = least
    return adjusted


def is_peer(algorithm):
    return algorithm.split("-")[0] in ("optuna", "pymoo", "botorch")


def seeds(runs, n):
    return sum(n in c for c in runs.values())


def rival(peers, n):
    """The peer with the best median of at least SEEDS seeds, None without."""
    return max((a for a in peers if seeds(peers[a], n) >= SEEDS), key=lambda a: median(peers[a], n), default=None)


def early_ends(peers, end):
    """Where runs of slow peers were ended before their time, so that more of them came so far than to the end."""
    return sorted({n for a, runs in peers.items() if "gp" in a or "botorch" in a
                   for n in {max(c) for c in runs.values()} if n < end and seeds(runs, n) > seeds(runs, end)})


def cell(runs, n):
    count = seeds(runs, n)
    return f"{median(runs, n):.4g} ({count})" if count else "-"


def table_of_peers(rows):
    print("| problem | evaluations | ours | TPE | Optuna NSGA-II | pymoo NSGA-II | Optuna GP | BoTorch | random | best peer's reached at | "
          "p, paired seeds | p, all seeds |\n|---|---|---|---|---|---|---|---|---|---|---|---|")
    paired, unpaired, lines = {}, {}, []
    for p in rows:
        ours = rows[p].get(OURS)
        peers = {a: r for a, r in rows[p].items() if is_peer(a)}
        if not ours or not peers:
            continue
        ends = [n for n in sorted(set.union(*(set(c) for c in ours.values())))
                if any(n in c for a in ("optuna-tpe",) for c in peers.get(a, {}).values())]
        for n in [*early_ends(peers, ends[-1]), ends[-1]]:
            best = max((a for a in peers if median(peers[a], n) is not None), key=lambda a: median(peers[a], n))
            other = rival(peers, n)
            if other and seeds(ours, n) >= SEEDS and n == ends[-1]:
                paired[p, n] = wilcoxon(ours, peers[other], n)
                unpaired[p, n] = mann_whitney(ours, peers[other], n)
            bo = [a for a in peers if a.startswith("botorch") and seeds(peers[a], n)]
            lines.append(((p, n), f"| {p} | {n} | {cell(ours, n)} | " + " | ".join(
                cell(rows[p].get(a, {}), n) for a in ("optuna-tpe", "optuna-nsga2", "pymoo-nsga2", "optuna-gp")) +
                f" | {', '.join(cell(peers[a], n) + ' ' + a[8:] for a in bo) or '-'} | {cell(rows[p].get('random', {}), n)} | "
                f"{best}: {reached(ours, median(peers[best], n)) or 'not'} | "))
    paired, unpaired = holm(paired), holm(unpaired)
    for key, line in lines:
        print(line + (f"{paired[key]:.2g} | {unpaired[key]:.2g} |" if key in paired else "- | - |"))


def table_of_shares(rows):
    print("\n| problem | HV* | ours to 90, 95, 99 % | TPE | best NSGA-II | least gap log10(1 - HV/HV*), ours |\n|---|---|---|---|---|---|")
    for p in rows:
        ours = rows[p].get(OURS)
        if not ours or "-" in p:
            continue
        top = EXACT.get(p) or max(max(c.values()) for r in rows[p].values() for c in r.values())
        nsga = max((a for a in rows[p] if "nsga2" in a), key=lambda a: median(rows[p][a], max(map(max, rows[p][a].values()))),
                   default=None)
        def to(runs):
            return ", ".join(str(reached(runs, s * top) or "-") for s in (0.9, 0.95, 0.99)) if runs else "-"
        end = max(max(c) for c in ours.values())
        gap = 1 - median(ours, end) / top
        import math
        print(f"| {p} | {top:.6g}{'' if p in EXACT else ' (best seen)'} | {to(ours)} | {to(rows[p].get('optuna-tpe'))} | "
              f"{to(rows[p].get(nsga))} | {'exact' if gap < 1e-9 else f'{math.log10(gap):.1f}'} |")


def table_of_times(rows, seconds):
    """Shares of HV* after the time of 100 evaluations; a suggestion costs what it costs on the mean of the run."""
    names = [OURS, "optuna-tpe", "pymoo-nsga2", "optuna-gp", "botorch-plain", "botorch-ehvi", "botorch-mixehvi"]
    print("\n| problem | ours | " + " | ".join(names[1:]) + " |\n|" + "---|" * (len(names) + 1))
    for p in rows:
        if OURS not in rows[p] or "-" in p:
            continue
        top = EXACT.get(p) or max(max(c.values()) for r in rows[p].values() for c in r.values())
        cells = []
        for a in names:
            spent = [s / n for s, n in seconds.get((p, a), [])]
            shares = []
            for each in (0.05, 0.5, 5) if spent else ():
                n = int(100 * each / (each + statistics.median(spent))) // 10 * 10
                volume = median(rows[p][a], n)
                shares.append("no 10 evaluations" if n == 0 else "?" if volume is None else f"{100 * volume / top:.0f}")
            cells.append(", ".join(shares) or "-")
        print(f"| {p} | " + " | ".join(cells) + " |")


def table_of_seconds(seconds):
    print("\n| algorithm | processor seconds of a run, median over problems and seeds | evaluations |\n|---|---|---|")
    by = collections.defaultdict(list)
    for (_, a), v in seconds.items():
        by[a] += v
    for a in sorted(by):
        print(f"| {a} | {statistics.median(s for s, _ in by[a]):.3g} | {statistics.median_low(n for _, n in by[a])} |")


def picture(rows, name):
    import matplotlib
    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "sofa"
    matplotlib.rcParams["svg.fonttype"] = "none"
    import matplotlib.pyplot as plt
    colours = {OURS: "C3", "random": "0.6", "pymoo-nsga2": "C2", "optuna-nsga2": "C4", "optuna-tpe": "C0",
               "optuna-gp": "C1", "botorch-mixehvi": "C5", "botorch-plain": "C6", "botorch-ehvi": "C8"}
    shown = [p for p in rows if OURS in rows[p]]
    fig, axes = plt.subplots(4, 4, figsize=(14, 11))
    for ax in axes.flat:
        ax.axis("off")
    for ax, p in zip(axes.flat, shown):
        ax.axis("on")
        for a, runs in rows[p].items():
            if a not in colours:
                continue
            x = sorted(set.union(*(set(c) for c in runs.values())))
            at = [[c[n] for c in runs.values() if n in c] for n in x]
            ax.plot(x, [statistics.median(v) for v in at], color=colours[a], label=a, lw=2 if a == OURS else 1)
            ax.fill_between(x, [min(v) for v in at], [max(v) for v in at], color=colours[a], alpha=0.12, lw=0)
        ax.set_title(p, fontsize=9)
        ax.tick_params(labelsize=6)
    handles = {label: h for ax in axes.flat for h, label in zip(*ax.get_legend_handles_labels())}
    fig.legend(handles.values(), handles.keys(), loc="lower center", ncol=9, fontsize=8)
    fig.suptitle("hypervolume against evaluations: median, least and greatest of the seeds", fontsize=10)
    fig.tight_layout(rect=(0, 0.03, 1, 1))
    fig.savefig(name, metadata={"Date": None})
    text = open(name).read()
    open(name, "w").write(re.sub(r"(\d\.\d)\d+", r"\1", re.sub(r"<!--.*?-->\n? *", "", text)))  # a tenth of a point will do


if len(sys.argv) > 2 and sys.argv[1] == "collect":
    collect(sys.argv[2])
else:
    runs_of, seconds_of = read(sys.argv[1])
    table_of_peers(runs_of)
    table_of_shares(runs_of)
    table_of_times(runs_of, seconds_of)
    table_of_seconds(seconds_of)
    if len(sys.argv) > 2:
        picture(runs_of, sys.argv[2])

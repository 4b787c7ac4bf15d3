#!/usr/bin/env python3
"""The README's table of what the model reaches by itself, from `sofa-dse validate --json` on the standard input.

    build/sofa-dse validate --json | tools/validate_table.py README.md           puts it where the old one stands
    build/sofa-dse validate --json | tools/validate_table.py README.md --check   fails where it isn't the same
"""
import json
import sys

HEAD = "| row | published | ours | error | why, and which accounting |"


def line(row):
    unit = "" if row["unit"] == "1" else " " + row["unit"]
    published = "%g%s" % (row["published"], unit)
    if row["ours"] is None:
        return "| %s | %s | not reachable |  | %s |" % (row["name"], published, row["note"])
    return "| %s | %s | %.3g%s | %+.0f %% | %s |" % (row["name"], published, row["ours"], unit, 100 * row["error"], row["note"])


def table(rows):
    shown = [r for r in rows if r["kind"] == "predicted" or r["name"].endswith(".accounting")]
    return [HEAD, "|---|---|---|---|---|"] + [line(r) for r in shown]


def main():
    path = sys.argv[1]
    lines = open(path, encoding="utf-8").read().split("\n")
    first = lines.index(HEAD)
    last = first
    while lines[last].startswith("|"):
        last += 1
    new = table(json.load(sys.stdin)["rows"])
    if "--check" in sys.argv:
        for old, ours in zip(lines[first:last] + [""] * len(new), new):
            if old != ours:
                sys.exit("%s has\n%s\nfor\n%s" % (path, old, ours))
        sys.exit(0 if last - first == len(new) else "%s has more rows" % path)
    lines[first:last] = new
    open(path, "w", encoding="utf-8").write("\n".join(lines))


main()

#!/usr/bin/env python3
"""The golden cases of tests/golden/attention, for attention.sh.

usage: attention_case.py names
       attention_case.py options NAME            the command-line options of a case
       attention_case.py compare NAME JSON OUT   whether the program's output is the case's
       attention_case.py same OUT FILE TENSOR    whether O is the tensor of another file, within 1e-5
Integers must be the same, floats within 1e-5 of the largest value, statistics within a
relative 1e-5 (the error, itself a difference of float32 outputs, within 1e-6).
"""
import json
import os
import struct
import sys

GOLDEN = os.path.join(os.environ["SOFA_SRCDIR"], "tests", "golden", "attention")
CODES = {"I64": "q", "U8": "B", "F64": "d", "F32": "f"}


def read(path):
    with open(path, "rb") as f:
        data = f.read()
    n = struct.unpack("<Q", data[:8])[0]
    tensors = {}
    for name, entry in json.loads(data[8:8 + n]).items():
        begin, end = entry["data_offsets"]
        body = data[8 + n + begin:8 + n + end]
        size = struct.calcsize("<" + CODES[entry["dtype"]])
        values = struct.unpack("<%d%s" % (len(body) // size, CODES[entry["dtype"]]), body)
        tensors[name] = (entry["dtype"], entry["shape"], values)
    return tensors


def cases():
    with open(os.path.join(GOLDEN, "manifest.json")) as f:
        return {case["name"]: case for case in json.load(f)["cases"]}


def options(case):
    words = ["--tiles", case["tiles"], "--topk", case["topk_permille"] / 1000, "--radius", case["radius"],
             "--khat-bits", case["khat_bits"], "--reference", case["reference"],
             "--rass-per-phase", case["expect"]["rass_per_phase"]]
    if case["causal"]:
        words.append("--causal")
    if case["rope_theta"]:
        words += ["--rope-theta", case["rope_theta"]]
    return " ".join(str(w) for w in words)


def differences(case, report, out):
    with open(report) as f:
        statistics = json.load(f)["statistics"]
    for key, wanted in case["expect"].items():
        if key not in statistics:
            yield "no statistic %s" % key
        elif abs(statistics[key] - wanted) > 1e-5 * abs(wanted) + (1e-6 if key == "rel_error" else 0):
            yield "%s is %r, wanted %r" % (key, statistics[key], wanted)
    got, wanted = read(out), read(os.path.join(GOLDEN, case["name"] + ".out.safetensors"))
    if sorted(got) != sorted(wanted):
        yield "tensors %s" % sorted(got)
    for name in sorted(set(got) & set(wanted)):
        if got[name][:2] != wanted[name][:2]:
            yield "%s is %s %s" % (name, got[name][0], got[name][1])
        most = 1e-5 * max(map(abs, wanted[name][2])) if name == "O" else 0
        wrong = sum(not abs(a - b) <= most for a, b in zip(got[name][2], wanted[name][2]))
        if wrong:
            yield "%d values of %s differ" % (wrong, name)


def main():
    if sys.argv[1] == "names":
        print(" ".join(cases()))
    elif sys.argv[1] == "options":
        print(options(cases()[sys.argv[2]]))
    elif sys.argv[1] == "same":
        got, wanted = read(sys.argv[2])["O"], read(sys.argv[3])[sys.argv[4]]
        worst = max(abs(a - b) for a, b in zip(got[2], wanted[2]))
        print("# shapes %s %s, within %.1e" % (got[1], wanted[1], worst))
        sys.exit(got[1] != wanted[1] or not worst < 1e-5)
    else:
        found = list(differences(cases()[sys.argv[2]], sys.argv[3], sys.argv[4]))
        for line in found:
            print("# " + line)
        sys.exit(bool(found))


if __name__ == "__main__":
    main()

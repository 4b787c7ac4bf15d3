#!/usr/bin/env python3
"""Statistics presets from synthetic rows: runs the functional kernel on made-up tensors and writes
models/statistics/NAME.yaml.

usage: synthetic_statistics.py SOFA-DSE OUTPUT-FOLDER

X [S,H] and Wk [H,d] are Gaussian, K = X Wk; a query of type II (even spread) is a Gaussian direction, one
of type I (a few dominant keys) leans towards three random keys.  A quarter of the rows is of type I, as
published for ViT, GPT-2 and Llama (Wang et al., MICRO 2024).  Needs numpy; the numbers come from the kernel.
"""
import json
import os
import struct
import subprocess
import sys
import tempfile

import numpy as np

S, H, D, TILES, SEED, TYPE_I = 1024, 256, 64, 8, 1, 0.25
RATIOS = (50, 74, 100, 123, 150, 187, 250, 300, 400, 500)


def write_safetensors(path, tensors):
    header, at = {}, 0
    for name, a in tensors.items():
        header[name] = {"dtype": "F32", "shape": list(a.shape), "data_offsets": [at, at + a.nbytes]}
        at += a.nbytes
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text)
        for a in tensors.values():
            f.write(a.tobytes())


def rows():
    rng = np.random.default_rng(SEED)
    x = rng.standard_normal((S, H)).astype(np.float32)
    wk = (rng.standard_normal((H, D)) / np.sqrt(H)).astype(np.float32)
    k = x @ wk
    q = rng.standard_normal((S, D)).astype(np.float32)
    for i in np.flatnonzero(rng.random(S) < TYPE_I):
        q[i] += 1.5 * k[rng.integers(0, S, 3)].sum(axis=0) / np.sqrt(3)
    v = rng.standard_normal((S, D)).astype(np.float32)
    return {"X": x, "Wk": wk, "Q": q, "K": k.astype(np.float32), "V": v}


def main():
    program, folder = sys.argv[1:3]
    with tempfile.TemporaryDirectory() as scratch:
        tensors = os.path.join(scratch, "rows.safetensors")
        write_safetensors(tensors, rows())
        for permille in RATIOS:
            out = subprocess.run([program, "attention", tensors, "--tiles", str(TILES), "--topk", str(permille / 1000),
                                  "--json"], check=True, capture_output=True, text=True).stdout
            s = json.loads(out)["statistics"]
            s = s[0] if isinstance(s, list) else s
            with open(os.path.join(folder, f"synthetic-k{permille:03d}.yaml"), "w") as f:
                f.write(f"""version: 1
kind: statistics
description: "synthetic rows, {permille / 10:g} % of the keys kept, {TILES} tiles of {S} keys"
source: "synthetic: {int(TYPE_I * 100)} % type I rows, S={S}, d={D}, {TILES} tiles, no clipping"
layers:
  - density: {s['density']:.6f}
    union: {s['union_block']:.6f}
    naive_ratio: {max(1, s['block_naive'] / s['block_union']):.6f}
    rass_ratio: {max(1, s['block_rass'] / s['block_union']):.6f}
    clipped: {s['clipped']:.6f}
    mispredicted: {s['max_mispredict']:.6f}
    union_all: {s['union_all']:.6f}
""")


if __name__ == "__main__":
    main()

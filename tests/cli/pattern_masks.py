"""Masks as files for tests/cli/pattern.sh, and what must be said of them.

make FOLDER: writes good and bad masks.  check FILE.json NAME: whether `pattern --spans --json` tells the truth of a mask.
"""
import json
import random
import struct
import sys

S = 48


def window(i, j):
    return abs(i - j) <= 5 or j < 3


def noise(i, j):
    return random.Random(i * 1000 + j).random() < 0.3


def stairs(i, j):  # rows with one member, rows with none, a ragged end
    return j < i % 5


MASKS = {"window": (S, S, window), "noise": (S, S, noise), "stairs": (37, 20, stairs)}


def npy(descr, shape, data, fortran=False):
    head = "{'descr': '%s', 'fortran_order': %s, 'shape': %s, }" % (descr, fortran, tuple(shape))
    head += " " * (-(10 + len(head) + 1) % 64) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head.encode() + data


def safetensors(tensors):
    head, data = {}, b""
    for name, dtype, shape, values in tensors:
        head[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + len(values)]}
        data += values
    text = json.dumps(head).encode()
    return struct.pack("<Q", len(text)) + text + data


def mask_bytes(name):
    rows, columns, has = MASKS[name]
    return bytes(has(i, j) for i in range(rows) for j in range(columns))


def make(folder):
    def write(name, data):
        with open(f"{folder}/{name}", "wb") as f:
            f.write(data)

    for name, (rows, columns, _) in MASKS.items():
        write(name + ".npy", npy("|b1", (rows, columns), mask_bytes(name)))
    flat = mask_bytes("window")
    write("wide.npy", npy("<i4", (1, 1, S, S), b"".join(struct.pack("<i", 256 * v) for v in flat)))
    write("bool.safetensors", safetensors([("m", "BOOL", [S, S], flat)]))
    write("two.safetensors", safetensors([("a", "U8", [S, S], flat), ("b", "U8", [S, S], mask_bytes("noise"))]))
    write("named.safetensors", safetensors([("mask", "U8", [S, S], flat), ("x", "F32", [1], b"\0" * 4)]))
    write("empty.npy", npy("|b1", (4, 4), bytes(16)))
    write("nothing.npy", npy("|b1", (0, 4), b""))
    write("float.npy", npy("<f4", (2, 2), bytes(16)))
    write("flat.npy", npy("|b1", (16,), b"\1" * 16))
    write("deep.npy", npy("|b1", (2, 2, 2), b"\1" * 8))
    write("short.npy", npy("|b1", (S, S), flat[:-1]))
    write("fortran.npy", npy("|b1", (2, 2), b"\1" * 4, fortran=True))
    write("upper.npy", npy("|b1", (3, 3), bytes([0, 1, 1, 0, 0, 1, 0, 0, 0])))
    write("text.npy", b"not a mask\n")
    with open(f"{folder}/large.npy", "wb") as f:  # a sparse file as long as its shape says
        f.write(npy("|b1", (80000, 80000), b""))
        f.truncate(f.tell() + 80000 * 80000)


def check(path, name):
    rows, columns, has = MASKS[name]
    with open(path) as f:
        said = json.load(f)
    members = [[j for j in range(columns) if has(i, j)] for i in range(rows)]
    count = sum(map(len, members))
    assert (said["rows"], said["columns"], said["members"]) == (rows, columns, count)
    assert abs(said["density"] - count / (rows * columns)) < 1e-12
    assert said["width"] == max(map(len, members))
    assert said["empty_rows"] == sum(not m for m in members)
    assert said["row_spans"] == [[m[0], m[-1], len(m)] if m else None for m in members]
    assert sum(p["members"] for p in said["parts"]) + said["remainder"]["members"] == count
    spans = [m[-1] - m[0] + 1 for m in members if m]
    assert (said["span"]["least"], said["span"]["most"]) == (min(spans), max(spans))
    assert said["metadata_bytes"]["csr"] == 4 * count + 8 * (rows + 1)


if sys.argv[1] == "make":
    make(sys.argv[2])
else:
    check(sys.argv[2], sys.argv[3])

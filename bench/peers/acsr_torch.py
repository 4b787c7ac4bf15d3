#!/usr/bin/env python3
"""PyTorch's attention over the patterns of bench/bench_acsr.c, one CPU thread, float32; CSV on standard output.

  python3 -m venv /tmp/venv && /tmp/venv/bin/pip install torch numpy
  /tmp/venv/bin/python bench/peers/acsr_torch.py > bench/peers/acsr_torch.csv

One head of S queries and keys, with four contestants:

  sdpa          scaled_dot_product_attention without a mask: what the ratios are over
  sdpa_mask     the same with the pattern as a boolean mask
  flex          flex_attention, compiled (needs a C++ compiler), with the block mask made before; making it is a row of its
                own, and so are the seconds of the first call, which compiles unless PyTorch's cache has it
  sampled       sampled_addmm at the members, softmax over each row's values, CSR product with V; indices made before

Ratios are medians over samples in turns with sdpa in this process, of this thread's CPU time.  To set them beside those of
bench_acsr, which are over our dense attention: bench_attention and attention_torch.py time both dense ones.  A contestant that
can't run gives a row that says why.
"""
import argparse
import math
import os
import statistics
import sys
import time

import torch
from attention_torch import compiler, cpu_name, row
from torch.nn.attention.flex_attention import create_block_mask, flex_attention

sdpa = torch.nn.functional.scaled_dot_product_attention
SAMPLES, ENOUGH = 7, 0.02  # s of calls in a sample


def window(p):
    return lambda b, h, i, j: (i - j).abs() <= p


def strided(p):
    return lambda b, h, i, j: (i - j) % p == 0


def blocked(p):
    return lambda b, h, i, j: ((i // p) == (j // p)) | ((i // p) == (j // p) + 1)


def longformer(p, g):
    return lambda b, h, i, j: ((i - j).abs() <= p) | (i < g) | (j < g)


def bigbird(p):
    return lambda b, h, i, j: ((i // p - j // p).abs() <= 1) | (i < 2 * p) | (j < 2 * p)


def reach(s, percent):
    return int(s * (1 - math.sqrt(1 - percent / 100)) + 0.5)


def shapes():
    for percent in (5, 10, 20, 36):
        yield f"window.s2048.d64.p{percent}", 2048, 64, window(reach(2048, percent))
    for p in (4, 8, 16):
        yield f"strided.s2048.d64.stride{p}", 2048, 64, strided(p)
    yield "blocked.s2048.d64.s_over_16", 2048, 64, blocked(128)
    yield "blocked.s2048.d64.s_over_8", 2048, 64, blocked(256)
    yield "longformer.s1024.d64", 1024, 64, longformer(64, 4)
    yield "bigbird.s1024.d64", 1024, 64, bigbird(64)
    yield "window.s512.d64.s_over_40", 512, 64, window(12)
    yield "window.s2048.d128.s_over_40", 2048, 128, window(51)
    yield "window.s8192.d64.s_over_40", 8192, 64, window(204)


def timed(call):
    start, n = time.thread_time(), 0
    while True:
        call()
        n += 1
        now = time.thread_time()
        if now - start >= ENOUGH:
            return (now - start) / n


def compare(name, what, call, base, reference):
    """Rows of call's time and ratio over base; its result is held against the reference."""
    try:
        worst = (call().double().reshape(reference.shape) - reference).abs().max().item()
        if not worst < 1e-4:
            raise ValueError(f"off by {worst:.2g}")
        base()
        times, ratios = [], []
        for _ in range(SAMPLES):
            over = timed(base)
            times.append(timed(call))
            ratios.append(times[-1] / over)
        row(f"torch.{what}_over_sdpa.{name}", statistics.median(ratios), "ratio")
        row(f"torch.{what}.{name}", 1e3 * statistics.median(times), "ms")
    except Exception as why:  # a missing compiler, a mask it doesn't take
        row(f"torch.{what}.{name}", "", ("failed: " + type(why).__name__ + " " + str(why).splitlines()[0][:100]).replace(",", ";"))


def sampled(q, k, v, csr):
    """Softmax by hand over the values of each row: torch.sparse.softmax takes COO, which is slower still."""
    crow, rows = csr.crow_indices(), csr.crow_indices().numel() - 1
    index = torch.repeat_interleave(torch.arange(rows), crow.diff())
    kt, scale = k.t().contiguous(), 1 / math.sqrt(q.shape[1])

    def call():
        score = torch.sparse.sampled_addmm(csr, q, kt, beta=0, alpha=scale).values()
        most = torch.full((rows,), float("-inf")).scatter_reduce_(0, index, score, "amax")
        weight = (score - most[index]).exp_()
        total = torch.zeros(rows).index_add_(0, index, weight)
        product = torch.sparse_csr_tensor(crow, csr.col_indices(), weight, csr.shape, check_invariants=False) @ v
        return product / total[:, None]

    return call


def shape(name, s, d, mask_mod):
    q, k, v = torch.randn(3, 1, 1, s, d).unbind(0)
    i = torch.arange(s)
    mask = mask_mod(0, 0, i[:, None], i[None, :])
    row(f"torch.density.{name}", mask.double().mean().item(), "share")
    score = (q[0, 0].double() @ k[0, 0].double().t() / math.sqrt(d)).masked_fill(~mask, float("-inf"))
    reference = score.softmax(-1) @ v[0, 0].double()
    del score

    def dense():
        return sdpa(q, k, v)

    compare(name, "sdpa_mask", lambda: sdpa(q, k, v, attn_mask=mask), dense, reference)
    try:
        start = time.thread_time()
        block = create_block_mask(mask_mod, None, None, s, s, device="cpu")
        row(f"torch.flex_block_mask.{name}", 1e3 * (time.thread_time() - start), "ms")
        row(f"torch.flex_blocks.{name}", 1 - block.sparsity() / 100, "share of blocks worked on")
        torch._dynamo.reset()  # one kernel per shape and mask, none generalised over several
        compiled = torch.compile(flex_attention, dynamic=False)
        start = time.perf_counter()
        compiled(q, k, v, block_mask=block)
        row(f"torch.flex_first_call.{name}", time.perf_counter() - start, "s (wall)")
        compare(name, "flex", lambda: compiled(q, k, v, block_mask=block), dense, reference)
    except Exception as why:
        row(f"torch.flex.{name}", "", ("failed: " + type(why).__name__ + " " + str(why).splitlines()[0][:100]).replace(",", ";"))
    start = time.thread_time()
    csr = mask.float().to_sparse_csr()
    row(f"torch.sampled_indices.{name}", 1e3 * (time.thread_time() - start), "ms")
    compare(name, "sampled", sampled(q[0, 0], k[0, 0], v[0, 0], csr), dense, reference)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*", help="only shapes whose name has one of these in it")
    names = parser.parse_args().names
    torch.set_num_threads(1)
    torch.manual_seed(0)
    started = time.perf_counter()
    print(f"# PyTorch {torch.__version__} ({torch.backends.cpu.get_cpu_capability()}) Python {sys.version.split()[0]}")
    print(f"# {compiler()}")
    print(f"# {cpu_name()} ({os.cpu_count()} CPUs); one thread; float32; one head; median of {SAMPLES} samples in turns")
    print("name,value,unit")
    with torch.no_grad():
        for name, s, d, mask_mod in shapes():
            if not names or any(n in name for n in names):
                shape(name, s, d, mask_mod)
    print(f"# {time.perf_counter() - started:.0f} s in all", file=sys.stderr)


if __name__ == "__main__":
    main()

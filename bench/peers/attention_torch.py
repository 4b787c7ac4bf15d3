#!/usr/bin/env python3
"""PyTorch's attention on the shapes of bench/bench_attention.c, one CPU thread, float32; CSV on standard output.

  python3 -m venv /tmp/venv && /tmp/venv/bin/pip install torch numpy
  /tmp/venv/bin/python bench/peers/attention_torch.py > bench/peers/attention_torch.csv

scaled_dot_product_attention and compiled flex_attention (which needs a C++ compiler), HEADS heads at once as
in the bench, dense, causal and with a fifth of the keys kept:

  topk20    each query's own largest fifth of the visible scores.  Whole blocks of keys are hardly ever free of
            them, so what is saved is what the block mask of flex_attention can skip: nothing.
  window20  as many keys as that, next to each other: flex_attention's best case at this density.

Both get the finished mask.  What it costs to make (the product, the top-k and, for flex_attention, the block
mask) are rows of their own, and so are the seconds of the first call, which compiles (unless PyTorch's cache
has that kernel; top-k masks of one kind share theirs).  Times are thread CPU time, as the bench's are.  A contestant that can't run here gives a row that says why.
"""
import os
import platform
import statistics
import subprocess
import sys
import time

import torch
from torch.nn.attention.flex_attention import create_block_mask, flex_attention

HEADS, D, SAMPLES = 4, 64, 5
LENGTHS = (1024, 2048, 4096)
sdpa = torch.nn.functional.scaled_dot_product_attention


def cpu_name():
    try:
        with open("/proc/cpuinfo") as f:
            return next(line.split(":", 1)[1].strip() for line in f if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def compiler():
    try:
        text = subprocess.run([os.environ.get("CXX", "g++"), "--version"], capture_output=True, text=True, check=True)
        return text.stdout.splitlines()[0]
    except (OSError, subprocess.CalledProcessError):
        return "no C++ compiler"


def row(name, value, unit):
    text = f"{value:.4g}" if isinstance(value, float) else value
    print(f"{name},{text},{unit}", flush=True)


def measure(call, samples=SAMPLES):
    """Median ms per head of this thread; one call first that doesn't count."""
    call()
    seconds = []
    for _ in range(samples):
        start = time.thread_time()
        call()
        seconds.append(time.thread_time() - start)
    return 1e3 * statistics.median(seconds) / HEADS


def once(call):
    start = time.thread_time()
    result = call()
    return result, 1e3 * (time.thread_time() - start) / HEADS


def attempt(name, call):
    try:
        row(name, call(), "ms/head")
    except Exception as why:  # a missing compiler, a mask it doesn't take
        row(name, "", ("failed: " + type(why).__name__ + " " + str(why).splitlines()[0][:100]).replace(",", ";"))


def flex(name, q, k, v, block_mask):
    def call():
        torch._dynamo.reset()  # one kernel per shape and mask, none generalised over several
        compiled = torch.compile(flex_attention, dynamic=False)
        start = time.perf_counter()
        compiled(q, k, v, block_mask=block_mask)
        row(f"{name}.first_call", time.perf_counter() - start, "s (wall)")
        return measure(lambda: compiled(q, k, v, block_mask=block_mask))

    attempt(name, call)


def topk_mask(q, k, causal):
    """Boolean [1][HEADS][s][s]: each query's largest fifth of the scores it may see, at least one."""
    s = q.shape[2]
    scores = q @ k.transpose(-1, -2)
    if not causal:
        return torch.zeros_like(scores, dtype=torch.bool).scatter_(-1, scores.topk(s // 5).indices, True)
    scores.masked_fill_(torch.ones(s, s, dtype=torch.bool).triu(1), float("-inf"))
    least = scores.sort(descending=True).values
    at = ((torch.arange(s) + 1) // 5).clamp(min=1) - 1
    return scores >= least.gather(-1, at.view(1, 1, s, 1).expand(1, HEADS, s, 1))


def window(s, causal):
    """As many keys as a fifth of those visible: s/10 to either side, or with a causal mask s/10 in the mean behind."""
    reach = s // 10
    if causal:
        return lambda b, h, i, j: (j <= i) & (i - j <= reach)
    return lambda b, h, i, j: (i - j).abs() <= reach


def shape(s, causal):
    tail = f"s{s}.d{D}" + (".causal" if causal else "")
    q, k, v = 1.5 * torch.randn(1, HEADS, s, D), torch.randn(1, HEADS, s, D), torch.randn(1, HEADS, s, D)
    attempt(f"torch.sdpa.{tail}", lambda: measure(lambda: sdpa(q, k, v, is_causal=causal)))

    mask, ms = once(lambda: topk_mask(q, k, causal))
    row(f"torch.topk20_mask.{tail}", ms, "ms/head")
    row(f"torch.topk20_density.{tail}", mask.sum().item() / (HEADS * (s * (s + 1) / 2 if causal else s * s)), "share")
    attempt(f"torch.sdpa_topk20.{tail}", lambda: measure(lambda: sdpa(q, k, v, attn_mask=mask)))

    if causal:
        block, ms = once(lambda: create_block_mask(lambda b, h, i, j: j <= i, None, None, s, s, device="cpu"))
        row(f"torch.flex_block_mask.{tail}", ms, "ms/head")
    else:
        block = None
    flex(f"torch.flex.{tail}", q, k, v, block)

    block, ms = once(lambda: create_block_mask(lambda b, h, i, j: mask[0, h, i, j], None, HEADS, s, s, device="cpu"))
    row(f"torch.flex_topk20_block_mask.{tail}", ms, "ms/head")
    row(f"torch.flex_topk20_blocks.{tail}", 1 - block.sparsity() / 100, "share of blocks worked on")
    flex(f"torch.flex_topk20.{tail}", q, k, v, block)

    block, ms = once(lambda: create_block_mask(window(s, causal), None, None, s, s, device="cpu"))
    row(f"torch.flex_window20_block_mask.{tail}", ms, "ms/head")
    row(f"torch.flex_window20_blocks.{tail}", 1 - block.sparsity() / 100, "share of blocks worked on")
    flex(f"torch.flex_window20.{tail}", q, k, v, block)


def main():
    torch.set_num_threads(1)
    torch.manual_seed(0)
    started = time.perf_counter()
    print(f"# PyTorch {torch.__version__} ({torch.backends.cpu.get_cpu_capability()}) Python {platform.python_version()}")
    print(f"# {compiler()}")
    print(f"# {cpu_name()} ({os.cpu_count()} CPUs); one thread; float32; {HEADS} heads; d {D}; median of {SAMPLES} calls, where bench_attention has 9 samples")
    print("name,value,unit")
    with torch.no_grad():
        for s in LENGTHS:
            for causal in (False, True):
                shape(s, causal)
    print(f"# {time.perf_counter() - started:.0f} s in all", file=sys.stderr)


if __name__ == "__main__":
    main()

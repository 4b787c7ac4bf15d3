#!/usr/bin/env python3
"""Where the manager saturates: workers that ask one manager for evaluations, as a closed queue.

One server (the manager: suggest, store, send), W clients (ranks that evaluate).  Service and
evaluation times are exponential with the given means; the network adds a constant.  Throughput
is measured over N evaluations after a warm-up, and compared with the bound of a closed
machine-repair queue: min(W / (evaluation + network + service), 1 / service).

usage: queue.py SERVICE_MS EVALUATION_MS [NETWORK_MS]
"""
import heapq
import random
import sys


def simulate(workers, service, evaluation, network, n, seed=1):
    rng = random.Random(seed)
    # moments at which a worker's result reaches the manager
    arrivals = [(rng.expovariate(1 / evaluation), w) for w in range(workers)]
    heapq.heapify(arrivals)
    free = 0.0
    busy = 0.0
    first = None
    for i in range(n):
        at, w = heapq.heappop(arrivals)
        took = rng.expovariate(1 / service)
        start = max(at, free)
        free = start + took
        if i >= n // 5:
            first = start if first is None else first
            busy += took
        heapq.heappush(arrivals, (free + network + rng.expovariate(1 / evaluation), w))
    return (n - n // 5) / (free - first), busy / (free - first)


def main():
    service, evaluation = (float(x) / 1e3 for x in sys.argv[1:3])
    network = float(sys.argv[3]) / 1e3 if len(sys.argv) > 3 else 0.1e-3
    print("workers,evaluations_per_s,manager_busy,efficiency")
    for exponent in range(0, 15):
        workers = 2**exponent
        rate, busy = simulate(workers, service, evaluation, network, max(20000, 40 * workers))
        alone = 1 / (evaluation + network + service)
        print(f"{workers},{rate:.4g},{busy:.3f},{rate / (workers * alone):.3f}")


if __name__ == "__main__":
    main()

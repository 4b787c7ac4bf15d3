"""A test problem behind bench/opt/protocol, for the drivers of the optimiser's peers."""
import os
import subprocess
import sys
import time

PROTOCOL = os.environ.get("PROTOCOL", "bench/opt/protocol")
TRACE = os.environ.get("TRACE")  # a directory for the points evaluated, one file a run
STOP = int(os.environ.get("STOP", "0"))  # evaluations after which a run is ended before its time, 0: none


class Problem:
    """Points are lists of levels; everything is minimised, constraints hold where g <= 0."""

    def __init__(self, name, peer, seed, budget):
        self.name, self.peer, self.seed, self.budget = name, peer, seed, budget
        values = ["values"] if budget == 0 else []  # asked for objectives alone, thousands a suggestion
        self.child = subprocess.Popen([PROTOCOL, "serve", name, *values], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                      text=True)
        self.dims, self.objectives, self.constraints = map(int, self.child.stdout.readline().split())
        self.levels = list(map(int, self.child.stdout.readline().split()))
        self.reference = list(map(float, self.child.stdout.readline().split()))
        self.count = 0
        self.hypervolume = 0.0
        self.started = time.process_time()
        self.trace = open(f"{TRACE}/{name},{peer},{seed}", "w") if TRACE and budget else None

    def start(self):
        """The points that every search of this problem and seed begins with."""
        lines = subprocess.run([PROTOCOL, "start", self.name, str(self.seed), str(self.budget)], check=True,
                               capture_output=True, text=True).stdout.splitlines()
        return [list(map(int, line.split())) for line in lines]

    def evaluate(self, x):
        """Objectives and constraints of the levels x; prints a row every ten evaluations."""
        line = " ".join(str(int(v)) for v in x)
        self.child.stdin.write(line + "\n")
        self.child.stdin.flush()
        values = list(map(float, self.child.stdout.readline().split()))
        self.count += 1
        self.hypervolume = values[-1]
        spent = time.process_time() - self.started
        if self.trace:
            print(f"{spent:.4g} {line}", file=self.trace, flush=True)
        if self.count <= self.budget and (self.count % 10 == 0 or self.count == self.budget):
            print(f"{self.name},{self.peer},{self.seed},{self.count},{self.hypervolume:.9g},{spent:.4g}", flush=True)
        if self.budget and self.count == STOP:
            sys.exit()
        return values[:self.objectives], values[self.objectives:-1]

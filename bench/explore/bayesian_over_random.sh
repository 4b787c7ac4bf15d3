#!/bin/sh
# bayesian_over_random.sh PROGRAM SPACE [SEEDS [EVALUATIONS]]: explores a space with `bayesian` and with `random`
# from the same seeds, and prints the hypervolumes as CSV (same space, so the same reference point).
# The committed table beside it: bayesian_over_random.csv.
set -eu
program=$1 space=$2 seeds=${3:-10} evaluations=${4:-60}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

hypervolume() {
	"$program" explore "$space" -o "$work/$1-$2" --algorithm "$1" --seed "$2" --evaluations "$evaluations" \
		--progress none >/dev/null 2>&1
	sed -n 's/.*"hypervolume":[[:space:]]*\([^,]*\),.*/\1/p' "$work/$1-$2/pareto.json"
}

echo "# $("$program" --version), $(basename "$space"), $evaluations evaluations"
echo "seed,bayesian,random,ratio"
wins=0 seed=1
while [ "$seed" -le "$seeds" ]; do
	b=$(hypervolume bayesian "$seed") r=$(hypervolume random "$seed")
	echo "$seed,$b,$r,$(awk -v b="$b" -v r="$r" 'BEGIN { printf "%.4f", b / r }')"
	wins=$((wins + $(awk -v b="$b" -v r="$r" 'BEGIN { print (b > r) }')))
	seed=$((seed + 1))
done
echo "# bayesian above random: $wins of $seeds"

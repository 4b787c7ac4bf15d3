#!/bin/sh
# One peer on some problems, one run at a time on one thread; a run that has its file already is left out.
# usage: opt_run.sh DIR PEER BUDGET "SEEDS" PROBLEM...
#   DIR: where rows (PROBLEM,PEER,SEED.csv) and points (points/PROBLEM,PEER,SEED) go
#   PEER: tpe nsga2 gp (Optuna), pymoo, plain ehvi mixed mixehvi (BoTorch), or an algorithm of this program
# environment: PYTHON (with the peers' packages), PROTOCOL (bench/opt/protocol, built), STOP (ends runs of peers before BUDGET)
set -eu
dir=$1 peer=$2 budget=$3 seeds=$4
shift 4
here=$(dirname "$0")
: "${PYTHON:=python3}" "${PROTOCOL:=bench/opt/protocol}"
export PROTOCOL OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1 TRACE="$dir/points"
mkdir -p "$TRACE"
for seed in $seeds; do
    for problem in "$@"; do
        out="$dir/$problem,$peer,$seed.csv"
        if [ -e "$out" ]; then
            continue
        fi
        case $peer in
        tpe | nsga2 | gp) "$PYTHON" "$here/opt_optuna.py" "$problem" "$peer" "$seed" "$budget" ;;
        pymoo) "$PYTHON" "$here/opt_pymoo.py" "$problem" "$seed" "$budget" ;;
        plain | ehvi | mixed | mixehvi) "$PYTHON" "$here/opt_botorch.py" "$problem" "$peer" "$seed" "$budget" ;;
        *) "$PROTOCOL" run "$problem" "$peer" "$seed" "$budget" ;;
        esac >"$out.part"
        mv "$out.part" "$out"
    done
done

#!/bin/sh
# run.sh BUILD [PROGRAM_WITH_MPI]: the bench of sweeps in the build folder BUILD at full size, each executor with 10,000
# tasks, Slurm brought up for it with its usual MaxArraySize; CSV behind a few lines on the machine.
set -eu
build=$(cd "$1" && pwd)
root=$(cd "$(dirname "$0")/../.." && pwd)
cluster=$(mktemp -d)
trap 'sh "$root/tests/cli/slurm-cluster.sh" down "$cluster"; sleep 1; rm -rf "$cluster"' EXIT
[ $# -lt 2 ] || {
	SOFA_DSE_MPI=$(realpath "$2")
	export SOFA_DSE_MPI OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
}
if command -v sbatch >/dev/null && sh "$root/tests/cli/slurm-cluster.sh" up "$cluster"; then
	SLURM_CONF=$cluster/slurm.conf
	export SLURM_CONF
fi
echo "# $(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -n 1), $(nproc) cores, Linux $(uname -r), $(date -u +%Y-%m-%d)"
echo "# SQLite $(sqlite3 --version | cut -d' ' -f1); $(mpirun --version 2>/dev/null | head -n 1); $(sbatch --version 2>/dev/null)"
echo "# load when started: $(cut -d' ' -f1-3 /proc/loadavg)"
echo "name,value,unit,isa,compiler,commit"
SOFA_BENCH_TASKS=${SOFA_BENCH_TASKS:-10000} SOFA_BENCH_STUDY=${SOFA_BENCH_STUDY:-1000000} make -s -C "$build" bench BENCH=sweep
echo "# load when ended: $(cut -d' ' -f1-3 /proc/loadavg)"

#!/bin/sh
# Installs what is missing, builds and runs all tests.  May be run again.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
# shellcheck source=tools/debian-packages.sh
. "$root/tools/debian-packages.sh"

# shellcheck disable=SC2086
need_packages $build_packages libcmocka-dev sqlite3 python3 python3-jsonschema python3-yaml shellcheck mandoc yamllint \
	openmpi-bin libopenmpi-dev slurm-wlm
# a build that was configured before cmocka was there has no unit tests: configure it anew
grep -qs "^CMOCKA_TRUE='#'" "$root/build/config.log" && rm -f "$root/build/Makefile"
build_tree "$root" "$root/build"
# the same program with MPI, for the tests that run it over ranks
if command -v mpicc >/dev/null; then
	build_tree "$root" "$root/build-mpi" --with-mpi
	SOFA_DSE_MPI=$root/build-mpi/sofa-dse
	export SOFA_DSE_MPI
fi

echo "== running the tests"
status=0
make -s -C "$root/build" -j "$(nproc)" check >"$root/build/check.log" 2>&1 || status=$?
grep -E '^(FAIL|ERROR|XPASS):|warning:|error:' "$root/build/check.log" || true
[ $status -eq 0 ] || tail -n 40 "$root/build/check.log"
count() { sed -n "s/^# $1: *//p" "$root/build/check.log" | tail -n 1; }
passed=$(count PASS) failed=$(count FAIL) errors=$(count ERROR) skipped=$(count SKIP)
echo "$((${passed:-0})) passed, $((${failed:-0} + ${errors:-0})) failed, $((${skipped:-0})) skipped"
exit $status

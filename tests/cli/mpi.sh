#!/bin/sh
# Explorations and sweeps over the ranks of a real MPI job give what threads and processes give.
. "${SOFA_SRCDIR:?}/tests/cli/tap.sh"
. "$SOFA_SRCDIR/tests/cli/small.sh"
cd "$tap_dir" || exit 99

small_space | sed 's/random, evaluations: 12/bayesian, evaluations: 30/' >space.yaml
cat >sweep.yaml <<END
version: 1
name: matrix
matrix: {space: space.yaml, hardware: [sofa-28nm, sofa-edge-28nm], seed: [1, 2, 3], algorithm: random}
END

# a program built --with-mpi: this one, or one beside it
"$SOFA_DSE" explore space.yaml --executor mpi >/dev/null 2>err
if grep -q 'built without MPI' err; then
	exits 2 "without MPI, --executor mpi is refused" "$SOFA_DSE" explore space.yaml --executor mpi
	[ -x "${SOFA_DSE_MPI:-}" ] || {
		skip "the program was built without MPI; configure it --with-mpi, or name one in SOFA_DSE_MPI"
		finish
		exit
	}
else
	SOFA_DSE_MPI=$SOFA_DSE
fi
command -v mpirun >/dev/null || {
	skip "mpirun is not installed (package openmpi-bin)"
	finish
	exit
}

# mpirun of Open MPI: as root, with more ranks than processors
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
ranks() {
	n=$1
	shift
	timeout 120 mpirun --oversubscribe -n "$n" "$SOFA_DSE_MPI" "$@"
}

exits 0 "an exploration with threads" "$SOFA_DSE" explore space.yaml -o threads --progress none
cp "$tap_dir/out" table
for n in 2 4; do
	exits 0 "the same over $n ranks" ranks $n explore space.yaml -o "ranks$n" --progress none --executor mpi
	cmp -s "ranks$n/pareto.json" threads/pareto.json && cmp -s "ranks$n/pareto.csv" threads/pareto.csv
	ok $? "leaves the same bytes"
	cmp -s "$tap_dir/out" table
	ok $? "and prints the same table, once"
done
is "$(sqlite3 ranks4/study.db 'SELECT count(DISTINCT worker) > 1, min(worker) >= 1 FROM evaluation')" "1|1" "several ranks evaluated"

exits 2 "what is wrong with a space" ranks 3 explore nowhere.yaml --executor mpi
is "$(grep -c 'nowhere.yaml: cannot read' "$tap_dir/err")" 1 "is said once"
exits 2 "a study that is there" ranks 3 explore space.yaml -o ranks2 --executor mpi
is "$(grep -c 'a study is there already' "$tap_dir/err")" 1 "ends all ranks"
exits 2 "one rank is none too many" "$SOFA_DSE_MPI" explore space.yaml --executor mpi
says 'the MPI job has one rank' "and the message says what is expected"

# a rank that dies takes the job with it, and the study goes on
sed 's/bayesian/random/; s/evaluations: 30/evaluations: 400/' space.yaml >long.yaml
exits 0 "a longer exploration" "$SOFA_DSE" explore long.yaml -o whole --progress none
ranks 3 explore long.yaml -o died --progress none --executor mpi >/dev/null 2>err &
pid=$!
i=0
while [ $i -lt 100 ] && [ "$(sqlite3 died/study.db 'SELECT count(*) FROM evaluation' 2>/dev/null || echo 0)" = 0 ]; do
	sleep 0.05
	i=$((i + 1))
done
launcher=$(ps -o pid= --ppid $pid | tr -d ' ')
rank=$(ps -o pid=,comm= --ppid "${launcher:-$pid}" | awk '$2 ~ /sofa-dse/ { print $1 }' | tail -n 1)
[ -n "$rank" ] && kill -KILL "$rank"
wait $pid
status=$?
[ $status -ne 0 ] || [ -z "$rank" ]
ok $? "a rank that is killed ends the job"
exits 0 "the study goes on with other workers" "$SOFA_DSE" explore long.yaml -o died --resume --progress none --jobs 2
cmp -s died/pareto.json whole/pareto.json
ok $? "to the same bytes"

exits 0 "a sweep of processes" "$SOFA_DSE" sweep sweep.yaml -o local --progress none
exits 0 "the same sweep over ranks" ranks 3 sweep sweep.yaml -o mpi --executor mpi --progress none
cmp -s mpi/pareto.json local/pareto.json
ok $? "gives the same bytes"
is "$(cat mpi/tasks/*/status.json | grep -c '"worker":.*"rank [12]"')" 6 "on the ranks that serve"
rm -rf mpi/tasks/*seed2*
exits 0 "run again it does what is missing" ranks 3 sweep sweep.yaml -o mpi --executor mpi
is "$(grep -c ' of 2: .* done$' "$tap_dir/err")" 2 "and only that"
cmp -s mpi/pareto.json local/pareto.json
ok $? "to the same bytes"
finish

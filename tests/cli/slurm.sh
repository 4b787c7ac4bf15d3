#!/bin/sh
# Sweeps on a real Slurm, which is brought up for the test: the same front as local processes, arrays cut into
# chunks, requeued tasks that go on, and no value that a shell gets to see.
. "${SOFA_SRCDIR:?}/tests/cli/tap.sh"
. "$SOFA_SRCDIR/tests/cli/small.sh"
if [ ! -x /usr/sbin/slurmctld ] || [ ! -x /usr/sbin/slurmd ] || ! command -v sbatch >/dev/null; then
	skip "Slurm is not installed (package slurm-wlm)"
	finish
	exit
fi
cd "$tap_dir" || exit 99
cluster="$SOFA_SRCDIR/tests/cli/slurm-cluster.sh"
trap 'sh "$cluster" down "$tap_dir/cluster"; sleep 0.5; rm -rf "$tap_dir"' EXIT
SLURM_TEST_ARRAY=5 sh "$cluster" up "$tap_dir/cluster" 2>cluster.err || {
	sed 's/^/# /' cluster.err
	skip "no Slurm can be brought up here"
	finish
	exit
}
export SLURM_CONF="$tap_dir/cluster/slurm.conf"

mkdir "it's \$HOME; a name"
cd "it's \$HOME; a name" || exit 99
small_space >space.yaml
cp space.yaml "\$(touch pwned) \`id\`.yaml"
cat >sweep.yaml <<END
version: 1
name: matrix
matrix:
  space: [space.yaml, "\$(touch pwned) \`id\`.yaml"]
  hardware: [sofa-28nm, sofa-edge-28nm]
  seed: [1, 2]
slurm: {options: ["--partition=main", "--comment=\$(touch pwned)"]}
END

exits 0 "a sweep of local processes" "$SOFA_DSE" sweep sweep.yaml -o local --progress none
exits 0 "the same sweep on Slurm" timeout 120 "$SOFA_DSE" sweep sweep.yaml -o slurm --executor slurm --wait
says '^8 tasks submitted as jobs [0-9]+,[0-9]+,[0-9]+$' "as two arrays, for one may have 5 tasks, and a job that merges"
cmp -s slurm/pareto.json local/pareto.json
ok $? "gives the same bytes"
is "$(cat slurm/tasks/*/status.json | grep -c '"worker":.*"slurm job')" 8 "every task ran in a job"
[ -z "$(find . -name pwned)" ]
ok $? "no value reached a shell"
before=$(stat -c %y slurm/tasks/*/status.json | md5sum)
exits 0 "run again there is nothing to do" "$SOFA_DSE" sweep sweep.yaml -o slurm --executor slurm
is "$(stat -c %y slurm/tasks/*/status.json | md5sum)" "$before" "and nothing is done"
rm -rf slurm/tasks/*seed2*
rm slurm/pareto.json
exits 0 "run again it does what is missing" timeout 120 "$SOFA_DSE" sweep sweep.yaml -o slurm --executor slurm --wait
says '^4 tasks submitted' "and only that"
cmp -s slurm/pareto.json local/pareto.json
ok $? "to the same bytes"

# the job that merges, without anybody waiting
rm -rf slurm/tasks/*seed1* slurm/pareto.json
exits 0 "submitted and left alone" "$SOFA_DSE" sweep sweep.yaml -o slurm --executor slurm
i=0
while [ ! -s slurm/pareto.json ] && [ $i -lt 300 ]; do
	sleep 0.1
	i=$((i + 1))
done
cmp -s slurm/pareto.json local/pareto.json
ok $? "a job merges once the tasks have ended"

# a task that is warned of its time limit, or has to make room for a job of more importance, goes back into the
# queue and goes on; it is held while the test gets ready, for it may be done in a second
sed 's/evaluations: 12/evaluations: 600/' space.yaml >long.yaml
printf 'version: 1\nname: long\nmatrix: {space: long.yaml, seed: [1]}\nslurm: {options: [--cpus-per-task=4]}\n' >long-sweep.yaml
exits 0 "a longer task" "$SOFA_DSE" sweep long-sweep.yaml -o long-local --progress none
exits 0 "on Slurm" "$SOFA_DSE" sweep long-sweep.yaml -o long --executor slurm
job=$(cut -d, -f1 long/slurm/jobs)
hold_task() {
	i=0
	while [ $i -lt 600 ] && ! "$SOFA_DSE" sweep long-sweep.yaml -o long --status | grep -q ' 1 running'; do
		sleep 0.05
		i=$((i + 1))
	done
	task=$(sed -n 's/.*"process":[^0-9]*\([0-9]*\).*/\1/p' long/tasks/*/status.json)
	kill -STOP "$task"
	ok $? "it runs$1"
}
restarts() { scontrol show job "${job}_0" | sed -n 's/.*Restarts=\([0-9]*\).*/\1/p'; }
await_restart() {
	i=0
	while [ $i -lt 600 ] && [ "$(restarts)" != "$1" ]; do
		sleep 0.1
		i=$((i + 1))
	done
	is "$(restarts)" "$1" "$2"
	i=0
	while [ $i -lt 50 ] && ! grep -q '"state":.*"stopped"' long/tasks/*/status.json; do
		sleep 0.05
		i=$((i + 1))
	done
	grep -q '"state":.*"stopped"' long/tasks/*/status.json
	ok $? "having kept what it had"
}
hold_task
exits 1 "jobs that are still queued are not submitted twice" "$SOFA_DSE" sweep long-sweep.yaml -o long --executor slurm
says "still in the queue: $job," "and named"
scancel --signal=USR1 --batch "${job}_0"
kill -CONT "$task"
await_restart 1 "a task that gets the signal requeues itself"
hold_task " again"
exits 0 "a job of more importance" sbatch --partition=urgent --cpus-per-task=4 --output=/dev/null --wrap='sleep 1'
await_restart 2 "preempts it"
i=0
while [ $i -lt 900 ] && [ ! -s long/pareto.json ]; do
	sleep 0.1
	i=$((i + 1))
done
cmp -s long/pareto.json long-local/pareto.json
ok $? "and goes on to the same bytes"
[ -s long/pareto.json ] || { squeue; scontrol show job "$job"; cat long/slurm/*.log; } 2>&1 | sed "s/^/# /"
finish

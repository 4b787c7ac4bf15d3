#!/bin/sh
# A sweep is killed at random moments and started again, again and again; what it leaves in the end is, byte for
# byte, what an undisturbed one leaves.  SOFA_KILLS=200 for the long run.
. "${SOFA_SRCDIR:?}/tests/cli/tap.sh"
. "$SOFA_SRCDIR/tests/cli/small.sh"
kills=${SOFA_KILLS:-4}
cd "$tap_dir" || exit 99
small_space | sed 's/evaluations: 12/evaluations: 80/' >space.yaml
cat >sweep.yaml <<END
version: 1
name: matrix
matrix: {space: space.yaml, hardware: [sofa-28nm, sofa-edge-28nm], seed: [1, 2, 3]}
END
run() { "$SOFA_DSE" sweep sweep.yaml -o "$1" --jobs 2; }

start=$(now_ms)
exits 0 "an undisturbed sweep" run whole
took=$(($(now_ms) - start))

# The manager alone is killed: its tasks are to end by themselves, while the next run may have begun.
done_kills=0 finished=0 bad=0
signals="KILL KILL KILL TERM INT"
while [ "$done_kills" -lt "$kills" ]; do
	# shellcheck disable=SC2086
	set -- $signals
	shift $((done_kills % 5))
	"$SOFA_DSE" sweep sweep.yaml -o killed --jobs 2 >/dev/null 2>err &
	pid=$!
	sleep "$(milliseconds "$(random_below "$((took + 20))")")"
	kill "-$1" $pid 2>/dev/null
	wait $pid 2>/dev/null
	status=$?
	case $status in
	0)
		# one that is whole wasn't killed: it is compared, and started over
		finished=$((finished + 1))
		cmp -s killed/pareto.json whole/pareto.json || bad=$((bad + 1))
		rm -rf killed
		;;
	3 | 130 | 137 | 143) done_kills=$((done_kills + 1)) ;;
	*)
		done_kills=$((done_kills + 1)) bad=$((bad + 1))
		sed 's/^/# /' err
		;;
	esac
done
echo "# $kills kills, $finished came too late"
is "$bad" 0 "killed $kills times, it always could go on"
i=0
while "$SOFA_DSE" sweep sweep.yaml -o killed --status | grep -qv ' 0 running' && [ $i -lt 50 ]; do
	sleep 0.1
	i=$((i + 1))
done
[ $i -lt 50 ]
ok $? "the tasks of a sweep that was killed end as well"
exits 0 "it goes on" run killed
cmp -s killed/pareto.json whole/pareto.json
ok $? "to the same bytes"
for task in whole/tasks/*; do
	cmp -s "$task/pareto.json" "killed/tasks/${task##*/}/pareto.json" || echo "$task"
done >differ
is "$(cat differ)" "" "and so did every task"
finish

#!/bin/sh
# run.sh PROGRAM [STEP]: a short exploration by our model, one by an outside evaluator, and a sweep, with call n of every
# kind failing, for n = 1, 1 + STEP, ... until there is no such call.  PROGRAM is built with --enable-fault-injection.
# Each time: no crash, status 0 or 1, one line of error, and going on without the fault leaves what an undisturbed
# run leaves.
set -u
program=$1 step=${2:-1}
root=$(cd "$(dirname "$0")/../.." && pwd)
dir=$(mktemp -d) || exit 99
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 99
export SOFA_SRCDIR="$root"
. "$root/tests/cli/small.sh"
small_space | sed -e 's/^name: small/name: fault/; s/window: 64/window: 32/; /token_sram/d; s/ energy,//' \
	-e 's/evaluations: 12, seed: 3, parallel: 4/evaluations: 6, seed: 5, parallel: 2/' >space.yaml
cat >outside.yaml <<END
version: 1
name: outside
evaluator: {command: [./child]}
parameters: {x: {range: [0, 99]}, mode: [fast, exact]}
objectives: [f1, f2]
constraints: ["g1 <= 50"]
search: {algorithm: random, evaluations: 6, seed: 5, parallel: 2}
END
cat >child <<'END'
#!/bin/sh
while IFS= read -r line; do
	id=${line#*'"id":'} x=${line#*'"x":'}
	id=${id%%[,\}]*} x=${x%%[,\}]*}
	echo "{\"id\": $id, \"objectives\": {\"f1\": $x, \"f2\": $((99 - x))}, \"metrics\": {\"g1\": $x}}"
done
END
chmod +x child
printf 'version: 1\nname: s\nmatrix: {space: space.yaml, seed: [5, 6], evaluations: 3}\n' >sweep.yaml
SOFA_DSE_DATA=$root
export SOFA_DSE_DATA
# run WHAT FOLDER: starts it, or goes on with it
run() {
	case $1 in
	sweep) "$program" sweep sweep.yaml -o "$2" --progress none --jobs 1 >/dev/null 2>err ;;
	*) "$program" explore "$1.yaml" -o "$2" --resume --progress none --jobs 1 >/dev/null 2>err ;;
	esac
}
bad=0 runs=0
complain() {
	echo "$what, $kind:$n: $1"
	sed 's/^/    /' err
	bad=$((bad + 1))
}
for what in space outside sweep; do
	rm -rf whole
	run $what whole || {
		echo "the undisturbed run failed"
		exit 1
	}
	for kind in malloc write fsync sqlite; do
		n=1
		while :; do
			rm -rf study mark
			SOFA_FAULT=$kind:$n SOFA_FAULT_MARK=$dir/mark
			export SOFA_FAULT SOFA_FAULT_MARK
			run $what study
			status=$?
			unset SOFA_FAULT SOFA_FAULT_MARK
			[ -e mark ] || break
			runs=$((runs + 1))
			[ $status -le 2 ] || complain "status $status"
			[ $status -eq 0 ] || [ "$(grep -c '^sofa-dse: ' err)" -eq 1 ] || complain "not one line of error"
			run $what study || complain "it can't go on"
			cmp -s study/pareto.json whole/pareto.json || complain "it went on to other bytes"
			n=$((n + step))
		done
		echo "$what, $kind: $((n - 1)) calls"
	done
done
echo "$runs faults, $bad complaints"
[ $bad -eq 0 ]

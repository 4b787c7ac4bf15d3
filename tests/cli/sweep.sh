#!/bin/sh
# Sweeps on this machine: how a matrix expands, what is done again and what isn't, and that the result does not
# depend on how it came about.
. "${SOFA_SRCDIR:?}/tests/cli/tap.sh"
. "$SOFA_SRCDIR/tests/cli/small.sh"
cd "$tap_dir" || exit 99

small_space >space.yaml
cp space.yaml "it's; a \$(odd) name.yaml"
cat >sweep.yaml <<END
version: 1
name: matrix
matrix:
  space: [space.yaml, "it's; a \$(odd) name.yaml"]
  hardware: [sofa-28nm, sofa-edge-28nm]
  seed: [1, 2]
exclude:
  - {hardware: sofa-edge-28nm, seed: 2}
include:
  - {space: space.yaml, seed: 2, evaluations: 16}
  - {space: space.yaml, seed: 9, algorithm: halton}
END

exits 0 "a sweep is listed" "$SOFA_DSE" sweep sweep.yaml --list
cp "$tap_dir/out" list
is "$(sed 's/\.[0-9a-f]\{8\} / /' list)" "0  space.sofa-28nm.seed1  waiting
1  space.sofa-28nm.seed2.evaluations16  waiting
2  space.sofa-edge-28nm.seed1  waiting
3  it_s__a___odd__name.sofa-28nm.seed1  waiting
4  it_s__a___odd__name.sofa-28nm.seed2  waiting
5  it_s__a___odd__name.sofa-edge-28nm.seed1  waiting
6  space.halton.seed9  waiting" "the last key varies fastest, excluded combinations are missing, included ones extend or stand alone"
[ ! -e matrix.sweep ]
ok $? "and nothing was started"

exits 0 "the sweep runs" "$SOFA_DSE" sweep sweep.yaml --jobs 2
says '^7 of 7: .* done$' "and tells as each task ends"
exits 0 "its status is told" "$SOFA_DSE" sweep sweep.yaml --status
is "$(cat "$tap_dir/out")" "7 tasks: 7 done, 0 running, 0 failed, 0 stopped, 0 waiting" "all are done"
is "$(json matrix.sweep/pareto.json "len(d['sources'])")" 7 "the front names its sources"
is "$(json matrix.sweep/pareto.json "len(d['points']) > 0 and len({p['id'] for p in d['points']}) == len(d['points']) and
	all(not (q is not p and all(q['objectives'][k] <= p['objectives'][k] for k in p['objectives'])) for p in d['points'] for q in d['points'])" |
	tr -d '\n')" True "no point of it is dominated or stands twice"
is "$(json matrix.sweep/pareto.json "all(p['from']['source'] in {s['name'] for s in d['sources']} for p in d['points'])")" True \
	"each point names its source"
is "$(json matrix.sweep/pareto.json "[p['objectives']['latency'] for p in d['points']] == sorted(p['objectives']['latency'] for p in d['points'])")" \
	True "and they are sorted"

exits 0 "one process at a time" "$SOFA_DSE" sweep sweep.yaml -o one --jobs 1 --progress none
cmp -s one/pareto.json matrix.sweep/pareto.json
ok $? "gives the same bytes"
i=6
while [ $i -ge 0 ]; do
	"$SOFA_DSE" sweep sweep.yaml -o alone --task $i 2>"$tap_dir/err" || break
	i=$((i - 1))
done
is $i -1 "each task can be run by its number, in any order"
exits 0 "and merged after" "$SOFA_DSE" sweep sweep.yaml -o alone --merge
cmp -s alone/pareto.json matrix.sweep/pareto.json
ok $? "to the same bytes"
task=$(sed -n 's/^1  \([^ ]*\) .*/\1/p' list)
exits 0 "the same exploration by itself" "$SOFA_DSE" explore space.yaml --seed 2 --evaluations 16 -o single --progress none
json single/pareto.json "d['points']" >single.points
is "$(json "one/tasks/$task/pareto.json" "d['points']")" "$(cat single.points)" "finds the same points"

# done again is only what is missing
before=$(stat -c %Y.%y one/tasks/*/status.json | sort | md5sum)
exits 0 "a sweep that is done is done" "$SOFA_DSE" sweep sweep.yaml -o one
is "$(stat -c %Y.%y one/tasks/*/status.json | sort | md5sum)" "$before" "and nothing of it is run again"
rm -rf "one/tasks/$task"
exits 1 "a front is not made of a part" "$SOFA_DSE" sweep sweep.yaml -o one --merge
says '1 of 7 tasks are not done' "and the message says so"
exits 0 "what is missing is run" "$SOFA_DSE" sweep sweep.yaml -o one
says '^1 of 1: ' "and only that"
cmp -s one/pareto.json matrix.sweep/pareto.json
ok $? "to the same bytes"
sed 's/seed: \[1, 2\]/seed: [1, 2, 3]/' sweep.yaml >more.yaml
exits 0 "a seed more" "$SOFA_DSE" sweep more.yaml -o one
says '^4 of 4: ' "is only its tasks more"

# failures
mkdir -p "failing/tasks/$task"
: >"failing/tasks/$task/study.db"
echo garbage >"failing/tasks/$task/study.db"
exits 1 "a task that fails fails the sweep" "$SOFA_DSE" sweep sweep.yaml -o failing --progress none
says "1 of 7 tasks failed; $task: .*study.db: cannot read the study: file is not a database" "with its error"
exits 0 "its status is told" "$SOFA_DSE" sweep sweep.yaml -o failing --status
grep -q "7 tasks: 6 done, 0 running, 1 failed" "$tap_dir/out" && grep -q "1  $task  .*not a database" "$tap_dir/out"
ok $? "with the error of what failed"
rm "failing/tasks/$task/study.db"
exits 0 "run again it does what failed" "$SOFA_DSE" sweep sweep.yaml -o failing --progress none
cmp -s failing/pareto.json matrix.sweep/pareto.json
ok $? "to the same bytes"
cp space.yaml kept.yaml
sed -i 's/192 KiB/384 KiB/' space.yaml
exits 2 "a space that changed under a sweep is refused" "$SOFA_DSE" sweep sweep.yaml -o failing
says 'space.yaml: changed since task' "by name"
cp kept.yaml space.yaml

# what is left of a status file, or of a front, by whatever went wrong
status=failing/tasks/$task/status.json
for left in '' '{"state": "do' '[]' '{"state": 5}'; do
	printf '%s' "$left" >"$status"
	"$SOFA_DSE" sweep sweep.yaml -o failing --status | grep -q ' 6 done, 0 running, 0 failed, 0 stopped, 1 waiting'
	ok $? "a status of '$left' is none"
done
exits 0 "it is run again" "$SOFA_DSE" sweep sweep.yaml -o failing --progress none
rm "failing/tasks/$task/pareto.json"
exits 0 "a task whose front is gone is run again" "$SOFA_DSE" sweep sweep.yaml -o failing
says "^1 of 1: $task done" "and it alone"
cmp -s failing/pareto.json matrix.sweep/pareto.json
ok $? "to the same bytes"

# two at once share the tasks
"$SOFA_DSE" sweep sweep.yaml -o shared --jobs 1 --progress none 2>/dev/null &
pid=$!
"$SOFA_DSE" sweep sweep.yaml -o shared --jobs 1 --progress none 2>err
[ $? -eq 0 ] || grep -q 'of them are running; run the sweep again$' err
ok $? "a sweep that is started twice ends, or leaves what the other runs"
wait $pid
exits 0 "both do every task once" "$SOFA_DSE" sweep sweep.yaml -o shared --progress none
cmp -s shared/pareto.json matrix.sweep/pareto.json
ok $? "with the same bytes"

# evaluations that break down, ten in a row
cat >broken.yaml <<END
version: 1
name: broken
evaluator: {command: [./broken], timeout: 30 s}
parameters: {a: {range: [0, 99]}}
objectives: [{name: f}]
search: {algorithm: halton, evaluations: 20}
END
printf '#!/bin/sh\necho "the mesh is torn" >&2\nexit 7\n' >broken
chmod +x broken
printf 'version: 1\nname: broken\nmatrix: {space: broken.yaml, seed: [1, 2]}\n' >broken-sweep.yaml
exits 1 "tasks whose evaluations break down" "$SOFA_DSE" sweep broken-sweep.yaml --progress none
says '2 of 2 tasks failed; broken.seed1.*: 10 evaluations in a row failed; the last: ./broken ended with status 7.*the mesh is torn' \
	"fail with the reason"
"$SOFA_DSE" sweep broken-sweep.yaml --status >"$tap_dir/out"
is "$(grep -c '^[01]  broken.seed[12].*10 evaluations in a row failed' "$tap_dir/out")" 2 "which the status tells of each"

# workloads that don't compare: a front of each, in one file
sed '/tiles/d; /topk/d; s/accuracy_loss/area/; s/evaluations: 12/evaluations: 2/' kept.yaml >shape.yaml
printf 'version: 1\nname: shapes\nmatrix: {space: shape.yaml, seed: [1, 2], workload: [%s, %s]}\n' \
	'{name: bert-base-sst2, statistics: synthetic-k250}' '{name: bert-base-squad, statistics: synthetic-k250}' >shapes.yaml
exits 0 "a sweep over two workloads" "$SOFA_DSE" sweep shapes.yaml -o shapes --progress none
says 'points on the fronts of 2 workloads of 4 tasks' "has two fronts"
is "$(json shapes/pareto.json "sorted({p['workload']['name'] for p in d['points']})")" "['bert-base-squad', 'bert-base-sst2']" \
	"and the worse of the workloads is not crowded out"

# stopped by a signal; tests/cli/kill_sweep.sh kills
sed 's/evaluations: 12/evaluations: 120/' kept.yaml >space.yaml
cp space.yaml "it's; a \$(odd) name.yaml"
exits 0 "a longer sweep" "$SOFA_DSE" sweep sweep.yaml -o whole --progress none --jobs 2
"$SOFA_DSE" sweep sweep.yaml -o stopped --progress none --jobs 2 2>err &
pid=$!
sleep 0.6
kill -TERM $pid
wait $pid
status=$?
[ $status -eq 3 ] || [ $status -eq 0 ]
ok $? "stopped by a signal it exits 3 (or had just finished)"
[ $status -eq 0 ] || grep -q 'goes on when it is run again' err
ok $? "and says how to go on"
exits 0 "it goes on" "$SOFA_DSE" sweep sweep.yaml -o stopped --progress none --jobs 2
cmp -s stopped/pareto.json whole/pareto.json
ok $? "to the same bytes"

exits 0 "the sweep of the examples has its tasks" "$SOFA_DSE" sweep "$SOFA_SRCDIR/examples/sweep/sweep.yaml" --list
is "$(wc -l <"$tap_dir/out")" 7 "as many as its comment says"
exits 0 "and runs" "$SOFA_DSE" sweep "$SOFA_SRCDIR/examples/sweep/sweep.yaml" --progress none -o example

# bad input
bad() {
	sed "$1" sweep.yaml >bad.yaml
	exits 2 "refused: $3" "$SOFA_DSE" sweep bad.yaml -o bad
	says "$2" "at its place: $3"
	[ ! -e bad ]
	ok $? "and nothing was started"
}
bad 's/  hardware: \[/  hardwear: [/' "bad.yaml:5:3: unknown key 'hardwear'; did you mean 'hardware'" "an axis that is not known"
bad 's/seed: \[1, 2\]/seed: [1, x]/' "bad.yaml:6:13: 'x' is not a whole number" "a seed that is no number"
bad 's/seed: \[1, 2\]/seed: [1, 1]/' "two tasks are the same" "a value that stands twice"
bad 's/seed: \[1, 2\]/seed: [2, 02]/' "two tasks are the same" "a number written in two ways"
bad 's/hardware: sofa-edge-28nm, seed: 2/hardware: sofa-edge-28nm, seed: 5/' \
	"bad.yaml:8:5: excludes nothing; no combination has all of this" "an exclusion that excludes nothing"
bad 's/hardware: sofa-edge-28nm, seed: 2/seed: [1, 2]/' "bad.yaml:8:12: a list stands here; expected a value" "a list to exclude"
bad 's/algorithm: halton/algorithm: haltn/' "bad.yaml:11:45: .*halton" "an algorithm that is not known"
bad 's/\[sofa-28nm, /[sofa-27nm, /' "bad.yaml:5:14: 'sofa-27nm' is neither" "hardware that is not there"
bad 's/\[space.yaml, /[nowhere.yaml, /' "nowhere.yaml: cannot read" "a space that is not there"
exits 2 "a task that is not there" "$SOFA_DSE" sweep sweep.yaml --task 7
says 'has 7 tasks' "with how many there are"
exits 2 "two things at once" "$SOFA_DSE" sweep sweep.yaml --list --status
finish

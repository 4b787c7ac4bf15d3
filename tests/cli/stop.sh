#!/bin/sh
# The early stop of a space: when it comes, what it leaves, and how a study goes on after it.
. "${SOFA_SRCDIR:?}/tests/cli/tap.sh"
cd "$tap_dir" || exit 99
explore() { "$SOFA_DSE" explore "$@" --progress none; }
rows() { sqlite3 "$1/study.db" 'SELECT count(*) FROM evaluation'; }
ended() { /usr/bin/python3 -c "import json,sys; print(json.load(open(sys.argv[1]))['search'].get('ended', 'not'))" "$1/pareto.json"; }
rule='8 suggestions in a row promised less than 0\.1 % of the hypervolume each'

# 192 designs
cat >plain.yaml <<END
version: 1
name: plain
workload: {checkpoint: $SOFA_SRCDIR/models/bytelm, text: $SOFA_SRCDIR/models/bytelm/heldout.bin, window: 64, windows: 1}
hardware: sofa-28nm
parameters:
  tiles: {values: [2, 4, 8, 16]}
  topk: {values: [5 %, 10 %, 20 %, 40 %]}
  radius: {values: [4, 8, inf]}
  token_sram: {values: [64 KiB, 96 KiB, 128 KiB, 192 KiB]}
objectives: [latency, energy, accuracy_loss]
constraints: ["accuracy_loss <= 10 %", "area <= 8 mm2"]
search: {evaluations: 80, seed: 3}
END
sed 's/seed: 3/seed: 3, stop: 0.1 %/' plain.yaml >stop.yaml

exits 0 "a search without the key" explore plain.yaml -o plain
is "$(rows plain) $(ended plain)" "80 not" "makes all its evaluations"
exits 0 "a search that may stop" explore stop.yaml --jobs 1 -o jobs1
says "ended early: $rule" "says that it ended early, and why"
stopped=$(rows jobs1)
[ "$stopped" -lt 80 ] && [ "$stopped" -gt 12 ]
ok $? "after some of its evaluations ($stopped)"
ended jobs1 | grep -q "$rule"
ok $? "and pareto.json has the reason"
exits 0 "the exact front" explore plain.yaml --algorithm exhaustive --evaluations 192 -o exact
hypervolume() { sed -n 's/.*"hypervolume":[[:space:]]*\([^,]*\),.*/\1/p' "$1/pareto.json"; }
is "$(hypervolume jobs1)" "$(hypervolume exact)" "is what it had found by then"
exits 0 "two jobs" explore stop.yaml --jobs 2 -o jobs2
cmp -s jobs1/pareto.json jobs2/pareto.json && cmp -s jobs1/pareto.csv jobs2/pareto.csv
ok $? "stop at the same evaluation, with the same bytes"
sed 's/stop: 0.1 %/stop: {improvement: 0.001}/' stop.yaml >map.yaml
exits 0 "the long form" explore map.yaml -o map
is "$(rows map)" "$stopped" "is the same rule"
sed 's/stop: 0.1 %/stop: {suggestions: 20}/' stop.yaml >patient.yaml
exits 0 "a longer patience" explore patient.yaml -o patient
[ "$(rows patient)" -gt "$stopped" ]
ok $? "stops later"

# every point at which a run may have been killed: the store holds the first N evaluations
bad=0
for n in 3 $((stopped - 9)) $((stopped - 2)) $((stopped - 1)); do
	rm -rf cut
	cp -r jobs1 cut
	rm -f cut/pareto.*
	sqlite3 cut/study.db "DELETE FROM evaluation WHERE id >= $n; DELETE FROM parameter WHERE evaluation >= $n;
		DELETE FROM metric WHERE evaluation >= $n; DELETE FROM selection WHERE evaluation >= $n;
		DELETE FROM meta WHERE key = 'stopped early after' AND $n < $stopped - 4"
	explore stop.yaml -o cut --resume >/dev/null 2>&1 && cmp -s cut/pareto.json jobs1/pareto.json || bad=$((bad + 1))
done
is "$bad" 0 "a run that was cut short stops at the same evaluation when it goes on"
killed_after 3 killed "$SOFA_DSE" explore stop.yaml -o killed --jobs 2 --progress none
exits 0 "one that was killed goes on" explore stop.yaml -o killed --resume
cmp -s killed/pareto.json jobs1/pareto.json
ok $? "to the same bytes"
exits 0 "one that has stopped is resumed" explore stop.yaml -o jobs1 --resume
cmp -s jobs1/pareto.json jobs2/pareto.json
ok $? "and stays as it was"

exits 0 "one that has stopped is extended" explore stop.yaml -o jobs1 --extend
says "ended early: $rule" "and counts anew"
is "$(rows jobs1)" $((stopped + 8)) "for as many suggestions as it takes"
exits 0 "the rule may go from the file" explore plain.yaml -o jobs1 --resume
is "$(rows jobs1) $(ended jobs1)" "80 not" "and the rest of the evaluations is made"
sqlite3 jobs1/study.db 'SELECT evaluation, dim, level FROM parameter ORDER BY 1, 2' >here
sqlite3 plain/study.db 'SELECT evaluation, dim, level FROM parameter ORDER BY 1, 2' >there
cmp -s here there
ok $? "as it would have been without any rule"
exits 0 "a rule comes to a study that had none" explore stop.yaml -o plain --extend --evaluations 120
is "$(rows plain)" 88 "and counts from there"

cat >child <<'END'
#!/usr/bin/python3
import json, sys
for line in sys.stdin:
    q = json.loads(line)
    a, b = q["parameters"]["a"], q["parameters"]["b"]
    print(json.dumps({"id": q["id"], "objectives": {"f1": a * a + b * b, "f2": (a - 16) ** 2 + (b - 16) ** 2},
                      "metrics": {"g1": a + b}}), flush=True)
END
chmod +x child
cat >outside.yaml <<END
version: 1
name: outside
evaluator: {command: [./child], timeout: 30 s}
parameters:
  a: {range: [0, 16]}
  b: {range: [0, 16]}
objectives: [{name: f1, reference: 300}, {name: f2, reference: 300}]
constraints: ["g1 <= 30"]
search: {evaluations: 90, seed: 1, stop: {improvement: 0.2 %, suggestions: 4}}
END
exits 0 "an outside evaluator's search stops" explore outside.yaml --jobs 2 -o outside
says 'ended early: 4 suggestions in a row promised less than 0\.2 %' "and says so"
[ "$(rows outside)" -lt 90 ]
ok $? "before its evaluations are made ($(rows outside))"
exits 0 "one job" explore outside.yaml --jobs 1 -o outside1
cmp -s outside/pareto.json outside1/pareto.json
ok $? "gives the same bytes"

for algorithm in random halton nsga2 exhaustive; do
	exits 2 "'$algorithm' has no promise to look at" explore stop.yaml --algorithm $algorithm -o none
	says "stop.yaml:12:42: 'stop' looks at what a suggestion promises, which '$algorithm' doesn't know" "and that is said"
done
sed 's/search: {/search: {algorithm: halton, /' stop.yaml >halton.yaml
exits 2 "the check of a space sees that too" "$SOFA_DSE" check halton.yaml
says "halton.yaml:12:61: 'stop' looks at" "at the key"
finish

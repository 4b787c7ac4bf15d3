#!/bin/sh
# merge: one front of many, the same whichever way it is put together.
. "${SOFA_SRCDIR:?}/tests/cli/tap.sh"
. "$SOFA_SRCDIR/tests/cli/small.sh"
cd "$tap_dir" || exit 99

small_space | sed '/token_sram/d; s/energy/throughput/; s/evaluations: 12, seed: 3/evaluations: 20/' >space.yaml
for seed in 1 2 3; do
	exits 0 "a study with seed $seed" "$SOFA_DSE" explore space.yaml --seed $seed -o "s$seed" --progress none
done
exits 0 "studies and fronts are merged" "$SOFA_DSE" merge s1 s2/pareto.json s3 -o all.json
# the front of all points, by the definition
cat >front.py <<'END'
import json, sys
sign = {"minimize": 1, "maximize": -1}
points, out = [], []
for f in sys.argv[1:]:
    d = json.load(open(f))
    for p in d["points"]:
        points.append(tuple(sign[o["goal"]] * p["objectives"][o["name"]] for o in d["objectives"]))
for p in set(points):
    if not any(q != p and all(a <= b for a, b in zip(q, p)) for q in points):
        out.append(p)
print(sorted(out))
END
is "$(/usr/bin/python3 front.py all.json)" "$(/usr/bin/python3 front.py s1/pareto.json s2/pareto.json s3/pareto.json)" \
	"the result is the front of all points, with an objective that is maximised"
is "$(json all.json "len(d['points'])")" "$(/usr/bin/python3 front.py s*/pareto.json | grep -o '(' | wc -l)" "each once"
exits 0 "merged in two steps" "$SOFA_DSE" merge s1 s2 -o two.json
exits 0 "merged in two steps" "$SOFA_DSE" merge two.json s3 -o three.json
is "$(/usr/bin/python3 front.py three.json)" "$(/usr/bin/python3 front.py all.json)" "it is the same front"
is "$(json three.json "d['hypervolume']")" "$(json all.json "d['hypervolume']")" "with the same hypervolume"
is "$(json three.json "any('from' in p['from'] for p in d['points'])")" True "that still knows where its points come from"
exits 0 "a merged front's points can be evaluated" "$SOFA_DSE" evaluate space.yaml --point all.json#0 --json
cp "$tap_dir/out" again.json
is "$(json again.json "d['objectives']")" "$(json all.json "d['points'][0]['objectives']")" "to the same numbers"

sed 's/throughput/energy/' space.yaml >other.yaml
exits 0 "a study of other objectives" "$SOFA_DSE" explore other.yaml -o other --progress none
exits 2 "is not merged with them" "$SOFA_DSE" merge s1 other -o bad.json
says 'other/pareto.json: its objectives are not those of s1/pareto.json' "and named"
# unlike workloads: refused, or a front of each
sed 's/window: 64/window: 96/' space.yaml >longer.yaml
exits 0 "a study of a longer text" "$SOFA_DSE" explore longer.yaml -o longer --progress none
exits 2 "is not merged with them" "$SOFA_DSE" merge s1 longer s2 -o bad.json
says "longer/pareto.json: its workload is bytelm .*96 queries.*, that of s1/pareto.json is bytelm .*64 queries.*--by-workload" \
	"and the message names both"
exits 0 "but by workload" "$SOFA_DSE" merge s1 longer s2 s3 -o mixed.json --by-workload
says 'points on the fronts of 2 workloads of 4 sources' "which is told"
part() { json mixed.json "sorted([sorted(p['objectives'].items()) for p in d['points'] if p['workload']['queries'] == $1])"; }
whole() { json "$1" "sorted([sorted(p['objectives'].items()) for p in d['points']])"; }
is "$(part 64)" "$(whole all.json)" "each front is what it is by itself"
is "$(part 96)" "$(whole longer/pareto.json)" "and so is the other"
is "$(json mixed.json "[(f['workload']['queries'], f['hypervolume'], f['points']) for f in d['fronts']]")" \
	"[(64, $(json all.json "d['hypervolume']"), $(json all.json "len(d['points'])")), (96, $(json longer/pareto.json \
		"d['hypervolume']"), $(json longer/pareto.json "len(d['points'])"))]" "each with its hypervolume"
exits 2 "a front of several workloads is not taken for one" "$SOFA_DSE" merge mixed.json s1 -o bad.json
exits 0 "merged again by workload" "$SOFA_DSE" merge mixed.json s1 -o again.json --by-workload
is "$(json again.json "d['fronts']")" "$(json mixed.json "d['fronts']")" "it stays what it was"

# outside evaluators are told apart by their commands
cat >model <<'END'
#!/bin/sh
while IFS= read -r line; do
	id=${line#*\"id\":}
	id=${id%%[,\}]*}
	echo "{\"id\": $id, \"objectives\": {\"f\": $id}}"
done
END
chmod +x model
for option in slow fast; do
	printf 'version: 1\nname: %s\nevaluator: {command: [./model, %s], timeout: 30 s}\nparameters: {a: {range: [0, 9]}}\n' \
		$option $option >$option.yaml
	printf 'objectives: [{name: f}]\nsearch: {algorithm: halton, evaluations: 4}\n' >>$option.yaml
	exits 0 "a study of an outside evaluator" "$SOFA_DSE" explore $option.yaml -o $option --progress none
done
exits 2 "is not merged with one of another" "$SOFA_DSE" merge slow fast -o bad.json
says 'fast/pareto.json: its evaluator is ./model \(fast\), that of slow/pareto.json is ./model \(slow\)' "and the message names both"
exits 0 "but apart" "$SOFA_DSE" merge slow fast -o both.json --by-workload
is "$(json both.json "[p['evaluator']['command'] for p in d['points']]")" "[['./model', 'slow'], ['./model', 'fast']]" "each its own"

exits 2 "a file that is no front" "$SOFA_DSE" merge s1 space.yaml -o bad.json
says 'space.yaml: not a JSON document' "is named"
exits 2 "a folder without a study" "$SOFA_DSE" merge s1 . -o bad.json
exits 2 "without -o" "$SOFA_DSE" merge s1 s2
exits 1 "a place that can't be written" "$SOFA_DSE" merge s1 s2 -o nowhere/out.json
[ ! -e bad.json ]
ok $? "nothing was written"
finish

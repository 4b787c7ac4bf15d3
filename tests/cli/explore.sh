#!/bin/sh
# explore, evaluate, check and list as their users call them, on a space that takes a second.
. "${SOFA_SRCDIR:?}/tests/cli/tap.sh"

cat >"$tap_dir/small.yaml" <<END
version: 1
name: small
workload: {checkpoint: $SOFA_SRCDIR/models/bytelm, text: $SOFA_SRCDIR/models/bytelm/heldout.bin, window: 128, windows: 2}
hardware: sofa-28nm
parameters:
  tiles: {each: layer, range: [2, 16], step: 2}
  topk: {values: [5 %, 10 %, 20 %, 40 %]}
  radius: {values: [4, 8, inf]}
  token_sram: {values: [64 KiB, 192 KiB]}
objectives: [latency, energy, accuracy_loss]
constraints: ["accuracy_loss <= 10 %", "area <= 8 mm2"]
search: {algorithm: random, evaluations: 24, seed: 3, parallel: 4}
END
cd "$tap_dir" || exit 99

exits 0 "an exploration ends well" "$SOFA_DSE" explore small.yaml --jobs 2
says 'evaluation 24 of 24' "it says how far it came"
[ -s small.study/pareto.json ] && [ -s small.study/pareto.csv ] && [ -s small.study/study.db ]
ok $? "it leaves study.db, pareto.json and pareto.csv in NAME.study"
head -n 1 "$tap_dir/out" | grep -q 'latency.*energy.*accuracy_loss.*topk'
ok $? "it prints the front as a table"

exits 0 "one job gives the same front" "$SOFA_DSE" explore small.yaml --jobs 1 -o one --progress none
cmp -s small.study/pareto.json one/pareto.json && cmp -s small.study/pareto.csv one/pareto.csv
ok $? "byte for byte"
exits 0 "the portable kernel gives the same front" "$SOFA_DSE" explore small.yaml --isa portable -o portable --progress none
cmp -s small.study/pareto.json portable/pareto.json
ok $? "byte for byte as well"
exits 0 "another seed is another search" "$SOFA_DSE" explore small.yaml --seed 4 -o seed --progress none
! cmp -s small.study/pareto.json seed/pareto.json
ok $? "with another front"

exits 2 "a study that is there is not overwritten" "$SOFA_DSE" explore small.yaml
says 'a study is there already' "and the message says so"
exits 0 "a finished study can be resumed" "$SOFA_DSE" explore small.yaml --resume --progress none
cmp -s small.study/pareto.json one/pareto.json
ok $? "and stays as it was"
exits 2 "a study is not resumed with another seed" "$SOFA_DSE" explore small.yaml --resume --seed 9
says 'another seed' "and the message names what differs"

"$SOFA_DSE" explore small.yaml -o stopped --progress none --jobs 1 >/dev/null 2>stopped.err &
pid=$!
i=0
while [ "$i" -lt 200 ] && [ "$(sqlite3 stopped/study.db 'SELECT count(*) FROM evaluation' 2>/dev/null || echo 0)" = 0 ]; do
	sleep 0.05
	i=$((i + 1))
done
kill -INT $pid 2>/dev/null
wait $pid
stopped=$?
[ $stopped -eq 3 ] || [ $stopped -eq 0 ]
ok $? "an interrupted exploration exits 3 (or had just finished)"
[ -s stopped/pareto.json ]
ok $? "and leaves a front"
exits 0 "it goes on" "$SOFA_DSE" explore small.yaml -o stopped --resume --progress none
cmp -s stopped/pareto.json one/pareto.json
ok $? "to the same bytes"
"$SOFA_DSE" explore small.yaml -o killed --progress none --jobs 2 >/dev/null 2>&1 &
pid=$!
sleep 0.4
kill -KILL $pid 2>/dev/null
wait $pid 2>/dev/null
exits 0 "a killed exploration goes on" "$SOFA_DSE" explore small.yaml -o killed --resume --progress none
cmp -s killed/pareto.json one/pareto.json
ok $? "to the same bytes"

json one/pareto.json "all(not(all(b['objectives'][k]<=a['objectives'][k] for k in a['objectives']) and a is not b and b['objectives']!=a['objectives']) for a in d['points'] for b in d['points'])" >dominance
is "$(cat dominance)" True "no point of the front is dominated"
is "$(json one/pareto.json "[p['objectives']['latency'] for p in d['points']] == sorted(p['objectives']['latency'] for p in d['points'])")" True \
	"points are sorted by the first objective"
is "$(json one/pareto.json "d['schema']")" sofa-dse/pareto/1 "the front names its schema"

id=$(json one/pareto.json "d['points'][-1]['id']")
exits 0 "a point of the front is evaluated again" "$SOFA_DSE" evaluate small.yaml --point "one/pareto.json#$id" --json
cp "$tap_dir/out" again.json
is "$(json again.json "d['objectives']")" "$(json one/pareto.json "d['points'][-1]['objectives']")" "to the same numbers"
is "$(json again.json "abs(sum(d['breakdown']['bytes'].values())-d['metrics']['dram_bytes']) <= 1e-9*d['metrics']['dram_bytes']
	and abs(sum(d['breakdown']['energy'].values())-d['metrics']['energy']) <= 1e-9*d['metrics']['energy']
	and abs(sum(d['breakdown']['area'].values())-d['metrics']['area']) <= 1e-9*d['metrics']['area']" | tr -d '\n')" True \
	"the parts of bytes, energy and area add up"
exits 0 "a design is simulated as well" "$SOFA_DSE" evaluate small.yaml --simulate --json
cp "$tap_dir/out" simulated.json
is "$(json simulated.json "abs(d['simulated']['cycles']/d['metrics']['cycles']-1) < 0.1 and d['simulated']['dram_bytes'] > 0")" True \
	"and the model's cycles agree within a tenth"
exits 0 "every key kept and nothing clipped" "$SOFA_DSE" evaluate small.yaml --set tiles=1 --set topk=1 --set radius=inf --json
cp "$tap_dir/out" all.json
is "$(json all.json "abs(d['metrics']['accuracy_loss'] * d['metrics']['bits_per_byte']) < 0.01 and d['metrics']['density'] == 1")" True \
	"loses less than 0.01 bit per byte: what quantisation alone costs"
exits 0 "a ratio may be written in per cent, for one layer" "$SOFA_DSE" evaluate small.yaml --set 'topk.3=15 %' --set topk.1=0.15 --json
cp "$tap_dir/out" set.json
is "$(json set.json "[d['parameters']['topk.%d' % i] for i in (1, 3)]")" "[0.15, 0.15]" "with the same result as a number"

exits 0 "a space is checked" "$SOFA_DSE" check small.yaml
grep -q "7 axes, 98304 points" "$tap_dir/out"
ok $? "and its size is told"
sed -n '/^parameters:/q;p' small.yaml >one.yaml
printf 'parameters: {tiles: 8, topk: 20 %%}\nobjectives: [latency, accuracy_loss]\n' >>one.yaml
for algorithm in bayesian nsga2 halton random exhaustive; do
	exits 0 "a space of one design is explored ($algorithm)" "$SOFA_DSE" explore one.yaml --algorithm $algorithm -o one.$algorithm
	is "$(json one.$algorithm/pareto.json "[p['id'] for p in d['points']]")" "[0]" "and the design is its front"
done
# hopeless PARAMETER VALUES TEXT: no value of it can work
hopeless() {
	sed "s/^  token_sram:.*/  $1: $2/" small.yaml >hopeless.yaml
	exits 2 "$1 $2: a space without a design that can work is refused" "$SOFA_DSE" check hopeless.yaml
	says "hopeless.yaml:[0-9]*:[0-9]*: no design of this space can work: $3" "with place and reason"
}
hopeless sufa_columns 5 "sufa_columns 5 can't be halved"
hopeless sufa_columns '{range: [3, 9], step: 2}' "sufa_columns 3 can't be halved"
hopeless temp_sram '[1 KiB, 2 KiB]' "temp_sram of 2048 bytes can't hold"
hopeless query_lanes '{values: [1024, 2048]}' "temp_sram of 28672 bytes can't hold"
sed "s/^  token_sram:.*/  sufa_columns: [3, 4]/" small.yaml >hope.yaml
exits 0 "one with some that can is not" "$SOFA_DSE" check hope.yaml
for file in "$SOFA_SRCDIR"/models/*/*.yaml; do
	name=${file#"$SOFA_SRCDIR/"}
	exits 0 "$name is checked" "$SOFA_DSE" check "$file"
	kind=$(sed -n 's/^kind: *//p' "$file")
	grep -qF "$file: $kind" "$tap_dir/out"
	ok $? "and said to be of kind $kind"
done
for kind in technology sram statistics published; do
	for file in "$SOFA_SRCDIR/models/$kind"/*.yaml; do
		sed 's/^source:/sauce:/' "$file" >wrong.yaml
	done
	exits 2 "a key that no file of kind $kind has is refused" "$SOFA_DSE" check wrong.yaml
	says "sauce" "and named"
done
printf 'version: 1\nkind: nothing\n' >wrong.yaml
exits 2 "a kind that isn't known is refused" "$SOFA_DSE" check wrong.yaml
says "technology" "with those that are"
for kind in algorithms metrics parameters workloads hardware; do
	exits 0 "list $kind" "$SOFA_DSE" list $kind --json
	cp "$tap_dir/out" list.json
	is "$(json list.json "len(d) > 0 and all(r['name'] and r['description'] for r in d)")" True "every one of the $kind has a description"
done

# bad input: what is replaced, what the message must say
bad() {
	sed "$1" small.yaml >bad.yaml
	exits 2 "refused: $3" "$SOFA_DSE" explore bad.yaml -o bad
	says "bad.yaml:$2" "at its place: $3"
	[ ! -e bad ]
	ok $? "and nothing was started"
}
bad 's/objectives:/objectivs:/' "10:1: unknown key 'objectivs'; did you mean 'objectives'" "a key that is not known"
bad 's/latency/latencies/' "10:14: unknown metric 'latencies'; did you mean 'latency'" "a metric that is not known"
bad 's/8 mm2/8 mm/' "11:40: area: '8 mm' has the wrong dimension" "a unit of the wrong dimension"
bad 's/64 KiB/-1 KiB/' "9:25: token_sram: '-1 KiB' is out of range" "a capacity below zero"
bad 's/random/randm/' "12:21: .*randm.*random" "an algorithm that is not known"
bad 's/window: 128/window: 4096/' "3:11: a window of 4096 tokens" "a window that passes the context"
bad 's/sofa-28nm/sofa-29nm/' "4:11: 'sofa-29nm' is neither a file nor one of models/hardware; .*did you mean 'sofa-28nm'" "hardware that is not there"
bad 's/^workload:.*/workload: bert-base-rt/' "3:11: 'bert-base-rt' is neither a file nor one of models/workloads; did you mean 'bert-base-rte'" "a workload that is not there"
bad 's/^workload:.*/workload: resnet/' "3:11: 'resnet' is neither .*; 'sofa-dse list workloads' lists them" "one that is like none"
exits 2 "a space that is not there" "$SOFA_DSE" explore nowhere.yaml
says 'nowhere.yaml: cannot read' "is named"
exits 2 "a command that is not known" "$SOFA_DSE" explor small.yaml
exits 2 "an option that is not known" "$SOFA_DSE" explore small.yaml --sed 3
says "did you mean '--seed'" "with what was meant"

# patterns of keys: settings without effect make no other design, so that 13 of 18 points are enough
sed -e 's/^name.*/name: patterns/' -e 's/window: 128, windows: 2/window: 64/' -e '/^parameters/,/^search/d' small.yaml >patterns.yaml
cat >>patterns.yaml <<END
parameters:
  pattern: {values: [none, "window:8", "window:8 + global_columns:2/topk"]}
  topk: [5 %, 10 %, 20 %]
  tiles: [2, 4]
objectives: [latency, energy, accuracy_loss]
search: {algorithm: exhaustive, evaluations: 100, seed: 1}
END
exits 0 "a space with patterns is searched" "$SOFA_DSE" explore patterns.yaml --jobs 2 --progress none
is "$(sqlite3 patterns.study/study.db 'SELECT count(*) FROM evaluation')" 13 "each design once, whatever its idle settings say"
is "$(sqlite3 patterns.study/study.db "SELECT count(DISTINCT value) FROM metric WHERE name = 'latency'")" 13 "no two of them the same"
sqlite3 patterns.study/study.db "SELECT source FROM metric WHERE name = 'latency'" | grep -c 'static pattern in 4 of 4 layers' >"$tap_dir/static"
is "$(cat "$tap_dir/static")" 1 "the source of the static one's numbers says so"
exits 0 "at one job" "$SOFA_DSE" explore patterns.yaml --jobs 1 -o patterns1 --progress none
cmp -s patterns.study/pareto.json patterns1/pareto.json
ok $? "the same front, byte for byte"
grep -q '"pattern":[[:space:]]*"window:8"' patterns1/pareto.json
ok $? "which has patterns by their names"
grep -q '>window:8<' patterns.study/report.html && grep -q '>window:8+global_columns:2/topk<' patterns.study/report.html
ok $? "and so has the report"
exits 0 "a point of it can be evaluated" "$SOFA_DSE" evaluate patterns.yaml --point patterns1/pareto.json --simulate --json
exits 0 "and explained" "$SOFA_DSE" evaluate patterns.yaml --set pattern=window:9 --set pattern.1=none --set topk='20 %' --explain dram_bytes
grep -q '^layer 0: static pattern window:9, counted: 595 of 2080 query-key pairs' "$tap_dir/out"
ok $? "with what was counted of a pattern"
exits 2 "a pattern that is not known is refused" "$SOFA_DSE" evaluate patterns.yaml --set pattern=windw:9
says "did you mean 'window'" "with a suggestion"
sed 's/"window:8"/"windw:8"/' patterns.yaml >bad.yaml
exits 2 "so is one in a file" "$SOFA_DSE" explore bad.yaml
says "^sofa-dse: bad.yaml:6:28: pattern: no generator is called 'windw'" "at its place"

# a shape on synthetic rows: the loss is a sum over layers, which the search learns one by one
cat >layers.yaml <<END
version: 1
name: layers
workload: {name: bert-base-mrpc, synthetic: {tokens: 64}}
hardware: sofa-28nm
parameters:
  tiles: {each: layer, range: [1, 4], step: 1}
  topk: {each: layer, range: [10 %, 50 %], step: 10 %}
  token_sram: {values: [64 KiB, 192 KiB]}
objectives: [latency, energy, output_error]
search: {algorithm: bayesian, evaluations: 30, seed: 3, parallel: 4}
END
exits 0 "a shape's layers are searched" "$SOFA_DSE" explore layers.yaml --jobs 2
exits 0 "at one job" "$SOFA_DSE" explore layers.yaml --jobs 1 -o layers1 --progress none
cmp -s layers.study/pareto.json layers1/pareto.json
ok $? "the same front, byte for byte"
for table in selection metric parameter; do
	sqlite3 layers1/study.db "DELETE FROM $table WHERE evaluation >= 17"
done
sqlite3 layers1/study.db "DELETE FROM evaluation WHERE id >= 17"
exits 0 "cut off after 17 evaluations it goes on" "$SOFA_DSE" explore layers.yaml --resume -o layers1 --progress none
cmp -s layers.study/pareto.json layers1/pareto.json
ok $? "to the same front"
finish

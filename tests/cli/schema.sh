#!/bin/sh
# The JSON Schema of the space file and the program agree: on names, on good files and on bad ones.
. "${SOFA_SRCDIR:?}/tests/cli/tap.sh"
python=/usr/bin/python3
schema=$SOFA_SRCDIR/spaces/space.schema.json
if ! $python -c 'import jsonschema, yaml; jsonschema.Draft202012Validator' 2>/dev/null; then
	skip "python3-jsonschema 4 and python3-yaml are not installed"
	finish
	exit
fi
holds() { $python "$SOFA_SRCDIR/tests/cli/schema_check.py" "$schema" "$@"; }

# names KIND EXPRESSION: `list KIND` against an expression on the schema d
names() {
	"$SOFA_DSE" list "$1" --json >"$tap_dir/names.json"
	is "$($python -c "import json,sys; d=json.load(open(sys.argv[1])); print(*sorted($2))" "$schema")" \
		"$($python -c "import json,sys; print(*sorted(r['name'] for r in json.load(open(sys.argv[1]))))" "$tap_dir/names.json")" \
		"the schema has the $1 of the program"
}
names parameters "d['\$defs']['parameters']['properties']"
names metrics "d['\$defs']['metric']['enum']"
names generators "d['\$defs']['pattern_value']['pattern'].split('(none|(')[1].split(')')[0].split('|')"
names algorithms "d['\$defs']['algorithm']['enum']"
names metrics "d['\$defs']['constraint']['pattern'].split('(')[1].split(')')[0].split('|')"

for space in "$SOFA_SRCDIR"/spaces/*.yaml; do
	is "$(holds "$space")" "ok $space" "the schema takes $(basename "$space")"
	exits 0 "the program takes it too" "$SOFA_DSE" check "$space"
done

cat >"$tap_dir/good.yaml" <<END
version: 1
name: good
workload: {checkpoint: $SOFA_SRCDIR/models/bytelm, text: $SOFA_SRCDIR/models/bytelm/heldout.bin, window: 64}
hardware: sofa-28nm
parameters:
  tiles: {each: layer, range: [2, 16], step: 2}
  topk: [5 %, 0.1]
  radius: {values: [4, .inf]}
  token_sram: 64 KiB
  clock: {range: [500 MHz, 1 GHz], step: 250 MHz}
  sort: [sads, full]
objectives: [latency, accuracy_loss]
constraints: ["area <= 8 mm2"]
search: {algorithm: random, evaluations: 24, seed: 3, parallel: 4}
END
cd "$tap_dir" || exit 99
# both good|bad WHAT SED-SCRIPT: a space that both the schema and the program must take, or refuse
n=0
both() {
	n=$((n + 1))
	sed "$3" good.yaml >"$1$n.yaml"
	printf '%s\t%s\t%s\n' "$1" "$1$n.yaml" "$2" >>cases
	[ -z "$3" ] || ! cmp -s good.yaml "$1$n.yaml"
	ok $? "the file of the case differs: $2"
}
both good "a plain space" ''
both good "a range of whole numbers without a step" 's/, step: 2}/}/'
both good "names as a list under values" 's/sort: .*/sort: {values: [full]}/'
both good "an objective with its goal" 's/\[latency,/[{name: latency, maximize: false},/'
both good "no constraints and no search" '/^constraints\|^search/d'
both good "a scope" 's/window: 64/window: 64, scope: qkv+attention/'
both good "the ratio 100 %" 's/5 %/100 %/'
both good "a bandwidth" 's/clock: .*/dram_bandwidth: [64 GB\/s, 1024 Gbit\/s]/'
both good "the published scalar" 's/^objectives.*/objective: paper\nalpha: 0.5\nbeta: 0.6/; /^constraints/d'
both good "a shape on synthetic rows" 's/^workload.*/workload: {name: bert-base-squad, synthetic: {rows: [25 %, 0.75, 0], seed: 2, tokens: 128}}/; s/, accuracy_loss/, output_error/'
both good "patterns of keys" 's/topk: .*/topk: 10 %\n  pattern: {each: layer, values: [none, "window:8 + global_columns:2", strided:4, longformer, window:16\/topk]}/'
both good "one pattern for all layers" 's/sort: .*/pattern: window:9/'
both bad "a pattern that is not known" 's/sort: .*/pattern: [none, windw:9]/'
both bad "a pattern of no width" 's/sort: .*/pattern: window:0/'
both bad "something other than topk behind a pattern" 's/sort: .*/pattern: window:9\/top/'
both bad "a pattern that stands there twice" 's/sort: .*/pattern: [window:9, window:9]/'
both bad "a range of patterns" 's/sort: .*/pattern: {range: [window:4, window:9]}/'
both bad "two kinds of objectives" 's/^objectives/objective: paper\nalpha: 1\nbeta: 1\nobjectives/'
both bad "the published scalar without its weights" 's/^objectives.*/objective: paper/; /^constraints/d'
both bad "weights without the published scalar" 's/^objectives/alpha: 1\nobjectives/'
both bad "statistics that are given and synthetic" 's/^workload.*/workload: {name: bert-base-squad, statistics: x, synthetic: {seed: 2}}/; s/, accuracy_loss//'
both bad "another version" 's/version: 1/version: 2/'
both bad "no name" '/^name/d'
both bad "a name with a slash" 's/name: good/name: a\/b/'
both bad "a key that is not known" 's/objectives:/objectivs:/'
both bad "no parameters" '/^parameters/,/^  sort/d'
both bad "a parameter that is not known" 's/topk:/topc:/'
both bad "a parameter of the chip for each layer" 's/token_sram: 64 KiB/token_sram: {each: layer, values: [64 KiB]}/'
both bad "something other than layers" 's/each: layer/each: head/'
both bad "range and values together" 's/range: \[2, 16\]/range: [2, 16], values: [2]/'
both bad "a step without a range" 's/range: \[2, 16\], //'
both bad "a range of three" 's/\[2, 16\]/[2, 8, 16]/'
both bad "a range of ratios without a step" 's/topk: .*/topk: {range: [5 %, 10 %]}/'
both bad "a range of names" 's/sort: .*/sort: {range: [sads, full]}/'
both bad "no values" 's/\[5 %, 0.1\]/[]/'
both bad "a value that stands there twice" 's/\[sads, full\]/[sads, sads]/'
both bad "a value that is no name of the switch" 's/\[sads, full\]/[sads, ful]/'
both bad "tiles that are not whole" 's/\[2, 16\]/[2.5, 16]/'
both bad "no tiles at all" 's/\[2, 16\]/[0, 16]/'
both bad "a ratio of more than everything" 's/\[5 %, 0.1\]/[5 %, 1.5]/'
both bad "a ratio of more than 100 %" 's/5 %/150 %/'
both bad "a ratio of no whole thousandths" 's/5 %/5.55 %/'
both bad "a radius of 0" 's/\[4, .inf\]/[0, .inf]/'
both bad "a capacity without a unit" 's/64 KiB/65536/'
both bad "a capacity below zero" 's/64 KiB/-64 KiB/'
both bad "a capacity of the wrong dimension" 's/64 KiB/64 ms/'
both bad "a clock of the wrong dimension" 's/1 GHz/1 GB/'
both bad "a metric that is not known" 's/latency, /latencies, /'
both bad "an objective twice" 's/\[latency, accuracy_loss\]/[latency, latency]/'
both bad "no objectives" 's/\[latency, accuracy_loss\]/[]/'
both bad "an objective with a key that is not known" 's/\[latency,/[{name: latency, minimize: true},/'
both bad "a constraint without a relation" 's/area <= 8 mm2/area 8 mm2/'
both bad "a constraint on what is not known" 's/area <= 8 mm2/aera <= 8 mm2/'
both bad "an algorithm that is not known" 's/random/randm/'
both bad "no evaluations" 's/evaluations: 24/evaluations: 0/'
both bad "a seed below zero" 's/seed: 3/seed: -3/'
both bad "a key of the search that is not known" 's/seed: 3/sed: 3/'
for stop in 0.001 '0.1 %' '1e-3' '{}' '{improvement: 0.5 %}' '{suggestions: 4}' '{suggestions: 4, improvement: 0.01}'; do
	both good "an early stop: $stop" "s/random, /bayesian, stop: $stop, /"
done
for stop in 0 2 -0.1 '0.1 km' true '[0.1]' '{suggestions: 0}' '{improvement: 2}' '{suggestion: 8}' '{improvement: {}}'; do
	both bad "an early stop: $stop" "s/random, /bayesian, stop: $stop, /"
done
both bad "an early stop of an algorithm that promises nothing" 's/random, /random, stop: 0.1 %, /'
both bad "a model without its text" 's/text: [^,]*, //'
both bad "a model without a window" 's/, window: 64//'
both bad "a model and a shape" 's/window: 64/window: 64, name: vit-b/'
both bad "a scope that is not known" 's/window: 64/window: 64, scope: everything/'

# the same for an outside evaluator
sed '/^workload/d; s/^hardware.*/evaluator: {command: [sh, -c, "read -r line"], timeout: 5 s, metrics: [g1, {name: area, unit: mm2}]}/; /^parameters/,$d' \
	good.yaml >outside.yaml
cat >>outside.yaml <<END
parameters:
  x1: {range: [0, 1], step: 0.25}
  my size: {values: [4 KiB, 8 KiB]}
  mode: [fast, exact]
  fixed: 3
objectives: [f1, {name: f2, maximize: true, unit: J, reference: 1 J}]
constraints: ["g1 <= 0.5", "area <= 2 mm2"]
search: {algorithm: nsga2, evaluations: 24, seed: 3, parallel: 4}
END
mv outside.yaml good.yaml
both good "an evaluator" ''
both good "an evaluator without arguments" 's/\[sh, .*"\]/sh/'
both good "an evaluator with numbers for arguments" 's/-c, "read -r line"/3, 0.5, true/'
both good "an evaluator without a timeout or a list of metrics" 's/, timeout: .*}/}/; s/2 mm2/2/'
both good "a range of whole numbers" 's/\[0, 1\], step: 0.25/[0, 7]/'
both good "strings that look like numbers" 's/\[fast, exact\]/["1", "2", 3x3]/'
both bad "an evaluator and a workload" 's/^evaluator/workload: bert-base-squad\nevaluator/'
both bad "an evaluator and hardware" 's/^evaluator/hardware: sofa-28nm\nevaluator/'
both bad "an evaluator without a command" 's/command: .*"\], //'
both bad "an empty command" 's/\[sh, .*"\]/[]/'
both bad "a command for a shell" 's/\[sh, .*"\]/sh -c read/'
both bad "a timeout without a unit" 's/5 s/5/'
both bad "a timeout of the wrong dimension" 's/5 s/5 GB/'
both bad "a key of the evaluator that is not known" 's/timeout/timeut/'
both bad "a metric twice" 's/\[g1, /[g1, g1, /'
both bad "an evaluator with the published scalar" 's/^objectives.*/objective: paper\nalpha: 1\nbeta: 1/; /^constraints/d'
both bad "an evaluator without objectives" '/^objectives/d; /^constraints/d'
both bad "an evaluator with the paper's search" 's/nsga2/paper/'
both bad "a parameter of its own for each layer" 's/{range: \[0, 1\]/{each: layer, range: [0, 1]/'
both bad "a parameter of its own without values" 's/\[fast, exact\]/[]/'
both bad "a value of its own twice" 's/\[fast, exact\]/[fast, fast]/'
both bad "truth values" 's/\[fast, exact\]/[true, false]/'
both bad "a range of three of its own" 's/\[0, 1\]/[0, 1, 2]/'
both bad "a name with an equals sign" 's/mode:/mo=de:/'
both bad "an objective of its own twice" 's/\[f1,/[f1, f1,/'
both bad "a key of its objective that is not known" 's/reference:/refrence:/'

# shellcheck disable=SC2046
holds $(cut -f 2 cases) >said
while IFS='	' read -r kind file what <&3; do
	case $kind in
	good)
		is "$(grep -F " $file" said)" "ok $file" "the schema takes $what"
		exits 0 "and so does the program" "$SOFA_DSE" check "$file"
		;;
	bad)
		grep -qF "bad $file:" said
		ok $? "the schema refuses $what"
		exits 2 "and so does the program" "$SOFA_DSE" check "$file"
		;;
	esac
done 3<cases
finish

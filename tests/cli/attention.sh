#!/bin/sh
# sofa-dse attention: every golden case on every instruction set, and its complaints.
. "${SOFA_SRCDIR:?}/tests/cli/tap.sh"
golden=$SOFA_SRCDIR/tests/golden/attention
case_of() { python3 "$SOFA_SRCDIR/tests/cli/attention_case.py" "$@"; }

# the cases, by the numbers in the files
if python3 -c pass 2>"$tap_dir/err"; then
	for isa in portable avx2 avx512; do
		if ! "$SOFA_DSE" attention "$golden/one-token.in.safetensors" --tiles 1 --topk 1 --isa $isa >/dev/null 2>&1; then
			skip "$isa doesn't run on this machine"
			continue
		fi
		for name in $(case_of names); do
			# shellcheck disable=SC2046
			"$SOFA_DSE" attention "$golden/$name.in.safetensors" $(case_of options "$name") --isa $isa \
				-o "$tap_dir/out.safetensors" --json >"$tap_dir/report.json" &&
				case_of compare "$name" "$tap_dir/report.json" "$tap_dir/out.safetensors"
			ok $? "$isa gives what the golden case $name holds"
		done
	done
else
	skip "python3 isn't there to compare the golden cases"
fi

in=$golden/rope.in.safetensors
exits 0 "a ratio may be written in percent" "$SOFA_DSE" attention "$in" --tiles 4 --topk '15 %' --json
grep -q '"topk":[[:space:]]*0.15' "$tap_dir/out"
ok $? "and is held as thousandths"
exits 0 "it prints for people" "$SOFA_DSE" attention "$in" --tiles 4 --topk 0.15
grep -q '^density' "$tap_dir/out"
ok $? "one statistic a line"
exits 0 "dense attention needs no settings" "$SOFA_DSE" attention "$in" --dense -o "$tap_dir/dense.safetensors" --json
exits 0 "what is written can be read" "$SOFA_DSE" attention "$in" --tiles 4 --topk 1 -o "$tap_dir/a.safetensors"

# tensors that examples/dump_attention.py took from a model with grouped heads, and as .npy
dump=$SOFA_SRCDIR/tests/golden/transformer/dump
exits 0 "a layer of a dump is read" "$SOFA_DSE" attention "$dump/llama-gqa.safetensors" --layer 1 --causal --dense \
	-o "$tap_dir/dump.safetensors"
if python3 -c pass 2>"$tap_dir/err"; then
	case_of same "$tap_dir/dump.safetensors" "$dump/llama-gqa.safetensors" layers.1.O
	ok $? "dense attention of it is what the model computed"
fi
exits 0 "grouped heads run sparsely" "$SOFA_DSE" attention "$dump/llama-gqa.safetensors" --layer 1 --causal \
	--rope-theta 1e4 --tiles 4 --topk 0.5 --json -o "$tap_dir/dump.safetensors"
grep -q '"kv_heads":[[:space:]]*2' "$tap_dir/out"
ok $? "with predicted keys of two heads for four"
exits 0 "a folder of .npy files is read" "$SOFA_DSE" attention "$dump/bert" --layer 0 --tiles 2 --topk 0.5

# patterns of keys
exits 0 "a static pattern needs no settings" "$SOFA_DSE" attention "$in" --pattern window:5 -o "$tap_dir/p.safetensors" --json
grep -q '"selected":[[:space:]]*850,' "$tap_dir/out" && ! grep -q '"topk"' "$tap_dir/out"
ok $? "it selects what the window holds: 80 x 11 less the corners"
exits 0 "of all keys it is the selection of all keys" "$SOFA_DSE" attention "$in" --pattern prefix:80 -o "$tap_dir/all.safetensors" --json
"$SOFA_DSE" attention "$in" --tiles 4 --topk 1 -o "$tap_dir/a.safetensors" >"$tap_dir/out"
if python3 -c pass 2>"$tap_dir/err"; then
	case_of same "$tap_dir/all.safetensors" "$tap_dir/a.safetensors" O
	ok $? "with the same output"
fi
exits 0 "a selection inside a pattern" "$SOFA_DSE" attention "$in" --pattern 'window:5 / topk' --tiles 4 --topk 0.5 --json
grep -q '"visible":[[:space:]]*850,' "$tap_dir/out"
ok $? "sees the pattern's keys alone"
grep -q '"pattern":[[:space:]]*"window:5/topk"' "$tap_dir/out"
ok $? "and says so"

# refusals: one line on stderr, exit status 2, nothing written
refuses() {
	refuses_pattern=$1 refuses_name=$2
	shift 2
	exits 2 "$refuses_name" "$SOFA_DSE" attention "$@" -o "$tap_dir/never"
	says "$refuses_pattern" "  and it says so"
	is "$(wc -l <"$tap_dir/err" | tr -d ' ')" 1 "  in one line"
	[ ! -e "$tap_dir/never" ]
	ok $? "  and writes nothing"
}
refuses "did you mean 'window'" "a pattern that is not known is refused" "$in" --pattern windw:5
refuses "did you mean 'topk'" "another word behind a pattern is refused" "$in" --pattern window:5/topp --tiles 4 --topk 1
refuses 'have no effect' "settings that a static pattern passes over are refused" "$in" --pattern window:5 --topk 0.5
refuses 'tiles is missing' "a selection inside a pattern needs its settings" "$in" --pattern window:5/topk
refuses 'leaves query 3 without a key' "a pattern with a query without keys is refused" "$in" --pattern global_rows:3
refuses 'thousandths' "a ratio that is no whole number of thousandths is refused" "$in" --tiles 4 --topk 0.1234
refuses 'topk' "a ratio above one is refused" "$in" --tiles 4 --topk 1.5
refuses 'topk' "a ratio of nothing is refused" "$in" --tiles 4 --topk 0
refuses 'tiles' "zero tiles are refused" "$in" --tiles 0 --topk 0.5
refuses 'tiles' "half a tile is refused" "$in" --tiles 1.5 --topk 0.5
refuses 'tiles' "a missing setting is named" "$in" --topk 0.5
refuses 'radius' "a radius of zero is refused" "$in" --tiles 4 --topk 0.5 --radius 0
refuses 'radius' "a radius that is no number is refused" "$in" --tiles 4 --topk 0.5 --radius nan
refuses 'khat-bits' "too many bits are refused" "$in" --tiles 4 --topk 0.5 --khat-bits 17
refuses 'formal-bits' "too few bits are refused" "$in" --tiles 4 --topk 0.5 --formal-bits 7
refuses 'segment, running' "an unknown reference is refused with those there are" "$in" --tiles 4 --topk 0.5 --reference all
refuses 'rope-theta' "a negative base is refused" "$in" --tiles 4 --topk 0.5 --rope-theta -3
refuses 'isa|sse2|instruction' "an unknown instruction set is refused" "$in" --tiles 4 --topk 0.5 --isa sse2
refuses 'dense' "settings beside --dense are refused" "$in" --dense --tiles 4
refuses "did you mean '--tiles'" "a misspelt option is refused with what was meant" "$in" --tile 4 --topk 0.5
refuses 'No such file' "a file that isn't there is refused" "$tap_dir/none.safetensors" --tiles 4 --topk 0.5
head -c 5000 "$in" >"$tap_dir/cut.safetensors"
refuses "cut.safetensors: tensor '.*'" "a truncated file is refused with the tensor" "$tap_dir/cut.safetensors" --tiles 4 --topk 0.5
printf 'not tensors at all' >"$tap_dir/text.safetensors"
refuses 'text.safetensors: not a safetensors file' "a text is refused" "$tap_dir/text.safetensors" --tiles 4 --topk 0.5
refuses "tensor 'X' is missing" "a file without the inputs is refused" "$tap_dir/a.safetensors" --tiles 4 --topk 0.5
refuses "layers.5.X.npy" "a layer that isn't there is refused" "$dump/bert" --layer 5 --tiles 4 --topk 0.5
refuses "'layers.0.X' is missing" "and in a file" "$dump/llama-gqa.safetensors" --layer 0 --tiles 4 --topk 0.5
exits 0 "rows are described without running anything" "$SOFA_DSE" attention "$in" --describe --json
is "$(/usr/bin/python3 -c 'import json,sys; d=json.load(sys.stdin)["mean"]; print(sorted(d))' <"$tap_dir/out")" \
	"['I', 'II', 'III', 'rows']" "by the three types"
exits 1 "an output that can't be written is a failure" "$SOFA_DSE" attention "$in" --tiles 4 --topk 1 -o "$tap_dir/none/a"
says "none/a" "and names the file"
finish

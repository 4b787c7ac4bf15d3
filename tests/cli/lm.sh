#!/bin/sh
# sofa-dse lm: the shipped model on its text, and its complaints.
. "${SOFA_SRCDIR:?}/tests/cli/tap.sh"
model=$SOFA_SRCDIR/models/bytelm
text=$model/heldout.bin

# number KEY: the first number of that key in the last command's JSON
number() { sed -n 's/^[[:space:]]*"'"$1"'":[[:space:]]*\([0-9.e+-]*\),\{0,1\}$/\1/p' "$tap_dir/out" | head -n 1; }
# near GOT WANTED BOUND NAME
near() {
	awk -v a="$1" -v b="$2" -v bound="$3" 'BEGIN { d = a - b; exit !(a != "" && d < bound && d > -bound) }'
	near_status=$?
	ok $near_status "$4"
	[ $near_status -eq 0 ] || echo "# got $1, wanted $2"
}

# bits per byte of tests/golden/transformer/bytelm.json
exits 0 "the dense loss can be had" "$SOFA_DSE" lm "$model" --text "$text" --window 1024 --windows 4 --json
near "$(number bits_per_byte)" 1.62727079183746 1e-5 "it is the reference's"
exits 0 "every layer may have its own settings" "$SOFA_DSE" lm "$model" --text "$text" --window 512 --windows 2 \
	--tiles 4,8,16,32 --topk '0.3,20 %,0.1,5 %' --radius 6 --json
near "$(number bits_per_byte)" 1.6162648406063946 1e-4 "the loss is the reference's"
near "$(number density)" 0.14237538834064328 1e-5 "and the density"
near "$(number mass)" 0.7373043480353119 1e-4 "and the mass"
cp "$tap_dir/out" "$tap_dir/best"
exits 0 "a pattern of all keys is dense but for its precision" "$SOFA_DSE" lm "$model" --text "$text" --window 256 --windows 1 \
	--pattern prefix:256 --json
near "$(number mass)" 1 1e-9 "with all of the mass"
number bits_per_byte >"$tap_dir/sparse"
exits 0 "the same dense" "$SOFA_DSE" lm "$model" --text "$text" --window 256 --windows 1 --dense --json
near "$(number bits_per_byte)" "$(cat "$tap_dir/sparse")" 1e-4 "and its loss"
exits 0 "each layer may have its own pattern" "$SOFA_DSE" lm "$model" --text "$text" --window 256 --windows 1 \
	--pattern window:32,none,strided:4,window:64/topk --tiles 4 --topk 0.2
is "$(awk '/^[0-3] / { print $9 }' "$tap_dir/out" | tr '\n' ' ')" "window:32 none strided:4 window:64/topk " "and the table says which"
exits 2 "as many as layers" "$SOFA_DSE" lm "$model" --text "$text" --pattern window:32,none --tiles 4 --topk 0.2
says 'pattern has 2 values; expected 1, or 4' "or one"
for isa in portable avx2 avx512; do
	if "$SOFA_DSE" lm "$model" --text "$text" --window 128 --windows 1 --tiles 4 --topk 0.2 --isa $isa --json \
		--pattern none,window:32,none,window:48/topk >"$tap_dir/$isa" 2>"$tap_dir/err"; then
		sed '/"isa"/d' "$tap_dir/$isa" >"$tap_dir/$isa.bits"
		cmp -s "$tap_dir/portable.bits" "$tap_dir/$isa.bits"
		ok $? "every digit of $isa is that of the portable kernel"
	else
		skip "$isa doesn't run on this machine"
	fi
done
exits 0 "it prints for people" "$SOFA_DSE" lm "$model" --text "$text" --window 64 --tiles 4 --topk 0.5
grep -q '^bits per byte' "$tap_dir/out"
ok $? "bits per byte on a line"

# other families, with token ids
families=$SOFA_SRCDIR/tests/golden/transformer/families
exits 0 "a model of tokens reads ids" "$SOFA_DSE" lm "$families/gpt2" --text "$families/gpt2/ids.npy" --window 31 \
	--tiles 4 --topk 1 --json
near "$(number perplexity)" "$(awk -v x="$(number nats_per_token)" 'BEGIN { printf "%.12f", exp(x) }')" 1e-6 \
	"perplexity is the exponential of the loss"
grep -q '"bits_per_byte":[[:space:]]*null' "$tap_dir/out"
ok $? "bits per byte are null where a token is no byte"
# text by a tokenizer of its own: "abcab" is ab, c, ab
worded=$tap_dir/worded
mkdir "$worded"
cp "$families/gpt2/config.json" "$families/gpt2/model.safetensors" "$worded"
printf 'abcab%.0s' 1 2 3 4 5 6 7 8 9 10 11 >"$tap_dir/words.txt"
{
	printf '\223NUMPY\001\000v\000%-117s\n' "{'descr': '|u1', 'fortran_order': False, 'shape': (33,), }"
	printf '\036\002\036%.0s' 1 2 3 4 5 6 7 8 9 10 11
} >"$tap_dir/words.npy"
exits 2 "text needs a tokenizer" "$SOFA_DSE" lm "$worded" --text "$tap_dir/words.txt"
says 'without a tokenizer.json' "and it says so"
cat >"$worded/tokenizer.json" <<'END'
{"model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "c": 2, "ab": 30}, "merges": ["a b"]}}
END
exits 0 "a text goes through the checkpoint's tokenizer" "$SOFA_DSE" lm "$worded" --text "$tap_dir/words.txt" --window 31 --json
number nats_per_token >"$tap_dir/by_text"
exits 0 "as do its ids without it" "$SOFA_DSE" lm "$worded" --text "$tap_dir/words.npy" --window 31 --json
is "$(cat "$tap_dir/by_text")" "$(number nats_per_token)" "with the same loss"
exits 0 "an encoder runs" "$SOFA_DSE" lm "$families/bert" --text "$families/bert/ids.npy" --window 28 --tiles 4 --topk 0.3
grep -q '^hidden cosine *0\.' "$tap_dir/out"
ok $? "its loss is the distance to dense attention"

refuses() {
	refuses_pattern=$1 refuses_name=$2
	shift 2
	exits 2 "$refuses_name" "$SOFA_DSE" lm "$@"
	says "$refuses_pattern" "  and it says so"
	is "$(wc -l <"$tap_dir/err" | tr -d ' ')" 1 "  in one line"
}
printf 'abcd' >"$tap_dir/words.txt"
refuses 'words.txt: the character U.0064 has no token' "a letter without a token is named" "$worded" --text "$tap_dir/words.txt"
printf 'ab\377' >"$tap_dir/words.txt"
refuses 'words.txt: byte 2 is no UTF-8' "and a byte that is no text" "$worded" --text "$tap_dir/words.txt"
echo '{"model": {"type": "Unigram"}}' >"$worded/tokenizer.json"
refuses "tokenizer.json: 'model.type' is 'Unigram'" "another kind of tokenizer is refused" "$worded" --text "$tap_dir/words.txt"
refuses '--text' "a missing text is named" "$model"
refuses 'context of 1024' "a window past the context is refused" "$model" --text "$text" --window 2048
refuses 'the text has' "more windows than the text has are refused" "$model" --text "$text" --windows 100000
refuses 'expected 1, or 4' "a list of the wrong length is refused" "$model" --text "$text" --tiles 4,8 --topk 0.5
refuses 'thousandths' "a ratio of half a thousandth is refused" "$model" --text "$text" --tiles 4 --topk 0.0005
refuses 'config.json' "a folder without a configuration is refused" "$tap_dir" --text "$text"
mkdir "$tap_dir/hollow"
cp "$model/config.json" "$tap_dir/hollow"
refuses 'model.safetensors' "a folder without weights is refused" "$tap_dir/hollow" --text "$text"
head -c 100000 "$model/model.safetensors" >"$tap_dir/hollow/model.safetensors"
refuses "model.safetensors: tensor '.*" "truncated weights are refused with the tensor" "$tap_dir/hollow" --text "$text"
finish

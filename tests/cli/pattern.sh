#!/bin/sh
# sofa-dse pattern: generators and masks, what is said of them, the picture, and the complaints.
. "${SOFA_SRCDIR:?}/tests/cli/tap.sh"
cd "$tap_dir" || exit 99

pattern() {
	"$SOFA_DSE" pattern "$@"
}
exits 0 "a generator is shown" pattern window:3 --size 10
is "$(sed -n 1,2p out)" "window:3: 10 queries, 10 keys
members      58, density 58 %" "with its members and density"
exits 0 "a known union with its defaults is shown" pattern longformer
exits 0 "a million tokens need no mask" pattern window:100+global_columns:4 --size 1000000
is "$(grep -c '^part' out)" 2 "and give the parts of a small one"
exits 0 "every row's span is listed on request" pattern strided:4 --size 6 --spans
is "$(tail -n 1 out | tr -s ' ')" " 5 1 5 2" "with first, last and members"
exits 0 "the generators are listed" "$SOFA_DSE" list generators
for name in window blocked strided dilated global_rows global_columns prefix longformer local_strided bigbird; do
	grep -q "^$name " out || echo "$name"
done >lacking
is "$(cat lacking)" "" "and none is lacking"

# refuses PATTERN NAME ARGUMENT...: one line, exit status 2, nothing on standard output
refuses() {
	refuses_pattern=$1 refuses_name=$2
	shift 2
	exits 2 "$refuses_name" pattern "$@"
	says "$refuses_pattern" "  and it says so"
	is "$(cat err out | wc -l | tr -d ' ')" 1 "  in one line"
}
refuses "window: reach is '0'" "zero is refused" window:0
refuses "dilated: step is '-3'" "a negative number is refused" dilated:4:-3
refuses "strided: step is 'x'" "what is no number is refused" strided:x
refuses "'99999999999999999999'.*2147483647" "a number too large for anything is refused" window:99999999999999999999
refuses 'lacks its parameter step' "too few parameters are refused" dilated:3
refuses "no parameter for '4'; expected window:reach" "too many parameters are refused" window:3:4
refuses "did you mean 'window'" "a name that is near one is put right" windw:3
refuses 'name of a generator is missing' "a plus sign with nothing behind it is refused" window:3+
refuses 'name of a generator is missing' "an empty pattern is refused" ''
refuses 'more than [0-9]* generators' "no end of generators is refused" "$(printf 'window:1+%.0s' 1 2 3 4 5 6 7 8 9 10 11 12)window:2"
refuses 'NAME.npy or NAME.safetensors' "a file of another kind is refused" some/mask.npz
refuses 'causal pattern is square' "causal and not square is refused" window:3 --size 4 --columns 5 --causal
refuses 'needs [0-9.]* GiB, limit' "what no memory holds is refused" window:3 --size 2000000000
refuses 'needs [0-9.]* GiB, limit' "also where only the remainder is too large" strided:64+strided:63 --size 1000000
refuses 'size: 0 is out of range' "no queries are refused" window:3 --size 0
refuses 'tensor goes with a mask' "a tensor's name without a file is refused" window:3 --tensor mask

refuses "'wi[?]n'" "a name that breaks the line does not break the message" "$(printf 'wi\nn:3')"

exits 0 "one regular part may be asked for" pattern blocked:8+window:1 --size 64 --causal --regular
refuses 'row 66 is no progression at column 3: from 0 on with stride 2, column 4' \
	"and is refused where it breaks" window:64+global_columns:1 --size 128 --regular

exits 1 "a picture where none can be written fails" pattern window:3 --svg /nonexistent/folder/p.svg
says '^sofa-dse: .*nonexistent' "and names the file"
is "$(cat err out | wc -l | tr -d ' ')" 1 "in one line"
exits 0 "a picture is drawn" pattern longformer:16:4 --size 1000 --svg p.svg
grep -q '<svg ' p.svg && tail -n 1 p.svg | grep -q '</svg>'
ok $? "as a whole SVG file"
if command -v xmllint >/dev/null; then
	exits 0 "of well-formed XML" xmllint --noout p.svg
else
	skip "xmllint is not installed: well-formed XML"
fi

# masks from files
if ! python3 -c pass 2>err; then
	skip "python3 isn't there to make masks"
	finish
	exit
fi
masks() { python3 "$SOFA_SRCDIR/tests/cli/pattern_masks.py" "$@"; }
masks make . || exit 99
for name in window noise stairs; do
	exits 0 "the mask $name is taken apart" pattern $name.npy --spans --json
	masks check out $name
	ok $? "and all that is said of it is true"
done
for file in wide.npy bool.safetensors named.safetensors; do
	exits 0 "$file is the same mask in another file" pattern $file --spans --json
	masks check out window
	ok $? "and gives the same"
done
exits 0 "one of several tensors is chosen by name" pattern two.safetensors --tensor b --spans --json
masks check out noise
ok $? "and is that one"
refuses 'holds 2 tensors.*--tensor' "several tensors without a name are refused" two.safetensors
refuses "did you mean 'mask'" "a tensor that isn't there is refused" named.safetensors --tensor masc
refuses 'empty.npy: the mask is empty' "a mask without a member is refused" empty.npy
refuses 'nothing.npy: the mask is empty' "a mask without a row is refused" nothing.npy
refuses 'upper.npy: the mask is empty' "one that causal empties is refused" upper.npy --causal
refuses 'float.npy: values are F32' "numbers that are not whole are refused" float.npy
refuses 'flat.npy: shape is \[16\]' "one dimension is refused" flat.npy
refuses 'deep.npy: shape is' "several masks in one are refused" deep.npy
refuses 'short.npy: 2303 bytes' "a truncated file is refused" short.npy
refuses 'fortran.npy: .*C order' "columns first are refused" fortran.npy
refuses 'text.npy: not a .npy file' "what is no .npy file is refused" text.npy
refuses 'large.npy: .*needs 5.96 GiB, limit' "a mask too large for memory is refused" large.npy
refuses 'stairs.npy: .*37 by 20 .*causal' "causal and not square is refused" stairs.npy --causal
refuses 'none.npy' "a file that isn't there is refused" none.npy
refuses 'window.npy: row 9 is no progression at column 4: .*column 3' "a mask that isn't one part is refused, if asked" window.npy --regular
refuses 'size goes with generators' "a size beside a mask is refused" window.npy --size 48
finish

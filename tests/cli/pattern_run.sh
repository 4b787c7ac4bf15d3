#!/bin/sh
# sofa-dse pattern --run and --emit c: results, what is said where no kernel can be generated, the cache.
. "${SOFA_SRCDIR:?}/tests/cli/tap.sh"
cd "$tap_dir" || exit 99
SOFA_DSE_CACHE=$tap_dir/cache
export SOFA_DSE_CACHE

pattern() {
	"$SOFA_DSE" pattern "$@"
}
# lines FILE NUMBER NAME
lines() {
	is "$(wc -l <"$1" | tr -d ' ')" "$2" "$3"
}

exits 0 "the general kernel alone is run on request" pattern window:9+global_columns:2 --size 100 --run --no-jit --head-width 20
lines err 1 "and one line says so"
says '^sofa-dse: no generated kernel, the general one was run: --no-jit$' "which names the option"
grep -q '^difference .* in 100 rows$' out
ok $? "all rows are compared"
exits 0 "rows and keys may differ" pattern strided:3 --size 50 --columns 70 --run --no-jit --isa portable --json
python3 -c '
import json, sys
r = json.load(open("out"))["run"]
assert r["isa"] == "portable" and r["generated"] is None and r["dense_ms"] is None
assert 0 < r["largest_difference"] < 1e-5 and r["rows_compared"] == 50 and r["general_ms"] > 0, r'
ok $? "and the run stands in the JSON"

CC='no-such-compiler -O9' exits 0 "without a compiler the general kernel is run" pattern window:5 --size 64 --run
says "the general one was run: there is no compiler 'no-such-compiler'" "and it says so"
lines err 1 "in one line"
CC=false exits 0 "with one that fails too" pattern window:5 --size 64 --run
says "the compiler 'false' ended with status 1" "and it says how"
exits 2 "an instruction set that isn't known is refused" pattern window:5 --run --isa sse9
exits 2 "an option of the run alone is refused" pattern window:5 --no-jit
says 'no-jit goes with --run' "and it says so"
exits 1 "C can't go where nothing can be written" pattern window:5 --emit c -o /nonexistent/k.c
exits 0 "C is written" pattern window:5+strided:16 --size 256 --emit c --isa portable -o k.c

if command -v cc >/dev/null && cc -v >/dev/null 2>&1; then
	unset CC
	exits 0 "a kernel is generated" pattern window:5 --size 64 --run --json
	lines err 0 "without a word"
	exits 0 "and found the second time" pattern window:5 --size 64 --run --json
	python3 -c '
import json
g = json.load(open("out"))["run"]["generated"]
assert g["cached"] and g["kept"] and g["compile_ms"] == 0 and g["ms"] > 0, g'
	ok $? "in the cache"
	is "$(find cache -type f | wc -l | tr -d ' ')" 1 "which holds one entry"
	: >file
	SOFA_DSE_CACHE=$tap_dir/file/cache exits 0 "a cache that can't be written only costs a line" pattern window:5 --size 64 --run --json
	lines err 1 "and says so once"
	says '/file: .*; the kernel is not kept' "in words, with the place"
	python3 -c '
import json
g = json.load(open("out"))["run"]["generated"]
assert not g["cached"] and not g["kept"] and g["ms"] > 0, g'
	ok $? "the kernel is generated all the same"
	exits 0 "C of lines apart is written" pattern longformer:9:2 --size 100 --emit c --isa portable -o lines.c
	for f in k lines; do
		exits 0 "$f.c compiles without a warning" cc -std=c11 -Wall -Werror -ffp-contract=off -c -o lines.o "$f.c"
	done
	cat >use.c <<-'X'
		#include <stdio.h>
		#include <stdlib.h>
		extern const size_t sofa_acsr_generated_scratch;
		void sofa_acsr_generated_attend(const float *q, const float *k, const float *v, float *out, float *scratch);
		int main(void)
		{
		    static float q[256 * 64], v[256 * 64], out[256 * 64];
		    float *scratch = aligned_alloc(64, sofa_acsr_generated_scratch * sizeof *scratch);
		    for (int i = 0; i < 256 * 64; i++)
		        v[i] = i / 64 % 16 == 3;
		    sofa_acsr_generated_attend(q, q, v, out, scratch);
		    /* row 3 sees columns 0 to 8 and 19, 35 ...: sixteen of the twenty-four have residue 3 */
		    printf("%.4f\n", (double)out[3 * 64]);
		    return 0;
		}
	X
	cc -std=c11 -O1 -ffp-contract=off k.c use.c -o use -lm && ./use >value
	is "$(cat value)" 0.6667 "the C source alone computes the right thing"
else
	skip "generated kernels: there is no compiler"
fi
finish

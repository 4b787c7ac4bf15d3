#!/bin/sh
# sofa-dse pattern --emit cuda: the kernel's results where there is no GPU (its threads take turns on the processor,
# tests/unit/acsr/cuda_on_cpu.h), that nvcc takes it, and the complaints.
. "${SOFA_SRCDIR:?}/tests/cli/tap.sh"
cd "$tap_dir" || exit 99

# computes NAME ARGUMENT...: every member once, and no farther than 1e-5 from double precision; the program says so
computes() {
	name=$1
	shift
	"$SOFA_DSE" pattern "$@" --emit cuda -o kernel.cu >out 2>err &&
		cc -O1 -w -x c -DSOFA_ACSR_CHECK -I"$SOFA_SRCDIR/tests/unit/acsr" kernel.cu -o kernel -lm 2>>err && ./kernel >>err
	ok $? "$name"
	sed 's/^/# /' err
}
if command -v cc >/dev/null; then
	computes "a window is computed" window:20 --size 70
	computes "rows of a stride are put together" strided:8 --size 128 --head-width 33
	computes "a union shares one maximum and sum" local_strided:6:8 --size 100 --causal --head-width 40
	computes "also one of strides that cross, and a head width of 1" strided:3+strided:5 --size 64 --head-width 1
	computes "also one that is not square" bigbird:8:1:1 --size 40 --columns 150 --head-width 96
	if python3 "$SOFA_SRCDIR/tests/cli/pattern_masks.py" make . 2>err; then
		computes "a mask that is all remainder is computed" noise.npy
		computes "rows without a member are zero" stairs.npy --head-width 128
	else
		skip "python3 isn't there to make masks"
	fi
else
	skip "no C compiler is there to run the kernel on the processor"
fi

if nvcc=$(command -v nvcc || command -v /usr/local/cuda/bin/nvcc); then
	"$SOFA_DSE" pattern longformer:9:4 --size 200 --emit cuda -o kernel.cu >out
	exits 0 "nvcc takes the source and its check" "$nvcc" -DSOFA_ACSR_CHECK -Werror all-warnings kernel.cu -o kernel
	if command -v nvidia-smi >/dev/null && nvidia-smi -L >/dev/null 2>&1; then
		exits 0 "and a GPU computes it" ./kernel
	else
		skip "no GPU is there to run it"
	fi
else
	skip "nvcc isn't there to compile it"
fi

exits 2 "a head that shared memory doesn't hold is refused" "$SOFA_DSE" pattern window:3 --emit cuda -o never --head-width 145
says 'head width of 145; expected 1 to 144' "and it says so"
exits 2 "tables without end are refused" "$SOFA_DSE" pattern window:3 --size 1000000 --emit cuda -o never
says 'numbers; limit' "and it says so"
exits 2 "a file is asked for" "$SOFA_DSE" pattern window:3 --emit cuda
says 'needs a file' "and it says so"
exits 2 "a language that isn't known is refused" "$SOFA_DSE" pattern window:3 --emit cud -o never
says "did you mean 'cuda'" "and it says so"
exits 2 "a file without a language is refused" "$SOFA_DSE" pattern window:3 -o never
says 'output goes with --emit' "and it says so"
[ ! -e never ]
ok $? "and nothing is written"
exits 1 "a file that can't be written fails" "$SOFA_DSE" pattern window:3 --emit cuda -o /nonexistent/x.cu
finish

#!/bin/sh
# SRAM costs from CACTI: a stand-in that writes as CACTI does (its format is that of 7.0), and such that don't.
. "${SOFA_SRCDIR:?}/tests/cli/tap.sh"
XDG_CACHE_HOME=$tap_dir/cache TMPDIR=$tap_dir/tmp FAKE_RUNS=$tap_dir/runs
export XDG_CACHE_HOME TMPDIR FAKE_RUNS
unset SOFA_DSE_CACHE
mkdir -p "$TMPDIR" "$tap_dir/bin" "$tap_dir/empty"

cat >"$tap_dir/bin/cacti" <<'EOF_FAKE'
#!/bin/sh
# energies as the root of the capacity, area and leakage in proportion: 64 KiB as CACTI has it
if [ $# -eq 0 ]; then
	[ "$FAKE" = other ] && echo "Cacti 1.2: graphs of your network" && exit 0
	echo " Invalid arguments -- how to use CACTI:" >&2
	echo "  1) cacti -infile <input file name>" >&2
	exit 1
fi
echo run >>"$FAKE_RUNS"
[ "$FAKE" = crash ] && echo "Number of sets is too small" >&2 && kill -FPE $$
[ "$FAKE" = nothing ] && exit 0
[ "$FAKE" = silent ] || echo "---------- CACTI (version 6.5 of Jan, 2010), Uniform Cache Access SRAM Model ----------"
[ "$FAKE" = fails ] && exit 3
size=$(sed -n 's/^-size (bytes) //p' "$2")
[ "$FAKE" = another ] && size=4711
[ "$FAKE" = garbage ] && echo 'garbage, 1, 2' >"$2.out" && exit 0
awk -v s="$size" -v fake="$FAKE" 'BEGIN {
	f = s / 65536; r = fake == "negative" ? -1 : 0.0128332 * sqrt(f)
	printf "Tech node (nm), Capacity (bytes), Number of banks, Access time (ns), Dynamic read energy (nJ), "
	if (fake == "partial") exit
	printf "Dynamic write energy (nJ), Standby leakage per bank(mW), Area (mm2), \n"
	printf "28, %d, 1, 0.41746, %.9g, %s, %.9g, %.9g, \n", s, r, fake == "nan" ? "nan" : 0.0145589 * sqrt(f), 34.4672 * f, 0.100939 * f
}' >"$2.out"
EOF_FAKE
chmod +x "$tap_dir/bin/cacti"

# space HARDWARE
space() {
	cat >"$tap_dir/space.yaml" <<EOF_SPACE
version: 1
name: cacti
workload: {name: bert-base-squad, statistics: synthetic-k100}
hardware: $1
parameters: {token_sram: [64 KiB, 128 KiB]}
objectives: [latency, energy, area]
search: {algorithm: exhaustive, evaluations: 2}
EOF_SPACE
}
runs() {
	wc -l <"$FAKE_RUNS" 2>/dev/null | tr -d ' '
}
evaluate() {
	"$SOFA_DSE" evaluate "$tap_dir/space.yaml" "$@"
}

space "{name: sofa-28nm, sram: cacti}"
PATH=$tap_dir/empty exits 2 "without CACTI it is said" "$SOFA_DSE" evaluate "$tap_dir/space.yaml"
says "space.yaml:4:11: there is no 'cacti' on PATH" "with its place"

old_path=$PATH
PATH=$tap_dir/bin:$PATH
FAKE=other exits 2 "a program that has the name alone is refused" evaluate
says "isn't CACTI, the memory model" "and what it isn't is said"
for fake in crash fails silent garbage partial nan negative another nothing; do
	FAKE=$fake exits 1 "a CACTI that misbehaves ($fake) is an error" evaluate
	says "cacti.*(gave no result for|can't be read|are impossible|which version)" "of one line"
done
is "$(find "$tap_dir/cache" -type f 2>/dev/null | wc -l | tr -d ' ')" 0 "and nothing of it is kept"
is "$(find "$TMPDIR" -mindepth 1 | wc -l | tr -d ' ')" 0 "nor left behind"

: >"$FAKE_RUNS"
exits 0 "CACTI on PATH is asked" evaluate --explain area
is "$(runs)" 5 "once a capacity: three of the chip, two of the space"
grep -q 'memories .*0.3028 + 0.1514 + 0.04416 mm2' "$tap_dir/out"
ok $? "its areas are taken"
grep -q 'source: CACTI 6.5 of Jan, 2010 ' "$tap_dir/out"
ok $? "and its version is the source"
exits 0 "the energy too" evaluate --explain energy --set token_sram="64 KiB"
grep -q 'token_sram .* at 8.021e-13 J/B.* at 9.099e-13 J/B, leakage 0.03447 W' "$tap_dir/out"
ok $? "is CACTI's, over the bytes of an access"
is "$(runs)" 5 "what is known isn't asked again"
cp "$tap_dir/out" "$tap_dir/first"
for entry in "$tap_dir/cache/sofa-dse"/*; do
	sed 's/^1/2/; s/^9/8/' "$entry" >"$tap_dir/damaged" && head -c 40 "$tap_dir/damaged" >"$entry"
done
exits 0 "with damaged entries" evaluate --explain energy --set token_sram="64 KiB"
cmp -s "$tap_dir/out" "$tap_dir/first"
ok $? "the answer is the same"
is "$(runs)" 10 "for each is asked anew"
space "{name: sofa-28nm, sram: cacti, access: 32 B, cells: itrs-lstp}"
exits 0 "another bus and other cells" evaluate
is "$(runs)" 15 "are other questions"
grep -q 'sram: table' "$tap_dir/out"
ok $((1 - $?)) "nothing is said of the table"
PATH=$old_path

space "{name: sofa-28nm, sram: cacti, cacti: bin/cacti}"
exits 0 "the program may be named, from the space's folder" "$SOFA_DSE" explore "$tap_dir/space.yaml" -o "$tap_dir/study"
is "$(runs)" 15 "and is the same program"
grep -q '"sram":.*CACTI 6.5 of Jan, 2010' "$tap_dir/study/pareto.json"
ok $? "the study says where its costs are from"
echo '# another build' >>"$tap_dir/bin/cacti"
exits 2 "with another program it isn't gone on with" "$SOFA_DSE" explore "$tap_dir/space.yaml" -o "$tap_dir/study" --resume
says "made with other files: cacti program changed" "and the reason is said"
space "{name: sofa-28nm, sram: cacti, cacti: bin/nothing}"
exits 2 "a program that isn't there" evaluate
says "there is no program .*bin/nothing" "is named"
space "{name: sofa-28nm, cacti: bin/cacti}"
exits 2 "a program without 'sram: cacti'" evaluate
says "go with 'sram: cacti'" "is a mistake"
finish

#!/bin/sh
# Accelergy: reference tables in a space file, and action counts out of an evaluation.
. "${SOFA_SRCDIR:?}/tests/cli/tap.sh"

# a reference table with every component, or all but $1
table() {
	echo "ERT:"
	echo "  version: '0.4'"
	echo "  tables:"
	for name in shift_pe lz_encoder sads_core clip_unit kv_mac sufa_mac exp div scheduler; do
		[ "$name" = "$1" ] || echo "  - {name: 'system.$name[0..3]', actions: [{name: compute, arguments: {}, energy: 0}]}"
	done
	for name in token_sram weight_sram temp_sram dram; do
		echo "  - {name: system.$name, actions: [{name: read, energy: 0}, {name: write, energy: 0}, {name: leak, energy: 0}]}"
	done
}
table >"$tap_dir/ert.yaml"
table sads_core >"$tap_dir/lacks.yaml"

# space HARDWARE
space() {
	cat >"$tap_dir/space.yaml" <<EOF_SPACE
version: 1
name: accelergy
workload: {name: bert-base-squad, statistics: synthetic-k100}
hardware: $1
parameters: {tiles: {values: [8]}}
objectives: [latency, energy]
EOF_SPACE
}

space "{name: sofa-28nm, ert: ert.yaml, access: 16 B}"
exits 0 "a space may bring its own reference table" "$SOFA_DSE" evaluate "$tap_dir/space.yaml" --explain energy
grep -q '^energy = 0 J' "$tap_dir/out"
ok $? "and nothing of the built-in energies is left"
space "{name: sofa-28nm, ert: lacks.yaml, access: 16 B}"
exits 2 "a component that is missing there is refused" "$SOFA_DSE" evaluate "$tap_dir/space.yaml"
says "lacks.yaml.*sads_core" "and named with the file"
space "{name: sofa-28nm, ert: ert.yaml}"
exits 2 "an ERT without the bytes of an access is refused" "$SOFA_DSE" evaluate "$tap_dir/space.yaml"
says "access" "and says so"
space sofa-28nm
exits 0 "--action-counts" "$SOFA_DSE" evaluate "$tap_dir/space.yaml" --action-counts
grep -q 'name: system.sufa_mac, action_counts: .*counts: [1-9]' "$tap_dir/out"
ok $? "prints the operations of each component"
exits 0 "--explain latency" "$SOFA_DSE" evaluate "$tap_dir/space.yaml" --explain latency
grep -q 'synthetic' "$tap_dir/out"
ok $? "says where the statistics come from"
exits 2 "an unknown metric is refused" "$SOFA_DSE" evaluate "$tap_dir/space.yaml" --explain speed
exits 0 "--simulate runs the cycle-level simulator" "$SOFA_DSE" evaluate "$tap_dir/space.yaml" --simulate --json
grep -q '"simulated"' "$tap_dir/out"
ok $? "and shows its cycles"
finish

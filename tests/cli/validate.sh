#!/bin/sh
# validate and compare: the rows of the papers, as table and as JSON.
. "${SOFA_SRCDIR:?}/tests/cli/tap.sh"
PY=$(command -v python3)

exits 0 "validate prints the published rows" "$SOFA_DSE" validate
grep -q '^area.total .*5.69 .*5.69 ' "$tap_dir/out"
ok $? "the published chip has its published area"
exits 0 "validate --json" "$SOFA_DSE" validate --json
cp "$tap_dir/out" "$tap_dir/rows.json"
if [ -n "$PY" ]; then
	"$PY" - "$tap_dir/rows.json" >"$tap_dir/checks" <<'EOP'
import json, sys
rows = json.load(open(sys.argv[1]))["rows"]
by = {r["name"]: r for r in rows}
assert len(by) == len(rows)
for r in rows:
    assert set(r) == {"name", "published", "ours", "unit", "kind", "error", "note"}, r
    assert r["kind"] in ("given", "derived", "predicted"), r
    assert r["ours"] is not None or r["note"], r
def close(name, tolerance):
    assert abs(by[name]["error"]) <= tolerance, by[name]
given = [r for r in rows if r["kind"] == "given"]
assert given and all(abs(r["error"]) < 1e-3 for r in given)
# derived rows match to rounding, but for those whose note says that the printed figure doesn't follow
loose = {"ladder.energy.product", "over_eight.energy", "rass.example.naive", "fa2.comparisons", "fa2.exponentials",
         "fa2.over_untiled", "sufa.descending_over_fa2", "sufa.descending_over_ascending"}
for r in rows:
    if r["name"].endswith(".accounting"): # reaches the figure; another one is defended in the row of that name
        assert r["kind"] == "derived" and r["name"][:-11] in by
        close(r["name"], 0.05)
    elif r["kind"] == "derived" and r["name"] not in loose:
        close(r["name"], 0.02)
    elif r["name"] in loose:
        assert r["note"], r
assert by["rass.example.rass"]["ours"] == 16 and by["rass.example.naive"]["ours"] == 22
reached = [r for r in rows if r["kind"] == "predicted" and r["ours"] is not None]
assert len(reached) >= 20, len(reached)
# what is far off says why, with a number
for r in reached:
    assert abs(r["error"]) <= 0.25 or (len(r["note"]) > 80 and any(c.isdigit() for c in r["note"])), r
print("fine")
EOP
	is "$(cat "$tap_dir/checks")" fine "given and derived rows match, twenty predicted rows are reached, the far ones say why"
	"$PY" "$SOFA_SRCDIR/tools/validate_table.py" "$SOFA_SRCDIR/README.md" --check <"$tap_dir/rows.json" >&2
	ok $? "the README's table is what comes out"
else
	skip "no python3 to read the JSON with"
fi

exits 0 "compare prints the design beside others" "$SOFA_DSE" compare --workload vit-b
grep -q '^A100 FA2 ' "$tap_dir/out"
ok $? "the A100 under the roofline is a row of its own"
grep -q '^A100  *2571 ' "$tap_dir/out"
ok $? "and so is the A100 as published"
grep -q '^A100 + SPLAT .*window:20: 19.7 % of the pairs; published: 2.05 x over Triton, 4.05 x over TVM' "$tap_dir/out"
ok $? "and regular sparsity on it, on the work and bytes of a mask, beside what is published"
exits 0 "with another mask" "$SOFA_DSE" compare --workload vit-b --pattern strided:4 --json
grep -q '"over_triton":[[:space:]]*2.05' "$tap_dir/out" && grep -q 'strided:4: 25.' "$tap_dir/out"
ok $? "which the source names"
exits 2 "a mask that is not known is refused" "$SOFA_DSE" compare --workload vit-b --pattern stridd:4
says "did you mean 'strided'" "with a suggestion"
exits 0 "compare --json" "$SOFA_DSE" compare --workload vit-b --hardware sofa-edge-28nm --json
grep -q '"FACT"' "$tap_dir/out"
ok $? "the other accelerators are there"
exits 2 "a workload that isn't there is refused" "$SOFA_DSE" compare --workload nowhere
says "nowhere" "and named"
exits 2 "an operand is refused" "$SOFA_DSE" validate extra
finish

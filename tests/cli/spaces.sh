#!/bin/sh
# Every shipped space can be searched: a few evaluations, without a word on standard error but the summary.
. "${SOFA_SRCDIR:?}/tests/cli/tap.sh"
cd "$tap_dir" || exit 99
for space in "$SOFA_SRCDIR"/spaces/*.yaml; do
	name=$(basename "$space" .yaml)
	exits 0 "$name can be searched" "$SOFA_DSE" explore "$space" --evaluations 6 --progress none -o "$name"
	grep -qvE '^[0-9]+ designs on the front of 6 evaluated' "$tap_dir/err"
	[ $? -eq 1 ]
	ok $? "without a warning"
	is "$(sqlite3 "$name/study.db" "SELECT count(*) FROM evaluation WHERE status = 'failed'")" 0 "and without a failed evaluation"
	[ "$(wc -l <"$name/pareto.csv")" -ge 2 ]
	ok $? "and with a front"
done
finish

#!/bin/sh
# The rules of ARCHITECTURE.md and CODINGSTYLE.md that a machine can hold: which room may include
# which, how long files and functions are, and that no other room prints or exits.
. "${SOFA_SRCDIR:?}/tests/cli/tap.sh"
cd "$SOFA_SRCDIR" || exit 99

# allowed ROOM: the rooms that ROOM may include, itself aside, read from the table in ARCHITECTURE.md
allowed() {
	awk -F'|' -v room="\`$1/\`" '{ gsub(/ /, "", $2) } $2 == room { print $4 }' ARCHITECTURE.md
}

rooms=$(find src -mindepth 1 -maxdepth 1 -type d -printf '%f ')
below="base config arch workload acsr attention transformer model space opt exec study"
for room in $rooms; do
	list=$(allowed "$room")
	case $list in
	*"all above"*) list=$below ;;
	*all*) list=$rooms ;;
	*nothing*) list= ;;
	'') echo "# $room has no row in ARCHITECTURE.md" ;;
	esac
	bad=
	[ -n "$(allowed "$room")" ] || bad=" no-row"
	for used in $(sed -n 's/^ *# *include "\([a-z]*\)\/.*/\1/p' src/"$room"/*.[ch] 2>/dev/null | sort -u); do
		case " $room $list " in
		*" $used "*) ;;
		*) bad="$bad $used" ;;
		esac
	done
	is "$bad" "" "src/$room includes only rooms that its row in ARCHITECTURE.md allows"
done

long=$(find src tests bench -name '*.[ch]' -exec awk 'END { if (NR > 600) print FILENAME ": " NR }' {} \;)
is "$long" "" "no C file is longer than 600 lines"

# one line a function: its length and place; an annotated one is marked "long"
# (a comment "long: why" on the line before the opening brace's function header, or within it)
find src -name '*.c' -exec awk '
	FNR == 1 { start = 0 }
	/long: / { note = FNR }
	/^\{/ { start = FNR; noted = (FNR - note < 6 && note) }
	/^\}/ { if (start) print FNR - start - 1, FILENAME ":" start, (noted ? "long" : "short"); start = 0 }
' {} + | sort -n >"$tap_dir/functions"
is "$(awk '$1 > 80 && $3 != "long"' "$tap_dir/functions")" "" "no function is longer than 80 lines unless it says why"
total=$(wc -l <"$tap_dir/functions")
median=$(awk -v half=$((total / 2)) 'NR == half + 1 { print $1 }' "$tap_dir/functions")
[ "${median:-0}" -le 15 ]
ok $? "half of all functions have at most 15 lines (median ${median:-0} of $total)"
over=$(awk '$1 > 40' "$tap_dir/functions" | wc -l)
[ $((over * 10)) -le "$total" ]
ok $? "nine functions in ten have at most 40 lines ($over of $total have more)"

is "$(grep -nE '(^|[^a-z_])(printf|puts|perror|exit|abort) *\(' src/*/*.c | grep -v '^src/cli/')" "" \
	"only cli prints or exits"
is "$(grep -nE '\btypedef struct\b' src/*/*.[ch])" "" "structs are not typedef'd"
# shellcheck disable=SC2046
is "$(git ls-files 2>/dev/null | while read -r f; do [ -f "$f" ] && [ "$(wc -c <"$f")" -gt 8388608 ] && echo "$f"; done)" "" \
	"no file in the tree is larger than 8 MB"
finish

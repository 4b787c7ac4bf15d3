# tap.sh: a few words of TAP for the shell tests.  Source it, call `ok`, `is`, `fails_with`, end with `finish`.
# shellcheck shell=sh
tap_count=0
tap_failed=0
tap_dir=$(mktemp -d) || exit 99
trap 'rm -rf "$tap_dir"' EXIT
trap 'exit 99' HUP INT TERM

# ok STATUS NAME
ok() {
	tap_count=$((tap_count + 1))
	if [ "$1" -eq 0 ]; then
		echo "ok $tap_count - $2"
	else
		tap_failed=$((tap_failed + 1))
		echo "not ok $tap_count - $2"
	fi
}

# is GOT WANTED NAME
is() {
	[ "$1" = "$2" ]
	ok $? "$3"
	[ "$1" = "$2" ] || printf '#    got: %s\n# wanted: %s\n' "$1" "$2"
}

# exits STATUS NAME COMMAND...: the command's exit status; its output is left in $tap_dir/out and err
exits() {
	tap_wanted=$1 tap_name=$2
	shift 2
	"$@" >"$tap_dir/out" 2>"$tap_dir/err"
	tap_status=$?
	is "$tap_status" "$tap_wanted" "$tap_name"
	[ "$tap_status" -eq "$tap_wanted" ] || sed 's/^/# /' "$tap_dir/err"
}

# says PATTERN NAME: the last command's standard error has a line that matches
says() {
	grep -qE -- "$1" "$tap_dir/err"
	tap_match=$?
	ok $tap_match "$2"
	[ $tap_match -eq 0 ] || sed 's/^/#   said: /' "$tap_dir/err"
}

# json FILE EXPRESSION: in Python, of the document d
json() {
	/usr/bin/python3 -c "import json,sys; d=json.load(open(sys.argv[1])); print($2)" "$1"
}

# killed_after N FOLDER COMMAND...: the command is killed once the study in FOLDER has N evaluations
killed_after() {
	tap_wanted=$1 tap_study=$2
	shift 2
	"$@" >/dev/null 2>&1 &
	tap_pid=$!
	while kill -0 $tap_pid 2>/dev/null &&
		[ "$(sqlite3 "$tap_study/study.db" 'SELECT count(*) FROM evaluation' 2>/dev/null || echo 0)" -lt "$tap_wanted" ]; do :; done
	kill -KILL $tap_pid 2>/dev/null
	wait $tap_pid 2>/dev/null
}

skip() {
	tap_count=$((tap_count + 1))
	echo "ok $tap_count # SKIP $1"
}

finish() {
	echo "1..$tap_count"
	[ "$tap_failed" -eq 0 ]
}

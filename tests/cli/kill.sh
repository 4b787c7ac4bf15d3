#!/bin/sh
# An exploration is killed at random moments and resumed, again and again; what it leaves in the end is, byte
# for byte, what an undisturbed one leaves.  SOFA_KILLS=200 for the long run.
. "${SOFA_SRCDIR:?}/tests/cli/tap.sh"
. "$SOFA_SRCDIR/tests/cli/small.sh"
kills=${SOFA_KILLS:-6}
cd "$tap_dir" || exit 99
small_space | sed "s/window: 64/window: 128/; s/evaluations: 12, seed: 3/evaluations: 60, seed: 5/
	s/random/${SOFA_ALGORITHM:-random}/" >space.yaml

start=$(now_ms)
exits 0 "an undisturbed exploration" "$SOFA_DSE" explore space.yaml -o whole --progress none --jobs 2
took=$(($(now_ms) - start))

done_kills=0 finished=0 bad=0 stores=0
signals="KILL KILL KILL TERM INT"
while [ "$done_kills" -lt "$kills" ]; do
	# shellcheck disable=SC2086
	set -- $signals
	shift $((done_kills % 5))
	"$SOFA_DSE" explore space.yaml -o study --resume --progress none --jobs 2 >/dev/null 2>err &
	pid=$!
	sleep "$(milliseconds "$(random_below "$((took + 20))")")"
	kill "-$1" $pid 2>/dev/null
	wait $pid 2>/dev/null
	status=$?
	# one that had finished before wasn't killed
	case $status in
	0) finished=$((finished + 1)) ;;
	3 | 130 | 137 | 143) done_kills=$((done_kills + 1)) ;;
	*)
		done_kills=$((done_kills + 1)) bad=$((bad + 1))
		sed 's/^/# /' err
		;;
	esac
	# now and then the end of the write-ahead log is lost as well
	if [ $((done_kills % 4)) -eq 0 ] && [ -s study/study.db-wal ]; then
		size=$(wc -c <study/study.db-wal)
		truncate -s "$(random_below "$((size + 1))")" study/study.db-wal
		stores=$((stores + 1))
	fi
	# a study that is whole is compared and started over
	if [ $status -eq 0 ]; then
		cmp -s study/pareto.json whole/pareto.json || bad=$((bad + 1))
		rm -rf study
	fi
done
echo "# $kills kills, $finished came too late, $stores times the log was cut short"
is "$bad" 0 "killed $kills times, it always could go on"
exits 0 "it goes on to the end" "$SOFA_DSE" explore space.yaml -o study --resume --progress none
cmp -s study/pareto.json whole/pareto.json && cmp -s study/pareto.csv whole/pareto.csv
ok $? "with the same bytes as undisturbed"
is "$(sqlite3 study/study.db 'PRAGMA integrity_check; SELECT count(*), min(id), max(id) FROM evaluation')" "ok
60|0|59" "every evaluation is in the store once"

for signal in INT TERM; do
	"$SOFA_DSE" explore space.yaml -o "stop$signal" --progress none --evaluations 100000 >/dev/null 2>err &
	pid=$!
	sleep 0.7
	start=$(now_ms)
	kill -$signal $pid
	wait $pid
	status=$?
	took=$(($(now_ms) - start))
	is $status 3 "SIG$signal ends it with status 3"
	[ $took -lt 1000 ]
	ok $? "within a second ($took ms)"
	[ -s "stop$signal/pareto.json" ] && grep -q -- '--resume goes on' err
	ok $? "with its front written and a word on how to go on"
done

exits 0 "more evaluations are added" "$SOFA_DSE" explore space.yaml -o study --extend --evaluations 80 --progress none
is "$(sqlite3 study/study.db 'SELECT count(*) FROM evaluation')" 80 "as many as asked for"
exits 0 "an extended study goes on as it was extended" "$SOFA_DSE" explore space.yaml -o study --resume --progress none
exits 2 "evaluations are not taken back" "$SOFA_DSE" explore space.yaml -o study --extend --evaluations 70 --progress none
exits 2 "nor added without being asked to" "$SOFA_DSE" explore space.yaml -o study --resume --evaluations 90 --progress none
says 'made with 80 evaluations, now 90; --extend adds evaluations' "and the message names the option"
sed 's/192 KiB/384 KiB/; s/range: \[2, 16\]/range: [2, 8]/' space.yaml >changed.yaml
exits 2 "a changed space is refused" "$SOFA_DSE" explore changed.yaml -o study --resume --progress none
says 'parameters.tiles.range\[1\] was 16, now 8; parameters.token_sram.values\[1\] was 192 KiB, now 384 KiB' "with what changed"
{
	echo "# a comment"
	cat space.yaml
} >commented.yaml
exits 0 "comments may change" "$SOFA_DSE" explore commented.yaml -o study --resume --progress none

"$SOFA_DSE" explore space.yaml -o gone --progress none --evaluations 100000 >/dev/null 2>"$tap_dir/err" &
pid=$!
sleep 0.7
rm -rf gone
wait $pid
is $? 1 "a folder that vanishes ends it with status 1"
is "$(wc -l <"$tap_dir/err")" 1 "and one line"
says 'gone/study.db: cannot' "that names the file"
(
	ulimit -f 300
	"$SOFA_DSE" explore space.yaml -o full --progress none --evaluations 100000 >/dev/null 2>"$tap_dir/err"
)
is $? 1 "a disk that is full ends it with status 1"
says 'full/study.db: cannot write the study: (disk I/O error|database or disk is full)' "and says so"
is "$(sqlite3 full/study.db 'PRAGMA integrity_check')" ok "what was written stays"
finish

#!/bin/sh
# An outside evaluator in place of our model: well-behaved ones, and one that misbehaves in every way there is.
. "${SOFA_SRCDIR:?}/tests/cli/tap.sh"
cd "$tap_dir" || exit 99

# The child: child HOW [WHEN].  It goes wrong in the way HOW where the id divides by three, or everywhere when
# WHEN is "always".  A shell can do it: the program writes its questions without blanks.
cat >child <<'END'
#!/bin/sh
how=$1
field() { v=${line#*"\"$1\":"}; v=${v%%[,\}]*}; }
case $how in
slow-start) sleep 0.5 ;;
banner) echo 'model 1.0 is ready' ;;
esac
echo started >>starts
while IFS= read -r line; do
	field id; id=$v
	field a; a=$v
	field b; b=$v
	f1=$((a * a + b * b)) f2=$(((a - 16) * (a - 16) + (b - 16) * (b - 16)))
	values="\"objectives\": {\"f1\": $f1, \"f2\": $f2}, \"metrics\": {\"g1\": $((a + b)), \"spare\": 0.5}"
	good="{\"id\": $id, $values}"
	[ "$2" = always ] || [ $((id % 3)) -eq 0 ] || { echo "$good"; continue; }
	case $how in
	crash) echo 'the mesh is torn' >&2; exit 7 ;;
	killed) kill -SEGV $$ ;;
	once) echo "$good"; exit 0 ;;
	wrong-id) echo "{\"id\": $((id + 1)), $values}" ;;
	no-id) echo "{$values}" ;;
	half) printf '{"id": %s, "obj' "$id"; exit 0 ;;
	no-json) printf 'sure\033[31m!\n' ;;
	list) echo "[$id]" ;;
	trailing) echo "$good x" ;;
	no-objectives) echo "{\"id\": $id}" ;;
	missing) echo "{\"id\": $id, \"objectives\": {\"f1\": 1}, \"metrics\": {\"g1\": 1}}" ;;
	no-metric) echo "{\"id\": $id, \"objectives\": {\"f1\": 1, \"f2\": 1}}" ;;
	nan) echo "{\"id\": $id, \"objectives\": {\"f1\": NaN, \"f2\": 1}, \"metrics\": {\"g1\": 1}}" ;;
	overflow) echo "{\"id\": $id, \"objectives\": {\"f1\": 1e999, \"f2\": 1}, \"metrics\": {\"g1\": 1}}" ;;
	string) echo "{\"id\": $id, \"objectives\": {\"f1\": \"1.0\", \"f2\": 1}, \"metrics\": {\"g1\": 1}}" ;;
	null) echo "{\"id\": $id, \"objectives\": {\"f1\": null, \"f2\": 1}, \"metrics\": {\"g1\": 1}}" ;;
	error) printf '{"id": %s, "error": "does not\\nconverge"}\n' "$id" ;;
	left-half) if [ "$a" -lt 16 ]; then echo "{\"id\": $id, \"error\": \"left\"}"; else echo "$good"; fi ;;
	no-error) echo "{\"id\": $id, \"error\": 5}" ;;
	flood) head -c 300000 /dev/zero | tr '\0' 'x' >&2; echo "$good" ;;
	closed) exec >&-; sleep 100 ;;
	silent) sleep 100 ;;
	two-lines) printf '%s\nand more\n' "$good" ;;
	blank-lines) printf '\n%s\r\n\n' "$good" ;;
	*) echo "$good" ;;
	esac
done
END
chmod +x child

# space NAME COMMAND [TIMEOUT]: a file of 33 x 33 points
space() {
	cat >"$1.yaml" <<END
version: 1
name: $1
evaluator: {command: $2, timeout: ${3:-30 s}}
parameters:
  a: {range: [0, 32]}
  b: {range: [0, 32]}
objectives: [{name: f1}, {name: f2}]
constraints: ["g1 <= 30"]
search: {algorithm: halton, evaluations: 7, seed: 1, parallel: 2}
END
}
explore() { "$SOFA_DSE" explore "$@" --progress none; }
rows() { sqlite3 "$1.study/study.db" "$2"; }

# How it goes wrong, and what the study then says of evaluations 0, 3 and 6.
space sound '[./child]'
exits 0 "a sound evaluator" explore sound.yaml
while read -r how status reason <&3; do
	space "$how" "[./child, $how]"
	exits 0 "the search goes on: $how" explore "$how.yaml" --jobs 2
	is "$(rows "$how" 'SELECT group_concat(DISTINCT status) FROM evaluation WHERE id % 3 = 0')" "$status" "points are $status: $how"
	rows "$how" 'SELECT reason FROM evaluation WHERE id = 0' >said
	grep -qF -- "$reason" said
	ok $? "and the study tells why: $how"
	[ "$status" = "failed" ] && sed 's/^/# /' said
	is "$(rows "$how" 'SELECT group_concat(value) FROM metric WHERE evaluation % 3 > 0')" \
		"$(rows sound 'SELECT group_concat(value) FROM metric WHERE evaluation % 3 > 0')" "the others are as they should be: $how"
done 3<<END
crash failed ./child ended with status 7 before it answered; its last words: the mesh is torn
killed failed ./child was ended by signal 11 before it answered
wrong-id failed answered without the id 0 that was asked for: '{"id": 1,
no-id failed answered without the id 0
half failed ./child ended with status 0 in the middle of its answer
no-json failed answered with something other than JSON: 'sure [31m!'
list failed answered with something other than an object of JSON: '[0]'
trailing failed answered with something other than JSON
no-objectives failed answered without 'objectives'
missing failed answered without a number for objective 'f2', which is missing
no-metric failed answered without a number for metric 'g1', which is missing
nan failed answered with something other than JSON
overflow failed answered without a number for objective 'f1', which is not finite
string failed answered without a number for objective 'f1', which is a string
null failed answered without a number for objective 'f1', which is null
no-error failed answered with an 'error' that is no string
closed failed ./child closed its output before it answered
two-lines failed ./child wrote more than one line in answer: 'and more'
error infeasible does not converge
END
for how in once flood blank-lines slow-start; do
	space $how "[./child, $how, always]"
	exits 0 "nothing is wrong with $how" explore $how.yaml
	cmp -s sound.study/pareto.csv $how.study/pareto.csv
	ok $? "and the front is that of the sound one"
done
space silent '[./child, silent]' '0.2 s'
exits 0 "one that says nothing in time" explore silent.yaml
is "$(rows silent 'SELECT DISTINCT reason FROM evaluation WHERE id % 3 = 0')" "./child did not answer within 0.2 s" "fails at the timeout"
is "$(ps -eo args | grep -c '[c]hild silent')" 0 "and is killed with all it started"
is "$(wc -c <"$tap_dir/err")" "$(tr -cd '\12\40-\176' <"$tap_dir/err" | wc -c)" "nothing of its noise comes out"
space flood2 '[./child, flood, always]'
"$SOFA_DSE" explore flood2.yaml --progress plain >/dev/null 2>err
is "$(grep -c xxx err)" 0 "a flooded standard error doesn't show in the progress"
is "$(grep -c '^evaluation' err)" 2 "which stands on its own lines"

for how in crash banner; do
	space broken-$how "[./child, $how, always]"
	sed -i 's/evaluations: 7/evaluations: 40/' broken-$how.yaml
	exits 1 "ten failures in a row end it: $how" explore broken-$how.yaml
	is "$(wc -l <"$tap_dir/err")" 1 "with one line"
	says '^sofa-dse: 10 evaluations in a row failed; the last: \./child ' "and the reason"
	is "$(rows broken-$how 'SELECT count(*) FROM evaluation')" 10 "they are in the study"
done
sed 's/crash, always/sound, always/' broken-crash.yaml >mended.yaml
exits 2 "another command is another space" explore mended.yaml -o broken-crash.study --resume
says 'evaluator.command\[1\] was crash, now sound' "and the message says so"
sed -i 's/^how=.*/how=sound/' child
sed 's/timeout: 30 s/timeout: 40 s/' broken-crash.yaml >later.yaml
exits 0 "once the program is mended the study goes on, with another timeout too" explore later.yaml -o broken-crash.study --resume
is "$(rows broken-crash 'SELECT count(*) FROM evaluation')" 40 "to its end"
sed -i 's/^how=.*/how=$1/' child

# the same bytes
space bayes '[./child, error]'
sed -i 's/halton, evaluations: 7/bayesian, evaluations: 40/; s/parallel: 2/parallel: 4/' bayes.yaml
for jobs in 1 2 4; do
	exits 0 "a search with $jobs jobs" explore bayes.yaml --jobs $jobs -o jobs$jobs
done
cmp -s jobs1/pareto.json jobs2/pareto.json && cmp -s jobs1/pareto.json jobs4/pareto.json && cmp -s jobs1/pareto.csv jobs4/pareto.csv
ok $? "one, two and four jobs give the same bytes"
: >starts
explore bayes.yaml --jobs 4 -o starts4 >/dev/null 2>&1
is "$(wc -l <starts)" 4 "each worker starts one program"
killed_after 5 killed "$SOFA_DSE" explore bayes.yaml --jobs 2 -o killed --progress none
exits 0 "one that was killed goes on" explore bayes.yaml -o killed --resume
cmp -s jobs1/pareto.json killed/pareto.json
ok $? "to the same bytes"
exits 0 "evaluations are added" explore bayes.yaml -o killed --extend --evaluations 50
is "$(sqlite3 killed/study.db 'SELECT count(*), count(DISTINCT id) FROM evaluation')" "50|50" "as many as asked for"
for algorithm in random nsga2; do
	exits 0 "the algorithm $algorithm" explore bayes.yaml --algorithm $algorithm -o $algorithm
done
sed 's/error/left-half, always/; s/g1 <= 30/g1 <= 60/' bayes.yaml >left.yaml
for algorithm in bayesian random; do
	exits 0 "half of the space doesn't work: $algorithm" explore left.yaml --algorithm $algorithm -o left-$algorithm
	sqlite3 left-$algorithm/study.db "SELECT count(*) FROM evaluation WHERE status = 'infeasible'" >$algorithm.count
done
[ "$(cat bayesian.count)" -lt "$(cat random.count)" ]
ok $? "the search learns which ($(cat bayesian.count) of 40 there, at random $(cat random.count))"
sed 's/32\]/6]/' bayes.yaml >small.yaml
exits 0 "every point of a small space" explore small.yaml --algorithm exhaustive --evaluations 100 -o exhaustive
says 'of 49 evaluated' "all 49 of them"
says 'the search ended early: all points' "and it says that there are no more"
exits 2 "the paper's search has no business here" explore bayes.yaml --algorithm paper -o paper
says "'paper' minimises the published scalar of our own model" "and the message says so"
[ ! -e paper ]
ok $? "before anything starts"

space slow '[./child, silent, always]' '100 s'
"$SOFA_DSE" explore slow.yaml --progress none >/dev/null 2>err &
pid=$!
i=0
while [ "$i" -lt 100 ] && ! ps -eo args | grep -q '[c]hild silent always'; do
	sleep 0.05
	i=$((i + 1))
done
start=$(date +%s%N)
kill -INT $pid
wait $pid
is $? 3 "SIGINT while the evaluator works ends it with status 3"
[ $((($(date +%s%N) - start) / 1000000)) -lt 1000 ]
ok $? "within a second"
is "$(ps -eo args | grep -c '[c]hild silent always')" 0 "and the evaluators with it"
grep -q -- '--resume goes on' err
ok $? "with a word on how to go on"

# reports, merging, single points
is "$(json jobs1/pareto.json "d['evaluator']['command'], [p['name'] for p in d['evaluator']['parameters']], 'workload' in d")" \
	"['./child', 'error'] ['a', 'b'] False" "the front says what evaluated it"
is "$(json jobs1/pareto.json "all(p['metrics'] == {'g1': p['parameters']['a'] + p['parameters']['b'], 'spare': 0.5} for p in d['points'])")" True \
	"and has the metrics that constraints name, and what else was told"
is "$(json jobs1/pareto.json "all(r > max(p['objectives'][o] for p in d['points']) for o, r in zip(('f1', 'f2'), d['reference_point']))")" True \
	"its reference point lies beyond it"
exits 0 "a page and a picture are made of it" "$SOFA_DSE" report jobs1 -o page.html --svg picture.svg
grep -q 'with an outside evaluator' page.html && grep -q './child error' page.html
ok $? "the page says what evaluated it"
is "$(head -n 1 jobs1/pareto.csv)" "id,a,b,f1,f2,g1,spare" "pareto.csv has a column for each"
exits 0 "fronts are merged" "$SOFA_DSE" merge jobs1 random nsga2 -o merged.json
exits 0 "one point is evaluated" "$SOFA_DSE" evaluate sound.yaml --set a=3 --set b=4 --json
cp "$tap_dir/out" one.json
is "$(json one.json "d['objectives'], d['metrics'], d['feasible'], d['breakdown'], d['sources']['f1'], d['parameters']")" \
	"{'f1': 25, 'f2': 313} {'f1': 25, 'f2': 313, 'g1': 7, 'spare': 0.5} True {} evaluator: ./child {'a': 3, 'b': 4}" "with what the program said"
exits 0 "a point of the front is evaluated again" "$SOFA_DSE" evaluate sound.yaml --point jobs1/pareto.json --json
cp "$tap_dir/out" again.json
is "$(json again.json "d['objectives']")" "$(json jobs1/pareto.json "d['points'][0]['objectives']")" "to the same numbers"
exits 0 "a point that cannot work" "$SOFA_DSE" evaluate error.yaml --json
cp "$tap_dir/out" cannot.json
is "$(json cannot.json "d['feasible'], d['violations'], d['objectives']")" "False ['does not converge'] {'f1': None, 'f2': None}" "says why"
exits 0 "the same for people" "$SOFA_DSE" evaluate error.yaml
grep -q '^violated: does not converge' "$tap_dir/out"
ok $? "in words"
exits 1 "a point that fails" "$SOFA_DSE" evaluate crash.yaml
says '^sofa-dse: \./child ended with status 7' "ends with the reason"
exits 2 "a parameter that is not there" "$SOFA_DSE" evaluate sound.yaml --set c=1
says "unknown parameter 'c'; expected one of a, b" "is named"
exits 2 "a value beyond the space" "$SOFA_DSE" evaluate sound.yaml --set a=33
says "'33' is out of range; expected 0 to 32" "is refused"
for option in --simulate "--explain latency" --action-counts; do
	# shellcheck disable=SC2086
	exits 2 "$option is refused" "$SOFA_DSE" evaluate sound.yaml $option
done
exits 0 "a space is checked" "$SOFA_DSE" check sound.yaml
grep -q "2 axes, 1089 points, 2 objectives, 1 constraints; evaluator ./child" "$tap_dir/out"
ok $? "and its size and program are told"

cat >sweep.yaml <<END
version: 1
name: seeds
matrix: {space: sound.yaml, seed: [1, 2], algorithm: [halton, random]}
END
exits 0 "a sweep over such a space" "$SOFA_DSE" sweep sweep.yaml --progress none
is "$(json seeds.sweep/pareto.json "len(d['sources'])")" 4 "is merged"
sed 's/algorithm:.*/hardware: [sofa-28nm]}/' sweep.yaml >hardware.yaml
exits 2 "hardware in such a sweep is refused" "$SOFA_DSE" sweep hardware.yaml -o hardware.sweep
says "hardware.yaml:3:.*a space with an 'evaluator' has no hardware" "at its place"

# bad space files
bad() {
	sed "$1" sound.yaml >bad.yaml
	exits 2 "refused: $3" "$SOFA_DSE" explore bad.yaml -o bad
	says "bad.yaml:$2" "at its place: $3"
	[ ! -e bad ]
	ok $? "and nothing was started"
}
touch plain
bad 's/child/chld/' "3:23: cannot run './chld': No such file or directory" "a program that is not there"
bad 's/child/plain/' "3:23: cannot run './plain': it is not executable" "a file that is no program"
bad 's/\.\/child/.\//' "3:23: cannot run './': it is no file" "a folder"
bad 's/\.\/child/no-such-model/' "3:23: cannot run 'no-such-model': no such program in PATH" "a program that is not in PATH"
bad 's/\[.\/child\]/.\/child --fast/' "3:22: './child --fast' is not run by a shell; expected a list" "a command for a shell"
bad 's/\[.\/child\]/[]/' "3:22: there is no command" "an empty command"
bad 's/timeout/timout/' "3:33: unknown key 'timout'; did you mean 'timeout'" "a key that is not known"
bad 's/30 s/30 m/' "3:42: '30 m' has the wrong dimension" "a timeout in metres"
bad 's/30 s/-1 s/' "3:42: " "a timeout below zero"
bad 's/^parameters/workload: bert-base-squad\nparameters/' "4:11: a space with an 'evaluator' has no workload" "a workload"
bad 's/^parameters/hardware: sofa-28nm\nparameters/' "4:11: a space with an 'evaluator' has no hardware" "hardware"
bad 's/range: \[0, 32\]/values: [1, two]/' "5:19: 'two' is a string and '1' is not" "numbers and strings together"
bad 's/range: \[0, 32\]/values: [1 s, 2 B]/' "5:21: a: '2 B' has the wrong dimension" "two dimensions"
bad 's/range: \[0, 32\]/values: [1 Gbyte]/' "5:16: unknown unit 'Gbyte'; quote a string" "a unit that is not known"
bad 's/range: \[0, 32\]/values: [true, false]/' "5:16: 'true' is neither a plain number nor a string" "truth values"
bad 's/range: \[0, 32\]/values: [0x10, 0x20]/' "5:16: '0x10' is neither a plain number nor a string" "hexadecimal numbers"
bad 's/g1 <= 30/a <= 30/' "8:15: 'a' is a parameter; expected an objective or a metric" "a constraint on a parameter"
bad 's/range: \[0, 32\]/range: [0.5, 1]/' "5:14: a: a range needs a 'step'" "a range without a step"
bad 's/range: \[0, 32\]/range: [x, y]/' "5:14: a takes names" "a range of names"
bad 's/{range: \[0, 32\]}/{each: layer, values: [1, 2]}/' "5:13: a is not a setting of a layer" "layers"
bad 's/  a:/  "a=b":/' "5:3: 'a=b' can't be a name" "a name with an equals sign"
bad 's/name: f2/name: f1/' "7:26: 'f1' stands here twice" "an objective twice"
bad 's/name: f2/name: f2, unit: parsec/' "7:26: unknown unit 'parsec'" "a unit of an objective"
bad 's/name: f2/name: f2, maximise: true/' "7:37: unknown key 'maximise'; did you mean 'maximize'" "a key of an objective"
bad 's/timeout/metrics: [g2], timeout/' "8:15: 'g1' is neither an objective nor one of the evaluator's metrics; .*expected one of f1, f2, g2" \
	"a constraint on what is not among the metrics"
bad 's/timeout/metrics: [g1, f1], timeout/' "3:47: 'f1' is an objective already" "a metric that is an objective"
bad 's/g1 <= 30/g1 <= 30 s/' "8:15: g1: '30 s' has the wrong dimension" "a limit with a unit on what has none"
bad 's/halton/paper/' "9:21: 'paper' minimises the published scalar" "the paper's algorithm"

# the examples
cp -R "$SOFA_SRCDIR/examples/evaluator" examples && chmod -R u+w examples
exits 0 "the example in Python is searched" explore examples/python.yaml -o python --evaluations 24
[ "$(json python/pareto.json "len(d['points']) > 0 and d['reference_point'] == [60, 0.03]")" = True ]
ok $? "and has a front under its reference point"
if ${CC:-cc} -O1 -o examples/model examples/model.c -lcjson -lm 2>cc.err; then
	exits 0 "the example in C is searched" explore examples/c.yaml -o c
	is "$(json c/pareto.json "[o['unit'] for o in d['objectives']], d['points'][0]['parameters']['policy'], all(p['metrics']['area'] <= 2 for p in d['points'])")" \
		"['1', 'J'] lru True" "with units, names and a limit"
	exits 0 "and its points are evaluated" "$SOFA_DSE" evaluate examples/c.yaml --set 'capacity=48 KiB' --set policy=random
else
	skip "the example in C: no compiler, or no cJSON"
fi
finish

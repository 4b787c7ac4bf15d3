#!/bin/sh
# The report of a study: made by explore, made again, and looked at with a real browser where there is one.
. "${SOFA_SRCDIR:?}/tests/cli/tap.sh"
cd "$tap_dir" || exit 99
cat >small.yaml <<END
version: 1
name: small
workload: {checkpoint: $SOFA_SRCDIR/models/bytelm, text: $SOFA_SRCDIR/models/bytelm/heldout.bin, window: 128, windows: 2}
hardware: sofa-28nm
parameters:
  tiles: {each: layer, range: [2, 16], step: 2}
  topk: {values: [5 %, 10 %, 20 %, 40 %]}
  radius: {values: [4, 8, inf]}
  sort: [sads, full]
objectives: [latency, energy, accuracy_loss]
constraints: ["accuracy_loss <= 10 %", "area <= 8 mm2"]
search: {algorithm: random, evaluations: 30, seed: 3, parallel: 4}
END
exits 0 "a study is made" "$SOFA_DSE" explore small.yaml --progress none
page=small.study/report.html
[ -s $page ]
ok $? "explore leaves report.html"
cp $page first.html
exits 0 "the report is made again" "$SOFA_DSE" report small.study
cmp -s $page first.html
ok $? "to the same bytes"
exits 0 "it can be put elsewhere" "$SOFA_DSE" report small.study -o elsewhere.html
cmp -s $page elsewhere.html
ok $? "with the same content"
[ ! -e small.study/study.db-wal ] && [ ! -e small.study/study.db-shm ]
ok $? "and leaves nothing behind in the study"
is "$(grep -oiE "(src|href) *=|url\(|@import|https?://" $page | sort -u)" "" "the page loads nothing from anywhere"

exits 0 "a picture is made" "$SOFA_DSE" report small.study --svg picture.svg --axes energy,accuracy_loss
[ -s picture.svg ]
ok $? "as a file"
/usr/bin/python3 -c "import sys, xml.dom.minidom as m; m.parse(sys.argv[1])" picture.svg
ok $? "that is well-formed XML"
grep -q 'energy (' picture.svg && grep -q 'accuracy_loss (%)' picture.svg
ok $? "its axes have units"
exits 2 "an objective that the study doesn't have is refused" "$SOFA_DSE" report small.study --svg x.svg --axes energy,area
says "'area' is no objective of this study; expected two of latency, energy, accuracy_loss" "with what there is"
exits 2 "one axis is not enough" "$SOFA_DSE" report small.study --svg x.svg --axes energy
exits 2 "nor is one twice" "$SOFA_DSE" report small.study --svg x.svg --axes energy,energy
exits 2 "a folder that is not there is refused" "$SOFA_DSE" report nowhere
says 'nowhere: no folder is here' "by its name"
# while the study goes on
"$SOFA_DSE" explore small.yaml -o small.study --extend --evaluations 400 --progress none >/dev/null 2>&1 &
pid=$! bad=0 reports=0
while kill -0 $pid 2>/dev/null; do
	"$SOFA_DSE" report small.study -o meanwhile.html 2>err || bad=$((bad + 1))
	reports=$((reports + 1))
done
wait $pid
ok $? "a study is extended"
[ $reports -gt 0 ] && [ $bad -eq 0 ]
ok $? "and reported on meanwhile ($reports times, $bad in vain)"
cp $page first.html
exits 0 "reported on when it has ended" "$SOFA_DSE" report small.study
cmp -s $page first.html
ok $? "the report is what it left itself"

mkdir empty
exits 2 "a folder without a study is refused" "$SOFA_DSE" report empty
says 'empty/pareto.json' "by the file that is missing"
exits 1 "a page that can't be written is an error" "$SOFA_DSE" report small.study -o nowhere/page.html

browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome)
if [ -z "$browser" ]; then
	skip "no browser is installed: chromium looks at the page"
	finish
	exit
fi
# look FILE: the page as the browser made it in dom, complaints in browser.log
look() {
	timeout 60 "$browser" --headless=new --no-sandbox --disable-gpu --disable-dev-shm-usage --no-first-run --disable-background-networking \
		--user-data-dir="$tap_dir/profile" --virtual-time-budget=3000 --enable-logging=stderr --dump-dom "file://$tap_dir/$1" \
		>dom 2>browser.log
}
# what a user would do: sort by energy, point at a design, choose another objective
cat $page - >used.html <<'END'
<script>
document.querySelectorAll('#front th button')[2].click();
var values = Array.from(document.querySelectorAll('#front tbody tr')).map(function (r) { return Number(r.cells[2].getAttribute('data-v')); });
document.body.setAttribute('data-sorted', values.every(function (v, i) { return i === 0 || values[i - 1] <= v; }));
document.querySelectorAll('#front th button')[2].click();
values = Array.from(document.querySelectorAll('#front tbody tr')).map(function (r) { return Number(r.cells[2].getAttribute('data-v')); });
document.body.setAttribute('data-reversed', values.every(function (v, i) { return i === 0 || values[i - 1] >= v; }));
document.querySelector('.pair circle.f').dispatchEvent(new MouseEvent('mousemove', {bubbles: true, clientX: 50, clientY: 50}));
document.body.setAttribute('data-hot', document.querySelectorAll('.pair circle.hot').length + ' ' + document.querySelectorAll('tr.hot').length);
var choice = document.getElementById('against');
choice.value = 2;
choice.dispatchEvent(new Event('change'));
document.body.setAttribute('data-shown', document.querySelectorAll('[data-y]:not([hidden])').length + ' ' +
  document.querySelectorAll('[data-y="2"]:not([hidden])').length);
var wide = Array.from(document.querySelectorAll('svg text')).filter(function (t) {
  var a = t.getBoundingClientRect(), b = t.closest('svg').getBoundingClientRect();
  return a.width && (a.left < b.left - 1 || a.right > b.right + 1 || a.top < b.top - 1 || a.bottom > b.bottom + 1);
});
document.body.setAttribute('data-cut', wide.map(function (t) { return t.textContent; }).join());
var ticks = Array.from(document.querySelectorAll('svg')).filter(function (s) {
  var boxes = Array.from(s.querySelectorAll('.tick')).map(function (t) { return t.getBoundingClientRect(); });
  return boxes.some(function (a, i) { return boxes.some(function (b, k) {
    return i < k && a.width && b.width && a.left < b.right && b.left < a.right && a.top + 2 < b.bottom && b.top + 2 < a.bottom; }); });
});
document.body.setAttribute('data-overlaps', ticks.length);
</script>
END
look used.html
is "$(grep -c 'CONSOLE' browser.log)" 0 "the page's script has no errors"
grep CONSOLE browser.log | sed 's/^/# /'
grep -q '<html lang="en" data-ready="yes"' dom
ok $? "and ran to its end"
attribute() { grep -oE "$1=\"[^\"]*\"" dom | head -n 1 | sed 's/.*="//; s/"$//'; }
is "$(attribute data-sorted)" true "a click on a heading sorts the front"
is "$(attribute data-reversed)" true "and a second the other way"
is "$(attribute data-hot)" "3 1" "a design that is pointed at lights up in every picture and in the table"
grep -qE 'id="tip".*evaluation [0-9]+, on the front' dom
ok $? "and tells what it is"
shown=$(attribute data-shown)
[ "${shown% *}" = "${shown#* }" ] && [ "${shown#* }" -ge 7 ]
ok $? "the parameters are shown against the objective that is chosen"
is "$(attribute data-cut)" "" "no text of a picture is cut off"
is "$(attribute data-overlaps)" 0 "and no ticks lie on each other"
front=$(/usr/bin/python3 -c "import json; print(len(json.load(open('small.study/pareto.json'))['points']))")
is "$(grep -oE '<tr data-i=' dom | wc -l)" "$front" "the table has a row for each design of the front"
is "$(grep -A 400 'class="card pair"' dom | sed -n '1,/<\/svg>/p' | grep -oE 'class="f[" ]' | wc -l)" "$front" "and a picture a mark"
finish

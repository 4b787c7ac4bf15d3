#!/bin/sh
# A study belongs to the files that its space names: going on after one of them changed is refused.
. "${SOFA_SRCDIR:?}/tests/cli/tap.sh"
M=$SOFA_SRCDIR/models
sed "s|\.\./|$M/|" "$M/hardware/sofa-28nm.yaml" >"$tap_dir/hw.yaml"
cp "$M/workloads/bert-base-squad.yaml" "$tap_dir/w.yaml"
cp "$M/statistics/synthetic-k100.yaml" "$tap_dir/s.yaml"
cat >"$tap_dir/space.yaml" <<'EOF_SPACE'
version: 1
name: inputs
workload: {name: w.yaml, statistics: s.yaml}
hardware: hw.yaml
parameters: {token_sram: [64 KiB, 128 KiB]}
objectives: [latency, energy]
search: {algorithm: exhaustive, evaluations: 2}
EOF_SPACE
# refused FILE WHAT
refused() {
	exits 2 "a changed $2 is noticed" "$SOFA_DSE" explore "$tap_dir/space.yaml" -o "$tap_dir/study" --resume
	says "made with other files: $2 $1 changed; choose another folder" "and named"
}
exits 0 "a study" "$SOFA_DSE" explore "$tap_dir/space.yaml" -o "$tap_dir/study"
exits 0 "goes on with the same files" "$SOFA_DSE" explore "$tap_dir/space.yaml" -o "$tap_dir/study" --resume
for pair in hw.yaml:hardware w.yaml:workload s.yaml:statistics; do
	file=${pair%%:*}
	cp "$tap_dir/$file" "$tap_dir/kept"
	echo '# another' >>"$tap_dir/$file"
	refused "$file" "${pair#*:}"
	cp "$tap_dir/kept" "$tap_dir/$file"
done
exits 0 "and again when it is as it was" "$SOFA_DSE" explore "$tap_dir/space.yaml" -o "$tap_dir/study" --resume

mkdir "$tap_dir/lm"
cp "$M/bytelm/config.json" "$M/bytelm/model.safetensors" "$tap_dir/lm"
head -c 3000 "$M/bytelm/heldout.bin" >"$tap_dir/text.bin"
sed -e 's|^workload:.*|workload: {checkpoint: lm, text: text.bin, window: 128}|' -e 's|^objectives:.*|objectives: [latency, accuracy_loss]|' \
	"$tap_dir/space.yaml" >"$tap_dir/lm.yaml"
mv "$tap_dir/lm.yaml" "$tap_dir/space.yaml"
rm -r "$tap_dir/study"
exits 0 "a study of a checkpoint" "$SOFA_DSE" explore "$tap_dir/space.yaml" -o "$tap_dir/study"
echo "read me" >"$tap_dir/lm/README.md"
exits 0 "goes on beside a new README" "$SOFA_DSE" explore "$tap_dir/space.yaml" -o "$tap_dir/study" --resume
printf 'x' | dd of="$tap_dir/lm/model.safetensors" bs=1 seek=200000 conv=notrunc 2>/dev/null
refused model.safetensors checkpoint
cp "$M/bytelm/model.safetensors" "$tap_dir/lm"
head -c 3001 "$M/bytelm/heldout.bin" >"$tap_dir/text.bin"
refused text.bin text
finish

# small.sh: the small space that the tests of sweeps, merges, kills and faults search, to stdout; change it with sed.
# Source it after tap.sh.
# shellcheck shell=sh
small_space() {
	cat <<END
version: 1
name: small
workload: {checkpoint: $SOFA_SRCDIR/models/bytelm, text: $SOFA_SRCDIR/models/bytelm/heldout.bin, window: 64}
hardware: sofa-28nm
parameters:
  tiles: {each: layer, range: [2, 16], step: 2}
  topk: {values: [5 %, 10 %, 20 %, 40 %]}
  token_sram: {values: [64 KiB, 192 KiB]}
objectives: [latency, energy, accuracy_loss]
search: {algorithm: random, evaluations: 12, seed: 3, parallel: 4}
END
}

# random_below N: from the system's random bits
random_below() { echo $(($(od -An -N4 -tu4 /dev/urandom) % $1)); }
# milliseconds N: as sleep takes them
milliseconds() { printf '%d.%03d' $(($1 / 1000)) $(($1 % 1000)); }
# now_ms: of a clock
now_ms() { echo $(($(date +%s%N) / 1000000)); }

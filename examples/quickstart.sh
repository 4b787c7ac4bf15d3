#!/bin/sh
# Installs what is missing, builds, explores spaces/quickstart.yaml and says where the results are.
# May be run again: what is built stays built, and an exploration goes on where it stopped.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
# shellcheck source=tools/debian-packages.sh
. "$root/tools/debian-packages.sh"

# shellcheck disable=SC2086
need_packages $build_packages
build_tree "$root" "$root/build"

study=$root/quickstart.study
resume=
[ -f "$study/study.db" ] && resume=--resume
echo "== exploring spaces/quickstart.yaml"
"$root/build/sofa-dse" explore "$root/spaces/quickstart.yaml" -o "$study" $resume
echo "== done; the results are in $study:"
ls "$study"
echo "== any design of the front again, in full:"
echo "    $root/build/sofa-dse evaluate $root/spaces/quickstart.yaml --point $study/pareto.json"

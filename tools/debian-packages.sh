# debian-packages.sh: installs what is missing, builds what has changed.  Source it.
# shellcheck shell=sh

# What the program is built from.
build_packages="gcc libc6-dev make autoconf automake pkg-config libgsl-dev libopenblas-dev libyaml-dev libcjson-dev libsqlite3-dev"

# Packages of the list that this machine doesn't have.
missing_packages() {
	for package; do
		dpkg-query -W -f '${Status}\n' "$package" 2>/dev/null | grep -q '^install ok installed$' || echo "$package"
	done
}

# need_packages PACKAGE...
need_packages() {
	if ! command -v dpkg-query >/dev/null; then
		echo "== this is not Debian; make sure that these, or their like, are installed: $*"
		return 0
	fi
	missing=$(missing_packages "$@" | tr '\n' ' ')
	[ -n "$missing" ] || return 0
	echo "== installing $missing"
	if [ "$(id -u)" -eq 0 ]; then
		as_root=
	elif command -v sudo >/dev/null; then
		as_root=sudo
	else
		echo "these packages are missing and only root can install them:"
		echo "    apt-get install $missing"
		return 1
	fi
	# shellcheck disable=SC2086
	$as_root apt-get -qq update &&
		$as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends $missing >/dev/null
}

# build_tree SOURCE BUILD [CONFIGURE-OPTION...]: configures once, then makes what has changed.
build_tree() {
	source_dir=$1 build_dir=$2
	shift 2
	if [ ! -f "$source_dir/configure" ]; then
		echo "== generating configure"
		(cd "$source_dir" && autoreconf -fi >autoreconf.log 2>&1) || {
			cat "$source_dir/autoreconf.log"
			return 1
		}
		rm -f "$source_dir/autoreconf.log"
	fi
	mkdir -p "$build_dir" || return 1
	if [ ! -f "$build_dir/Makefile" ]; then
		echo "== configuring in $build_dir"
		(cd "$build_dir" && "$source_dir/configure" --silent "$@") || return 1
	fi
	echo "== building in $build_dir"
	make -s -C "$build_dir" -j "$(nproc)" V=1
}

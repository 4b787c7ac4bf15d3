#!/bin/sh
# What is written about the program is true: the manual is well-formed and complete, its examples and
# the README's run, and the completion knows what --help says.
. "${SOFA_SRCDIR:?}/tests/cli/tap.sh"
PATH=$(dirname "$SOFA_DSE"):$PATH
manual=$SOFA_SRCDIR/man/sofa-dse.1
completion=$SOFA_SRCDIR/tools/sofa-dse.bash-completion

# have PROGRAM WHAT: else WHAT is skipped
have() {
	command -v "$1" >/dev/null || {
		skip "$2: $1 is not installed"
		return 1
	}
}

if have mandoc "the manual is well-formed"; then
	is "$(mandoc -T lint -W style "$manual" 2>&1 | grep -v 'mandoc.db')" "" "the manual is well-formed (mandoc -T lint)"
fi

# commands and options, as --help tells them
commands=$(sofa-dse --help | sed -n '/^commands:/,/^$/s/^  \([a-z][a-z-]*\) .*/\1/p')
[ -n "$commands" ]
ok $? "--help lists the commands"
options() {
	sofa-dse "$1" --help | grep -oE '^ +(-[a-z], )?--[a-z-]+' | grep -oE -- '--?[a-z][a-z-]*' | sort -u
}

# The manual as plain text: every option of a command stands in the command's own section.
sed 's/\\-/-/g' "$manual" >"$tap_dir/manual"
section() {
	awk -v name="$1" '/^\.S[sh]/ { on = ($1 == ".Ss" && $2 == name) } on' "$tap_dir/manual"
}
for command in $commands; do
	section "$command" >"$tap_dir/section"
	[ -s "$tap_dir/section" ]
	ok $? "the manual has a section on $command"
	missing=
	for option in $(options "$command"); do
		case $option in
		--help | -h) where=$tap_dir/manual ;;
		*) where=$tap_dir/section ;;
		esac
		name=${option#-}
		grep -qE -- "^\.(It|Fl|Op).*[ ,]($name)( |,|$)" "$where" || missing="$missing $option"
	done
	is "$missing" "" "and it has every option of $command"
done

# reply WORD...: what a real bash offers for the last word
reply() {
	bash --norc --noprofile -c '. "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _sofa_dse; printf "%s\n" "${COMPREPLY[@]}"' \
		bash "$completion" "$@" 2>&1 | sort
}
# offers NAME WANTED WORD...: each of WANTED's words is among them
offers() {
	name=$1 wanted=$2
	shift 2
	reply "$@" >"$tap_dir/reply"
	lacks=
	for one in $wanted; do
		grep -qxF -- "$one" "$tap_dir/reply" || lacks="$lacks $one"
	done
	is "$lacks" "" "$name"
}
if have bash "completion"; then
	offers "completion offers every command" "$commands --help --version" "$SOFA_DSE" ''
	for command in $commands; do
		offers "and every option of $command" "$(options "$command")" "$SOFA_DSE" "$command" -
	done
	is "$(reply "$SOFA_DSE" explore --se)" "--seed" "a beginning is completed"
	for kind in algorithms metrics parameters workloads hardware generators; do
		offers "it knows that $kind can be listed" "$kind" "$SOFA_DSE" list ''
	done
	offers "it knows the algorithms" "$(sofa-dse list algorithms | cut -d ' ' -f 1)" "$SOFA_DSE" explore s.yaml --algorithm ''
	offers "also behind an equals sign" "random" "$SOFA_DSE" explore s.yaml --algorithm = ra
	offers "it knows the parameters" "tiles= token_sram=" "$SOFA_DSE" evaluate s.yaml --set t
	offers "it offers files elsewhere" "$SOFA_SRCDIR/spaces/quickstart.yaml" "$SOFA_DSE" explore "$SOFA_SRCDIR/spaces/quick"
	if have shellcheck "the completion is clean"; then
		exits 0 "the completion is clean (shellcheck)" shellcheck -s bash "$completion"
	fi
fi

# Examples: lines that start with sofa-dse, with the lines they go on in.  They run in the order in which
# they stand, in a folder that looks like the source tree.
manual_examples() {
	sed -n '/^\.Sh EXAMPLES/,/^\.Sh DIAG/p' "$manual" | sed 's/\\-/-/g; s/\\e$/\\/'
}
readme_examples() {
	awk '/^```/ { on = !on; next } on' "$SOFA_SRCDIR/README.md" | sed 's|^\(\$ \)*\(\./\)*\(build/\)*sofa-dse |sofa-dse |'
}
joined() {
	sed -e ':again' -e '/\\$/N; s/\\\n *//; t again' | grep '^sofa-dse ' | sed 's/  *#.*$//'
}
# run_example DOCUMENT LINE: a search as long as nobody waits for in a test is shortened, and its name says so
run_example() {
	short=
	case $2 in
	*"--executor slurm"* | *"--executor mpi"*)
		skip "$1: $2: needs a cluster"
		return
		;;
	*" explore "*--help* | *" explore "*--evaluations*) ;;
	*" explore "*) short=" --evaluations 6" ;;
	esac
	exits 0 "$1: $2${short:+ (with$short)}" sh -c "$2$short"
	if [ "$1" = manual ]; then
		[ -s "$tap_dir/out" ] || [ -s quick.svg ]
		ok $? "it prints something"
	fi
}
examples() {
	rm -rf "$tap_dir/scratch"
	mkdir "$tap_dir/scratch" && cd "$tap_dir/scratch" || exit 99
	ln -s "$SOFA_SRCDIR/spaces" "$SOFA_SRCDIR/models" "$SOFA_SRCDIR/examples" .
	"$1_examples" | joined >"$tap_dir/lines"
	while IFS= read -r line <&3; do
		run_example "$1" "$line"
	done 3<"$tap_dir/lines"
}
examples manual
[ "$(wc -l <"$tap_dir/lines")" -ge 5 ]
ok $? "the manual has examples"
examples readme
finish

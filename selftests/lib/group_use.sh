#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Any module: the commands in section "Try it" of its README do what the README says.
#
# usage: selftests/lib/group_use.sh MODULE
#
# Read are the ```console blocks. A line that begins with `# ` or `$ ` is a command, `> ` or a backslash at
# a line's end continue it, what follows is its output; `...` in it stands for any text. All commands run
# in one shell. Commands for the host (`$ make ...`, `$ scripts/...`) are not run here.
. "$(dirname "$0")/group.sh"

readme="$ktest_top/$module/README.md"
[ -r "$readme" ] || readme="$ktest_top/drivers/$module/README.md"
commands=()
outputs=()

# Fills `commands` and `outputs` from the README.
read_blocks() {
	local line in_section="" in_block="" command="" output="" open=""
	flush() {
		[ -n "$open" ] || return 0
		commands+=("$command")
		outputs+=("$output")
		open=
	}
	while IFS= read -r line || [ -n "$line" ]; do
		if [ -n "$in_block" ]; then
			if [ "$line" = '```' ]; then
				flush
				in_block=
			elif [ -n "$open" ] && [ -z "$output" ] && [ "${command: -1}" = "\\" ]; then
				command=${command%"\\"}' '${line#> }
			elif [ -n "$open" ] && [[ $line = '> '* ]]; then
				command+=$'\n'${line#> }
			elif [[ $line = '# '* || $line = '$ '* ]]; then
				flush
				command=${line:2}
				output=
				open=1
			else
				output+=${line%"${line##*[![:space:]]}"}$'\n'
			fi
		elif [[ $line = '#'* ]]; then
			in_section=
			[[ ${line,,} != *'try it'* ]] || in_section=1
		elif [ -n "$in_section" ] && [[ $line = '```console'* ]]; then
			in_block=1
		fi
	done <"$readme"
}

# Turns expected output into a pattern for [[ ]]: everything literal but `...`.
to_pattern() {
	local text=$1 piece pattern=''
	while [[ $text = *...* ]]; do
		piece=${text%%...*}
		text=${text#*...}
		# A line of dots alone stands for no line, too.
		if [ -z "$piece" ] || [ "${piece: -1}" = $'\n' ]; then text=${text#$'\n'}; fi
		pattern+=$(quote "$piece"; echo x)
		pattern=${pattern%x}'*'
	done
	pattern+=$(quote "$text"; echo x)
	printf '%s' "${pattern%x}"
}

quote() { printf '%s' "$1" | sed 's/[][\\*?!()|@+]/\\&/g'; }

# Runs in this shell, so that `cd` and variables last.
run() {
	local command=$1 want=$2 got pattern
	eval "$command" >"$ktest_dir/output" 2>&1 </dev/null
	# Messages of the shell as an interactive one words them.
	got=$(sed -E 's/[[:space:]]*$//; s/^[^ ]*group_use\.sh: line [0-9]+: /bash: /' "$ktest_dir/output")
	got=${got:+$got$'\n'}
	pattern=$(to_pattern "$want"; echo x)
	# shellcheck disable=SC2053
	[[ $got = ${pattern%x} ]] || fail "wanted: ${want//$'\n'/ / }got: ${got//$'\n'/ / }"
}

unload_at_end() { ! loaded || unload; }

[ -r "$readme" ] || bail "the README.md of $module is missing"
cd "$ktest_top" || exit 1
at_end unload_at_end
read_blocks
[ ${#commands[@]} -gt 0 ] || bail "section 'Try it' of $module/README.md has no command"
ran=0
for ((step = 0; step < ${#commands[@]}; step++)); do
	case ${commands[step]} in
	make | 'make '* | scripts/*) note "for the host: ${commands[step]}" ;;
	*)
		it "${commands[step]%%$'\n'*}" run "${commands[step]}" "${outputs[step]}"
		ran=$((ran + 1))
		;;
	esac
done
it "the README has commands for the guest" expect_between 1 1000 "$ran"
finish

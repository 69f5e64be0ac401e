#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Runs guest tests one after the other inside a VM and prints one KTAP document, each test a subtest.
#
# usage: selftests/lib/guest.sh [NAME:TIMEOUT_S:SCRIPT[:ARGUMENT]]...
#
# The output of each test is kept as $RVM_OUT/<NAME>.ktap too. A test also fails if it outlives its time,
# taints the kernel or leaves a module loaded. Exit status: 0 all passed, 1 otherwise.

# The bits of a kernel that has gone wrong: bad page, died, warned, soft lockup.
bad_taint=$((1 << 5 | 1 << 7 | 1 << 9 | 1 << 14))
export LC_ALL=C
out=${RVM_OUT:-/tmp}
failed=0
number=0

taint() { echo $(($(cat /proc/sys/kernel/tainted) & bad_taint)); }

# The loaded modules that are not part of the kernel's own tree.
foreign() { sed -n 's/^\([^ ]*\) .*([A-Z]*O[A-Z]*)$/\1/p' /proc/modules | sort; }

printf 'KTAP version 1\n1..%d\n' $#
for entry; do
	IFS=: read -r name timeout_s script argument <<<"$entry"
	number=$((number + 1))
	file="$out/${name//\//_}.ktap"
	taint_before=$(taint)
	foreign_before=$(foreign)
	start_us=${EPOCHREALTIME/./}
	# shellcheck disable=SC2086 # no argument is no word
	timeout -k 5 "$timeout_s" bash "$script" $argument >"$file" 2>&1 </dev/null
	status=$?
	time_ms=$(((${EPOCHREALTIME/./} - start_us) / 1000))
	reason=
	case $status in
	0 | 1 | 4) ;;
	124 | 137 | 143) reason="no end after $timeout_s s" ;;
	*) reason="ended with status $status" ;;
	esac
	left=$(foreign | grep -vxF -- "${foreign_before:- }" | tr '\n' ' ')
	[ -z "${left// /}" ] || {
		reason="${reason:+$reason; }left loaded: $left"
		for module in $left; do rmmod "$module" 2>/dev/null; done
	}
	[ "$(taint)" = "$taint_before" ] || reason="${reason:+$reason; }the kernel is tainted by a warning"
	sed 's/^/    /' "$file"
	[ -z "$reason" ] || printf "# %s\n" "$reason"
	printf '# time_ms %d\n' "$time_ms"
	if [ -z "$reason" ] && [ "$status" != 1 ]; then
		printf 'ok %d - %s\n' "$number" "$name"
	else
		failed=1
		printf 'not ok %d - %s\n' "$number" "$name"
	fi
done
exit $failed

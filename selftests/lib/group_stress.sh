#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Any module: everything at once for some seconds. Readers and writers of every attribute, objects that come and go,
# the module's own load (functions named stress_* in config.sh, each called again and again), and the module itself
# unloaded and loaded in the middle of it.
#
# usage: selftests/lib/group_stress.sh MODULE
. "$(dirname "$0")/group.sh"

duration_s=${RVM_LONG:+120}
duration_s=${duration_s:-6}
readable=()
writable=()
declare -A max=()
stop=$ktest_dir/stop
rounds=$ktest_dir/rounds
mkdir "$rounds"

attr() {
	local path=$1
	[[ $path = /* ]] || path=$OBJECT/$path
	[ "$2" = wo ] || readable+=("$path")
	case $2 in
	int | bool | act) writable+=("$path") ;;
	esac
	max[$path]=${4:-1}
}

# Calls a function until the end. What it does may fail, since its files come and go; it must not hang.
again() {
	local count=0
	until [ -e "$stop" ]; do
		"$@" >/dev/null 2>&1
		count=$((count + 1))
	done
	echo "$count" >"$rounds/$1.$BASHPID"
}

read_all() { cat "${readable[@]}"; }

# Numbers in and out of bounds, and junk.
write_any() {
	local path=${writable[RANDOM % ${#writable[@]}]}
	case $((RANDOM % 4)) in
	0) printf '%s' "$((RANDOM * 65536))" >"$path" ;;
	1) printf junk >"$path" ;;
	*) printf '%s' "$((RANDOM % (max[$path] + 1)))" >"$path" ;;
	esac
}

object() {
	teardown
	setup
}

module() {
	unload || teardown
	loaded || load_module "$MODULE_KO" "${PARAMS[@]}"
	setup
	sleep 0.3
}

need_object
attributes
it "everything at once for $duration_s s ends"
again read_all &
again read_all &
[ ${#writable[@]} -eq 0 ] || again write_any &
again object &
again module &
while read -r name; do again "$name" & done < <(compgen -A function stress_)
sleep "$duration_s"
: >"$stop"
wait
for file in "$rounds"/*; do note "${file##*/}: $(cat "$file") rounds"; done
[ "$(find "$rounds" -type f | wc -l)" -ge 4 ] || fail "a loop did not end"
it "the kernel has nothing to say about it" expect_quiet_kernel
it "the module works after that"
! loaded || {
	teardown
	expect_ok unload
}
expect_ok load_module "$MODULE_KO" "${PARAMS[@]}"
expect_ok setup
[ ${#readable[@]} -eq 0 ] || expect_ok read_all
finish

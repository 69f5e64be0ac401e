#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Any module: loading and unloading it again and again leaves nothing behind.
#
# usage: selftests/lib/group_load.sh MODULE
. "$(dirname "$0")/group.sh"

cycles=50
# Slab memory that many cycles may leave behind; the kernel's own caches breathe by some hundred kB.
limit_kb=2048
# The same for what kmalloc has handed out; a healthy module leaves up to 13 kB.
limit_kmalloc_kb=150

# Objects in use in the caches of kmalloc.
kmalloc_kb() { awk '/^kmalloc-/ {bytes += $2 * $4} END {printf "%d", bytes / 1024}' /proc/slabinfo; }

field_kb() { awk -v name="$1:" '$1 == name {print $2}' /proc/meminfo; }

settle() {
	local cache
	echo 3 >/proc/sys/vm/drop_caches
	sleep 0.1
	# Otherwise a slab that a CPU has begun counts as used up.
	for cache in /sys/kernel/slab/kmalloc-*/shrink; do echo 1 >"$cache"; done
}

cycle() {
	expect_ok load_module "$MODULE_KO" "${PARAMS[@]}" && expect_ok unload
}

cycle_many() {
	local i
	for ((i = 0; i < $1; i++)); do cycle || return 1; done
}

# So that one failed case does not fail the next ones.
start_over() {
	teardown
	! loaded || unload
}

# One life with an object, torn down before the module goes.
cycle_object() {
	local i
	for ((i = 0; i < 10; i++)); do
		expect_ok load_module "$MODULE_KO" "${PARAMS[@]}" || return 1
		setup || fail "set-up failed in round $i" || return 1
		teardown
		expect_ok unload || return 1
	done
}

# The module goes first: it must take its objects along, or refuse while they are there.
unload_with_object() {
	expect_ok load_module "$MODULE_KO" "${PARAMS[@]}" || return 1
	setup || fail "set-up failed" || return 1
	if unload 2>/dev/null; then
		[ -z "$OBJECT" ] || [ ! -e "$OBJECT" ] || fail "$OBJECT is left"
	else
		note "$MODULE_NAME stays while it has an object"
		teardown
		expect_ok unload
	fi
}

nothing_left() {
	! grep -q "^$MODULE_NAME " /proc/modules || fail "in /proc/modules"
	! loaded || fail "/sys/module/$MODULE_NAME exists"
	[ -z "$OBJECT" ] || [ ! -e "$OBJECT" ] || fail "$OBJECT exists"
	expect_equal "" "$(find /sys/kernel/debug -maxdepth 1 -name "$MODULE_NAME*" 2>/dev/null)"
}

[ -e "$ktest_mods/$MODULE_KO.ko" ] || bail "$MODULE_KO.ko is not built"
it "the module says what it is"
expect_equal GPL "$(modinfo -F license "$ktest_mods/$MODULE_KO.ko")"
expect_match '.+' "$(modinfo -F description "$ktest_mods/$MODULE_KO.ko")"

# The first lives fill caches that stay.
it "it loads and unloads" cycle_many 3
settle
slab_kb=$(field_kb Slab)
kmalloc_kb=$(kmalloc_kb)
free_kb=$(field_kb MemFree)
it "it loads and unloads $cycles times" cycle_many $cycles
it "the kernel has nothing to say about it"
expect_quiet_kernel
settle
slab_kb=$(($(field_kb Slab) - slab_kb))
kmalloc_kb=$(($(kmalloc_kb) - kmalloc_kb))
free_kb=$(($(field_kb MemFree) - free_kb))
note "after $cycles cycles: slab $slab_kb kB more, kmalloc $kmalloc_kb kB more, free memory $free_kb kB more"
it "$cycles cycles leave less than $limit_kb kB of slab memory behind" expect_between -1000000 $limit_kb "$slab_kb"
it "$cycles cycles leave less than $limit_kmalloc_kb kB of kmalloc memory behind"
expect_between 1 1000000000 "$(kmalloc_kb)"
expect_between -1000000 $limit_kmalloc_kb "$kmalloc_kb"
it "nothing of it is left" nothing_left
it "an object comes and goes with it" cycle_object
start_over
it "unloading with an object in place is safe" unload_with_object
start_over
for entry in "${BAD_PARAMS[@]}"; do
	it "the parameter ${entry%:*} is refused" expect_errno "${entry##*:}" load_module "$MODULE_KO" "${entry%:*}"
	! loaded || unload
done
it "nothing is left" nothing_left
it "nothing was said" expect_quiet_kernel
finish

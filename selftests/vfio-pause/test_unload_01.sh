#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# profile: viommu
# cpus: 1
# timeout: 60
# The module can be unloaded as soon as it has no slots, whatever these have left to be done. With one CPU nothing of it
# has been done by then.
. "$(dirname "$0")/lib.sh"

modprobe vfio_iommu_type1
pf=$(pf_of_igb)
rounds=20

# A loaded module without a user, in the state that `need_module` leaves.
load() {
	expect_ok load_module vfio_pause && expect_equal 0 "$(cat /sys/module/vfio_pause/refcnt)"
}

# unload_after FILE TEXT...: the module goes right after these writes, the last of which removes the slot.
unload_after() {
	expect_ok "$ktest_top/build/bin/unload" vfio_pause "$@" $slots/remove one &&
		expect_ok test ! -e /sys/module/vfio_pause -a ! -e $pause_root
}

at_end eval '[ ! -e /sys/module/vfio_pause ] || { slots_clear; rmmod vfio_pause; }'

it "it can be unloaded right after a slot on a function that is not there"
for ((round = 0; round < rounds; round++)); do
	load && expect_ok slot_add "one pf:$pf vf:0" && unload_after $slots/one/control reset-error || break
done
it "it can be unloaded right after a slot that has just been paused or resumed"
for ((round = 0; round < rounds; round++)); do
	load && expect_ok slot_add "one function:0000:00:11.0" && expect_equal running "$(slot_state one)" || break
	if ((round % 2)); then
		unload_after $slots/one/control "pause soft" || break
	else
		unload_after $slots/one/control "pause soft" $slots/one/control resume || break
	fi
done
expect_equal none "$(driver_of 0000:00:11.0)"
it "the kernel has nothing to say about all that"
# What was left would be done a moment later.
sleep 1
expect_quiet_kernel
finish

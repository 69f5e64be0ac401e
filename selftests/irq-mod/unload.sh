# SPDX-License-Identifier: GPL-2.0
# Events of edu that the driver must see, and see once, while something is done to the module. For guest scripts.
# shellcheck shell=bash
# shellcheck source=selftests/irq-mod/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=selftests/lib/net.sh
. "$ktest_top/selftests/lib/net.sh"

device=/sys/bus/pci/devices/0000:00:11.0
need_module testdev hook=0
irq=$(irq_of testdev)
# Read once from the host's file system.
cp "$ktest_mods/irq_mod.ko" "$ktest_dir" || bail "no irq_mod.ko"
ktest_mods=$ktest_dir

handled() { cat $device/testdev/stats/handled; }
unhandled() { awk '$1 == "unhandled" {print $2}' "/proc/irq/$irq/spurious"; }

# load_edu BURST COMMAND...: runs the command while edu raises bursts of up to so many events. All are served; sets
# `events`, `served` to how often the driver was, and `calls` to how often it was called.
load_edu() {
	local pid result calls_before handled_before
	calls_before=$(interrupts testdev)
	handled_before=$(handled)
	# The module is to be loaded and unloaded meanwhile, not only when there is nothing else to do.
	nice -n 19 "$ktest_top/build/bin/irqload" "$1" 1000000000 $device/testdev >"$ktest_dir/load" 2>&1 &
	pid=$!
	"${@:2}"
	kill $pid
	wait $pid
	result=$(cat "$ktest_dir/load")
	served=$(($(handled) - handled_before))
	calls=$(($(interrupts testdev) - calls_before))
	note "$result calls=$calls"
	expect_match 'events=[1-9][0-9]* handled=[0-9]+ late=[0-9]+ lost=0 wrong=0 extra=0' "$result"
	result=${result#events=}
	events=${result%% *}
}

# Each event was the only one at a time: nothing that came later can have brought it.
once_each() {
	expect_equal "$events" "$served"
	expect_equal "$events" "$calls"
	expect_equal 0 "$(unhandled)"
}

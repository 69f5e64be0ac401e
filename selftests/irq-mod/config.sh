# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034,SC2154
# Settings of the shared test groups for irq-mod, which moderates the receive line of an igb card.
. "$ktest_top/selftests/lib/net.sh"

MODULE_KO=irq_mod
PROFILE=sriov
CPUS=2
BAD_PARAMS=(latency_us=1001:ERANGE latency_us=x:EINVAL irq=99999:ENXIO irq=9:EOPNOTSUPP)

lines=/sys/kernel/irq_mod/lines

setup() {
	net_up || return 1
	OBJECT=$lines/test
	printf 'test name:%s' "$(rx_line "$rx")" >$lines/add
}

teardown() {
	[ ! -e $lines/test ] || printf test >$lines/remove
}

attributes() {
	local counter
	attr /sys/kernel/irq_mod/version ro
	attr $lines/add wo
	attr $lines/remove wo
	attr irq ro
	attr state ro
	attr latency_us int 0 1000 100
	attr effective_us ro
	for counter in delivered held windows masked replayed_inline replayed_injected dropped max_hold_us; do
		attr stats/$counter ro
	done
}

# The PCI device of the receiving card.
rx_device() { readlink -f "/sys/class/net/$rx/device"; }

faults() {
	local device address driver
	device=$(rx_device)
	address=${device##*/}
	driver=/sys/bus/pci/drivers/igb

	it "unbinding the driver of a moderated card under traffic is survived"
	build_traffic 3000 600 >/dev/null &
	sleep 0.2
	expect_ok write $driver/unbind "$address"
	wait
	expect_equal gone "$(cat "$OBJECT/state")"
	expect_equal 0 "$(cat "$OBJECT/effective_us")"

	it "a line that is gone can be removed, and the card works again without it"
	expect_ok write $lines/remove test
	expect_ok write $driver/bind "$address"
	net_up
	expect_match '.* lost=0 .*' "$(build_traffic 2000 300)"

	it "the new line can be moderated"
	expect_ok setup
	expect_equal attached "$(cat "$OBJECT/state")"
	expect_match '.* lost=0 .*' "$(build_traffic 2000 300)"

	it "a card that is removed leaves a line that is gone"
	expect_ok write "$device/remove" 1
	expect_equal gone "$(cat "$OBJECT/state")"
	expect_ok write $lines/remove test
	expect_ok write /sys/bus/pci/rescan 1
	expect_soon 5 test -e "/sys/class/net/$rx"
}

build_traffic() { "$ktest_top/build/bin/traffic" "$tx" "$rx" "$@" 2>&1; }

stress_traffic() { build_traffic 2000 300; }

stress_affinity() {
	echo $((RANDOM % 2)) >/proc/irq/"$(irq_of "$(rx_line "$rx")")"/smp_affinity_list
	sleep 0.01
}

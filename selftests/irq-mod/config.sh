# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034,SC2154
# Settings of the shared test groups for irq-mod, which moderates the receive line of an igb card for a guest: the
# process of the test.
. "$ktest_top/selftests/irq-mod/lib.sh"
. "$ktest_top/selftests/lib/net.sh"

MODULE_KO=irq_mod
PROFILE=sriov
CPUS=2
BAD_PARAMS=(latency_us=1001:ERANGE latency_us=x:EINVAL irq=99999:ENXIO irq=9:EOPNOTSUPP)

setup() {
	net_up || return 1
	OBJECT=$lines/test
	add_guest "own pids:$$" && add_line "test name:$(rx_line "$rx")" && line_set test guest own
}

teardown() {
	[ ! -e $lines/test ] || remove_line test
	[ ! -e $guests/own ] || remove_guest own
}

attributes() {
	local file counter
	attr $irq_mod/version ro
	for file in add_line remove_line add_guest remove_guest; do attr $irq_mod/$file wo; done
	attr target ro
	attr guest own
	attr latency_us int 0 1000 100
	# A number or a word: test_overflow_01.sh.
	attr overflow_us own
	attr overflow_max_us int 50 100000 10000
	attr depth own
	attr rate_hint int 0 1000000000 0
	# A number or a word: test_guest_03.sh.
	attr halted_us own
	attr burst_events int 0 65535 0
	attr adaptive bool 0
	attr hw_assist bool 0
	attr state ro
	attr reason ro
	attr irqs ro
	attr effective_us ro
	for counter in delivered held windows masked replayed_inline replayed_injected dropped max_hold_us rearmed early \
		delivered_running delivered_ready delivered_halted packets_per_s ring; do
		attr stats/$counter ro
	done
	for file in target state members; do attr $guests/own/$file ro; done
	attr $guests/own/max_irqs int 0 1000000 0
	for counter in active_ns ready_ns halted_ns activations contained; do attr $guests/own/stats/$counter ro; done
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
	expect_soon 5 grep -qx waiting "$OBJECT/state"
	expect_equal 0 "$(cat "$OBJECT/effective_us")"
	expect_equal "" "$(cat "$OBJECT/irqs")"

	it "a line that waits can be removed, and the card works again without it"
	expect_ok write $irq_mod/remove_line test
	expect_ok write $driver/bind "$address"
	net_up
	expect_match '.* lost=0 .*' "$(build_traffic 2000 300)"

	it "the new line can be moderated"
	expect_ok write $irq_mod/add_line "test name:$(rx_line "$rx")"
	expect_equal attached "$(cat "$OBJECT/state")"
	expect_match '.* lost=0 .*' "$(build_traffic 2000 300)"

	it "a line that waits is attached by itself when its driver is back"
	expect_ok write $driver/unbind "$address"
	expect_soon 5 grep -qx waiting "$OBJECT/state"
	expect_ok write $driver/bind "$address"
	net_up
	expect_soon 5 grep -qx attached "$OBJECT/state"
	expect_match '.* lost=0 .*' "$(build_traffic 2000 300)"

	it "a card that is removed leaves a line that waits, until the card is back"
	expect_ok write "$device/remove" 1
	expect_soon 5 grep -qx waiting "$OBJECT/state"
	expect_ok write /sys/bus/pci/rescan 1
	expect_soon 5 test -e "/sys/class/net/$rx"
	net_up
	expect_soon 5 grep -qx attached "$OBJECT/state"
}

build_traffic() { "$ktest_top/build/bin/traffic" "$tx" "$rx" "$@" 2>&1; }

stress_traffic() { build_traffic 2000 300; }

stress_affinity() {
	echo $((RANDOM % 2)) >/proc/irq/"$(irq_of "$(rx_line "$rx")")"/smp_affinity_list
	sleep 0.01
}

guests_come=0
guests_gone=0
# One more guest, with the line or, while that is gone, without.
stress_guest() {
	[ ! -e $guests/more ] || remove_guest more
	# The module may be away at the moment.
	add_guest "more pids:$BASHPID" || return 1
	guests_come=$((guests_come + 1))
	line_set test guest more
	line_set test guest none
	remove_guest more && guests_gone=$((guests_gone + 1))
	[ $guests_come -ne 20 ] || [ $guests_gone -gt 0 ] || fail "of $guests_come guests none could be removed"
}

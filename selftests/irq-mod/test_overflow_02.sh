#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# profile: sriov
# cpus: 2
# timeout: 60
# What is asked of network devices for automatic overflow intervals, how often, and who waits for it.
. "$(dirname "$0")/lib.sh"
. "$ktest_top/selftests/lib/net.sh"

tracing=/sys/kernel/tracing
grep -q " $tracing tracefs " /proc/mounts || mount -t tracefs tracefs $tracing
net_up
need_module testdev hook=0
need_module irq_mod
at_end clear_all

# A guest that sleeps, and lines that then have the overflow interval.
sleep 1000 &
at_end kill $!
expect_ok add_guest "g pids:$!"
expect_guest g halted
# guarded LINE TARGET
guarded() {
	expect_ok add_line "$1 $2"
	expect_ok line_set "$1" latency_us 50
	expect_ok line_set "$1" halted_us overflow
	expect_ok line_set "$1" guest g
}

it "the depth alone makes the interval of a device safe of which nothing is known"
guarded edu name:testdev
expect_soon 5 grep -qx 5000 $lines/edu/effective_us
expect_ok line_set edu depth 256
expect_equal 853 "$(line_get edu effective_us)"
expect_ok line_set edu rate_hint 20000
expect_equal 4266 "$(line_get edu effective_us)"
expect_ok line_set edu depth auto
expect_equal 5000 "$(line_get edu effective_us)"
expect_ok remove_line edu

it "a line that waits does not let the kernel's lock of network devices be taken again and again"
guarded rx "name:$(rx_line "$rx")"
expect_soon 5 grep -qx 57 $lines/rx/effective_us
expect_ok add_line "later name:nothing-is-called-so"
expect_line later waiting
sleep 0.5
expect_ok write $tracing/kprobe_events "p:rtnl rtnl_lock"
expect_ok write $tracing/events/kprobes/rtnl/enable 1
sleep 3
expect_ok write $tracing/events/kprobes/rtnl/enable 0
# Ten or more before; others in the kernel take it, too.
expect_between 0 3 "$(grep -c ' rtnl: ' $tracing/trace)"
expect_ok write $tracing/kprobe_events ""
expect_ok remove_line later

it "settings and lines change while somebody keeps that lock"
ethtool -t "$tx" offline >/dev/null 2>&1 &
holder=$!
sleep 0.3
expect_ok line_set rx overflow_us 2000
expect_ok line_set rx overflow_us auto
it "the interval is the shortest until the device can be asked"
expect_equal "50 0" "$(line_get rx effective_us) $(line_stat rx ring)"
expect_ok line_set rx overflow_us 2000
expect_ok line_set rx overflow_us auto
expect_ok remove_line rx
kill -0 $holder 2>/dev/null || fail "the lock was waited for, or this test cannot fail"
wait $holder
it "the kernel has nothing to say about all that" expect_quiet_kernel
finish

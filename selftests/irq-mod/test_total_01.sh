#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# profile: many
# cpus: 2
# timeout: 1800
# long: yes
# Ten million events of many devices pass through moderated lines, and none is lost. What is proven differs: each packet
# and each read arrives; an edu has one register for its cause, so that after each burst of up to 40 events nothing is
# pending, not that each of them was an interrupt of its own.
. "$(dirname "$0")/devices.sh"

goal=10000000
devices_up 2
need_module irq_mod
at_end clear_all
sleep 3600 &
sleeper=$!
at_end kill $sleeper
need_write $irq_mod/add_guest "asleep pids:$sleeper"

# round LATENCY_US [NAME=VALUE...]: half a million events of the edus, and packets and reads meanwhile.
round() {
	it "with $* nothing is lost"
	add_all_lines "$@"
	load_all 3000 1000 100000
	note "delivered $(sum_of delivered), held $(sum_of held), longest hold $(sort -n $lines/*/stats/max_hold_us | tail -n 1) us"
	expect_equal 0 "$(sum_of dropped)"
	remove_all_lines
}
while [ $((all_packets + all_raised + all_reads)) -lt $goal ] && [ "$ktest_failed" = 0 ]; do
	round 0
	round 20
	round 100
	round 1000
	round 1000 burst_events=8
	round 100 guest=asleep halted_us=5000
done
it "that was $goal events and more"
note_total
expect_between $goal 1000000000 $((all_packets + all_raised + all_reads))
it "the kernel has nothing to say about all that" expect_quiet_kernel
finish

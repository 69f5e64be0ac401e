#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# profile: sriov
# cpus: 2
# Interrupts, loss and the interval in force while packets come for a guest that waits for its CPU: no moderation, fixed
# overflow intervals, and the one that follows the packets. The ring has 256 descriptors. The contenders take turns.
. selftests/lib/bench.sh
. selftests/lib/net.sh

irq_mod=/sys/kernel/irq_mod
rx_dir=$irq_mod/lines/rx
ethtool -C "$rx" rx-usecs 0
ethtool -G "$rx" rx 256
net_up
line=$(rx_line "$rx")
echo 0 >"/proc/irq/$(irq_of "$line")/smp_affinity_list"
taskset -p 1 $$ >/dev/null

# The guest never gets its CPU.
echo -1 >/proc/sys/kernel/sched_rt_runtime_us
for share in /sys/kernel/debug/sched/*_server/cpu1/runtime; do [ ! -e "$share" ] || echo 0 >"$share"; done
taskset 2 bash -c 'while :; do :; done' &
guest=$!
taskset 2 chrt -f 50 bash -c 'while :; do :; done' &
hog=$!

# measure CONTENDER RATE
measure() {
	local before after pair received lost p99_us
	before=$(interrupts "$line")
	for pair in $(build/bin/traffic "$tx" "$rx" "$2" 300); do
		case $pair in
		received=* | lost=* | p99_us=*) local "$pair" ;;
		esac
	done
	after=$(interrupts "$line")
	result "$1" "$2/s: interrupts/1000 packets" $(((after - before) * 1000 / received))
	result "$1" "$2/s: packets lost" "$lost"
	result "$1" "$2/s: p99 us" "$p99_us"
	[ ! -e $rx_dir ] || result "$1" "$2/s: effective us" "$(cat $rx_dir/effective_us)"
}

for ((round = 0; round < 3; round++)); do
	for rate in 5000 20000 50000; do
		measure "none" $rate
		insmod build/mod/irq_mod.ko
		echo "g pids:$guest" >$irq_mod/add_guest
		echo "rx name:$line" >$irq_mod/add_line
		echo g >$rx_dir/guest
		for us in 5000 10000 auto; do
			echo $us >$rx_dir/overflow_us
			measure "overflow_us $us" $rate
		done
		rmmod irq_mod
	done
done
kill $guest $hog

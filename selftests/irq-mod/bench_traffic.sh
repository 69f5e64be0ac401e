#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# profile: sriov
# cpus: 1
# Interrupts, loss and latency of a packet stream under no moderation, the card's own and irq-mod's. The contenders
# take turns.
. selftests/lib/bench.sh
. selftests/lib/net.sh

irq_mod=/sys/kernel/irq_mod
lines=$irq_mod/lines
net_up
line=$(rx_line "$rx")

measure() {
	local before after received lost p50_us p99_us pair
	before=$(interrupts "$line")
	for pair in $(build/bin/traffic "$tx" "$rx" 10000 200); do
		case $pair in
		received=* | lost=* | p50_us=* | p99_us=*) local "$pair" ;;
		esac
	done
	after=$(interrupts "$line")
	result "$1" "interrupts/1000 packets" $(((after - before) * 1000 / received))
	result "$1" "packets lost" "$lost"
	result "$1" "p50 us" "$p50_us"
	result "$1" "p99 us" "$p99_us"
}

for ((round = 0; round < 3; round++)); do
	ethtool -C "$rx" rx-usecs 0
	measure "none"
	for us in 100 500; do
		ethtool -C "$rx" rx-usecs $us
		measure "ethtool -C rx-usecs $us"
	done
	ethtool -C "$rx" rx-usecs 0
	insmod build/mod/irq_mod.ko
	echo "rx name:$line" >$irq_mod/add_line
	for us in 100 500; do
		echo $us >$lines/rx/latency_us
		measure "irq-mod $us us"
		echo 1 >$lines/rx/hw_assist
		measure "irq-mod $us us, hw_assist"
		echo 0 >$lines/rx/hw_assist
	done
	rmmod irq_mod
done

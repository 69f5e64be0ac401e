#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# profile: sriov
# cpus: 1
# Interrupts, loss, latency and instructions of a packet stream under no moderation, the card's own, the network core's
# and irq-mod's. Instructions are all that the CPU executes except while idle, sender and receiver included. The
# contenders take turns.
. selftests/lib/bench.sh
. selftests/lib/net.sh

irq_mod=/sys/kernel/irq_mod
lines=$irq_mod/lines
net_up
line=$(rx_line "$rx")

measure() {
	local before after received lost p50_us p99_us busy_ns pair
	before=$(interrupts "$line")
	for pair in $(build/bin/busy build/bin/traffic "$tx" "$rx" 10000 200); do
		case $pair in
		received=* | lost=* | p50_us=* | p99_us=* | busy_ns=*) local "$pair" ;;
		esac
	done
	after=$(interrupts "$line")
	result "$1" "interrupts/1000 packets" $(((after - before) * 1000 / received))
	result "$1" "packets lost" "$lost"
	result "$1" "p50 us" "$p50_us"
	result "$1" "p99 us" "$p99_us"
	result "$1" "instructions/packet" $((busy_ns / received))
}

# defer IRQS TIMEOUT_NS: as many polls without packets before the card may interrupt again, and the time between them.
defer() {
	echo "$1" >"/sys/class/net/$rx/napi_defer_hard_irqs"
	echo "$2" >"/sys/class/net/$rx/gro_flush_timeout"
}

for ((round = 0; round < 3; round++)); do
	ethtool -C "$rx" rx-usecs 0
	measure "none"
	for us in 100 500; do
		ethtool -C "$rx" rx-usecs $us
		measure "ethtool -C rx-usecs $us"
	done
	# The driver's own choice from what came last; 1 chooses among short intervals only.
	for mode in 3 1; do
		ethtool -C "$rx" rx-usecs $mode
		measure "ethtool -C rx-usecs $mode (adaptive)"
	done
	ethtool -C "$rx" rx-usecs 0
	for us in 100 500; do
		defer 2 ${us}000
		measure "NAPI defer 2, $us us"
		defer 0 0
	done
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

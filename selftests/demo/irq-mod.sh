#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Guest side of the irq-mod demo: one stream of packets between two network cards, without moderation, with two
# intervals, and after unloading. Prints a table.
set -euo pipefail
. selftests/lib/net.sh

rate_pps=20000
duration_ms=300
irq_mod=/sys/kernel/irq_mod
lines=$irq_mod/lines

# Sends the stream once and prints a row headed by the arguments.
row() {
	local before after received lost elapsed_ms p50_us p99_us
	before=$(interrupts "$line")
	# shellcheck disable=SC2046 # one word per pair
	local $(build/bin/traffic "$tx" "$rx" "$rate_pps" "$duration_ms")
	after=$(interrupts "$line")
	printf '  %-32s %12d %12d %6d %10d %8d\n' "$*" $(((after - before) * 1000 / elapsed_ms)) \
		$((received * 1000 / elapsed_ms)) "$lost" "$p50_us" "$p99_us"
}

net_up
line=$(rx_line "$rx")

echo "irq-mod: $rate_pps packets a second from $tx to $rx, two emulated igb cards on one wire; line $line"
echo
printf '  %-32s %12s %12s %6s %10s %8s\n' "" interrupts/s packets/s lost "p50 (us)" "p99 (us)"
row "before, driver's default"
ethtool -C "$rx" rx-usecs 0
row "before, NIC unmoderated"
insmod build/mod/irq_mod.ko
echo "rx name:$line" >$irq_mod/add_line
echo 100 >$lines/rx/latency_us
row "irq-mod, 100 us apart"
echo 500 >$lines/rx/latency_us
row "irq-mod, 500 us apart"
rmmod irq_mod
row "after rmmod, NIC unmoderated"

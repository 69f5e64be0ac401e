#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# profile: sriov
# cpus: 3
# timeout: 400
# The module is unloaded and loaded again and again while devices raise interrupts and some are held: the driver sees
# every event, once. As many CPUs as no other test has: this one takes long and so has a machine to itself.
. "$(dirname "$0")/unload.sh"

rounds=${RVM_LONG:+1000}
rounds=${rounds:-30}
ethtool -G "$rx" rx 4096 || bail "ethtool -G"
net_up
line=$(rx_line "$rx")

# unload_anytime ROUNDS
unload_anytime() {
	local i
	for ((i = 0; i < $1; i++)); do
		load_module irq_mod irq="$irq" latency_us=1000 && add_line "rx name:$line" || fail "round $i: loading" || return
		sleep 0.0$((RANDOM % 5))
		rmmod irq_mod || fail "round $i: unloading" || return
	done
}
it "each event reaches the driver once, of which nearly all are held, $rounds times"
packets_before=$(interrupts "$line")
(
	until [ -e "$ktest_dir/stop" ]; do nice -n 19 "$ktest_top/build/bin/traffic" "$tx" "$rx" 1000 1000; done >"$ktest_dir/packets" 2>&1
) &
sender=$!
load_edu 1 unload_anytime "$rounds"
note "$SECONDS s"
once_each
: >"$ktest_dir/stop"
wait $sender
it "and each packet of a card meanwhile"
note "$(wc -l <"$ktest_dir/packets") times 1000 packets, $(($(interrupts "$line") - packets_before)) interrupts"
expect_equal "" "$(grep -v ' lost=0 duplicate=0 ' "$ktest_dir/packets")"
expect_between 1 1000000 "$(wc -l <"$ktest_dir/packets")"

it "nothing is lost of many events at once, whenever the module goes"
load_edu 100 unload_anytime $((rounds / 2))
expect_between "$served" "$events" "$calls"
it "the kernel has nothing to say about all that" expect_quiet_kernel
finish

#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# profile: sriov
# cpus: 2
# timeout: 240
# Packets keep flowing through a moderated line with fewer interrupts, and none is lost, whatever is done to the line.
. "$(dirname "$0")/lib.sh"
. "$ktest_top/selftests/lib/net.sh"

rounds=${RVM_LONG:+1000}
rounds=${rounds:-60}
# The card itself must not moderate.
ethtool -C "$rx" rx-usecs 0 || bail "ethtool -C"
# A stalled host must not overflow the ring: only a lost interrupt may lose packets here.
ethtool -G "$rx" rx 4096 || bail "ethtool -G"
net_up
line=$(rx_line "$rx")
irq=$(irq_of "$line")

traffic() { "$ktest_top/build/bin/traffic" "$tx" "$rx" "$@"; }
stat() { cat "$lines/rx/stats/$1"; }

# Sends `$1` packets a second for `$2` ms; all must arrive once. Sets `delivered` to the interrupts they cost.
lossless() {
	local before result
	before=$(interrupts "$line")
	result=$(traffic "$@")
	delivered=$(($(interrupts "$line") - before))
	note "$result interrupts=$delivered"
	expect_match '.* lost=0 duplicate=0 .*' "$result"
}

# Runs a function again and again while traffic flows, in the background, so that none of its effects is missed.
under_traffic() {
	local result=$ktest_dir/result
	traffic 3000 2000 >"$result" &
	"$@"
	wait $!
	note "$(cat "$result")"
	expect_match '.* lost=0 duplicate=0 .*' "$(cat "$result")"
}

it "without the module every packet arrives"
lossless 2000 500
unmoderated=$delivered
it "packets that are sent late are not counted as lost"
for _ in 1 2 3 4 5; do
	"$ktest_top/build/bin/traffic" "$tx" "$rx" 1000 600 >"$ktest_dir/late" &
	sleep 0.3
	kill -STOP $!
	sleep 0.65
	kill -CONT $!
	wait $!
	note "$(cat "$ktest_dir/late")"
	expect_match '.* lost=0 duplicate=0 .*' "$(cat "$ktest_dir/late")"
done

need_module irq_mod
need_write $irq_mod/add_line "rx name:$line"

it "moderated, every packet arrives, with fewer interrupts"
need_write $lines/rx/latency_us 1000
lossless 2000 500
[ "$delivered" -lt "$((unmoderated * 3 / 4))" ] || fail "$delivered interrupts instead of $unmoderated"
it "what was held was replayed"
[ "$(stat held)" -gt 0 ] || fail "nothing was held"
[ "$(($(stat replayed_inline) + $(stat replayed_injected)))" -gt 0 ] || fail "nothing was replayed"
expect_equal 0 "$(stat dropped)"
it "an interval of 0 delivers every interrupt at once"
need_write $lines/rx/latency_us 0
held=$(stat held)
lossless 1000 300
expect_equal "$held" "$(stat held)"

flip_interval() {
	local i
	for ((i = 0; i < rounds; i++)); do
		echo $((i % 2 * 1000)) >"$lines/rx/latency_us"
		sleep 0.01
	done
}
it "the interval can be changed under traffic" under_traffic flip_interval

attach_detach() {
	local i
	for ((i = 0; i < rounds; i++)); do
		echo rx >"$irq_mod/remove_line" || fail "remove"
		echo "rx irq:$irq" >"$irq_mod/add_line" || fail "add"
		echo 500 >"$lines/rx/latency_us"
	done
}
it "the line can be detached and attached under traffic" under_traffic attach_detach

flip_affinity() {
	local i
	for ((i = 0; i < rounds; i++)); do
		echo $((i % 2)) >/proc/irq/"$irq"/smp_affinity_list
		sleep 0.01
	done
}
it "the line can move between CPUs under traffic" under_traffic flip_affinity

down_up() {
	ip link set "$rx" down
	ip link set "$rx" up
}
it "the card can be stopped and started inside a window"
for ((i = 0; i < 5; i++)); do
	traffic 3000 200 >/dev/null 2>&1 &
	sleep 0.05
	down_up
	wait
done
net_up
expect_equal attached "$(cat $lines/rx/state)"
lossless 2000 300

offline_online() {
	local cpu
	cpu=$(cat /proc/irq/"$irq"/effective_affinity_list)
	[ "$cpu" != 0 ] || {
		echo 1 >/proc/irq/"$irq"/smp_affinity_list
		sleep 0.1
	}
	echo 0 >/sys/devices/system/cpu/cpu1/online || fail "offline"
	sleep 0.2
	echo 1 >/sys/devices/system/cpu/cpu1/online || fail "online"
}
it "the CPU that serves the line can go away and come back under traffic" under_traffic offline_online

it "the module can be unloaded and loaded under traffic"
unload_load() {
	local i
	for ((i = 0; i < rounds / 6; i++)); do
		rmmod irq_mod || fail "rmmod"
		load_module irq_mod irq="$irq" latency_us=1000 || fail "insmod"
	done
}
under_traffic unload_load
it "the line named by the module's parameter is moderated"
expect_equal attached "$(cat "$lines/irq$irq/state")"
expect_equal 1000 "$(cat "$lines/irq$irq/latency_us")"
it "the kernel has nothing to say about all that" expect_quiet_kernel
finish

#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# profile: sriov
# cpus: 2
# timeout: 300
# What comes for a VM that is away is held, within bounds, and handed over in its order when the VM is back.
. "$(dirname "$0")/port.sh"

need_port
need_module nic_sidebounce
accept_all() {
	expect_ok filter_add "port0 dev:tap0"
	expect_filter port0 filtering
	rules port0 <<<"default rx accept"$'\n'"default tx accept"
}
accept_all
listen vm0 vf0
listen peer wire
to_vm="eth $vf0_mac $peer_mac ip $a4 $b4 udp 1000"
from_vm="eth $peer_mac $vf0_mac ip $b4 $a4 udp 1000"
get() { filter_get port0 "$1"; }
heard() { awk -v first="$1" -v last="$2" '$1 >= first && $1 <= last {print $1}' "$ktest_dir/heard/vf0"; }
waits() { [ "$(get waiting)" = "$1" ]; }
expect_waiting() { expect_soon 5 waits "$1" || note "$(get waiting) wait"; }

it "held packets wait and are counted, what the VM sends goes on"
expect_equal "0 serving 0" "$(get hold) $(get phase) $(get waiting)"
expect_ok filter_set port0 hold 1
expect_equal "1 holding 0" "$(get hold) $(get phase) $(get waiting)"
mark_counts port0
send peer wire "$to_vm 1" "$to_vm 2" "$to_vm 3"
last=$frame_id
send vm0 vf0 "$from_vm 1"
expect_heard wire
expect_waiting 3
expect_equal "" "$(heard $((last - 2)) "$last")"
expect_equal "rx_accepted=3 held=3 hold_dropped=0" "$(since port0 rx_accepted held hold_dropped)"

it "what rules drop is not held"
rules port0 <<<"default rx accept"$'\n'"add prio 1 dir rx proto udp dst_port 9 action drop"
send peer wire "$to_vm 9"
sleep 0.2
expect_waiting 3
rules port0 <<<"default rx accept"$'\n'"default tx accept"

it "they are handed over once and in their order when the VM is back"
expect_ok filter_set port0 hold 0
expect_heard vf0 $((last - 2)) $((last - 1)) "$last"
expect_equal "$(seq $((last - 2)) "$last")" "$(heard $((last - 2)) "$last")"
expect_soon 5 grep -qx serving "$filters/port0/phase"
expect_equal "0 0" "$(get hold) $(get waiting)"

it "no more packets are held than may be, the oldest of them"
expect_ok filter_set port0 hold_packets 5
expect_ok filter_set port0 hold 1
expect_errno EBUSY filter_set port0 hold_packets 6
mark_counts port0
first=$((frame_id + 1))
send peer wire "$to_vm 1" "$to_vm 2" "$to_vm 3" "$to_vm 4" "$to_vm 5" "$to_vm 6" "$to_vm 7"
last=$frame_id
expect_grown port0 "held=5 hold_dropped=2"
expect_waiting 5
expect_ok filter_set port0 hold 0
five_heard() { [ "$(heard $first "$last" | wc -l)" = 5 ]; }
expect_soon 5 five_heard
sleep 0.2
expect_equal "$(seq $first $((first + 4)))" "$(heard $first "$last")"
expect_soon 5 grep -qx serving "$filters/port0/phase"

it "no more bytes are held than may be"
expect_ok filter_set port0 hold_packets 1024
expect_ok filter_set port0 hold_bytes 3000
expect_ok filter_set port0 hold 1
mark_counts port0
# 14 + 20 + 8 + 900 + 4 bytes each.
send_count=10
send peer wire "$to_vm 1 zeros 900"
send_count=1
expect_grown port0 "held=3 hold_dropped=7"
# A small one has still room.
send peer wire "$to_vm 1"
expect_grown port0 "held=4 hold_dropped=7"
expect_ok filter_set port0 hold 0
expect_soon 5 grep -qx serving "$filters/port0/phase"
expect_ok filter_set port0 hold_bytes 1048576

it "what waits for too long is dropped, and what came later is not"
expect_ok filter_set port0 hold_ms 4000
expect_ok filter_set port0 hold 1
mark_counts port0
send peer wire "$to_vm 1" "$to_vm 2"
old=$frame_id
expect_waiting 2
sleep 2
send peer wire "$to_vm 3"
young=$frame_id
expect_waiting 3
expect_soon 5 waits 1
expect_equal "held=3 hold_dropped=2" "$(since port0 held hold_dropped)"
expect_ok filter_set port0 hold 0
expect_heard vf0 "$young"
expect_equal "" "$(heard $((old - 1)) "$old")"
expect_soon 5 grep -qx serving "$filters/port0/phase"
expect_ok filter_set port0 hold_ms 30000

it "the first packet wakes who polls, once for each time the VM is away"
"$ktest_top/build/bin/watch" file "$filters/port0/waiting" >"$ktest_dir/watch" &
watcher=$!
listeners+=("$watcher")
expect_soon 5 grep -q . "$ktest_dir/watch"
expect_ok filter_set port0 hold 1
sleep 0.5
before=$(wc -l <"$ktest_dir/watch")
told() { [ "$(wc -l <"$ktest_dir/watch")" -gt "$before" ]; }
send peer wire "$to_vm 1"
expect_soon 5 told
expect_equal 1 "$(tail -n 1 "$ktest_dir/watch")"
send peer wire "$to_vm 2" "$to_vm 3"
expect_waiting 3
sleep 0.5
expect_equal $((before + 1)) "$(wc -l <"$ktest_dir/watch")"
expect_ok filter_set port0 hold 0
expect_soon 5 grep -qx serving "$filters/port0/phase"
sleep 0.5
before=$(wc -l <"$ktest_dir/watch")
expect_ok filter_set port0 hold 1
send peer wire "$to_vm 4"
expect_soon 5 told
expect_ok filter_set port0 hold 0

it "a stream that is held and handed over, again and again, is whole and in its order"
expect_ok filter_set port0 hold_packets 65536
expect_ok filter_set port0 hold_bytes 67108864
mark_counts port0
(stream udp peer vm0 "$vf0_4" 5000 10000 600 2000 3000 && whole 10000) &
sender=$!
holds=0
while kill -0 $sender 2>/dev/null && [ $holds -lt 12 ]; do
	expect_ok filter_set port0 hold 1
	sleep 0.3
	expect_ok filter_set port0 hold 0
	# While it hands over, it is told to hold again.
	[ $((holds % 3)) != 1 ] || {
		expect_ok filter_set port0 hold 1
		expect_ok filter_set port0 hold 0
	}
	sleep 0.0$((RANDOM % 10))
	holds=$((holds + 1))
done
wait $sender
note "$holds times; $(counts port0)"
[ "$(($(filter_stat port0 held) - $(cat "$ktest_dir/counts/held")))" -gt 100 ] || fail "hardly any were held"
expect_equal "hold_dropped=0 lost=0" "$(since port0 hold_dropped lost)"
expect_soon 5 grep -qx serving "$filters/port0/phase"

it "so is a TCP stream"
mark_counts port0
(stream tcp peer vm0 "$vf0_4" 5001 6000000 && expect_match 'bytes=6000000 wrong=0 .*' "$answer") &
sender=$!
holds=0
while kill -0 $sender 2>/dev/null && [ $holds -lt 12 ]; do
	expect_ok filter_set port0 hold 1
	sleep 0.2
	expect_ok filter_set port0 hold 0
	sleep 0.1
	holds=$((holds + 1))
done
wait $sender
note "$holds times; $(since port0 held)"
[ "$(since port0 held)" != held=0 ] || fail "none were held"

it "a replay ends although more comes without a pause"
expect_ok filter_set port0 hold_packets 1024
unlisten
nsenter --net=/run/netns/peer "$ktest_top/build/bin/frames" send wire 1000000 <<<"$to_vm 1" &
flood=$!
expect_ok filter_set port0 hold 1
expect_waiting 1024
expect_ok filter_set port0 hold 0
expect_soon 10 grep -qx serving "$filters/port0/phase"
kill -0 $flood || fail "the flood had ended before"
kill $flood
wait $flood 2>/dev/null
expect_ok filter_set port0 hold_packets 65536
listen vm0 vf0
listen peer wire

it "level 2's packets are held with the others"
rules port0 <<<""
read -r up down <"$filters/port0/ports"
for device in "$up" "$down"; do quiet host "$device"; done
level2_bridge "$up $down"
expect_ok filter_set port0 hold 1
send peer wire "$to_vm 1"
expect_waiting 1
expect_ok filter_set port0 hold 0
expect_heard vf0
ip link del br1
rules port0 <<<"default rx accept"$'\n'"default tx accept"

it "a filter that is removed while it holds drops what waits, and later packets pass"
expect_ok filter_set port0 hold 1
send_count=1000
send peer wire "$to_vm 1 zeros 500"
send_count=1
expect_waiting 1000
waited=$frame_id
expect_ok filter_remove port0
send peer wire "$to_vm 2"
expect_heard vf0
expect_equal "" "$(heard "$waited" "$waited")"

it "so does a module that is unloaded while it holds, and while it hands over"
for when in holding replaying; do
	accept_all
	expect_ok filter_set port0 hold 1
	send_count=1000
	send peer wire "$to_vm 1"
	send_count=1
	expect_waiting 1000
	[ $when = holding ] || write "$filters/port0/hold" 0
	expect_ok rmmod nic_sidebounce
	send peer wire "$to_vm 2"
	expect_heard vf0
	load_module nic_sidebounce || bail "it does not load again"
done

it "the kernel has nothing to say about all that" expect_quiet_kernel
finish

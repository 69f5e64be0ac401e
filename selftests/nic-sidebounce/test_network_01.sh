#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# profile: sriov
# cpus: 2
# timeout: 120
# Without the module, the network of these tests is as they take it for: what a VF does on its own, what the card reflects,
# and that a frame with a service VLAN on the wire would not go unnoticed.
. "$(dirname "$0")/lib.sh"

need_network 2
listen peer "$wire" promisc
listen host "$pf"
listen vm0 vf0
listen vm1 vf1

to_vf="eth $vf0_mac $peer_mac"
from_vf="eth $peer_mac $vf0_mac"
it "a frame of any kind reaches the VF it is for, and nobody else"
send peer "$wire" \
	"$to_vf ip $a4 $b4 udp 1000 9" \
	"$to_vf ip $a4 $b4 options=8 tcp 1000 22 flags=0x02" \
	"$to_vf ip $a4 $b4 sctp 1 2" \
	"$to_vf ip $a4 $b4 icmp 8 0" \
	"$to_vf ip $a4 $b4 frag=0+ udp 1 2 zeros 64" \
	"$to_vf ip $a4 $b4 proto=17 frag=9 zeros 64" \
	"$to_vf ip $a6 $b6 udp 1000 9" \
	"$to_vf ip $a6 $b6 ext hop ext dst 16 ext route:4 24 tcp 1 2" \
	"$to_vf ip $a6 $b6 ext frag:0+ udp 1 2 zeros 60" \
	"$to_vf ip $a6 $b6 icmp6 128 0" \
	"$to_vf arp reply $peer_mac $a4 $vf0_mac $b4 trail" \
	"$to_vf type 0x88cc hex 0102" \
	"$to_vf ip $a4 $b4 version=5 udp 1 2" \
	"$to_vf ip $a4 $b4 len=19 udp 1 2"
# shellcheck disable=SC2046
expect_heard vf0 $(seq $frame_id)
it "so does what the VF sends"
send vm0 vf0 \
	"$from_vf ip $a4 $b4 udp 1000 9" "$from_vf ip $a6 $b6 ext hop udp 1000 9" \
	"$from_vf vlan 100 ip $a4 $b4 udp 1 2" "$from_vf svlan 200 vlan 100 ip $a4 $b4 udp 1 2"
expect_heard "$wire" $((frame_id - 3)) $((frame_id - 2))
expect_heard "$wire/100" $((frame_id - 1))
expect_heard "$wire/200"
it "what is sent many times over is counted"
send_count=100
send peer "$wire" "$to_vf ip $a4 $b4 udp 1000 9"
send_count=1
expect_heard 'vf0*100'
it "the card switches between its functions, without the wire"
send vm0 vf0 "eth $vf1_mac $vf0_mac ip $a4 $b4 udp 1 2" "eth $pf_mac $vf0_mac ip $a4 $b4 udp 1 2"
expect_heard vf1 $((frame_id - 1))
expect_heard "$pf"
send host "$pf" "eth $vf0_mac $pf_mac ip $a4 $b4 udp 1 2"
expect_heard vf0
it "broadcasts reach everybody, their sender too"
send peer "$wire" "eth $broadcast $peer_mac arp request $peer_mac $a4 00:00:00:00:00:00 $b4 trail"
expect_heard "$(sorted "$pf" vf0 vf1)"
send vm0 vf0 "eth $broadcast $vf0_mac type 0x88b6"
expect_heard "$(sorted "$pf" "$wire" vf0 vf1)"
send host "$pf" "eth $broadcast $pf_mac type 0x88b6"
expect_heard "$(sorted "$pf" "$wire" vf0 vf1)"
it "hosts talk to each other by both families"
expect_ok in_ns vm0 ping -q -c 2 -i 0.1 -W 5 $peer4
expect_ok in_ns vm0 ping -q -c 2 -i 0.1 -W 5 $peer6
expect_ok in_ns vm0 ping -q -c 2 -i 0.1 -W 5 -s 4000 $vf1_4
expect_ok ping -q -c 2 -i 0.1 -W 5 -s 4000 $vf1_6
it "nothing has leaked without a service VLAN" expect_no_leak

it "a port VLAN keeps a VF apart: what is for it comes to the PF"
expect_ok ip link set "$pf" vf 0 vlan 3900
send peer "$wire" "$to_vf ip $a4 $b4 udp 1000 9"
expect_heard "$pf"
it "what it sends leaves with that VLAN, and that is noticed"
send vm0 vf0 "$from_vf ip $a4 $b4 udp 1000 9"
expect_heard "$wire/3900"
expect_equal "$frame_id 3900" "$(leaked | awk '{print $1, $3}' | sort -u)"
it "without it all is as before"
expect_ok ip link set "$pf" vf 0 vlan 0
send peer "$wire" "$to_vf ip $a4 $b4 udp 1000 9"
expect_heard vf0
it "the kernel has nothing to say about all that" expect_quiet_kernel
finish

#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# profile: sriov
# cpus: 2
# timeout: 240
# Filters in front of VFs: what VFs, the wire and the host send each other goes where the rules say and nowhere else, and
# the only frames with a service VLAN on the wire are those that a VF itself sends there.
. "$(dirname "$0")/lib.sh"

need_network 2
need_module nic_sidebounce
at_end filters_clear
need_write $sidebounce/add_filter "f0 dev:$pf vf:0"
for device in sb0u sb0d; do
	quiet host $device
	ip link set $device up
	listen host $device
done
listen peer "$wire" promisc
listen host "$pf" late
listen vm0 vf0
listen vm1 vf1
vid=$(filter_get f0 vid)
udp="ip $a4 $b4 udp 1000 9"
group="eth $broadcast"

# heard PLACE...: those of the last frame.
heard() { expect_heard "$(sorted "$@")"; }

# captured PLACE...: the same, but for the copies that the card gives its VFs of what goes to the wire, while the PF is to
# get one: QEMU's does not tell the functions apart that want multicast from those that want everything.
captured() {
	unheeded=' vf0 vf1 '
	heard "$@"
	unheeded=' '
}

it "the filter is in force"
expect_equal filtering "$(filter_get f0 state)"
expect_equal "veb $vf0_mac sb0u sb0d" "$(filter_get f0 backend) $(filter_get f0 mac) $(filter_get f0 ports)"
expect_between "${service_vids[0]}" "${service_vids[1]}" "$vid"

it "without rules, what is for the VF bounces"
send peer "$wire" "eth $vf0_mac $peer_mac $udp"
heard sb0u
send vm1 vf1 "eth $vf0_mac $vf1_mac $udp"
heard sb0u
send host "$pf" "eth $vf0_mac $pf_mac $udp"
heard sb0u
expect_equal 3 "$(filter_stat f0 rx_bounced)"
it "so does what the VF sends; the copy on the wire has the service VLAN"
send vm0 vf0 "eth $peer_mac $vf0_mac $udp"
captured sb0d "$wire/$vid"
expect_equal "$((frame_id))" "$(leaked | awk '{print $1}')"
it "to the host and other VFs it bounces without such a copy"
forget_heard
send vm0 vf0 "eth $pf_mac $vf0_mac $udp"
heard sb0d
expect_no_leak

it "level 2 gives frames back: to the VF, within the card"
send host sb0d "eth $vf0_mac $peer_mac $udp"
heard vf0
expect_no_leak
it "and to where the VF sends"
send host sb0u "eth $peer_mac $vf0_mac $udp"
captured "$wire"
send host sb0u "eth $vf1_mac $vf0_mac $udp"
heard vf1
send host sb0u "eth $pf_mac $vf0_mac $udp"
heard "$pf"
expect_no_leak

it "what it gives to the VF that is not for it stops there"
lost=$(filter_stat f0 lost)
for dst in 02:00:00:00:00:77 $vf1_mac "$peer_mac" "$pf_mac" 01:80:c2:00:00:0e; do
	send host sb0d "eth $dst 02:00:00:00:00:78 $udp"
	heard
done
expect_equal $((lost + 5)) "$(filter_stat f0 lost)"

it "what the rules accept goes on: from everywhere to the VF"
expect_ok rules f0 <<<$'default rx accept\ndefault tx accept'
send peer "$wire" "eth $vf0_mac $peer_mac $udp"
heard vf0
send vm1 vf1 "eth $vf0_mac $vf1_mac $udp"
heard vf0
send host "$pf" "eth $vf0_mac $pf_mac $udp"
heard vf0
expect_no_leak
it "and from the VF to everywhere"
send vm0 vf0 "eth $vf1_mac $vf0_mac $udp"
heard vf1
send vm0 vf0 "eth $pf_mac $vf0_mac $udp"
heard "$pf"
expect_no_leak
send vm0 vf0 "eth $peer_mac $vf0_mac $udp"
captured "$wire" "$wire/$vid"
forget_heard
it "what is for others does not reach it"
send peer "$wire" "eth $vf1_mac $peer_mac $udp" "eth $pf_mac $peer_mac $udp"
unheeded=" $pf "
expect_heard vf1 $((frame_id - 1))
unheeded=' '
heard "$pf"
it "a frame of 1514 bytes passes, both ways"
send peer "$wire" "eth $vf0_mac $peer_mac $udp zeros 1468"
heard vf0
send vm0 vf0 "eth $peer_mac $vf0_mac $udp zeros 1468"
captured "$wire" "$wire/$vid"
it "what the VF tags itself goes on with that tag"
send vm0 vf0 "eth $peer_mac $vf0_mac vlan 100 $udp"
captured "$wire/100" "$wire/$vid"
forget_heard

for kind in "type 0x88b6" "arp request $peer_mac $a4 00:00:00:00:00:00 $b4 trail"; do
	it "a broadcast reaches the VF and all others, from the wire and the host (${kind%% *})"
	send peer "$wire" "$group $peer_mac $kind"
	heard "$pf" vf0 vf1
	send host "$pf" "$group $pf_mac $kind"
	heard "$wire" vf0 vf1
	send vm1 vf1 "$group $vf1_mac $kind"
	heard "$wire" "$pf" vf0 vf1
	expect_no_leak
	it "and from the VF (${kind%% *})"
	send vm0 vf0 "$group $vf0_mac $kind"
	heard "$wire" "$wire/$vid" "$pf" vf0 vf1
	forget_heard
done
it "what bridges keep to themselves passes neither way"
send peer "$wire" "eth 01:80:c2:00:00:0e $peer_mac type 0x88cc"
unheeded=" $pf vf1 "
heard
send vm0 vf0 "eth 01:80:c2:00:00:0e $vf0_mac type 0x88cc"
unheeded=" vf0 "
heard "$wire/$vid"
unheeded=' '
forget_heard
it "a multicast that the PF has not joined leaves with the service VLAN only; one that it has reaches the wire"
send vm0 vf0 "eth 33:33:ff:00:01:00 $vf0_mac type 0x88b6"
captured "$wire/$vid"
ip maddress add 33:33:ff:00:01:00 dev "$pf"
send vm0 vf0 "eth 33:33:ff:00:01:00 $vf0_mac type 0x88b6"
captured "$wire" "$wire/$vid" "$pf"
forget_heard
it "a foreign source address does not pass"
send vm0 vf0 "eth $pf_mac 02:00:00:00:00:77 $udp"
heard

it "hosts talk to the VM by both families, directly and in parts"
for address in "$peer4" "$peer6" "$vf1_4" "$vf1_6" "$pf4" "$pf6"; do
	expect_ok in_ns vm0 ping -q -c 3 -i 0.1 -W 5 -s 3000 "$address"
done
for ns in peer vm1 host; do
	expect_ok in_ns $ns ping -q -c 3 -i 0.1 -W 5 "$vf0_4"
	expect_ok in_ns $ns ping -q -c 3 -i 0.1 -W 5 "$vf0_6"
done

it "what the rules drop reaches nobody"
# Hosts that have talked go on to look for each other, hence rules for what is counted.
expect_ok rules f0 <<-END
	default rx drop
	default tx drop
	add prio 1 dir rx proto udp dst_port 9 action drop name in
	add prio 1 dir tx proto udp dst_port 9 action drop name out
END
dropped() { awk -v name="$1" '$4 == name {print $2}' "$filters/f0/rule_stats"; }
send peer "$wire" "eth $vf0_mac $peer_mac $udp"
heard
expect_equal 1 "$(dropped in)"
send peer "$wire" "$group $peer_mac type 0x88b6"
heard "$pf" vf1
send vm0 vf0 "eth $pf_mac $vf0_mac $udp"
heard
expect_equal 1 "$(dropped out)"
send vm0 vf0 "eth $peer_mac $vf0_mac $udp"
captured "$wire/$vid"

it "what was held for an address that the VF no longer has is lost"
expect_ok rules f0 <<<'default rx accept'
lost=$(filter_stat f0 lost)
expect_ok filter_set f0 hold 1
send peer "$wire" "eth $vf0_mac $peer_mac $udp"
expect_soon 5 grep -qx '[1-9][0-9]*' $filters/f0/waiting
ip link set "$pf" vf 0 mac 02:00:00:00:00:0a
expect_soon 5 grep -qx 02:00:00:00:00:0a $filters/f0/mac
expect_ok filter_set f0 hold 0
expect_soon 5 grep -qx serving $filters/f0/phase
heard
# Hosts that have talked look for it there, too.
[ "$(filter_stat f0 lost)" -gt "$lost" ] || fail "it is not counted"
ip link set "$pf" vf 0 mac $vf0_mac
expect_soon 5 grep -qx $vf0_mac $filters/f0/mac

it "in a jail, what is for the wire is not fetched from there"
forget_heard
expect_ok rules f0 <<<$'default rx accept\ndefault tx accept'
expect_ok filter_set f0 tx_mode jail
sleep 0.3
send vm0 vf0 "eth $peer_mac $vf0_mac $udp"
heard "$wire/$vid"
send vm0 vf0 "eth $pf_mac $vf0_mac $udp"
heard "$pf"
it "without capture, what the VF sends goes on past its rules"
expect_ok rules f0 <<<$'default rx accept\ndefault tx drop'
expect_ok filter_set f0 tx_mode none
sleep 0.3
send vm0 vf0 "eth $pf_mac $vf0_mac $udp"
heard "$pf"
send vm0 vf0 "eth $peer_mac $vf0_mac $udp"
captured "$wire" "$wire/$vid"
expect_ok filter_set f0 tx_mode capture

it "two filtered VFs: the rules of the one that sends and those of the other count"
forget_heard
expect_ok filter_add "f1 dev:$pf vf:1"
for device in sb1u sb1d; do
	quiet host $device
	ip link set $device up
	listen host $device
done
expect_ok rules f0 <<<$'default rx accept\ndefault tx accept'
send vm0 vf0 "eth $vf1_mac $vf0_mac $udp"
heard sb1u
expect_ok rules f1 <<<$'default rx accept\ndefault tx bounce'
send vm0 vf0 "eth $vf1_mac $vf0_mac $udp"
heard vf1
send vm1 vf1 "eth $vf0_mac $vf1_mac $udp"
heard sb1d
expect_no_leak
it "in quarantine everything bounces"
expect_ok filter_set f0 quarantine 1
send vm0 vf0 "eth $vf1_mac $vf0_mac $udp"
heard sb0d
send peer "$wire" "eth $vf0_mac $peer_mac $udp"
heard sb0u
expect_ok filter_set f0 quarantine 0
it "while nobody looks, bounces are dropped, or pass if that is wanted"
expect_ok rules f0 <<<'default rx bounce'
ip link set sb0u down
no_port=$(filter_stat f0 no_port)
send peer "$wire" "eth $vf0_mac $peer_mac $udp"
heard
expect_equal $((no_port + 1)) "$(filter_stat f0 no_port)"
expect_ok filter_set f0 fail open
send peer "$wire" "eth $vf0_mac $peer_mac $udp"
heard vf0
expect_no_leak
it "without the filters all is as before"
expect_ok filter_remove f0
expect_ok filter_remove f1
send peer "$wire" "eth $vf0_mac $peer_mac $udp" "$group $peer_mac type 0x88b6"
expect_heard vf0 $((frame_id - 1))
heard "$pf" vf0 vf1
send vm0 vf0 "eth $peer_mac $vf0_mac $udp" "eth $vf1_mac $vf0_mac $udp"
expect_heard "$wire" $((frame_id - 1))
heard vf1
it "the kernel has nothing to say about all that" expect_quiet_kernel
finish

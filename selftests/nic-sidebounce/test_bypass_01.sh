#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# profile: sriov
# cpus: 2
# timeout: 240
# Ways around a filter: service tags among the bytes of what others send, addresses that a guest gives itself, VFs that
# come back, and a filter of the same VF by another name. None of them leads past the rules.
. "$(dirname "$0")/lib.sh"

need_network 2
need_module nic_sidebounce
at_end filters_clear
udp="ip $a4 $b4 udp 1000 9"

it "VLANs that a guest has joined before its filter came do not lead past it"
for vlan in 100 3901; do
	ip -n vm0 link add link vf0 name v$vlan type vlan id $vlan
	ip -n vm0 link set v$vlan up
done
listen vm0 vf0 promisc
send peer "$wire" "eth $vf0_mac $peer_mac vlan 100 $udp"
expect_heard vf0/100
need_write $sidebounce/add_filter "f0 dev:$pf vf:0"
need_write $sidebounce/add_filter "f1 dev:$pf vf:1"
expect_equal 3901 "$(filter_get f1 vid)"
expect_ok rules f0 <<<$'default rx drop\ndefault tx drop'
expect_ok rules f1 <<<$'default rx accept\ndefault tx drop'
for dst in "$vf0_mac" "$broadcast"; do
	send peer "$wire" "eth $dst $peer_mac vlan 100 $udp"
	expect_heard ""
	send vm1 vf1 "eth $dst $vf1_mac $udp"
	expect_heard ""
done
expect_ok rules f0 <<<$'default rx accept\ndefault tx accept'
send peer "$wire" "eth $vf0_mac $peer_mac $udp"
expect_heard vf0
it "and lead there again when it has gone"
filter_remove f0
filter_remove f1
send peer "$wire" "eth $vf0_mac $peer_mac vlan 100 $udp"
expect_heard vf0/100
send peer "$wire" "eth $vf0_mac $peer_mac vlan 101 $udp"
expect_heard ""
unlisten
for vlan in 100 3901; do ip -n vm0 link del v$vlan; done

need_write $sidebounce/add_filter "f0 dev:$pf vf:0"
need_write $sidebounce/add_filter "f1 dev:$pf vf:1"
vid0=$(filter_get f0 vid)
vid1=$(filter_get f1 vid)
for device in sb0u sb0d sb1u sb1d; do
	quiet host $device
	ip link set $device up
done
expect_ok rules f0 <<<$'default rx accept\ndefault tx accept'
expect_ok rules f1 <<<$'default rx drop\ndefault tx drop'
listen vm1 vf1

it "two filters have two service VLANs"
[ "$vid0" != "$vid1" ] || fail "both have $vid0"

it "the host reaches no VF by its service tag among the bytes"
send host "$pf" "eth $broadcast $pf_mac vlan $vid1 $udp"
expect_heard ""
send host "$pf" "eth $vf1_mac $vf1_mac vlan $vid1 $udp"
expect_heard ""
send host "$pf" "eth $vf1_mac $vf0_mac vlan $vid1 $udp"
expect_heard ""
expect_equal 0 "$(filter_stat f1 rx_accepted)"
it "nor does level 2 of another VF, nor that VF itself"
send host sb0u "eth $broadcast $vf0_mac vlan $vid1 $udp"
expect_heard ""
send vm0 vf0 "eth $broadcast $vf0_mac vlan $vid1 $udp"
expect_heard ""
it "nor does a macvlan on the PF in a container"
ip netns add box
ip link add box0 link "$pf" type macvlan mode bridge
box_mac=$(cat /sys/class/net/box0/address)
ip link set box0 netns box
quiet box box0
ip -n box link set box0 up
expect_soon 10 carrier box box0
for frame in "eth $broadcast $box_mac vlan $vid1 $udp" "eth $vf1_mac $vf0_mac vlan $vid1 $udp" "eth $vf1_mac $box_mac $udp"; do
	send box box0 "$frame"
	expect_heard ""
done

it "what a VF sends to that macvlan gets there, and back"
listen box box0
listen vm0 vf0
# QEMU's card gives VFs a copy of what the PF sends.
unheeded=' vf0 '
send vm0 vf0 "eth $box_mac $vf0_mac $udp"
expect_heard box0
unheeded=' '
send box box0 "eth $vf0_mac $box_mac $udp"
expect_heard vf0
unlisten
ip netns del box

it "group frames are readdressed or not, as bum says"
dst_heard() {
	listen vm0 vf0
	send peer "$wire" "eth $broadcast $peer_mac type 0x88b6"
	expect_heard vf0
	dst=$(awk -v id="$frame_id" '$1 == id {print substr($4, 1, 12); exit}' "$ktest_dir/heard/vf0")
	unlisten
}
dst_heard
expect_equal "${vf0_mac//:/}" "$dst"
expect_ok filter_set f0 bum flood
dst_heard
expect_equal "${broadcast//:/}" "$dst"
expect_ok filter_set f0 bum unicast

it "a higher rate of bounces holds at once"
expect_ok rules f0 <<<$'default rx bounce\ndefault tx bounce'
expect_ok filter_set f0 bounce_burst 50
expect_ok filter_set f0 bounce_per_s 1
send_count=80
send peer "$wire" "eth $vf0_mac $peer_mac $udp"
send_count=1
bucket_is_empty() { [ "$(filter_stat f0 rx_bounced)" -ge 50 ] && [ "$(filter_stat f0 bounce_limited)" -gt 0 ]; }
expect_soon 5 bucket_is_empty
expect_ok filter_set f0 bounce_per_s 10000
sleep 0.5
bounced=$(filter_stat f0 rx_bounced)
send peer "$wire" "eth $vf0_mac $peer_mac $udp"
sleep 0.5
expect_equal $((bounced + 1)) "$(filter_stat f0 rx_bounced)"

it "a VF has one filter, also when its PF has another name"
ip link set "$pf" down
ip link set "$pf" name renamed
ip link set renamed up
expect_errno EBUSY filter_add "g0 dev:renamed vf:0"
expect_errno EBUSY filter_add "g0 dev:renamed"
ip link set renamed down
ip link set renamed name "$pf"
ip link set "$pf" up
expect_soon 10 carrier host "$pf"
expect_equal "filtering $vid0" "$(filter_get f0 state) $(filter_get f0 vid)"

it "a guest does not get the packets of the PF by taking its address, or those of another VF"
filters_clear
ip netns del vm0
ip netns del vm1
numvfs "$pf_bdf" 0
numvfs "$pf_bdf" 2
vm_add 0
need_write $sidebounce/add_filter "f0 dev:$pf vf:0"
expect_ok rules f0 <<<$'default rx accept\ndefault tx accept'
expect_match '([0-9a-f]{2}:){5}[0-9a-f]{2}' "$(filter_get f0 mac)"
in_ns vm0 ip link set vf0 down
in_ns vm0 ip link set vf0 address "$pf_mac"
in_ns vm0 ip link set vf0 up
expect_soon 10 carrier vm0 vf0
sleep 3
[ "$(filter_get f0 mac)" != "$pf_mac" ] || fail "the filter has taken the address of the PF"
listen vm0 vf0
listen host "$pf" late
send peer "$wire" "eth $pf_mac $peer_mac $udp"
expect_heard "$pf"
unlisten

# f0_mac MAC: the filter knows the VF by this address, soon.
f0_mac() { expect_soon 5 grep -qx "$1" "$filters/f0/mac" || note "it is $(filter_get f0 mac)"; }

it "nor those of a VF without a filter, whoever comes first"
ip link set "$pf" vf 1 mac $vf1_mac
vm_add 1
in_ns vm0 ip link set vf0 down
in_ns vm0 ip link set vf0 address $vf1_mac
in_ns vm0 ip link set vf0 up
expect_soon 10 carrier vm0 vf0
f0_mac none
listen vm0 vf0
listen vm1 vf1
rx_accepted=$(filter_stat f0 rx_accepted)
send peer "$wire" "eth $vf1_mac $peer_mac $udp"
expect_heard vf1
expect_equal "$rx_accepted" "$(filter_stat f0 rx_accepted)"
unlisten
ip link set "$pf" vf 1 mac 02:00:00:00:00:33
f0_mac $vf1_mac
ip link set "$pf" vf 1 mac $vf1_mac
f0_mac none
filters_clear
ip netns del vm1

it "VFs that come back are never open, whether they have an address or not"
need_write $sidebounce/add_filter "f0 dev:$pf vf:0"
ip netns del vm0
numvfs "$pf_bdf" 0
expect_filter f0 waiting
numvfs "$pf_bdf" 2
expect_equal filtering "$(filter_get f0 state)"
ip -d link show "$pf" | grep 'vf 0 ' | grep -q "vlan $(filter_get f0 vid)" || fail "it is not kept apart"
ip link set "$pf" vf 0 mac $vf0_mac
expect_soon 1 grep -qx $vf0_mac "$filters/f0/mac"
it "when all filters are removed, VFs are as they were"
filters_clear
expect_equal "" "$(ip -d link show "$pf" | grep -o 'vlan [0-9]*')"
it "the kernel has nothing to say about all that" expect_quiet_kernel
finish

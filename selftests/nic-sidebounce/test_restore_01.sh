#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# profile: sriov
# cpus: 2
# threads: one
# timeout: 400
# What a filter has borrowed of the card is given back as it was: by its removal, by rmmod, under traffic; and what others
# do to the card meanwhile is survived.
. "$(dirname "$0")/lib.sh"

need_network 2
listen peer "$wire" promisc
listen host "$pf" late
listen vm0 vf0
listen vm1 vf1
at_end filters_clear
# What others have set stays theirs.
expect_ok ip link set "$pf" vf 1 spoofchk off
expect_ok bridge fdb add 02:00:00:00:09:01 dev "$pf" self
udp="ip $a4 $b4 udp 1000 9"

# All that can be seen of the card's settings.
settings() {
	ip -d link show dev "$pf" | grep -Ev '^ *(RX|TX|[0-9])' | sed 's/ *$//'
	ip -d link show dev "$pf" | grep -o 'promiscuity [0-9]*\|allmulti [0-9]*\|mtu [0-9]*'
	ip maddress show dev "$pf" | sort
	bridge fdb show dev "$pf" | sort
	in_ns vm0 ip link show dev vf0 | grep ether
	ls /sys/class/net
}
before=$(settings)
expect_as_before() { expect_equal "$before" "$(settings)"; }

# Frames pass the VF directly in both ways, and nothing is tagged.
expect_direct() {
	forget_heard
	send peer "$wire" "eth $vf0_mac $peer_mac $udp"
	expect_heard vf0
	send vm0 vf0 "eth $peer_mac $vf0_mac $udp"
	expect_heard "$wire"
	send vm0 vf0 "eth $vf1_mac $vf0_mac $udp"
	expect_heard vf1
	expect_no_leak
}

add_both() {
	expect_ok filter_add "f0 dev:$pf vf:0" && expect_ok filter_add "f1 dev:$pf vf:1" &&
		expect_ok rules f0 <<<$'default rx accept\ndefault tx accept'
}

it "without the module" expect_direct
need_module nic_sidebounce
it "the module alone changes nothing" expect_as_before
it "a removed filter leaves everything as it was"
add_both
[ "$before" != "$(settings)" ] || fail "the settings do not show a filter"
expect_ok filter_remove f0
expect_ok filter_remove f1
expect_as_before
expect_direct
it "so do settings that were changed in between"
add_both
for mode in jail none capture jail; do expect_ok filter_set f0 tx_mode $mode; done
expect_ok filter_set f0 bum flood
expect_ok filter_remove f1
expect_ok filter_remove f0
expect_as_before
it "so does the module"
add_both
expect_ok rmmod nic_sidebounce
expect_as_before
expect_direct

# Frames both ways without a pause, until `quiet_down`.
load_up() {
	load peer "$wire" "eth $vf0_mac $peer_mac $udp zeros 400" "eth $broadcast $peer_mac type 0x88b6"
	load vm0 vf0 "eth $peer_mac $vf0_mac $udp zeros 400" "eth $pf_mac $vf0_mac type 0x88b6"
}

# load NAMESPACE IF FRAME...: a process of its own, which nothing but a signal ends soon.
load() {
	nsenter "--net=/run/netns/$1" "$ktest_top/build/bin/frames" send "$2" 1000000 < <(printf '%s\n' "${@:3}") &
	loads+=($!)
}

loads=()
quiet_down() {
	[ ${#loads[@]} -eq 0 ] || kill "${loads[@]}" || fail "the traffic had ended before"
	wait "${loads[@]}" 2>/dev/null
	loads=()
	sleep 0.3
}
at_end quiet_down
# Listeners would write it all down.
unlisten

it "rmmod under traffic restores direct service"
load_up
for ((i = 0; i < ${RVM_LONG:+10}+3; i++)); do
	expect_ok load_module nic_sidebounce
	add_both
	sleep 0.2
	expect_ok rmmod nic_sidebounce
done
quiet_down
expect_as_before
expect_ok in_ns vm0 ping -q -c 2 -i 0.1 -W 5 "$peer4"

expect_ok load_module nic_sidebounce
ktest_modules+=(nic_sidebounce)
add_both
# Cards that were reset come back one after the other.
accepting() {
	local place
	for place in "host $pf" "peer $wire" "vm0 vf0"; do
		# shellcheck disable=SC2086 # two words
		expect_soon 20 carrier $place
	done
	expect_soon 20 in_ns vm0 ping -q -c 1 -W 1 "$peer4"
	expect_soon 20 in_ns peer ping -q -c 1 -W 1 "$vf0_4"
}
it "with a filter that accepts, hosts talk" accepting
it "the PF may go down and up under traffic"
load_up
for _ in 1 2 3; do
	ip link set "$pf" down
	ip link set "$pf" up
	sleep 0.2
done
quiet_down
expect_soon 10 carrier host "$pf"
expect_filter f0 filtering
accepting
it "its MTU may change under traffic"
load_up
for mtu in 1400 9000 1500; do expect_ok ip link set "$pf" mtu $mtu; done
quiet_down
expect_filter f0 filtering
accepting
it "it may be reset by ethtool under traffic"
load_up
for size in 128 256; do expect_ok ethtool -G "$pf" rx $size; done
quiet_down
accepting
it "the host's addresses stay usable beside those of the filters, while nothing is captured"
for filter in f0 f1; do expect_ok filter_set $filter tx_mode jail; done
sleep 0.3
expect_ok bridge fdb add 02:00:00:00:09:02 dev "$pf" self
expect_ok bridge fdb del 02:00:00:00:09:02 dev "$pf" self
for filter in f0 f1; do expect_ok filter_set $filter tx_mode capture; done
it "a VF whose address changes is filtered with the new one"
expect_ok ip link set "$pf" vf 1 mac 02:00:00:00:00:22
expect_soon 5 grep -qx 02:00:00:00:00:22 "$filters/f1/mac"
expect_ok ip link set "$pf" vf 1 mac $vf1_mac
expect_soon 5 grep -qx $vf1_mac "$filters/f1/mac"
it "who changes the VLAN of a filtered VF gets it, and keeps it"
expect_ok ip link set "$pf" vf 1 vlan 7
expect_filter f1 waiting
expect_ok filter_remove f1
expect_match '.*vf 1 .*vlan 7.*' "$(ip link show dev "$pf" | grep 'vf 1 ')"
expect_ok ip link set "$pf" vf 1 vlan 0
it "a VF that had a VLAN has it again"
expect_ok ip link set "$pf" vf 1 vlan 9 qos 3
expect_ok filter_add "f1 dev:$pf vf:1"
expect_ok filter_remove f1
expect_match '.*vf 1 .*vlan 9, qos 3.*' "$(ip link show dev "$pf" | grep 'vf 1 ')"
expect_ok ip link set "$pf" vf 1 vlan 0 qos 3
before_qos=$(ip link show dev "$pf" | grep 'vf 1 ')
expect_ok filter_add "f1 dev:$pf vf:1"
expect_ok filter_remove f1
expect_equal "$before_qos" "$(ip link show dev "$pf" | grep 'vf 1 ')"
expect_match '.*qos 3.*' "$before_qos"
expect_ok ip link set "$pf" vf 1 vlan 0
it "the VFs may go and come back under a filter"
for ns in vm0 vm1; do ip netns del $ns; done
expect_ok vf_remove "$pf_bdf"
expect_filter f0 waiting
expect_ok vf_create "$pf_bdf" 2
expect_filter f0 filtering
vm_add 0
vm_add 1
expect_ok rules f0 <<<$'default rx accept\ndefault tx accept'
accepting
it "in the end everything is as it was"
expect_ok filter_remove f0
expect_ok ip link set "$pf" vf 1 spoofchk off
# Lost when the PF was down.
ip address add "$pf6/64" dev "$pf" nodad 2>/dev/null
expect_as_before
it "the kernel has nothing to say about all that" expect_quiet_kernel
finish

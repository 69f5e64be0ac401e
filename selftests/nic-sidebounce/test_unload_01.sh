#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# profile: sriov
# cpus: 2
# threads: one
# timeout: 500
# Filters and the module go under traffic, and devices and VFs under filters: what is left is as it was, and no VF gets
# what was not filtered while it has a filter.
. "$(dirname "$0")/port.sh"

cycles=${RVM_LONG:+500}
cycles=${cycles:-50}
# Read once from the host's file system.
cp "$ktest_mods/nic_sidebounce.ko" "$ktest_dir" || bail "no nic_sidebounce.ko"
ktest_mods=$ktest_dir
to_vm="eth $vf0_mac 02:00:00:00:00:77 ip $a4 $b4 udp 1000"

# flood NAMESPACE IF FRAME: sends it again and again until `calm`.
flood() {
	# shellcheck disable=SC2016
	in_ns "$1" bash -c 'while [ ! -e "$0/calm" ]; do "$1" send "$2" 200 1000 <<<"$3"; done' \
		"$ktest_dir" "$ktest_top/build/bin/frames" "$2" "$3" >/dev/null 2>&1 &
	floods+=($!)
}
floods=()
calm() {
	: >"$ktest_dir/calm"
	wait "${floods[@]}"
	floods=()
	rm "$ktest_dir/calm"
}
accept() { rules "$1" <<<"default rx accept"$'\n'"default tx accept"; }

need_port
need_module nic_sidebounce

it "port: a stream is whole while a filter that accepts it is removed"
for how in remove_filter rmmod remove_filter rmmod remove_filter; do
	expect_ok filter_add "port0 dev:tap0"
	accept port0
	(stream udp peer vm0 "$vf0_4" 5000 1500 200 1500 3000 && whole 1500) &
	sleep 0.4
	if [ $how = remove_filter ]; then expect_ok filter_remove port0; else expect_ok rmmod nic_sidebounce; fi
	wait $!
	[ $how = remove_filter ] || expect_ok load_module nic_sidebounce
done

it "port: the module is unloaded and loaded under traffic, $cycles times"
flood peer wire "$to_vm 1"
flood vm0 vf0 "eth 02:00:00:00:00:77 $vf0_mac ip $b4 $a4 udp 1000 1"
for ((i = 0; i < cycles; i++)); do
	expect_ok filter_add "port0 dev:tap0"
	read -r up down <"$filters/port0/ports"
	case $((i % 4)) in
	0) expect_ok accept port0 ;;
	1) level2_bridge "$up $down" ;;
	2) expect_ok filter_set port0 hold 1 && expect_ok accept port0 ;;
	esac
	sleep 0.0$((RANDOM % 5))
	if [ $((i % 3)) = 0 ]; then
		expect_ok filter_remove port0
	else
		rmmod nic_sidebounce || fail "round $i: unloading" || break
		load_module nic_sidebounce || fail "round $i: loading" || break
	fi
	ip link del br1 2>/dev/null
done
[ ! -d $filters/port0 ] || expect_ok filter_remove port0
calm
listen vm0 vf0
listen peer wire
send peer wire "eth $vf0_mac $peer_mac ip $a4 $b4 udp 1000 1"
expect_heard vf0
forget_heard
expect_no_dmesg

it "port: a filter waits while its device is deleted or elsewhere, and finds it again"
expect_ok filter_add "port0 dev:tap0"
flood peer wire "$to_vm 1"
ip link del tap0
expect_filter port0 waiting
ip link add tap0 type veth peer name vf0 netns vm0
add_host vm0 vf0 "$vf0_mac" "$vf0_4" "$vf0_6" $peer_mac "$peer4" "$peer6"
quiet host tap0
ip link set tap0 master br0
ip link set tap0 up
expect_filter port0 filtering
ip link set tap0 netns peer
expect_filter port0 waiting
in_ns peer ip link set tap0 netns 1
expect_filter port0 filtering
quiet host tap0
ip link set tap0 master br0
ip link set tap0 up
calm
listen vm0 vf0
mark_counts port0
send peer wire "eth $vf0_mac $peer_mac ip $a4 $b4 udp 1000 1"
expect_grown port0 "rx_bounced=1 no_port=1"
expect_heard ""

it "port: a device that is renamed keeps its filter"
ip link set tap0 down
ip link set tap0 name tap9
ip link set tap9 up
expect_soon 5 carrier host tap9
sleep 2.5
mark_counts port0
send peer wire "eth $vf0_mac $peer_mac ip $a4 $b4 udp 1000 1"
expect_grown port0 rx_bounced=1
expect_heard ""
note "$(filter_get port0 target) is $(filter_get port0 state) $(filter_get port0 reason)"
ip link set tap9 down
ip link set tap9 name tap0
ip link set tap0 up
expect_filter port0 filtering
expect_ok filter_remove port0

it "port: devices of a pair that are up, in a bridge, or in another namespace are removed"
for how in up bridge moved; do
	expect_ok filter_add "port0 dev:tap0"
	read -r up down <"$filters/port0/ports"
	flood peer wire "$to_vm 1"
	case $how in
	up) ip link set "$up" up && ip link set "$down" up ;;
	bridge) level2_bridge "$up $down" ;;
	moved) ip link set "$up" netns peer && in_ns peer ip link set "$up" up ;;
	esac
	sleep 0.2
	if [ $how = bridge ]; then expect_ok filter_remove port0; else
		expect_ok rmmod nic_sidebounce
		expect_ok load_module nic_sidebounce
	fi
	calm
	[ ! -e "/sys/class/net/$up" ] || fail "$up is still there"
	in_ns peer ip link show "$up" >/dev/null 2>&1 && fail "$up is still in its namespace"
	ip link del br1 2>/dev/null
done
expect_no_dmesg

it "port: a namespace that ends with a device of a pair in it takes nothing else away"
expect_ok filter_add "port0 dev:tap0"
read -r up down <"$filters/port0/ports"
ip netns add other
ip link set "$up" netns other
ip netns del other
expect_soon 10 test -e "/sys/class/net/$up"
expect_ok filter_remove port0
expect_no_dmesg
port_down

need_network 2
to_vf="eth $vf0_mac 02:00:00:00:00:77 ip $a4 $b4 udp 1000"

it "veb: the module is unloaded and loaded under traffic, $cycles times, and VFs have their packets then"
flood peer "$wire" "$to_vf 1"
flood vm0 vf0 "eth $peer_mac $vf0_mac ip $b4 $a4 udp 1000 1"
for ((i = 0; i < cycles; i++)); do
	expect_ok filter_add "web dev:$pf vf:0"
	read -r up down <"$filters/web/ports"
	case $((i % 4)) in
	0) expect_ok accept web ;;
	1) level2_bridge "$up $down" ;;
	2) expect_ok filter_set web hold 1 && expect_ok accept web ;;
	esac
	sleep 0.0$((RANDOM % 5))
	if [ $((i % 3)) = 0 ]; then
		expect_ok filter_remove web
	else
		rmmod nic_sidebounce || fail "round $i: unloading" || break
		load_module nic_sidebounce || fail "round $i: loading" || break
	fi
	ip link del br1 2>/dev/null
done
[ ! -d $filters/web ] || expect_ok filter_remove web
calm
listen vm0 vf0
listen peer "$wire"
send peer "$wire" "$to_vf 1"
expect_heard vf0
send vm0 vf0 "eth $peer_mac $vf0_mac ip $b4 $a4 udp 1000 1"
expect_heard "$wire"
expect_no_dmesg

# The VF's rules now drop everything, so whatever of the flood it hears was not filtered.
drop_all() { expect_ok rules web <<<"default rx drop"$'\n'"default tx drop"; }
# expect_flood [BEFORE]: the filter has had traffic to drop since it had dropped so much.
expect_flood() { expect_between 100 10000000 $(($(filter_stat web rx_dropped) - ${1:-0})); }

it "veb: the PF goes down and up under a filter with traffic, and the VF gets nothing unfiltered"
expect_ok filter_add "web dev:$pf vf:0"
drop_all
forget_heard
flood peer "$wire" "$to_vf 1 id 60000"
flood peer "$wire" "eth $broadcast 02:00:00:00:00:77 ip $a4 $b4 udp 1000 1 id 60001"
for ((i = 0; i < 3; i++)); do
	ip link set "$pf" down
	sleep 0.2
	ip link set "$pf" up
	expect_soon 10 carrier host "$pf"
	sleep 1
done
expect_filter web filtering
calm
expect_soon 15 carrier vm0 vf0
sleep 1
expect_flood
unfiltered() { awk '$1 == 60000 || $1 == 60001' "$ktest_dir/heard/vf0" | wc -l; }
expect_equal 0 "$(unfiltered)"
mark_counts web
expect_ok accept web
send peer "$wire" "$to_vf 1"
expect_heard vf0
drop_all

it "veb: the VFs go and come back under a filter with traffic, and the VF gets nothing unfiltered"
unlisten
before=$(filter_stat web rx_dropped)
flood peer "$wire" "$to_vf 1 id 60000"
flood peer "$wire" "eth $broadcast 02:00:00:00:00:77 ip $a4 $b4 udp 1000 1 id 60001"
for ((i = 0; i < 2; i++)); do
	expect_ok vf_remove "$pf_bdf"
	expect_filter web waiting
	ip netns del vm0 && ip netns del vm1
	expect_ok vf_create "$pf_bdf" 2
	vm_add 0
	listen vm0 vf0
	sleep 3
	# What it has received before anybody listened.
	expect_equal 0 "$(in_ns vm0 ip -s link show dev vf0 | awk '/RX:/ {getline; print $2}')"
	note "$(filter_get web state) $(filter_get web reason)"
	expect_filter web filtering
	expect_equal 0 "$(unfiltered)"
	kill "${listeners[-1]}"
	ip netns add vm1
done
calm
expect_flood "$before"
listen vm0 vf0
expect_ok accept web
send peer "$wire" "$to_vf 1"
is_heard() { grep -q "^$frame_id " "$ktest_dir/heard/vf0"; }
expect_soon 5 is_heard
drop_all

it "veb: a VF whose address nobody knows yet is kept apart from the first moment on, also from other drivers"
ip netns del vm0 && ip netns del vm1
vlan_of() { ip link show dev "$pf" | sed -n "s/^ *vf $1 .* vlan \([0-9]*\).*/\1/p"; }
expect_ok vf_remove "$pf_bdf"
expect_filter web waiting
expect_ok numvfs "$pf_bdf" 2
# Not soon: now.
vid=$(vlan_of 0)
expect_between 3900 4089 "${vid:-0}"
expect_equal "" "$(vlan_of 1)"
expect_equal "filtering none" "$(filter_get web state) $(filter_get web mac)"
modprobe -q vfio-pci && give_to vfio-pci "$(vf_bdf "$pf_bdf" 0)"
sleep 2.5
expect_equal "$vid" "$(vlan_of 0)"
expect_ok ip link set dev "$pf" vf 0 mac "$vf0_mac"
expect_ok ip link set dev "$pf" vf 1 mac "$vf1_mac"
expect_filter web filtering
expect_equal "$vid $vid" "$(vlan_of 0) $(filter_get web vid)"

it "veb: a filter that is removed before its VF has an address leaves the VF as it was"
expect_ok vf_remove "$pf_bdf"
expect_filter web waiting
expect_ok numvfs "$pf_bdf" 2
expect_equal "$vid" "$(vlan_of 0)"
expect_ok filter_remove web
expect_equal "" "$(vlan_of 0)"
expect_ok vf_create "$pf_bdf" 2
vm_add 0
vm_add 1
expect_ok filter_add "web dev:$pf vf:0"
drop_all

it "veb: the driver of the PF goes and comes back under a filter with traffic"
flood vm0 vf0 "eth $peer_mac $vf0_mac ip $b4 $a4 udp 1000 1"
expect_ok write /sys/bus/pci/drivers/igb/unbind "$pf_bdf"
expect_filter web waiting
note "$(filter_get web reason)"
calm
ip netns del vm0
ip netns del vm1
expect_ok write /sys/bus/pci/drivers/igb/bind "$pf_bdf"
expect_soon 10 has_net "$pf_bdf"
# The name that it had may be another one's in the namespace of the peer, but here it is free.
[ "$(net_of "$pf_bdf")" = "$pf" ] || ip link set dev "$(net_of "$pf_bdf")" name "$pf"
net_add host "$pf" "$pf4" "$pf6"
expect_soon 10 carrier host "$pf"
expect_ok vf_create "$pf_bdf" 2
vm_add 0
expect_filter web filtering
expect_ok filter_remove web

it "the kernel has nothing to say about all that" expect_quiet_kernel
finish

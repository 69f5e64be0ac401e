#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# profile: wire
# cpus: 1
# Instructions per packet of the whole way from a host on the wire to a VF, all that the CPU executes except while idle:
# the generator on the other card, both drivers, and the stack behind the VF, which drops the packet. Straight to the VF;
# through a filter whose last rule accepts it; and through a bridge of the PF and a VLAN that the VF is in, which filters
# nothing. The contenders take turns.
. selftests/lib/bench.sh
. selftests/lib/sriov.sh

packets=20000
vid=4001
vf_mac=02:00:00:00:00:01
sidebounce=/sys/kernel/nic_sidebounce
pktgen=/proc/net/pktgen

# wait_for COMMAND...: 10 s at most.
wait_for() {
	local tries=0
	until "$@"; do
		tries=$((tries + 1))
		[ $tries -lt 200 ] || {
			echo "in vain: $*" >&2
			return 1
		}
		sleep 0.05
	done
}
net_of() { basename "$(echo "$pci/$1"/net/*)"; }
has_net() { [ -e "$(echo "$pci/$1"/net/*)" ]; }
is_up() { [ "$(cat "/sys/class/net/$1/carrier" 2>/dev/null)" = 1 ]; }

modprobe igbvf
modprobe pktgen
sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
pf_bdf=$(pf_of_igb 0)
pf=$(net_of "$pf_bdf")
wire=$(net_of "$(pf_of_igb 1)")
ip link set "$pf" up
ip link set "$wire" up
wait_for is_up "$pf"
wait_for is_up "$wire"
vf_create "$pf_bdf" 1
vf_bdf=$(vf_bdf "$pf_bdf" 0)
give_to igbvf "$vf_bdf"
wait_for has_net "$vf_bdf"
vf=$(net_of "$vf_bdf")
ip link set dev "$vf" up
wait_for is_up "$vf"
echo "add_device $wire" >$pktgen/kpktgend_0
# Slow enough for everybody, so that nothing is lost or taken together.
for command in "count $packets" "pkt_size 60" "delay 150000" "dst_mac $vf_mac" "dst_min 10.0.0.1" "dst_max 10.0.0.1" \
	"src_min 192.0.2.1" "src_max 192.0.2.1" "udp_dst_min 9" "udp_dst_max 9"; do
	echo "$command" >"$pktgen/$wire"
done

received() { cat "/sys/class/net/$vf/statistics/rx_packets"; }

# measure CONTENDER
measure() {
	local before count busy_ns
	# What was changed has to come to rest first: cards begin anew.
	sleep 2
	before=$(received)
	busy_ns=$(build/bin/busy sh -c "echo start >$pktgen/pgctrl")
	sleep 0.5
	count=$(($(received) - before))
	result "$1" "instructions/packet" $((${busy_ns#*=} / packets))
	result "$1" "packets lost" $((packets - count))
}

# rules MASKS: a thousand, of which the last one accepts the packet.
rules() {
	awk -v masks="$1" 'BEGIN {
		print "begin\nflush\ndefault rx drop\ndefault tx accept"
		for (i = 0; i < 999; i++)
			printf "add prio %d dir rx proto udp dst_ip 10.%d.%d.0/%d dst_port 9 action drop\n", i + 1, 1 + i / 200, \
				i % 200, 32 - i % masks
		print "add prio 1000 dir rx proto udp dst_ip 10.0.0.1 dst_port 9 action accept\ncommit"
	}'
}

# filtered CONTENDER MASKS
filtered() {
	insmod build/mod/nic_sidebounce.ko
	echo "vf0 dev:$pf vf:0" >$sidebounce/add_filter
	rules "$2" >"$work"
	cat "$work" >$sidebounce/filters/vf0/rules
	measure "$1"
	rmmod nic_sidebounce
}

bridged() {
	ip link set dev "$pf" vf 0 vlan $vid
	ip link add link "$pf" name service type vlan id $vid
	ip link add level2 type bridge mcast_snooping 0
	ip link set dev "$pf" master level2
	ip link set dev service master level2
	bridge fdb add $vf_mac dev service master static
	ip link set service up
	ip link set level2 up
	measure "$1"
	ip link del level2
	ip link del service
	ip link set dev "$pf" vf 0 vlan 0
}

work=$(mktemp)
for ((round = 0; round < ${ROUNDS:-3}; round++)); do
	measure "direct"
	filtered "nic-sidebounce, 1,000 rules, 1 mask" 1
	filtered "nic-sidebounce, 1,000 rules, 16 masks" 16
	bridged "bridge of PF and VLAN, no filter"
done
rm "$work"
echo "rem_device_all" >$pktgen/kpktgend_0
rmmod pktgen
ip link set dev "$vf" down
vf_remove "$pf_bdf"
echo 1 >"$pci/$pf_bdf/sriov_drivers_autoprobe"

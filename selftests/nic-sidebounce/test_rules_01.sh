#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# profile: sriov
# cpus: 2
# timeout: 600
# Every word of the rules, for both families and in both directions, with each verdict: frames that it demands, and frames
# that differ in that alone. In front of a tap-like device of the host, so that tags and odd frames come through whole.
. "$(dirname "$0")/lib.sh"

need_module nic_sidebounce
mkdir -p /var/run
modprobe veth || bail "veth does not load"
vm_mac=02:00:00:00:01:01 host_mac=02:00:00:00:01:02
ip netns add vm || bail "no network namespaces"
ip link add tap0 address $host_mac type veth peer name guest0 netns vm address $vm_mac || bail "no veth"
at_end ip netns del vm
at_end ip link del tap0
# A segment made of several frames would be one frame here.
for feature in tx gso tso gro; do
	ethtool -K tap0 $feature off
	in_ns vm ethtool -K guest0 $feature off
done >/dev/null 2>&1
quiet host tap0
quiet vm guest0
ip link set tap0 up
in_ns vm ip link set guest0 up
need_write $sidebounce/add_filter "f dev:tap0"
at_end filters_clear
for device in sb0u sb0d; do
	quiet host $device
	ip link set $device up
	listen host $device
done
listen host tap0 late
listen vm guest0
need_write $filters/f/bounce_per_s unlimited

# Where frames go: by direction, then by verdict.
declare -A place=([rx accept]=guest0 [rx drop]='' [rx bounce]=sb0u [tx accept]=tap0 [tx drop]='' [tx bounce]=sb0d)

transmit() {
	local direction=$1
	shift
	if [ "$direction" = rx ]; then send host tap0 "$@"; else send vm guest0 "$@"; fi
}

# expect_at PLACE NUMBER VID[:VID]: a frame with these tags. Behind the module, the host has taken the outer one off.
expect_at() {
	local wanted=$1 vid=${3%:*}
	[ "$wanted" != tap0 ] || vid=$([[ $3 != *:* ]] || echo "${3#*:}")
	[ -z "$wanted" ] || [ -z "$vid" ] || wanted+=/$vid
	expect_heard "$wanted" "$2"
}

# check DEMANDS MATCHING OTHER [VID [VID]]: a rule with these demands decides about the one frame and not about the other;
# VIDs are those of their tags, if they have some. For each direction and verdict.
check() {
	local demands=$1 direction verdict other packets
	it "$demands"
	for direction in rx tx; do
		for verdict in accept drop bounce; do
			other=drop
			[ $verdict != drop ] || other=accept
			# What cannot be read bounces instead of being accepted.
			[[ $3 != *\!* ]] || other=bounce
			expect_ok rules f <<<"default $direction ${other/bounce/accept}
add prio 7 dir $direction $demands action $verdict name r" || return
			transmit $direction "$2" "${3#\!}"
			expect_at "${place[$direction $verdict]}" $((frame_id - 1)) "${4:-}"
			expect_at "${place[$direction $other]}" "$frame_id" "${5:-}"
			read -r _ packets _ <"$filters/f/rule_stats"
			expect_equal 1 "$packets"
		done
	done
}
settle_s=0.02

e="eth $vm_mac $host_mac"
v4="$e ip $a4 $b4" v6="$e ip $a6 $b6"
check "dst_mac $vm_mac" "$v4 udp 1 2" "eth 02:00:00:00:01:03 $host_mac ip $a4 $b4 udp 1 2"
check "src_mac $host_mac" "$v4 udp 1 2" "eth $vm_mac 02:00:00:00:01:03 ip $a4 $b4 udp 1 2"
check "dst_mac 01:00:00:00:00:00/01:00:00:00:00:00" "eth $broadcast $host_mac ip $a4 $b4 udp 1 2" "$v4 udp 1 2"
check "vid 100" "$e vlan 100 ip $a4 $b4 udp 1 2" "$e vlan 101 ip $a4 $b4 udp 1 2" 100 101
check "vid 100-199" "$e vlan 0x20c7 ip $a6 $b6 udp 1 2" "$e vlan 200 ip $a6 $b6 udp 1 2" 199 200
check "vid none" "$v4 udp 1 2" "$e vlan 100 ip $a4 $b4 udp 1 2" "" 100
check "vid 300 ethertype ip" "$e svlan 300 vlan 5 ip $a4 $b4 udp 1 2" "$e svlan 5 vlan 300 ip $a4 $b4 udp 1 2" 300:5 5:300
check "ethertype ip" "$v4 udp 1 2" "$v6 udp 1 2"
check "ethertype ipv6" "$v6 udp 1 2" "$v4 udp 1 2"
check "ethertype arp" "$e arp request $host_mac $a4 00:00:00:00:00:00 $b4 trail" "$v4 udp 1 2"
check "ethertype 0x88cc" "$e type 0x88cc" "$e type 0x88b6"
for family in v4 v6; do
	ip=${!family}
	for proto in tcp udp sctp; do
		type="ethertype ip"
		[ $family = v4 ] || type="ethertype ipv6"
		other=udp
		[ $proto != udp ] || other=tcp
		check "$type proto $proto" "$ip $proto 1 2" "$ip $other 1 2"
		check "$type proto $proto dst_port 22" "$ip $proto 1000 22" "$ip $proto 22 1000"
		check "$type proto $proto src_port 1000-1999 dst_port 20-29" "$ip $proto 1999 29" "$ip $proto 2000 29"
	done
	check "$type proto tcp tcp_flags 0x02/0x12" "$ip tcp 1 2 flags=0x42" "$ip tcp 1 2 flags=0x12"
	check "$type proto 47" "$ip proto=47 hex 00" "$ip proto=48 hex 00"
	check "$type frag no" "$ip udp 1 2" "$([ $family = v4 ] && echo "$ip frag=0+ udp 1 2 zeros 64" || echo "$ip ext frag:0+ udp 1 2 zeros 64")"
	check "$type unparsed no" "$ip udp 1 2" "!$ip udp 1 2 len=7"
	check "unparsed yes" "$ip udp 1 2 len=7" "$ip udp 1 2"
done
check "dst_ip $b4" "$v4 udp 1 2" "$e ip $a4 $a4 udp 1 2"
check "src_ip 192.0.2.0/31" "$v4 udp 1 2" "$e ip $b4 $b4 udp 1 2"
check "dst_ip $b6" "$v6 udp 1 2" "$e ip $a6 $a6 udp 1 2"
check "src_ip 2001:db8::/127" "$v6 udp 1 2" "$e ip $b6 $b6 udp 1 2"
check "src_ip 2001:db8::/32 proto tcp dst_port 80" "$v6 ext hop ext dst 24 tcp 1 80" "$v6 ext hop ext dst 24 tcp 1 81"
check "proto icmp icmp_type 8" "$v4 icmp 8 0" "$v4 icmp 0 0"
check "proto icmp icmp_type 3 icmp_code 4" "$v4 icmp 3 4" "$v4 icmp 3 3"
check "proto icmpv6 icmp_type 128" "$v6 icmp6 128 0" "$v6 icmp6 129 0"
check "proto icmpv6 icmp_type 1 icmp_code 4" "$v6 icmp6 1 4" "$v6 icmp6 1 3"
check "ethertype ip frag yes" "$v4 frag=0+ udp 1 2 zeros 64" "$v4 udp 1 2"
check "ethertype ip frag first" "$v4 frag=0+ udp 1 2 zeros 64" "$v4 proto=17 frag=9 zeros 64"
check "ethertype ip frag later" "$v4 proto=17 frag=9 zeros 64" "$v4 frag=0+ udp 1 2 zeros 64"
check "ethertype ipv6 frag first" "$v6 ext frag:0+ udp 1 2 zeros 64" "$v6 ext dst udp 1 2"
check "ethertype ipv6 frag later" "$v6 ext frag:9 next 17 zeros 64" "$v6 ext frag:0+ udp 1 2 zeros 64"
arp="arp request $host_mac $a4 $vm_mac $b4 trail"
check "arp_op request" "$e $arp" "$e arp reply $host_mac $a4 $vm_mac $b4 trail"
check "arp_op reply" "$e arp reply $host_mac $a4 $vm_mac $b4 trail" "$e $arp"
check "arp_spa $a4" "$e $arp" "$e arp request $host_mac $b4 $vm_mac $b4 trail"
check "arp_tpa 192.0.2.2/31" "$e $arp" "$e arp request $host_mac $a4 $vm_mac $a4 trail"
check "arp_sha $host_mac" "$e $arp" "$e arp request $vm_mac $a4 $vm_mac $b4 trail"
check "arp_tha $vm_mac" "$e $arp" "$e arp request $host_mac $a4 $host_mac $b4 trail"

it "what would evade a rule on a port bounces where it is not dropped"
expect_ok rules f <<<$'add prio 1 dir rx proto tcp dst_port 22 action drop\ndefault rx accept'
evasions=(
	"$v4 tcp 1 22 offset=4" "$v4 frag=0+ proto=6 hex 0001" "$v4 proto=6 frag=1 zeros 16" "$v4 ihl=4 tcp 1 22"
	"$v4 version=6 tcp 1 22" "$v4 len=30 tcp 1 22" "$v6 ext route:0 tcp 1 22" "$v6 ext dst ext hop tcp 1 22"
	"$v6 ext frag:0+ next 6 hex 0001" "$v6 ext dst ext dst ext dst ext dst ext dst ext dst ext dst tcp 1 22"
	"$v6 ext dst 520 tcp 1 22" "$e vlan 1 vlan 2 vlan 3 ip $a4 $b4 tcp 1 22" "$e type 0x0010 hex aaaa030000000800"
)
transmit rx "${evasions[@]}"
for ((i = ${#evasions[@]}; i > 0; i--)); do
	[ "$(places $((frame_id - i + 1)) | sed 's|/.*||')" = sb0u ] ||
		expect_heard sb0u $((frame_id - i + 1))
done
it "the kernel has nothing to say about all that" expect_quiet_kernel
finish

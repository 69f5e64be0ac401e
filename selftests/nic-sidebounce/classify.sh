# SPDX-License-Identifier: GPL-2.0
# What the benchmarks of level 1 have in common: the contenders, and the rules in the words of each. The benchmark has
# two functions that make the device receive packets and print how many instructions one took: `one ADDRESS`, of at
# least $packets to it, and `many FIRST LAST`, to all from one to the other; and calls `rounds DEVICE native|generic`,
# the way of XDP on that device.
# shellcheck shell=bash
#
# All count packets and bytes of each rule, and drop what a rule matches. "hit": the last rule of the last mask does;
# "miss": none does, and the stack drops the packet; "flows": each packet is of another flow, and nearly all are hit.
# "replace": all rules are replaced, with the program that does it and without what it waits. The contenders take turns.
#
# XDP is a program as one would write it for nothing but these rules (selftests/lib/xdp.c): bounds, IPv4 without
# options, no fragment, UDP, then one lookup of address and port, in a hash if there is one mask, else in an LPM trie,
# counts for each CPU, and drop. It knows no IPv6, VLAN, fragments, ranges, sources, priorities other than the longest
# prefix, no other verdict than to drop, and no frames that the host sends.

packets=10000
work=$(mktemp -d)
nft=build/nft/nft
sidebounce=/sys/kernel/nic_sidebounce

# The networks of RULES rules of MASKS lengths, in a file; those of one length are in a corner of their own.
networks() {
	awk -v rules="$1" -v masks="$2" 'BEGIN {
		for (i = 0; i < rules; i++) {
			len = 32 - (masks - 1) + i % masks
			size = 1
			for (bit = len; bit < 32; bit++)
				size *= 2
			at = (10 + 2 * (i % masks)) * 16777216 + int(i / masks) * size
			printf "%d.%d.%d.%d/%d\n", at / 16777216, at / 65536 % 256, at / 256 % 256, at % 256, len
		}
	}'
}

# The rules in the words of each contender.
prepare() {
	networks "$1" "$2" >"$work/networks"
	{
		printf 'begin\nflush\ndefault tx accept\n'
		awk '{ print "add prio " NR " dir tx proto udp dst_ip " $1 " dst_port 9 action drop" }' "$work/networks"
		echo commit
	} >"$work/sidebounce"
	awk -v dev="$device" '{ print "filter add dev " dev " ingress protocol ip prio 1 handle " NR " flower ip_proto udp " \
		"dst_ip " $1 " dst_port 9 action drop" }' "$work/networks" >"$work/flower"
	{
		echo "filter del dev $device ingress"
		cat "$work/flower"
	} >"$work/flower.again"
	{
		printf 'table netdev t {\nmap m {\ntype ipv4_addr . inet_service : verdict\n'
		[ "$2" = 1 ] || echo 'flags interval'
		printf 'counter\nelements = {\n'
		awk -v one="$2" '{ if (one == 1) sub("/32", ""); print $1 " . 9 : drop," }' "$work/networks"
		printf '}\n}\nchain c {\ntype filter hook ingress device %s priority 0; policy accept;\n' "$device"
		printf 'ip protocol udp ip daddr . udp dport vmap @m\n}\n}\n'
	} >"$work/nft"
	{
		echo 'delete table netdev t'
		cat "$work/nft"
	} >"$work/nft.again"
	# Of the last mask, in the corner of which are all of one length.
	hit=$(grep '/32$' "$work/networks" | tail -n 1)
	first=$(grep -m 1 '/32$' "$work/networks")
}

# replace CONTENDER COMMAND...: how many thousand instructions the CPU executes meanwhile.
replace() {
	local busy_ns
	busy_ns=$(build/bin/busy "${@:2}")
	result "$1" "$case: replace, thousands" $((${busy_ns#*=} / 1000))
}

# measure CONTENDER
measure() {
	result "$1" "$case: hit" "$(one "${hit%/*}")"
	result "$1" "$case: miss" "$(one 9.9.9.9)"
	result "$1" "$case: flows" "$(many "${first%/*}" "${hit%/*}")"
}

# with_sidebounce CONTENDER PARAMETER...
with_sidebounce() {
	local load=(dd if="$work/sidebounce" of="$sidebounce/filters/bench/rules" bs=128k conv=notrunc status=none)
	insmod build/mod/nic_sidebounce.ko "${@:2}"
	echo "bench dev:$device" >$sidebounce/add_filter
	"${load[@]}"
	measure "$1"
	[ $# != 1 ] || replace "$1" "${load[@]}"
	rmmod nic_sidebounce
}

with_xdp() {
	local load=(build/bin/xdp load "$device" "$xdp_mode" "$xdp_map" 9) dropped off=xdp
	[ "$xdp_mode" = native ] || off=xdpgeneric
	"${load[@]}" <"$work/networks"
	measure "XDP, $xdp_mode"
	# A filter that drops nothing would look fast.
	dropped=$(build/bin/xdp counts)
	[ "${dropped% *}" -ge "$packets" ] && [ "${dropped#* }" = $((${dropped% *} * 60)) ] || {
		echo "XDP has dropped $dropped packets and bytes" >&2
		return 1
	}
	replace "XDP, $xdp_mode" "${load[@]}" <"$work/networks"
	ip link set dev "$device" "$off" off
	# Until the maps are gone.
	sleep 1
}

with_flower() {
	tc qdisc add dev "$device" clsact
	tc -batch "$work/flower"
	measure "tc flower"
	replace "tc flower" tc -batch "$work/flower.again"
	tc qdisc del dev "$device" clsact
}

with_nft() {
	$nft -f "$work/nft"
	measure "nft map"
	replace "nft map" $nft -f "$work/nft.again"
	$nft delete table netdev t
}

contenders() {
	measure "no filter"
	with_sidebounce "nic-sidebounce"
	with_sidebounce "nic-sidebounce, no cache" flow_cache=0
	with_xdp
	with_flower
	with_nft
}

# rounds DEVICE native|generic: runs the benchmark.
rounds() {
	local device=$1 xdp_mode=$2 xdp_map round shape rules masks
	for ((round = 0; round < ${ROUNDS:-2}; round++)); do
		for shape in ${SHAPES:-1/1 100/1 1000/1 10000/1 100/16 1000/16 10000/16}; do
			rules=${shape%/*} masks=${shape#*/}
			case="$rules rules, $masks masks"
			xdp_map="lpm"
			[ "$masks" != 1 ] || xdp_map="hash"
			prepare "$rules" "$masks"
			contenders
		done
	done
	rm -r "$work"
}

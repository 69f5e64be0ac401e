#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# profile: filters
# cpus: 1
# Instructions per packet of level 1 next to those of tc flower and of an nft map, on the same device: from the
# generator, which makes the device receive the same packet again and again, until the packet is dropped. All count
# packets and bytes of each rule, and drop what a rule matches. "hit": the last rule of the last mask does; "miss":
# none does, and the stack drops the packet; "flows": each packet is of another flow, and nearly all are hit.
# "replace": all rules are replaced, with the program that does it and without what it waits. The contenders take turns.
. selftests/lib/bench.sh

packets=10000
flows_packets=5000
work=$(mktemp -d)
device=bench0
nft=build/nft/nft
sidebounce=/sys/kernel/nic_sidebounce

ip link add $device type dummy
ip link set $device up
modprobe pktgen
pktgen=/proc/net/pktgen
echo "add_device $device" >$pktgen/kpktgend_0

# pg COMMAND...: tells the generator.
pg() {
	local command
	for command; do echo "$command" >$pktgen/$device; done
}

pg "pkt_size 60" "xmit_mode netif_receive" "dst_mac 02:00:00:00:00:99" "udp_dst_min 9" "udp_dst_max 9" "src_min 192.0.2.1" \
	"src_max 192.0.2.1" "delay 0"

# The generator's instructions per packet; its clock counts them.
run() {
	echo start >$pktgen/pgctrl
	awk '/^Result: OK/ { sub(/\(.*/, "", $3); printf "%d", $3 * 1000 / $5 }' $pktgen/$device
}

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
	awk -v dev=$device '{ print "filter add dev " dev " ingress protocol ip prio 1 handle " NR " flower ip_proto udp " \
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
		printf '}\n}\nchain c {\ntype filter hook ingress device %s priority 0; policy accept;\n' $device
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

one() { pg "count $packets" "burst 8" "clone_skb 0" "dst_min $1" "dst_max $1"; }
many() { pg "count $flows_packets" "burst 1" "clone_skb 0" "dst_min $1" "dst_max $2"; }

# measure CONTENDER CASE
measure() {
	one "${hit%/*}"
	result "$1" "$case: hit" "$(run)"
	one 9.9.9.9
	result "$1" "$case: miss" "$(run)"
	many "${first%/*}" "${hit%/*}"
	result "$1" "$case: flows" "$(run)"
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

with_flower() {
	tc qdisc add dev $device clsact
	tc -batch "$work/flower"
	measure "tc flower"
	replace "tc flower" tc -batch "$work/flower.again"
	tc qdisc del dev $device clsact
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
	with_flower
	with_nft
}

for ((round = 0; round < ${ROUNDS:-2}; round++)); do
	for shape in ${SHAPES:-1/1 100/1 1000/1 10000/1 100/16 1000/16 10000/16}; do
		rules=${shape%/*} masks=${shape#*/}
		case="$rules rules, $masks masks"
		prepare "$rules" "$masks"
		contenders
	done
done
rmmod pktgen
ip link del $device
rm -r "$work"

#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# profile: filters
# cpus: 1
# Instructions per packet of level 1 next to those of XDP, tc flower and an nft map, on the same device: from the
# generator, which makes the device receive the same packet again and again, until the packet is dropped. For what is
# measured, and what XDP does, see classify.sh; it is generic XDP, since the generator makes socket buffers: native XDP,
# which sees packets before there is one, is in bench_native.sh.
. selftests/lib/bench.sh
. selftests/nic-sidebounce/classify.sh

flows_packets=5000

# The generator holds on to its packets, and generic XDP kills the kernel if it must make room before such a one. Each
# VXLAN asks for room before its packets, for its own headers and for those of what is below it: the last for more than
# the 256 bytes that XDP wants.
ip link add bench0 type dummy
for ((level = 1; level <= 4; level++)); do
	ip link add "bench$level" type vxlan id $level dev "bench$((level - 1))" dstport 4789
	device=bench$level
done
ip link set "$device" up
modprobe pktgen
pktgen=/proc/net/pktgen
echo "add_device $device" >$pktgen/kpktgend_0

# pg COMMAND...: tells the generator.
pg() {
	local command
	for command; do echo "$command" >"$pktgen/$device"; done
}

pg "pkt_size 60" "xmit_mode netif_receive" "dst_mac 02:00:00:00:00:99" "udp_dst_min 9" "udp_dst_max 9" \
	"src_min 192.0.2.1" "src_max 192.0.2.1" "delay 0" "clone_skb 0"

# The generator's instructions per packet; its clock counts them.
run() {
	echo start >$pktgen/pgctrl
	awk '/^Result: OK/ { sub(/\(.*/, "", $3); printf "%d", $3 * 1000 / $5 }' "$pktgen/$device"
}

one() {
	pg "count $packets" "burst 8" "dst_min $1" "dst_max $1"
	run
}
many() {
	pg "count $flows_packets" "burst 1" "dst_min $1" "dst_max $2"
	run
}

rounds "$device" generic
rmmod pktgen
ip link del bench0

#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Guest side of the nic-sidebounce demo: a virtual machine (here a network namespace) has a web server behind a virtual
# function of a network card, and a machine at the other end of the wire asks it. Level 1 lets ARP pass and drops pings,
# and all else bounces to a bridge, on which nft looks into the packets.
set -euo pipefail
nft=build/nft/nft
filter=/sys/kernel/nic_sidebounce/filters/web0

say() { printf '\n%s\n' "$*"; }

# Network namespaces have other views of /sys.
in_ns() { nsenter "--net=/run/netns/$1" "${@:2}"; }

# The names of the net devices are those of their drivers' order: the card, its machine on the wire, the function.
network_up() {
	local turn
	ip link set eth0 up
	echo 1 >/sys/class/net/eth0/device/sriov_numvfs
	ip link set eth0 vf 0 mac 02:00:00:00:00:01
	modprobe igbvf
	for turn in {1..50}; do [ -e /sys/class/net/eth2 ] || sleep 0.1; done
	ip netns add vm
	ip netns add peer
	ip link set eth2 netns vm
	ip link set eth1 netns peer
	host_up vm eth2 10.0.0.1
	host_up peer eth1 10.0.0.100
	mkdir /tmp/www
	echo "hello" >/tmp/www/index.html
	echo "42" >/tmp/www/secret
	in_ns vm httpd -h /tmp/www
	for turn in {1..10}; do in_ns peer wget -q -T 2 -O - 10.0.0.1 >/dev/null 2>&1 && return; done
	echo "nic-sidebounce: the VM cannot be reached, turn $turn"
	exit 1
}

# host_up NAMESPACE IF ADDRESS
host_up() {
	in_ns "$1" sysctl -q -w "net.ipv6.conf.$2.disable_ipv6=1"
	in_ns "$1" ip address add "$3/24" dev "$2"
	in_ns "$1" ip link set "$2" up
}

network_down() {
	echo 0 >/sys/class/net/eth0/device/sriov_numvfs
	ip -n peer link set eth1 netns 1
	ip netns del vm
	ip netns del peer
}

counters=(rx_accepted rx_dropped rx_bounced injected_rx tx_accepted tx_bounced injected_tx)

count() {
	local each
	for each in "${counters[@]}"; do cat $filter/stats/"$each"; done
}

# row TITLE COMMAND...: what the machine on the wire gets, and what was counted meanwhile.
row() {
	local title=$1 answer
	local -a before after
	shift
	mapfile -t before < <(count)
	answer=$(in_ns peer "$@" 2>&1) || answer=nothing
	sleep 0.1
	mapfile -t after < <(count)
	printf '  %-26s' "$title"
	for each in "${!counters[@]}"; do printf '%9d' $((after[each] - before[each])); done
	printf '   %s\n' "$answer"
}

page() { row "$1" wget -q -T 2 -O - "10.0.0.1$2"; }
ping_it() { row "$1" sh -c 'ping -c 1 -W 1 10.0.0.1 >/dev/null && echo an answer'; }

[ -x "$nft" ] || {
	echo "nic-sidebounce: build/nft is missing; run scripts/nft"
	exit 1
}
network_up
insmod build/mod/nic_sidebounce.ko
echo "nic-sidebounce: a VM's web server behind a virtual function of an emulated igb card, asked by a machine on the wire"
say "  echo \"web0 dev:eth0 vf:0\" >add_filter"
echo "web0 dev:eth0 vf:0" >/sys/kernel/nic_sidebounce/add_filter
cat >$filter/rules <<-END
	add prio 1 dir rx ethertype arp action accept
	add prio 1 dir tx ethertype arp action accept
	add prio 2 dir rx ethertype ip proto icmp icmp_type 8 action drop name no-ping
END
sed 's/^/  web0: /' $filter/rules
for each in sb0u sb0d; do
	echo 1 >/proc/sys/net/ipv6/conf/$each/disable_ipv6
	ip link set $each up
done

printf '\n  %-26s%27s%9s%27s\n' '' 'to the VM:' '' 'from the VM:'
printf '  %-26s%9s%9s%9s%9s%9s%9s%9s   %s\n' 'level 2' accepted dropped bounced returned accepted bounced returned 'the machine gets'
page "none: GET /" /
ip link add sb0 type bridge mcast_snooping 0
echo 1 >/proc/sys/net/ipv6/conf/sb0/disable_ipv6
ip link set sb0 up
for each in sb0u sb0d; do ip link set $each master sb0; done
sleep 0.2
page "bridge: GET /" /
page "bridge: GET /secret" /secret
# "GET /secret" at the beginning of what TCP carries.
"$nft" -f - <<-END
	table bridge level2 {
		chain forward {
			type filter hook forward priority 0; policy accept;
			@ih,0,88 0x474554202f736563726574 counter drop
		}
	}
END
page "bridge + nft: GET /" /
page "bridge + nft: GET /secret" /secret
ping_it "bridge + nft: ping"
"$nft" add rule bridge level2 forward meta mark set 0x1
echo 0x1/0xff >$filter/learn_mark
page "nft, flow learned: GET /" /

say "  one packet to the VM that bounces, and comes back (tracepoints):"
echo none >$filter/learn_mark
tracing=/sys/kernel/tracing
echo 1 >$tracing/events/nic_sidebounce/enable
in_ns peer bash -c 'echo hello >/dev/udp/10.0.0.1/9'
sleep 0.1
echo 0 >$tracing/events/nic_sidebounce/enable
sed -n '/dir=rx/s/.* \([0-9]*\.[0-9]*: nic_sidebounce_.*\)/    \1/p' $tracing/trace | head -n 3
say "  nft list chain bridge level2 forward"
"$nft" list chain bridge level2 forward | sed -n '/counter/s/^\t*/    /p'
"$nft" delete table bridge level2
ip link del sb0
rmmod nic_sidebounce
say "  rmmod nic_sidebounce; the machine gets $(in_ns peer wget -q -T 2 -O - 10.0.0.1)"
network_down

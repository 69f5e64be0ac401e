#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# profile: sriov
# cpus: 2
# timeout: 400
# Streams are whole and in their order, whether level 1 accepts them, level 2 gives them back, or they were learned: by
# the back ends `port` and `veb`.
. "$(dirname "$0")/port.sh"

[ -x "$nft" ] || bail "build/nft is missing: run scripts/nft"
for module in nf_tables nft_meta_bridge; do modprobe -q $module; done

# bad_sums NAMESPACE: packets with wrong checksums.
bad_sums() {
	in_ns "$1" cat /proc/net/snmp | awk '/^(Tcp|Udp):/ {
		for (i = 2; i <= NF; i++) {
			if (!($1 in seen)) name[$1 i] = $i
			else if (name[$1 i] == "InCsumErrors") sum += $i
		}
		seen[$1]
	} END {print sum + 0}'
}

rate_pps=1500
# How often a stream may be sent, each time more slowly: emulated cards drop what comes faster than this machine takes it.
attempts=1

# tcp_stream FROM TO ADDRESS PORT
tcp_stream() {
	stream tcp "$1" "$2" "$3" "$4" 3000000
	expect_match 'bytes=3000000 wrong=0 out_of_order=0 .*' "$answer"
}

# What the filter of VF 0 has let go on so far, and what the card was given to send: no less, since it takes merged packets
# apart. What is lost then is the cards'.
let_go() { awk '{sum += $1} END {print sum}' "$filters"/vf0/stats/{rx_accepted,tx_accepted,injected_rx,injected_tx}; }
given() { cat "/sys/class/net/$pf/statistics/tx_packets"; }

# udp_stream FROM TO ADDRESS PORT PAYLOAD_BYTES [SEGMENTS]
udp_stream() {
	local attempt let_go given
	for ((attempt = 1; attempt <= attempts; attempt++)); do
		[ $attempts = 1 ] || { let_go=$(let_go) given=$(given); }
		stream udp "$1" "$2" "$3" "$4" 1000 "$5" $((rate_pps / attempt)) 2000 "${6:-1}"
		[ $attempts = 1 ] || expect_between $(($(let_go) - let_go)) 1000000 $(($(given) - given))
		[[ $answer != *" lost=0 "* ]] || break
	done
	whole 1000
}

# all_streams FILTER: between `peer` and `vm0`; sizes are small, the MTU (1500), more than that, and segments of UDP.
all_streams() {
	local sums
	mark_counts "$1"
	sums="$(bad_sums peer) $(bad_sums vm0)"
	tcp_stream peer vm0 "$vf0_4" 5001
	tcp_stream vm0 peer "$peer4" 5002
	tcp_stream peer vm0 "$vf0_6" 5003
	udp_stream peer vm0 "$vf0_4" 5004 64
	udp_stream vm0 peer "$peer4" 5005 1472
	udp_stream peer vm0 "$vf0_6" 5006 1452
	udp_stream vm0 peer "$peer6" 5007 1452
	udp_stream peer vm0 "$vf0_4" 5008 4000
	udp_stream vm0 peer "$peer4" 5009 4000
	udp_stream peer vm0 "$vf0_4" 5010 1400 20
	udp_stream vm0 peer "$peer4" 5011 1400 20
	expect_equal "$sums" "$(bad_sums peer) $(bad_sums vm0)"
	expect_equal "lost=0 no_port=0 bounce_limited=0 rx_dropped=0 tx_dropped=0" \
		"$(since "$1" lost no_port bounce_limited rx_dropped tx_dropped)"
}

# both_ways FILTER BACKEND: the three paths.
both_ways() {
	local up down
	read -r up down <"$filters/$1/ports"
	for device in "$up" "$down"; do quiet host "$device"; done

	it "$2: streams that level 1 accepts are whole and in their order"
	expect_ok rules "$1" <<<"default rx accept"$'\n'"default tx accept"
	all_streams "$1"
	expect_equal "rx_bounced=0 tx_bounced=0" "$(since "$1" rx_bounced tx_bounced)"
	expect_between 1000 1000000 "$(($(filter_stat "$1" rx_accepted) - $(cat "$ktest_dir/counts/rx_accepted")))"

	it "$2: streams that level 2 gives back are whole and in their order"
	expect_ok rules "$1" <<<""
	expect_ok filter_set "$1" bounce_per_s unlimited
	level2_bridge "$up $down"
	all_streams "$1"
	expect_equal "rx_accepted=0 tx_accepted=0" "$(since "$1" rx_accepted tx_accepted)"
	expect_equal "$(since "$1" rx_bounced tx_bounced | sed 's/bounced/N/g')" \
		"$(since "$1" injected_rx injected_tx | sed 's/injected_\(.\)x/\1x_N/g')"

	it "$2: so are streams that are learned by a mark of level 2"
	expect_ok "$nft" add table bridge level2
	expect_ok "$nft" 'add chain bridge level2 forward { type filter hook forward priority 0; policy accept; }'
	expect_ok "$nft" add rule bridge level2 forward meta mark set 0x10
	expect_ok filter_set "$1" learn_mark 0x10/0xff
	expect_ok filter_set "$1" learn_s 600
	all_streams "$1"
	note "$(since "$1" learned_hits rx_bounced tx_bounced injected_rx injected_tx)"
	[ "$(($(filter_stat "$1" learned_hits) - $(cat "$ktest_dir/counts/learned_hits")))" -gt 5000 ] || fail "hardly anything was learned"

	it "$2: a stream survives that its verdict changes all the time"
	expect_ok filter_set "$1" learn_mark none
	expect_ok filter_set "$1" forget all
	(
		many=$((rate_pps * 4))
		stream udp peer vm0 "$vf0_4" 5012 $many 200 $rate_pps 3000 &&
			expect_match "sent=$many received=$many lost=0 duplicate=0 .* damaged=0" "$answer"
	) &
	for ((i = 0; i < 10; i++)); do
		expect_ok rules "$1" <<<"default rx accept"$'\n'"default tx accept"
		expect_ok filter_set "$1" quarantine 1
		expect_ok rules "$1" <<<""
		expect_ok filter_set "$1" quarantine 0
	done
	wait $!
	expect_ok "$nft" delete table bridge level2
	ip link del br1
}

need_port
need_module nic_sidebounce
expect_ok filter_add "port0 dev:tap0"
expect_filter port0 filtering
both_ways port0 port

it "port: streams between the host and the VM are whole, too"
ip address add "$pf4/24" dev br0
expect_ok rules port0 <<<"default rx accept"$'\n'"default tx accept"
tcp_stream host vm0 "$vf0_4" 5013
tcp_stream vm0 host "$pf4" 5014
expect_ok filter_remove port0
port_down

need_network
# The emulated card cuts such datagrams into fragments.
in_ns peer ethtool -K "$wire" tx-udp-segmentation off
ethtool -K "$pf" tx-udp-segmentation off
# Who asks for addresses is tested elsewhere.
in_ns peer ip neighbour replace "$vf0_6" lladdr "$vf0_mac" dev "$wire" nud permanent
in_ns vm0 ip neighbour replace "$peer6" lladdr "$peer_mac" dev vf0 nud permanent
rate_pps=500
attempts=3
expect_ok filter_add "vf0 dev:$pf vf:0"
expect_ok filter_add "vf1 dev:$pf vf:1"
expect_filter vf0 filtering
expect_filter vf1 filtering
both_ways vf0 veb

it "veb: streams between the host and the VM, and between two VMs, are whole, too"
for filter in vf0 vf1; do expect_ok rules $filter <<<"default rx accept"$'\n'"default tx accept"; done
tcp_stream host vm0 "$vf0_4" 5013
tcp_stream vm0 host "$pf4" 5014
tcp_stream vm0 vm1 "$vf1_4" 5015
udp_stream vm1 vm0 "$vf0_4" 5016 1472
filters_clear

it "the kernel has nothing to say about all that" expect_quiet_kernel
finish

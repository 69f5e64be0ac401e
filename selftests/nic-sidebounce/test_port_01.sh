#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# profile: sriov
# cpus: 2
# timeout: 300
# A device of the host that leads to a VM: what its rules accept, drop and bounce, and what level 2 makes of the latter.
. "$(dirname "$0")/port.sh"

[ -x "$nft" ] || bail "build/nft is missing: run scripts/nft"
need_port
need_module nic_sidebounce
expect_ok filter_add "port0 dev:tap0"
expect_filter port0 filtering
read -r up down <"$filters/port0/ports"
for device in "$up" "$down"; do quiet host "$device"; done
listen vm0 vf0
listen peer wire

# To nobody, who does not answer.
to_vm="eth $vf0_mac $peer_mac ip $a4 $b4 udp"
from_vm="eth $peer_mac $vf0_mac ip $b4 $a4 udp"
to_vm6="eth $vf0_mac $peer_mac ip $a6 $b6 udp"
# both PORT: one frame each way, to and from the VM; their numbers are `rx_id` and `tx_id`.
both() {
	send peer wire "$to_vm 1000 $1"
	rx_id=$frame_id
	send vm0 vf0 "$from_vm 1000 $1"
	tx_id=$frame_id
}
# expect_both TO_VM FROM_VM: where the two are heard.
expect_both() {
	expect_heard "$1" "$rx_id"
	expect_heard "$2" "$tx_id"
}

it "what rules accept goes on both ways"
rules port0 <<<"default rx accept"$'\n'"default tx accept"
mark_counts port0
both 7
expect_both vf0 wire
send peer wire "$to_vm6 1000 7"
expect_heard vf0
expect_equal "rx_accepted=2 tx_accepted=1 rx_bounced=0 tx_bounced=0 lost=0" \
	"$(since port0 rx_accepted tx_accepted rx_bounced tx_bounced lost)"

it "what rules drop goes nowhere"
rules port0 <<-END
	default rx accept
	default tx accept
	add prio 10 dir rx proto udp dst_port 9 action drop name in
	add prio 10 dir tx proto udp dst_port 9 action drop name out
END
mark_counts port0
both 9
expect_both "" ""
both 10
expect_both vf0 wire
expect_equal "rx_dropped=1 tx_dropped=1 rx_accepted=1 tx_accepted=1" "$(since port0 rx_dropped tx_dropped rx_accepted tx_accepted)"
expect_match '10 1 [0-9]+ in' "$(grep ' in$' "$filters/port0/rule_stats")"
expect_match '10 1 [0-9]+ out' "$(grep ' out$' "$filters/port0/rule_stats")"

it "rules that stay go on counting when others come before and between them"
rules port0 <<-END
	default rx accept
	default tx accept
	add prio 5 dir rx proto sctp action drop name new
	add prio 10 dir rx proto udp dst_port 9 action drop name in
	add prio 10 dir rx proto sctp action drop name between
	add prio 10 dir tx proto udp dst_port 9 action drop name out
END
expect_equal "10 1 in, 10 1 out" "$(awk '/ (in|out)$/ {printf "%s%s %s %s", sep, $1, $2, $4; sep = ", "}' "$filters/port0/rule_stats")"

it "what bounces while the pair is down is dropped, or passes if it is to fail open"
rules port0 <<<""
mark_counts port0
both 11
expect_both "" ""
expect_equal "rx_bounced=1 tx_bounced=1 no_port=2" "$(since port0 rx_bounced tx_bounced no_port)"
expect_ok filter_set port0 fail open
both 12
expect_both vf0 wire
expect_equal "no_port=4" "$(since port0 no_port)"
expect_ok filter_set port0 fail closed
both 13
expect_both "" ""

it "what bounces is received by the pair, each way on its device"
ip link set "$up" up
ip link set "$down" up
listen host "$up"
listen host "$down"
mark_counts port0
both 14
expect_both "$up" "$down"
expect_equal "rx_bounced=1 tx_bounced=1 no_port=0 injected_rx=0" "$(since port0 rx_bounced tx_bounced no_port injected_rx)"

it "what the host sends on the pair goes on past the rules"
mark_counts port0
send host "$down" "$to_vm 1000 15"
expect_heard vf0
send host "$up" "$from_vm 1000 15"
expect_heard wire
expect_equal "injected_rx=1 injected_tx=1 rx_bounced=0 tx_bounced=0" "$(since port0 injected_rx injected_tx rx_bounced tx_bounced)"

it "a bridge of the pair gives back what bounces, unchanged and once"
level2_bridge "$up $down"
both 16
expect_both "$up vf0" "$down wire"
send peer wire "$to_vm6 1000 16"
expect_heard "$up vf0"
send peer wire "eth $broadcast $peer_mac arp request $peer_mac $a4 00:00:00:00:00:00 $b4"
expect_heard "$up vf0"
send peer wire "eth $vf0_mac $peer_mac vlan 5 ip $a4 $b4 udp 1000 16"
expect_heard "$up/5 vf0/5"

it "nft on that bridge drops what it is told to"
for module in nf_tables nft_meta_bridge; do modprobe -q $module; done
expect_ok "$nft" add table bridge level2
expect_ok "$nft" 'add chain bridge level2 forward { type filter hook forward priority 0; policy accept; }'
expect_ok "$nft" add rule bridge level2 forward iifname "$up" udp dport 17 drop
mark_counts port0
both 17
expect_both "$up" "$down wire"
both 18
expect_both "$up vf0" "$down wire"
expect_equal "rx_bounced=2 injected_rx=1 tx_bounced=2 injected_tx=2" "$(since port0 rx_bounced injected_rx tx_bounced injected_tx)"

it "in quarantine everything bounces"
rules port0 <<<"default rx accept"$'\n'"default tx accept"
both 19
expect_both vf0 wire
expect_ok filter_set port0 quarantine 1
both 19
expect_both "$up vf0" "$down wire"
expect_ok filter_set port0 tx_mode none
both 19
expect_both "$up vf0" "$down wire"
expect_ok filter_set port0 tx_mode capture
expect_ok filter_set port0 quarantine 0
both 19
expect_both vf0 wire

it "no more bounces than are allowed, and all others are counted"
rules port0 <<<""
expect_ok filter_set port0 bounce_per_s 0
mark_counts port0
both 20
expect_both "" ""
expect_equal "bounce_limited=2 rx_bounced=0 tx_bounced=0" "$(since port0 bounce_limited rx_bounced tx_bounced)"
expect_ok filter_set port0 bounce_burst 20
expect_ok filter_set port0 bounce_per_s 1
forget_heard
mark_counts port0
start=$SECONDS
send_count=100
send peer wire "$to_vm 1000 20"
send_count=1
elapsed=$((SECONDS - start + 1))
all_counted() {
	local bounced limited
	bounced=$(since port0 rx_bounced) limited=$(since port0 bounce_limited)
	[ $((${bounced#*=} + ${limited#*=})) = 100 ]
}
expect_soon 5 all_counted
bounced=$(since port0 rx_bounced) limited=$(since port0 bounce_limited)
note "$bounced $limited in $elapsed s at most"
expect_equal 100 $((${bounced#*=} + ${limited#*=}))
expect_between 20 $((20 + elapsed)) "${bounced#*=}"
sleep 0.5
expect_equal "${bounced#*=}" "$(awk -v id="$frame_id" '$1 == id' "$ktest_dir/heard/$up" | wc -l)"
expect_equal "${bounced#*=}" "$(awk -v id="$frame_id" '$1 == id' "$ktest_dir/heard/vf0" | wc -l)"
expect_ok filter_set port0 bounce_per_s unlimited
send_count=1000
mark_counts port0
send peer wire "$to_vm 1000 20"
send_count=1
expect_grown port0 "rx_bounced=1000 bounce_limited=0 injected_rx=1000"

flow="dst_mac $vf0_mac src_mac $peer_mac src_ip $a4 dst_ip $b4 proto udp src_port 1000"
it "a flow that was learned is accepted or dropped, others of the kind bounce"
expect_ok filter_set port0 learn "rx 60 accept $flow dst_port 21"
expect_ok filter_set port0 learn "rx 60 drop $flow dst_port 22"
expect_match "rx [56][0-9] accept dst_mac $vf0_mac .*" "$(grep 'dst_port 21' "$filters/port0/flows")"
mark_counts port0
both 21
expect_both vf0 "$down wire"
both 22
expect_both "" "$down wire"
both 23
expect_both "$up vf0" "$down wire"
expect_equal "learned_hits=2 rx_accepted=1 rx_dropped=1 rx_bounced=1" "$(since port0 learned_hits rx_accepted rx_dropped rx_bounced)"

it "a learned flow does not outlive its time, nor being forgotten, nor quarantine"
expect_ok filter_set port0 learn "rx 1 accept $flow dst_port 24"
sleep 1.2
both 24
expect_heard "$up vf0" "$rx_id"
expect_ok filter_set port0 quarantine 1
both 21
expect_heard "$up vf0" "$rx_id"
expect_ok filter_set port0 quarantine 0
both 21
expect_heard vf0 "$rx_id"
expect_ok filter_set port0 forget all
expect_equal "" "$(cat "$filters/port0/flows")"
both 21
expect_heard "$up vf0" "$rx_id"
expect_errno EINVAL filter_set port0 forget most

it "a mark that level 2 sets teaches the flow, each way on its own"
expect_ok filter_set port0 learn_mark 0x10/0xf0
expect_ok filter_set port0 learn_s 60
expect_ok "$nft" flush chain bridge level2 forward
expect_ok "$nft" add rule bridge level2 forward udp dport 25 meta mark set 0x10
both 25
expect_both "$up vf0" "$down wire"
both 25
expect_both vf0 wire
both 26
expect_both "$up vf0" "$down wire"
both 26
expect_both "$up vf0" "$down wire"
expect_equal 2 "$(wc -l <"$filters/port0/flows")"
expect_ok filter_set port0 learn_mark none
expect_ok filter_set port0 forget all
both 25
expect_both "$up vf0" "$down wire"
both 25
expect_both "$up vf0" "$down wire"

it "level 2 knows by the mark what has bounced"
expect_ok "$nft" flush chain bridge level2 forward
expect_ok "$nft" add rule bridge level2 forward meta mark and 0xff000000 == 0x5b000000 counter
both 27
expect_both "$up vf0" "$down wire"
expect_match '.*counter packets 2 .*' "$("$nft" list chain bridge level2 forward | tr -d '\n')"
expect_ok "$nft" delete table bridge level2

it "tracepoints tell what happens to a frame"
events=/sys/kernel/tracing/events/nic_sidebounce
echo >/sys/kernel/tracing/trace
expect_ok write $events/enable 1
both 28
expect_both "$up vf0" "$down wire"
expect_ok write $events/enable 0
trace=$(cat /sys/kernel/tracing/trace)
for line in 'verdict: filter=port0 id=[0-9]+ dir=rx verdict=bounce reason=policy source=default .*' 'bounce: filter=port0 id=[0-9]+ dir=rx end=received .*' \
	'inject: filter=port0 id=[0-9]+ dir=rx mark=0x5b.*' 'verdict: filter=port0 id=[0-9]+ dir=tx verdict=bounce .*' 'inject: filter=port0 id=[0-9]+ dir=tx .*'; do
	grep -Eq "nic_sidebounce_$line" <<<"$trace" || fail "no event: $line"
done

it "what bounces is shown in a psample group"
modprobe psample
expect_errno ERANGE filter_set port0 sample_group 99999999999
expect_ok filter_set port0 sample_group 5
expect_equal 5 "$(filter_get port0 sample_group)"
"$ktest_top/build/bin/psample" >"$ktest_dir/samples" 2>&1 &
listener=$!
expect_soon 5 grep -qx listening "$ktest_dir/samples"
both 29
expect_both "$up vf0" "$down wire"
send peer wire "$to_vm 1000 29 zeros 1000"
expect_heard "$up vf0"
kill $listener
# Group, length, what is shown of it, and the cookie: version, direction, verdict, reason, source; filter; priority.
expect_equal "5 46 46 01000200000000000000000000000000|5 46 46 01010200000000000000000000000000|5 1046 256 01000200000000000000000000000000" \
	"$(sed 1d "$ktest_dir/samples" | paste -sd '|')"
expect_ok filter_set port0 sample_group none

it "a filter that is removed leaves the device as it was"
ip link del br1
expect_ok filter_remove port0
both 30
expect_both vf0 wire
[ ! -e "/sys/class/net/$up" ] || fail "$up is still there"

it "a tap with a program behind it is filtered both ways"
modprobe -q tun
"$ktest_top/build/bin/tapecho" tap tap1 >"$ktest_dir/echo" 2>&1 &
echo=$!
expect_soon 5 grep -qx ready "$ktest_dir/echo"
quiet host tap1
ip link set tap1 up
expect_ok filter_add "port1 dev:tap1"
read -r up down <"$filters/port1/ports"
quiet host "$up"
quiet host "$down"
ip link set "$up" up
ip link set "$down" up
rules port1 <<-END
	default rx accept
	default tx accept
	add prio 1 dir rx proto udp dst_port 1 action drop
	add prio 1 dir tx proto udp dst_port 2 action drop
	add prio 1 dir rx proto udp dst_port 3 action bounce
	add prio 1 dir tx proto udp dst_port 4 action bounce
END
listen host tap1 late
listen host "$up"
listen host "$down"
for place in 0:tap1 1: 2: "3:$up" "4:$down"; do
	send host tap1 "$to_vm 1000 ${place%%:*}"
	expect_heard "${place#*:}"
done
expect_equal "3 1 1" "$(filter_stat port1 rx_accepted) $(filter_stat port1 rx_dropped) $(filter_stat port1 rx_bounced)"
expect_equal "1 1 1" "$(filter_stat port1 tx_accepted) $(filter_stat port1 tx_dropped) $(filter_stat port1 tx_bounced)"
expect_equal 0 "$(filter_stat port1 lost)"
kill $echo
expect_filter port1 waiting
expect_ok filter_remove port1

it "a device that is the VM's own, below a macvlan, is filtered both ways"
ip link add own0 type veth peer name up1
quiet host own0
quiet host up1
ip link set up1 master br0
ip link set up1 up
ip link set own0 promisc on up
ip link add link own0 name vf2 type macvlan mode passthru
ip link set vf2 netns vm0
quiet vm0 vf2
in_ns vm0 ip link set vf2 up
expect_soon 5 carrier vm0 vf2
expect_ok filter_add "port2 dev:own0 side:vm"
expect_errno EBUSY filter_add "other dev:own0"
expect_equal "dev:own0 side:vm port filtering" "$(cat "$filters"/port2/{target,backend,state} | xargs)"
read -r up down <"$filters/port2/ports"
quiet host "$up"
quiet host "$down"
listen vm0 vf2
rules port2 <<-END
	default rx accept
	default tx accept
	add prio 1 dir rx proto udp dst_port 1 action drop
	add prio 1 dir tx proto udp dst_port 2 action drop
	add prio 1 dir rx proto udp dst_port 3 action bounce
	add prio 1 dir tx proto udp dst_port 4 action bounce
END
own_mac=$(in_ns vm0 ip link show dev vf2 | awk '/ether/ {print $2}')
to_own="eth $own_mac $peer_mac ip $a4 $b4 udp 1000"
from_own="eth $peer_mac $own_mac ip $b4 $a4 udp 1000"
unheeded=" vf0 "
mark_counts port2
for place in 0:vf2 1: 2:vf2; do
	send peer wire "$to_own ${place%%:*}"
	expect_heard "${place#*:}"
done
for place in 0:wire 1:wire 2:; do
	send vm0 vf2 "$from_own ${place%%:*}"
	expect_heard "${place#*:}"
done
expect_equal "rx_accepted=2 rx_dropped=1 tx_accepted=2 tx_dropped=1" "$(since port2 rx_accepted rx_dropped tx_accepted tx_dropped)"
level2_bridge "$up $down"
listen host "$up"
listen host "$down"
send peer wire "$to_own 3"
expect_heard "$up vf2"
send vm0 vf2 "$from_own 4"
expect_heard "$down wire"
expect_ok filter_set port2 hold 1
send peer wire "$to_own 5" "$to_own 6"
expect_soon 5 grep -qx 2 "$filters/port2/waiting"
expect_ok filter_set port2 hold 0
expect_heard vf2 $((frame_id - 1)) "$frame_id"
expect_ok filter_set port2 tx_mode none
send vm0 vf2 "$from_own 2"
expect_heard wire
expect_equal 0 "$(filter_stat port2 lost)"
ip link del br1
expect_ok filter_remove port2
ip link del own0
unheeded=' '

it "the kernel has nothing to say about all that" expect_quiet_kernel
finish

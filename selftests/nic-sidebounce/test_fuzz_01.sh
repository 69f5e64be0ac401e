#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# profile: oracles
# cpus: 2
# timeout: 400
# Frames that are malformed in every way, at full speed, in front of every hook of both back ends, and garbage for every
# file and for netlink: nothing of it passes a filter that drops, or harms the kernel, or stays behind.
. "$(dirname "$0")/lib.sh"

netfuzz=$ktest_top/build/bin/netfuzz
seed=${RVM_SEED:-$SRANDOM}
count=10000
[ -z "${RVM_LONG:-}" ] || count=200000
note "RVM_SEED=$seed"
for module in tun veth dummy bridge; do modprobe $module || bail "there is no $module"; done
need_network 1
at_end rm -rf "$ktest_dir/words"

# A tap and a veth, in a bridge; `out` gets a copy of all that passes their filters.
ip link add br0 type bridge mcast_snooping 0 || bail "no bridge"
at_end ip link del br0
ip link add out type dummy
at_end ip link del out
ip tuntap add tap0 mode tap vnet_hdr
at_end ip link del tap0
ip link add veth0 type veth peer name guest0
at_end ip link del veth0
for device in br0 out tap0 veth0 guest0; do
	quiet host $device
	# Nothing of the bridge's own, and no neighbour is asked.
	ip link set $device up arp off
done
for device in out tap0 veth0; do ip link set $device master br0; done

passed() { cat "/sys/class/net/$1/statistics/$2"; }
# shellcheck disable=SC2016 # of awk
heard_by_vf() { in_ns vm0 awk '/vf0:/ {print $3}' /proc/net/dev; }

# memory: what the kernel holds that it cannot give back, in KiB: slabs, vmalloc, per CPU, pages of the network.
memory() {
	sync
	echo 3 >/proc/sys/vm/drop_caches
	sleep 0.3
	awk '/^(SUnreclaim|VmallocUsed|Percpu|KernelStack|PageTables):/ {sum += $2} END {print sum}' /proc/meminfo
}

# with_rules TEXT: filters of the three devices and the VF, which have these rules in both directions.
with_rules() {
	need_write $sidebounce/add_filter "tap dev:tap0"
	need_write $sidebounce/add_filter "veth dev:veth0"
	need_write $sidebounce/add_filter "vf dev:$pf vf:0"
	for filter in tap veth vf; do
		write $filters/$filter/rules "begin"$'\n'"$1"$'\n'"commit"$'\n'
		read -r up down <$filters/$filter/ports
		for device in "$up" "$down"; do
			quiet host "$device"
			ip link set "$device" up arp off
		done
	done
}

# storm: malformed frames to and from the VM of each filter.
storm() {
	local pids=()
	# The card gives a VF back what that sends to itself or to all: it hears nobody but itself.
	in_ns vm0 "$netfuzz" frames $((seed + 5)) $((count / 4)) vf0 >"$ktest_dir/storm.5" 2>&1
	sleep 0.3
	vf_before=$(heard_by_vf)
	"$netfuzz" tap $((seed + 1)) $count tap0 >"$ktest_dir/storm.1" 2>&1 &
	pids+=($!)
	"$netfuzz" frames $((seed + 2)) $count guest0 >"$ktest_dir/storm.2" 2>&1 &
	pids+=($!)
	wait "${pids[@]}"
	pids=()
	"$netfuzz" frames $((seed + 3)) $count veth0 >"$ktest_dir/storm.3" 2>&1 &
	pids+=($!)
	in_ns peer "$netfuzz" frames $((seed + 4)) $((count / 4)) "$wire" >"$ktest_dir/storm.4" 2>&1 &
	pids+=($!)
	wait "${pids[@]}"
	"$netfuzz" frames $((seed + 6)) $((count / 4)) "$pf" >"$ktest_dir/storm.6" 2>&1
	sleep 0.3
	# Most of them got as far as the device.
	for each in "$ktest_dir"/storm.*; do
		expect_match 'sent [0-9]+ large [0-9]+' "$(cat "$each")"
		sent=$(cut -d ' ' -f 2 "$each")
		expect_between $((count / 20)) $count "$sent"
	done
	note "sent and large: $(cat "$ktest_dir"/storm.* | xargs)"
}

garbage() {
	for each in tap veth vf; do
		"$netfuzz" text "$seed" $((count / 2)) $filters/$each "$ktest_dir/words" >"$ktest_dir/text" 2>&1 || fail "$(cat "$ktest_dir/text")"
		note "$each: $(cat "$ktest_dir/text")"
		expect_between 50 "$count" "$(cut -d ' ' -f 2 "$ktest_dir/text")"
	done
	expect_ok "$netfuzz" text "$seed" $((count / 4)) "$sidebounce" "$ktest_dir/words"
	expect_ok "$netfuzz" netlink "$seed" "$count" sidebounce veth
}

# What the texts are made of; no name of a filter, so that these stay.
cat >"$ktest_dir/words" <<-'END'
	flush
	del prio 1
	default rx bounce
	default tx drop
	template clean-traffic
	template trunk 1-7
	vid 7
	vid none
	vid 1-4094
	ethertype ip
	ethertype arp
	ethertype 0x88cc
	proto tcp
	proto udp
	proto tcp tcp_flags 0x02/0x12
	proto sctp dst_port 1-65534
	proto tcp src_port 1-65534 dst_port 3-40001
	proto icmp icmp_type 8
	src_ip 10.0.0.0/8
	dst_ip 0.0.0.0/0
	dst_ip 2001:db8::/32
	src_ip ::/0
	dst_mac 01:00:00:00:00:00/01:00:00:00:00:00
	src_mac 02:00:00:00:00:01
	arp_op request
	arp_spa 10.0.0.1
	frag later
	unparsed yes
	name x
	rx 10 accept proto udp src_ip 10.0.0.1 dst_ip 10.0.0.2 src_port 1 dst_port 2 ethertype ip
	tx 1 drop ethertype arp
	all
	capture
	jail
	flood
	open
	closed
	unlimited
	0x1/0xff
	none
	pair
	0
	1
	4095
	65536
	4294967295
	-1
END

need_module nic_sidebounce
drops=$'flush\ndefault rx drop\ndefault tx drop'
it "no malformed frame passes a filter that drops, to or from the VM, of both back ends"
with_rules "$drops"
out_before=$(passed out tx_packets) guest_before=$(passed guest0 rx_packets)
storm
expect_equal "$out_before" "$(passed out tx_packets)"
expect_equal "$guest_before" "$(passed guest0 rx_packets)"
expect_equal "$vf_before" "$(heard_by_vf)"
for filter in tap veth vf; do
	for way in rx tx; do expect_equal 0 "$(filter_get $filter stats/${way}_accepted)"; done
	note "$filter: dropped $(filter_stat $filter rx_dropped) $(filter_stat $filter tx_dropped), unparsed $(filter_stat $filter unparsed)"
done
expect_between 100 1000000 "$(filter_stat veth rx_dropped)"
expect_between 100 1000000 "$(filter_stat veth tx_dropped)"
expect_between 100 1000000 "$(filter_stat tap tx_dropped)"
expect_between 100 1000000 "$(filter_stat vf rx_dropped)"
filters_clear

it "what passes a filter for one port is for that port, whatever else is in it"
with_rules $'flush\ndefault rx drop\ndefault tx drop\nadd prio 1 dir rx proto udp dst_port 53 action accept\nadd prio 1 dir tx proto udp dst_port 53 action accept'
ip link set veth0 nomaster
"$netfuzz" watch out 53 >"$ktest_dir/watch.tx" 2>&1 &
watchers=($!)
"$netfuzz" watch guest0 53 >"$ktest_dir/watch.rx" 2>&1 &
watchers+=($!)
sleep 0.3
"$netfuzz" tap $((seed + 7)) $((count * 2)) tap0 whole >"$ktest_dir/flood.1"
"$netfuzz" frames $((seed + 8)) $((count * 2)) veth0 whole >"$ktest_dir/flood.2"
sleep 0.3
kill "${watchers[@]}"
wait "${watchers[@]}" 2>/dev/null
note "passed: from the VM $(xargs <"$ktest_dir/watch.tx"); to the VM $(xargs <"$ktest_dir/watch.rx")"
for way in tx rx; do expect_match 'good [1-9][0-9]* bad 0' "$(cat "$ktest_dir/watch.$way")"; done
ip link set veth0 master br0
filters_clear

it "all of it can bounce and come back, and be held"
with_rules $'flush'
for filter in tap veth vf; do
	write $filters/$filter/bounce_per_s unlimited
	write $filters/$filter/fail open
	[ $filter = vf ] || write $filters/$filter/hold 1
done
storm
for filter in tap veth; do write $filters/$filter/hold 0; done
expect_between 100 1000000 "$(filter_stat veth rx_bounced)"
filters_clear

it "garbage in every file and message does no harm"
with_rules "$drops"
garbage
filters_clear

it "another round of all that leaves no memory behind"
cycle() {
	with_rules "flush"
	for filter in tap veth vf; do write $filters/$filter/fail open; done
	storm
	garbage >/dev/null
	filters_clear
}
cycle
before=$(memory)
cycle
after=$(memory)
note "the kernel holds $before KiB before and $after KiB after"
expect_between 0 $((before + 1024)) "$after"
it "and after it a filter works as ever"
with_rules $'flush\ndefault rx accept\ndefault tx accept'
"$netfuzz" watch guest0 53 >"$ktest_dir/watch.rx" 2>&1 &
pid=$!
sleep 0.3
send host veth0 "eth 02:00:00:00:00:01 02:00:00:00:00:02 ip 10.0.0.1 10.0.0.2 udp 1 53"
sleep 0.3
kill $pid
wait $pid
expect_equal "good 1 bad 0" "$(tail -n 1 "$ktest_dir/watch.rx")"
filters_clear
it "the kernel has nothing to say about all that" expect_quiet_kernel
finish

#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# profile: sriov
# cpus: 2
# icount: yes
# timeout: 400
# The overflow interval that follows the packets: a guest that waits for a CPU costs few interrupts and no packet,
# whatever the rate. Time is the number of instructions here, so that microseconds mean something.
. "$(dirname "$0")/lib.sh"
. "$ktest_top/selftests/lib/net.sh"

# The card itself must not moderate.
ethtool -C "$rx" rx-usecs 0 || bail "ethtool -C"
ethtool -G "$rx" rx 256 || bail "ethtool -G"
net_up
line=$(rx_line "$rx")
# The packets have a CPU to themselves.
echo 0 >"/proc/irq/$(irq_of "$line")/smp_affinity_list" || bail "affinity"
taskset -p 1 $$ >/dev/null

# traffic RATE MS: sends; sets received, lost and how many interrupts they cost.
traffic() {
	local result before
	before=$(interrupts "$line")
	result=$("$ktest_top/build/bin/traffic" "$tx" "$rx" "$@")
	cost=$(($(interrupts "$line") - before))
	[[ $result =~ received=([0-9]+)\ lost=([0-9]+) ]] || fail "traffic: $result"
	received=${BASH_REMATCH[1]} lost=${BASH_REMATCH[2]}
	note "$1 packets/s: $result interrupts=$cost effective_us=$(cat $lines/rx/effective_us 2>/dev/null || echo 0)"
}
received=0 lost=0 cost=0
# expect_third DESCRIPTORS: the interval is as long as a third of them last at the rate that is measured, or the longest.
# The rate may fall a little between the two.
expect_third() {
	local us per_s max_us want_us
	read -r us <$lines/rx/effective_us
	read -r per_s <$lines/rx/stats/packets_per_s
	max_us=$(line_get rx overflow_max_us)
	expect_between 1 1000000000 "$per_s" || return
	want_us=$(($1 * 1000000 / 3 / per_s))
	[ $want_us -lt "$max_us" ] || want_us=$max_us
	expect_between $((want_us * 3 / 4)) $((want_us * 5 / 4)) "$us" || note "at $per_s packets/s"
}

rates=()
it "without the module"
for rate in 2000 5000 10000 20000 40000; do
	traffic $rate 300
	[ "$lost" != 0 ] || rates+=("$rate")
done
note "nothing is lost at ${rates[*]} packets a second"
[ ${#rates[@]} -gt 2 ] || fail "too few rates work at all"

# A guest that could run all the time, but for the hog: even the share that the kernel keeps for it is taken.
echo -1 >/proc/sys/kernel/sched_rt_runtime_us || bail "sched_rt_runtime_us"
taskset 2 bash -c 'while :; do :; done' &
guest=$!
at_end kill "$guest"
hog() { exec taskset 2 chrt -f 50 bash -c 'while :; do :; done'; }
hog &
hog=$!
at_end kill "$hog"
for share in /sys/kernel/debug/sched/*_server/cpu1/runtime; do [ ! -e "$share" ] || echo 0 >"$share"; done

need_module irq_mod
at_end clear_all
expect_ok add_guest "g pids:$guest"
expect_ok add_line "rx name:$line"
expect_ok line_set rx latency_us 50

it "a new line has automatic intervals up to 10 ms"
expect_equal auto "$(line_get rx overflow_us)"
expect_equal 10000 "$(line_get rx overflow_max_us)"
expect_equal auto "$(line_get rx depth)"
expect_equal 0 "$(line_get rx rate_hint)"
it "nothing is measured for a line without a guest"
expect_equal "0 0" "$(line_stat rx ring) $(line_stat rx packets_per_s)"
expect_ok line_set rx guest g
it "the guest waits for a CPU" expect_guest g ready
it "the ring is what the driver tells" expect_soon 5 grep -qx 256 $lines/rx/stats/ring
it "before there are packets the interval is one that the link cannot overflow"
expect_soon 5 grep -qx 57 $lines/rx/effective_us

it "a long fixed interval loses packets"
expect_ok line_set rx overflow_us 100000
expect_equal "0 100000" "$(line_stat rx ring) $(line_get rx effective_us)"
traffic 20000 500
[ "$lost" -gt 0 ] || fail "this test cannot fail"
expect_ok line_set rx overflow_us auto
expect_soon 5 grep -qx 256 $lines/rx/stats/ring

it "an automatic one loses nothing where nothing is lost without it, and costs fewer interrupts"
for rate in "${rates[@]}"; do
	traffic "$rate" 500
	expect_equal 0 "$lost"
	expect_between 1 $((received / 8)) "$cost"
	# From above: a sender that was late, on emulated CPUs that take turns, catches up.
	expect_between $((rate * 9 / 10)) $((rate * 3)) "$(line_stat rx packets_per_s)"
	expect_third 256
done

it "a rate that doubles from one moment to the next loses nothing"
for rate in 3000 5000 10000 20000; do
	"$ktest_top/build/bin/traffic" "$tx" "$rx" $rate 400 >"$ktest_dir/first" &
	sleep 0.2
	traffic $rate 100
	wait $!
	expect_match '.* lost=0 .*' "$(cat "$ktest_dir/first")"
	expect_equal 0 "$lost"
done
it "nor does one that is doubled again and again"
for ((round = 0; round < 3; round++)); do
	for rate in 5000 10000 20000; do
		traffic $rate 100
		expect_equal 0 "$lost"
	done
	sleep 0.7
done

it "a burst after a silence loses nothing"
for pause in 0.01 0.1 0.4 0.6 1.5; do
	sleep $pause
	traffic 20000 60
	expect_equal 0 "$lost"
done
it "the rate is forgotten when nothing comes" expect_soon 5 grep -qx 0 $lines/rx/stats/packets_per_s

# at_rate COMMAND...: under 10,000 packets a second.
at_rate() {
	"$ktest_top/build/bin/traffic" "$tx" "$rx" 10000 1500 >/dev/null &
	sleep 0.4
	"$@"
	wait $!
}
# new_ring DESCRIPTORS: the driver needs both CPUs for that.
new_ring() {
	kill -STOP "$hog"
	expect_ok ethtool -G "$rx" rx "$1"
	net_up
	kill -CONT "$hog"
	expect_guest g ready
}
expect_us() { expect_between "$1" "$2" "$(line_get rx effective_us)"; }
given() {
	expect_third 256
	expect_ok line_set rx overflow_max_us 3000
	expect_us 3000 3000
	expect_ok line_set rx overflow_max_us 10000
	expect_third 256
	expect_ok line_set rx depth 64
	expect_third 64
	expect_ok line_set rx depth auto
	expect_ok line_set rx rate_hint 100000
	expect_us 853 853
	expect_ok line_set rx rate_hint 0
	expect_third 256
}
it "maximum, depth and hint count at once" at_rate given
it "without packets the hint does"
expect_soon 5 grep -qx 0 $lines/rx/stats/packets_per_s
expect_ok line_set rx rate_hint 100000
expect_equal 853 "$(line_get rx effective_us)"
expect_ok line_set rx rate_hint 0

it "another ring is noticed while packets flow, and the interval follows"
new_ring 1024
changed() {
	expect_soon 5 grep -qx 1024 "$lines/rx/stats/ring"
	expect_third 1024
}
at_rate changed
new_ring 64
changed() {
	expect_soon 5 grep -qx 64 "$lines/rx/stats/ring"
	expect_third 64
}
at_rate changed
traffic 10000 300
expect_equal 0 "$lost"
new_ring 256

it "what makes no sense is refused, and changes nothing"
for value in x Auto "auto " -1 5ms; do
	expect_errno EINVAL line_set rx overflow_us "$value"
	expect_errno EINVAL line_set rx depth "$value"
done
for value in 0 49 100001 18446744073709551616; do expect_errno ERANGE line_set rx overflow_us "$value"; done
for value in 0 1048577 4294967297; do expect_errno ERANGE line_set rx depth "$value"; done
for value in 49 100001; do expect_errno ERANGE line_set rx overflow_max_us "$value"; done
expect_errno EINVAL line_set rx overflow_max_us auto
expect_errno ERANGE line_set rx rate_hint 1000000001
expect_errno EINVAL line_set rx rate_hint none
expect_equal "auto 10000 auto 0" \
	"$(line_get rx overflow_us) $(line_get rx overflow_max_us) $(line_get rx depth) $(line_get rx rate_hint)"

it "rules change, and the line comes and goes, under traffic"
churn() {
	local i
	for ((i = 0; i < 20; i++)); do
		expect_ok line_set rx overflow_us 2000
		expect_ok line_set rx overflow_us auto
		expect_ok line_set rx guest none
		expect_ok line_set rx guest g
		expect_ok remove_line rx
		expect_ok add_line "rx name:$line"
		expect_ok line_set rx guest g
	done
}
at_rate churn
it "the driver can go and come"
device=$(readlink -f "/sys/class/net/$rx/device")
kill -STOP "$hog"
expect_ok write /sys/bus/pci/drivers/igb/unbind "${device##*/}"
expect_line rx waiting
expect_equal 0 "$(line_stat rx ring)"
expect_ok write /sys/bus/pci/drivers/igb/bind "${device##*/}"
net_up
kill -CONT "$hog"
ethtool -C "$rx" rx-usecs 0
expect_line rx attached
expect_soon 5 grep -qx 256 $lines/rx/stats/ring
echo 0 >"/proc/irq/$(irq_of "$line")/smp_affinity_list"
traffic 10000 300
expect_equal 0 "$lost"
it "the module can be unloaded under traffic"
at_rate rmmod irq_mod
it "the kernel has nothing to say about all that" expect_quiet_kernel
finish

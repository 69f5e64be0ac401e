#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# profile: sriov
# cpus: 2
# icount: yes
# timeout: 400
# The devices of a guest raise interrupts as fast as they can: the host has as many as max_irqs says, nothing is lost,
# and other guests are not slowed.
. "$(dirname "$0")/lib.sh"
. "$ktest_top/selftests/lib/net.sh"

testdev=/sys/bus/pci/devices/0000:00:11.0/testdev
# The tolerance, the first one, and one more that a line may have booked before.
more() { echo $(($1 / 100 + 1 + $2)); }
now_us() { echo "${EPOCHREALTIME/./}"; }

ethtool -C "$rx" rx-usecs 0 || bail "ethtool -C"
ethtool -G "$rx" rx 4096 || bail "ethtool -G"
net_up
net=$(rx_line "$rx")
need_module testdev hook=0
need_module irq_mod latency_us=0
at_end clear_all

# The guest: it wakes and sleeps a thousand times a second.
mkfifo "$ktest_dir/never"
while :; do read -r -t 0.001 <>"$ktest_dir/never"; done &
restless=$!
at_end kill $restless
sleep 1000 &
at_end kill $!
need_write $irq_mod/add_guest "loud pids:$restless"
need_write $irq_mod/add_guest "calm pids:$!"
need_write $irq_mod/add_line "edu irq:$(irq_of testdev)"
need_write $irq_mod/add_line "rx name:$net"
need_write $lines/edu/guest loud
# A storm may keep the guest from its CPU: that must not count here.
need_write $lines/edu/overflow_us 50
need_write $lines/rx/overflow_us 50
# The storm, what raises it and the programs share one CPU, the interrupts of packets have the other.
taskset -p 1 $$ >/dev/null
echo 0 >"/proc/irq/$(irq_of testdev)/smp_affinity_list"
echo 1 >"/proc/irq/$(irq_of "$net")/smp_affinity_list"

limit() { write $guests/loud/max_irqs "$1"; }
contained() { guest_stat loud contained; }

# Waiting for the host's file system is long where time is the number of instructions.
cp "$ktest_top/build/bin/poke" "$ktest_dir" || bail "no poke"
storm_pid=
storm_on() {
	"$ktest_dir/poke" $testdev/raise 1 1000000000 >/dev/null &
	storm_pid=$!
}
storm_off() {
	kill $storm_pid
	wait $storm_pid 2>/dev/null
	storm_pid=
}
is_quiet() { [ "$(cat $testdev/pending)" = 0 ]; }
end_storm() { [ -z "$storm_pid" ] || kill "$storm_pid"; }
at_end end_storm

# count LINE... : lets half a second pass. Sets `counts`, their deliveries, `count`, the sum, and `ms`.
count() {
	local began_us name
	local -A was=()
	counts=() count=0
	began_us=$(now_us)
	for name; do was[$name]=$(interrupts "$name"); done
	sleep 0.5
	for name; do
		counts[$name]=$(($(interrupts "$name") - was[$name]))
		count=$((count + counts[$name]))
	done
	ms=$((($(now_us) - began_us + 999) / 1000))
}
declare -A counts=()

# kept LIMIT LINE... : the lines have that much a second, within what may come at once.
kept() {
	local limit=$1
	shift
	count "$@"
	note "$count deliveries in $ms ms at most $limit/s, $(contained) put off"
	expect_between $((limit * ms / 2000)) $((limit * ms / 1000 + $(more "$limit" $#))) "$count"
}

it "there is no limit at first" expect_equal 0 "$(guest_get loud max_irqs)"
it "without one a storm takes what it can get"
storm_on
count testdev
note "$count deliveries in $ms ms"
expect_between 10000 100000000 "$count"
expect_equal 0 "$(contained)"

it "a storm of a guest with a limit is kept to it"
expect_ok limit 1000
sleep 0.1
kept 1000 testdev
expect_between 250 100000000 "$(contained)"
it "a guest that comes and goes does not make it earlier"
expect_between 100 100000000 "$(guest_stat loud activations)"
expect_between 0 50 "$(line_stat edu rearmed)"

for irqs in 100 5000; do
	it "the limit can be $irqs in the middle of it"
	expect_ok limit $irqs
	sleep 0.1
	kept $irqs testdev
done
it "early delivery after some events is no way around it"
expect_ok limit 1000
for burst in 1 8; do
	expect_ok line_set edu burst_events $burst
	sleep 0.1
	kept 1000 testdev
done
expect_ok line_set edu burst_events 0
it "neither is an interval"
expect_ok line_set edu latency_us 100
kept 1000 testdev
expect_ok line_set edu latency_us 0

it "without a limit the storm is what it was"
expect_ok limit 0
count testdev
note "$count deliveries in $ms ms"
expect_between 10000 100000000 "$count"
it "nothing is lost at the end of a storm, with a limit"
expect_ok limit 1000
sleep 0.1
storm_off
expect_soon 1 is_quiet
it "and nothing was held for long"
hold_us=$(line_stat edu max_hold_us)
note "longest hold $hold_us us"
# One line, at 100 a second, and what the timer is late under such a storm.
expect_between 1 $((10000 + 5000)) "$hold_us"
expect_equal 0 "$(line_stat edu dropped)"

# What is not served after some events at once, in 20 rounds. $1: what to do before looking.
left_after() {
	local round pending
	left=0
	for ((round = 0; round < 20; round++)); do
		echo 100 >$guests/loud/max_irqs
		for _ in 1 2 3 4; do echo 1 >$testdev/raise; done
		"$1"
		read -r pending <$testdev/pending
		[ "$pending" = 0 ] || left=$((left + 1))
		sleep 0.05
	done
	note "$left of 20 waited"
}
lift() { echo 0 >$guests/loud/max_irqs; }
it "more than a limit allows waits"
left_after :
expect_between 15 20 $left
it "a limit that is lifted releases that at once"
left_after lift
expect_equal 0 $left

traffic() { "$ktest_top/build/bin/traffic" "$tx" "$rx" "$@"; }
value_of() { tr ' ' '\n' <<<"$2" | sed -n "s/^$1=//p"; }

it "without a limit each packet is an interrupt"
expect_ok limit 0
expect_ok line_set rx guest loud
before=$(interrupts "$net")
result=$(traffic 4000 500)
alone=$(($(interrupts "$net") - before))
note "$alone interrupts, $result"
expect_match '.* lost=0 duplicate=0 .*' "$result"
expect_between 1500 100000 $alone

it "two lines of a guest share its limit, and each has its turn"
expect_ok limit 1000
storm_on
windows=$(line_stat rx windows) held=$(line_stat rx held)
traffic 4000 1000 >"$ktest_dir/result" &
traffic_pid=$!
sleep 0.2
kept 1000 testdev "$net"
note "${counts[testdev]} and ${counts[$net]} of them"
expect_between 125 375 "${counts[testdev]}"
wait $traffic_pid
note "$(cat "$ktest_dir/result")"
it "no packet is lost" expect_match '.* lost=0 duplicate=0 .*' "$(cat "$ktest_dir/result")"
it "a device that can be masked is silenced by the second interrupt that waits"
windows=$(($(line_stat rx windows) - windows)) held=$(($(line_stat rx held) - held))
note "$held held in $windows windows"
expect_between 200 100000 $windows
# One more may be on its way.
expect_between 0 $((windows * 3)) $held
storm_off
expect_soon 1 is_quiet

it "the lines of another guest are not slowed"
expect_ok line_set rx guest calm
storm_on
before=$(interrupts "$net")
result=$(traffic 4000 500)
other=$(($(interrupts "$net") - before))
storm_off
note "$other interrupts, $result"
expect_match '.* lost=0 duplicate=0 .*' "$result"
# With less of its CPU the receiver finds two packets at a time now and then; the limit would leave an eighth.
expect_between $((alone * 3 / 4)) 100000 $other
expect_between 0 1000 "$(value_of p99_us "$result")"
expect_equal 0 "$(guest_stat calm contained)"

it "a line that leaves its guest leaves its limit"
expect_ok limit 100
storm_on
sleep 0.2
expect_ok line_set edu guest none
count testdev
note "$count deliveries in $ms ms"
expect_between 10000 100000000 "$count"
it "and has it again when it is back"
expect_ok line_set edu guest loud
sleep 0.2
kept 100 testdev

it "a limit out of range is refused, and the old one is kept"
for bad in 1:ERANGE 99:ERANGE 1000001:ERANGE 4294967296:ERANGE 18446744073709551616:ERANGE -1:EINVAL x:EINVAL \
	"100 ":EINVAL 1e3:EINVAL 0x64:EINVAL; do
	expect_errno "${bad##*:}" limit "${bad%:*}"
done
expect_equal 100 "$(guest_get loud max_irqs)"
for good in 100 1000000 0; do
	expect_ok limit $good
	expect_equal $good "$(guest_get loud max_irqs)"
done

flip() {
	local irqs
	for irqs in 100 0 1000000 1000; do
		echo $irqs >$guests/loud/max_irqs
		sleep 0.003
	done
}
it "the limit can change all the time, and two at once may change it"
for ((i = 0; i < 100; i++)); do flip; done &
flipper=$!
for ((i = 0; i < 100; i++)); do flip; done
wait $flipper
storm_off
expect_soon 1 is_quiet
it "the module can go while a limit holds something"
expect_ok limit 100
storm_on
sleep 0.1
expect_ok rmmod irq_mod
count testdev
expect_between 10000 100000000 "$count"
storm_off
expect_soon 1 is_quiet
it "the kernel has nothing to say about all that" expect_quiet_kernel
finish

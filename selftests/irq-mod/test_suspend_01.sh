#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# profile: sriov
# cpus: 2
# timeout: 180
# While the system is about to sleep nothing is held, and afterwards it is moderated again. Devices are not suspended
# here, since the test's own file system and terminal would not come back: programs are frozen and thawed.
. "$(dirname "$0")/lib.sh"
. "$ktest_top/selftests/lib/net.sh"

device=/sys/bus/pci/devices/0000:00:11.0/testdev
hold_us=100000

handled() { cat $device/stats/handled; }
raise() { write $device/raise 1; }
handled_all() { [ "$(handled)" = "$due" ]; }
traffic() { "$ktest_top/build/bin/traffic" "$tx" "$rx" "$@"; }

# `due` are handled once both are delivered.
raise_two() {
	due=$(($(handled) + 2))
	raise && raise
}

# One interrupt is delivered and another one held.
hold_one() {
	local held tries
	held=$(line_stat edu held)
	# On a slow machine the interval may be over before the second one.
	for ((tries = 0; tries < 20; tries++)); do
		sleep 0.12
		raise_two
		[ "$(line_stat edu held)" -eq "$held" ] || return 0
	done
	fail "nothing is held"
}

# A line that has held nothing for as long as its interval yet.
new_edu() {
	[ ! -e $lines/edu ] || expect_ok remove_line edu
	expect_ok add_line "edu name:testdev"
	expect_ok line_set edu guest sleeper
	expect_ok line_set edu halted_us $hold_us
}

# sleep_once COMMAND...: something is held when the command begins and nothing when it ends. `counted` are the times that
# it was delivered before its interval was over, which a slow machine may not manage.
sleep_once() {
	new_edu
	hold_one
	"$@" || fail "$*"
	expect_equal "$(line_stat edu windows)" "$(($(line_stat edu early) + $(line_stat edu replayed_inline) + $(line_stat edu replayed_injected)))"
	if [ "$(line_stat edu max_hold_us)" -lt $hold_us ]; then
		counted=$((counted + 1))
		expect_equal "$due" "$(handled)"
	fi
	awake
}

# sleep_often COMMAND...: 20 times, and on until it was delivered before its interval was over five times.
sleep_often() {
	local i
	counted=0
	for ((i = 0; i < 20 || (counted < 5 && i < 60); i++)); do sleep_once "$@"; done
	note "$counted of $i before their interval was over"
	[ $counted -ge 5 ] || skip "the machine is too slow to tell"
}

# While /dev/snapshot is open for reading, the system is about to be hibernated; for writing, to be replaced.
asleep() { exec {snapshot}</dev/snapshot; }
asleep_to_restore() { exec {snapshot}>/dev/snapshot; }
awake() {
	[ -z "$snapshot" ] || exec {snapshot}<&-
	snapshot=
}
snapshot=
turns=0
asleep_in_turn() { if [ $((turns++ % 2)) = 0 ]; then asleep; else asleep_to_restore; fi; }
is_testing() { ktest_dmesg | grep -q 'offline testing starting'; }
freeze() { write /sys/power/state freeze; }

echo 0 >/sys/module/suspend/parameters/pm_test_delay
echo 0 >/sys/power/sync_on_suspend
echo freezer >/sys/power/pm_test || bail "no pm_test"
ethtool -C "$rx" rx-usecs 0 || bail "ethtool -C"
ethtool -G "$rx" rx 4096 || bail "ethtool -G"
net_up
need_module testdev hook=0
need_module irq_mod
sleep 1000 &
sleeper=$!
at_end kill $sleeper
# A guest that sleeps: what is held waits for long.
for each in "edu name:testdev" "rx name:$(rx_line "$rx")"; do
	expect_ok add_line "$each"
done
expect_ok add_guest "sleeper pids:$sleeper"
for each in edu rx; do
	expect_ok line_set $each guest sleeper
	expect_ok line_set $each halted_us $hold_us
done
expect_guest sleeper halted

it "before a sleep, the second interrupt is held"
expect_equal "$hold_us" "$(line_get edu effective_us)"
hold_one
expect_soon 2 handled_all

it "what is held when the system is about to sleep is delivered then"
sleep_often asleep_in_turn

it "nothing is held while it is about to sleep, under traffic"
asleep
expect_equal "attached 0" "$(line_get rx state) $(line_get rx effective_us)"
held=$(line_stat rx held)
expect_match '.* lost=0 duplicate=0 .*' "$(traffic 2000 500)"
expect_equal "$held" "$(line_stat rx held)"

it "a line that is added meanwhile holds nothing either, until the sleep is over"
expect_ok remove_line edu
expect_ok add_line "edu name:testdev"
expect_ok line_set edu guest sleeper
expect_ok line_set edu halted_us $hold_us
before=$(handled)
for ((i = 1; i <= 20; i++)); do
	expect_ok raise
	expect_equal $((before + i)) "$(handled)"
done
expect_equal 0 "$(line_stat edu held)"
awake
expect_equal "$hold_us" "$(line_get edu effective_us)"
hold_one
expect_equal 1 "$(line_stat edu held)"

it "a suspend that programs wake up from loses nothing, 20 times, and moderation goes on"
result=$ktest_dir/result
traffic 2000 4000 >"$result" &
sleep_often freeze
wait $!
note "$(cat "$result")"
expect_match '.* lost=0 duplicate=0 .*' "$(cat "$result")"
expect_soon 2 handled_all
held=$(line_stat rx held)
expect_match '.* lost=0 duplicate=0 .*' "$(traffic 2000 500)"
[ "$(line_stat rx held)" -gt "$held" ] || fail "nothing is held any more"

it "a suspend that fails leaves the lines moderated"
expect_equal "$hold_us" "$(line_get edu effective_us)"
echo 20 >/sys/power/pm_freeze_timeout
# Nothing freezes a program in the card's test.
ethtool -t "$tx" offline >/dev/null 2>&1 &
expect_soon 5 is_testing
raise_two
expect_errno EBUSY freeze
echo 20000 >/sys/power/pm_freeze_timeout
expect_equal "$hold_us" "$(line_get edu effective_us)"
wait $!
net_up
expect_soon 2 handled_all
hold_one
expect_match '.* lost=0 duplicate=0 .*' "$(traffic 2000 300)"

it "the module is unloaded while the system is about to sleep, and loaded again"
asleep
expect_ok rmmod irq_mod
before=$(handled)
expect_ok raise
expect_equal $((before + 1)) "$(handled)"
awake
expect_ok load_module irq_mod
expect_ok add_line "edu name:testdev"
expect_equal "attached 100" "$(line_get edu state) $(line_get edu effective_us)"
echo none >/sys/power/pm_test
# It says where the program is that did not freeze.
it "the kernel has nothing else to say about all that" expect_quiet_kernel \
	'BUG|WARNING:|Oops|general protection|refcount_t|list_(add|del) corruption|still has|cannot be removed'
finish

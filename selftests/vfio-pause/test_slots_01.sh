#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# profile: viommu
# cpus: 2
# timeout: 240
# Seven slots on all virtual functions of a card, four of them in one container and three in another, while the
# number of virtual functions changes under them as one transaction. Each change takes the card seconds, so that most
# numbers are reached once: 2 is what other tests use.
. "$(dirname "$0")/lib.sh"

modprobe vfio_iommu_type1
need_module vfio_pause
pf=$(pf_of_igb)
other_pf=$(pf_of_igb 1)
reconfigure=$pause_root/reconfigure
watchers=()
at_end slots_clear
at_end users_stop
# Their processes are looked up when it is due.
# shellcheck disable=SC2016
at_end eval '[ ${#watchers[@]} = 0 ] || kill "${watchers[@]}"'
at_end vf_remove "$pf"
pf_up
echo 0 >"$pci/$pf/sriov_drivers_autoprobe"

# watch_start NAME ARGUMENT...: what is announced goes to $ktest_dir/NAME.
watch_start() {
	"$ktest_top/build/bin/watch" "${@:2}" >"$ktest_dir/$1" 2>&1 &
	watchers+=($!)
	expect_soon 5 grep -qx watching "$ktest_dir/$1"
}

# The states that uevents told of slot `$1`, but for the first `$2`.
told() { sed -n "s/^$1 //p" "$ktest_dir/uevents" | tail -n +$(($2 + 1)) | tr '\n' ' '; }
told_count() { told "$1" 0 | wc -w; }
# Whether they are these.
told_are() { [ "$(told "$1" "$2")" = "$3" ]; }

# number_is N: there are N VFs, under the slots that belong on them; the others wait for theirs.
number_is() {
	local vf
	expect_equal "$1" "$(cat "$pci/$pf/sriov_numvfs")"
	for vf in {0..6}; do
		if [ "$vf" -lt "$1" ]; then
			expect_equal "running $(vf_bdf "$pf" "$vf")" "$(slot_state "s$vf") $(cat "$slots/s$vf/backing")"
		else
			expect_equal 'paused none' "$(slot_state "s$vf") $(cat "$slots/s$vf/backing")"
		fi
	done
}

# use_slot VF: `vu` speaks to the user of that slot about it.
use_slot() {
	user=first
	[ "$1" -lt 4 ] || user=second
	expect_vu ok use $(($1 % 4))
}

# Slots on VFs do DMA and interrupt; the configuration space of the others can be read all the same.
users_work() {
	local vf
	for vf in {0..6}; do
		use_slot "$vf"
		if [ "$vf" -lt "$1" ]; then
			device_works_anew
		else
			expect_vu 'ok 0x10ca8086' cfg-read 0 4
		fi || fail "slot $vf does not work with $1 VFs" || return
	done
}

# change N: to N virtual functions, after which everything is as it should be.
change() {
	local start_ms=${EPOCHREALTIME/./} from
	from=$(cat "$pci/$pf/sriov_numvfs")
	expect_ok slow_write "$reconfigure" "$pf $1"
	note "$from to $1: $(((${EPOCHREALTIME/./} - start_ms) / 1000)) ms"
	number_is "$1"
	users_work "$1"
}

pauses_all() { cat "$slots"/s*/stats/pauses | tr '\n' ' '; }

it "seven slots can wait for functions that nobody has made yet"
for vf in {0..6}; do expect_ok slot_add "s$vf pf:$pf vf:$vf"; done
expect_equal 'empty none' "$(slot_state s6) $(cat $slots/s6/bdf)"
it "one transaction makes all seven, each with its slot and a device and group of its own"
expect_ok slow_write "$reconfigure" "$pf 7"
number_is 7
expect_equal 7 "$(cat "$slots"/s*/bdf | sort -u | grep -c ':00:00.0')"
expect_equal 7 "$(cat "$slots"/s*/iommu_group | sort -u | grep -c '^[0-9]*$')"
for vf in {0..6}; do
	expect_ok slot_policy "s$vf" fault block
	expect_ok slot_policy "s$vf" block_ms 60000
done
it "four in one container and three in another all do DMA and interrupt"
user_start first
for vf in {0..3}; do expect_vu "ok device=$vf .*" open "$(slot_device "s$vf")"; done
user_start second
for vf in {4..6}; do expect_vu "ok device=$((vf - 4)) .*" open "$(slot_device "s$vf")"; done
for vf in {0..6}; do
	use_slot "$vf"
	expect_vu 'ok .*' mmap 0
	expect_vu ok irqs 2 0 3
done
use_slot 0
expect_vu 'ok .*' map $ring 0x10000
use_slot 4
expect_vu 'ok .*' map $ring 0x10000
users_work 7
it "one that is paused disturbs no other of its container"
expect_ok slot_control s1 "pause soft"
for vf in 0 2 3 4; do
	use_slot "$vf"
	device_works
done
expect_ok slot_control s1 resume
use_slot 1
device_works

watch_start uevents uevents SLOT SLOT_STATE
watch_start state file $slots/s0/state
it "each transition is a uevent, and whoever polls the state is woken"
before=$(told_count s0)
expect_ok slot_control s0 "pause soft"
expect_soon 5 grep -qx paused "$ktest_dir/state"
expect_ok slot_control s0 resume
expect_soon 5 grep -qx running "$ktest_dir/state"
expect_soon 5 told_are s0 "$before" 'pausing paused resuming running ' || note "told: $(told s0 "$before")"
it "no other slot is told of, and nothing happens without a transition"
expect_equal 0 "$(told_count s1)"
lines=$(wc -l <"$ktest_dir/state")
sleep 0.3
expect_equal "$lines" "$(wc -l <"$ktest_dir/state")"

it "the same number once more changes nothing"
pauses=$(pauses_all)
expect_ok slow_write "$reconfigure" "$pf 7"
expect_equal "$pauses" "$(pauses_all)"
users_work 7
it "more than the card can have is ERANGE, a card that is not there ENXIO, and nothing is touched"
expect_errno ERANGE write "$reconfigure" "$pf 8"
expect_errno ERANGE write "$reconfigure" "$pf 65535"
expect_errno ENXIO write "$reconfigure" "0000:7f:1f.7 1"
expect_equal "$pauses" "$(pauses_all)"
number_is 7

it "seven become three and seven again under threads that read registers and map memory"
use_slot 0
expect_vu ok thread-read 0 8
expect_vu ok thread-map 0x20000000 0x10000
use_slot 5
expect_vu ok thread-read 0 8
expect_vu ok thread-map 0x20000000 0x10000
before=$(told_count s0)
before_beyond=$(told_count s5)
expect_ok slow_write "$reconfigure" "$pf 3"
number_is 3
# Those beyond have no card, and their readers are held.
use_slot 5
expect_vu 'ok threads=2 .*' thread-stat
expect_vu 'ok 0x10ca8086' cfg-read 0 4
expect_ok slow_write "$reconfigure" "$pf 7"
number_is 7
for vf in 0 5; do
	use_slot "$vf"
	expect_vu 'ok threads=2 .* errors=0 error=none sigbus=0 .*' thread-stop
	note "user of slot $vf: $answer"
done
users_work 7
it "the transaction paused and resumed each slot once for each change, and said so"
expect_soon 5 told_are s0 "$before" 'pausing paused resuming running pausing paused resuming running ' ||
	note "told: $(told s0 "$before")"
expect_soon 5 told_are s5 "$before_beyond" 'pausing paused resuming running ' || note "told: $(told s5 "$before_beyond")"
it "a slot that an administrator had paused stays paused through a change"
expect_ok slot_control s0 "pause soft"
expect_ok slow_write "$reconfigure" "$pf 1"
expect_equal "paused $(vf_bdf "$pf" 0)" "$(slot_state s0) $(cat $slots/s0/backing)"
expect_ok slot_control s0 resume
number_is 1
users_work 1
it "two changes at once are made one after the other"
slow_write "$reconfigure" "$pf 5" &
job=$!
expect_ok slow_write "$reconfigure" "$pf 6"
wait $job || fail "one of two changes failed"
count=$(cat "$pci/$pf/sriov_numvfs")
expect_match '5|6' "$count"
number_is "$count"
users_work "$count"
it "fewer of them leave the users of the others waiting" change 4
it "none are left, and every slot waits" change 0
it "a number that the driver refuses leaves the one there was, and each slot as it was"
expect_ok write "/sys/bus/pci/drivers/igb/unbind" "$pf"
# Without message signalled interrupts igb makes no virtual functions.
msi_bus=$(dirname "$(readlink -f "$pci/$pf")")/msi_bus
echo 0 >"$msi_bus"
expect_ok write "/sys/bus/pci/drivers/igb/bind" "$pf"
pauses=$(pauses_all)
expect_errno EPERM write "$reconfigure" "$pf 3"
number_is 0
expect_equal "$pauses" "$(pauses_all)"
expect_ok write "/sys/bus/pci/drivers/igb/unbind" "$pf"
echo 1 >"$msi_bus"
it "without a driver there is nobody to ask" expect_errno ENOENT write "$reconfigure" "$pf 3"
it "with one that can, everything comes back to the same files"
expect_ok write "/sys/bus/pci/drivers/igb/bind" "$pf"
pf_up
change 7
it "a card without slots can be changed as well"
expect_ok slow_write "$reconfigure" "$other_pf 1"
expect_equal 1 "$(cat "$pci/$other_pf/sriov_numvfs")"
number_is 7
expect_ok slow_write "$reconfigure" "$other_pf 0"

it "slots on all functions can be removed one by one while the others work"
user=second
user_stop
for vf in 4 5 6; do expect_ok slot_remove "s$vf"; done
expect_errno EBUSY slot_remove s0
for vf in {0..3}; do
	use_slot "$vf"
	device_works
done
user=first
user_stop
it "the kernel has nothing to say about all that" expect_quiet_kernel
finish

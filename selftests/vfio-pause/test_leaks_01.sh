#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# profile: viommu
# cpus: 2
# timeout: 120
# What one user leaves, the next one does not find: nothing of the configuration space, nothing in registers, whether
# the next one is a user of the slot or another driver of the function.
. "$(dirname "$0")/lib.sh"

modprobe vfio_iommu_type1
need_module vfio_pause
pf=$(pf_of_igb)
card=$(pf_of_igb 1)
at_end slots_clear
at_end users_stop
pf_up
at_end vf_remove "$pf"
vf_create "$pf" 1 || bail "no VF"
vf=$(vf_bdf "$pf" 0)
need_write $slots/add "one pf:$pf vf:0"

# Registers of an 82576: what turns the first rings of a VF on, which is all that QEMU's card resets of it, and address
# and length of the first ring of a PF.
vf_rings=(0x2828 0x3828) ring_on=0x2000000
pf_ring=(0xe000 0xe008)

config_words=64
# config_of: the first part of the configuration space as the user sees it, a line each word.
config_of() {
	local at
	for ((at = 0; at < config_words * 4; at += 4)); do
		vu cfg-read $at 4
		printf '%#x %s\n' $at "$answer"
	done
}

# nothing_found DEVICE: what a user finds in the configuration space is the same before and after one that has written
# wherever it can.
nothing_found() {
	local at word was now
	user_start
	expect_vu 'ok .*' open "$1"
	config_of >"$ktest_dir/config"
	for ((at = 0; at < config_words * 4; at += 4)); do
		# Neither a reset nor a state of low power is asked for.
		for ((word = at; word < at + 4; word += 2)); do vu cfg-write $word 2 0x7e5c; done
	done
	config_of >"$ktest_dir/config.written"
	! cmp -s "$ktest_dir/config" "$ktest_dir/config.written" || fail "nothing could be written"
	user_stop
	user_start next
	expect_vu 'ok .*' open "$1"
	while IFS=$'\t' read -r was now; do
		[ "$was" = "$now" ] || fail "the first user found $was, the second $now"
	done < <(config_of | paste "$ktest_dir/config" -)
	user_stop
}

# registers_of BDF OFFSET...: of a function without a driver.
registers_of() {
	local resource=$pci/$1/resource0
	echo 1 >"$pci/$1/enable"
	shift
	"$ktest_top/build/bin/barread" "$resource" "$@"
	echo 0 >"${resource%/*}/enable"
}

# set_up VALUE OFFSET...: the user writes the value to these registers.
set_up() {
	local offset
	for offset in "${@:2}"; do
		expect_vu ok bar-write 0 "$offset" 4 "$1"
		expect_vu "ok $1" bar-read 0 "$offset" 4
	done
}
# not_set_up OFFSET...: nobody has.
not_set_up() {
	local offset
	for offset; do expect_vu 'ok 0x0' bar-read 0 "$offset" 4; done
}
# vf_rings_off: as seen by whoever has the VF after its slot.
vf_rings_off() { expect_equal "0x0 0x0" "$(registers_of "$vf" "${vf_rings[@]}")"; }

it "a user finds nothing that another has written to the configuration space of a VF" nothing_found "$(slot_device one)"

it "a user finds no ring that another has left on"
user_start
user_opens "$(slot_device one)"
set_up $ring_on "${vf_rings[@]}"
user_stop
user_start
expect_vu 'ok .*' open "$(slot_device one)"
not_set_up "${vf_rings[@]}"
user_stop
it "neither does one who opens a slot that was paused when the other closed it"
user_start
user_opens "$(slot_device one)"
set_up $ring_on "${vf_rings[@]}"
expect_ok slot_control one "pause soft"
user_stop
expect_ok slot_control one resume
user_start
expect_vu 'ok .*' open "$(slot_device one)"
not_set_up "${vf_rings[@]}"
user_stop

it "another driver finds no ring on in a VF that is taken from a slot in use"
user_start
user_opens "$(slot_device one)"
device_works
set_up $ring_on "${vf_rings[@]}"
expect_ok write /sys/bus/pci/drivers/vfio-pause/unbind "$vf"
expect_equal "none paused" "$(driver_of "$vf") $(slot_state one)"
vf_rings_off
it "the user goes on once it is back"
expect_ok write /sys/bus/pci/drivers/vfio-pause/bind "$vf"
wait_state one running
device_works_anew
it "another driver finds no ring on in a VF that is taken from a paused slot in use"
set_up $ring_on "${vf_rings[@]}"
expect_ok slot_control one "pause soft"
expect_ok write /sys/bus/pci/drivers/vfio-pause/unbind "$vf"
vf_rings_off
expect_ok write /sys/bus/pci/drivers/vfio-pause/bind "$vf"
expect_ok slot_control one resume
device_works_anew
user_stop
it "another driver finds no ring on in a VF whose slot was removed"
user_start
user_opens "$(slot_device one)"
set_up $ring_on "${vf_rings[@]}"
user_stop KILL
expect_ok slot_remove one
vf_rings_off

it "a user finds nothing that another has written to the configuration space of a PF"
expect_ok slot_add "card function:$card"
nothing_found "$(slot_device card)"
it "a function that was removed and found again is reset before a slot uses it"
user_start
expect_vu 'ok .*' open "$(slot_device card)"
expect_vu ok cfg-write 4 2 6
set_up 0x5000 "${pf_ring[@]}"
expect_ok slow_write "$pci/$card/remove" 1
wait_state card paused
it "it is whoever has it then, its user or the next"
expect_ok write /sys/bus/pci/rescan 1
wait_state card running
expect_equal vfio-pause "$(driver_of "$card")"
not_set_up "${pf_ring[@]}"
set_up 0x5000 "${pf_ring[@]}"
expect_ok slow_write "$pci/$card/remove" 1
wait_state card paused
user_stop
expect_ok write /sys/bus/pci/rescan 1
wait_state card running
user_start
expect_vu 'ok .*' open "$(slot_device card)"
not_set_up "${pf_ring[@]}"
user_stop
it "its driver works with it afterwards"
expect_ok slot_remove card
expect_equal igb "$(driver_of "$card")"
pf_up

it "the kernel has nothing to say about all that" expect_quiet_kernel
finish

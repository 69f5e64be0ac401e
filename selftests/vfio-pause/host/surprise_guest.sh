#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# What host_surprise.py has a machine do.
#
# usage: surprise_guest.sh MAC
#
# MAC is that of the igb card that comes and goes. A line that begins with @ asks the host for something:
#
#   @unplug    take the card away, after asking the guest's kernel
#   @plug      put it in again
. "$(dirname "$0")/../lib.sh"

modprobe vfio_iommu_type1
need_module vfio_pause
pf=$(basename "$(dirname "$(dirname "$(dirname "$(grep -lx "$1" "$pci"/*/net/*/address)")")")")
[ -e "$pci/$pf/sriov_numvfs" ] || bail "no card with the address $1"
port=$(basename "$(dirname "$(readlink -f "$pci/$pf")")")
power=$(dirname "$(grep -lx "${pf%.*}" /sys/bus/pci/slots/*/address)")/power
slot=$slots/one
at_end slots_clear
at_end users_stop
at_end vf_remove "$pf"
pf_up
vf_create "$pf" 2 || bail "no VFs"
need_write $slots/add "one pf:$pf vf:0"
expect_ok slot_policy one fault block
expect_ok slot_policy one block_ms 60000

# Not only for the kernel: a slot whose power is still to be turned off would lose a new card, too.
card_is_gone() { [ ! -e "$pci/$pf" ] && [ "$(cat "$power")" = 0 ]; }
card_is_there() { [ -e "$pci/$pf/sriov_numvfs" ] && [ -n "$(ls "$pci/$pf/net" 2>/dev/null)" ]; }

# Has the card vanish without the kernel having been asked, which it does when the slot's power is turned off (Slot
# Control, bits 8 to 10). It is turned on again before the kernel, which is told that there is no card (bit 3), looks:
# on the CPU of its interrupt nothing else runs meanwhile.
pull_out() {
	taskset 1 chrt -f 99 setpci -s "$port" CAP_EXP+18.w=0008:0008 CAP_EXP+18.w=0700:0700 CAP_EXP+18.w=0100:0700
}
for irq in "$pci/$port"/msi_irqs/*; do echo 1 >"/proc/irq/${irq##*/}/smp_affinity"; done

# What a user still has while there is no card.
user_waits() {
	expect_equal none "$(cat $slot/backing)" &&
		expect_equal paused "$(slot_state one)" &&
		expect_errno ENODEV slot_control one resume &&
		expect_vu 'ok 0x10ca8086' cfg-read 0 4 &&
		expect_vu 'ok flags=0x3 regions=9 irqs=5' info &&
		expect_vu 'ok .*' map 0x800000 0x10000 &&
		expect_vu 'ok size=0x10000 .*' unmap 0x800000 0x10000 &&
		expect_vu ok irq-drop 2 2 && expect_vu ok irqs 2 2 1
}

# user_goes_on: the card is put in again and gets virtual functions, and the user goes on through the same files.
user_goes_on() {
	echo @plug
	expect_soon 15 card_is_there || return
	pf_up
	expect_equal paused "$(slot_state one)"
	expect_ok vf_create "$pf" 3
	wait_state one running
	expect_equal "$(vf_bdf "$pf" 0)" "$(cat $slot/backing)"
	expect_vu 'ok threads=1 .* errors=0 error=none sigbus=0 .*' thread-stop
	note "the reader was held for $(($(field longest_ns) / 1000000)) ms"
	device_works_anew
	device_faults 0x800000
	expect_equal none "$(cat $slot/last_error)"
}

it "a user of the slot works and reads registers"
user_start
user_opens "$(slot_device one)"
device_works
expect_vu ok thread-read 0 8
it "the card is unplugged under it, and the slot waits"
echo @unplug
wait_state one paused 15
expect_soon 15 card_is_gone
user_waits
it "nothing can be asked of a card that is not there"
expect_errno ENXIO write $pause_root/reconfigure "$pf 2"
expect_errno ENXIO write $slots/add "two pf:$pf vf:1"
it "the card is plugged in again, and the user goes on through the same files" user_goes_on

it "the card is pulled out by surprise under a user that reads registers"
expect_vu ok thread-read 0 8
pull_out
wait_state one paused 15
expect_soon 15 card_is_gone
user_waits
it "the slot can be removed without the card"
user_stop
expect_ok slot_remove one
it "the kernel has nothing to say about all that" expect_quiet_kernel
finish

#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# profile: viommu
# cpus: 2
# timeout: 120
# Functions that no slot can have are refused, and stay with whoever has them. Refusals of interrupts cost nothing but
# what was asked for. A policy holds from when it is set.
. "$(dirname "$0")/lib.sh"

modprobe vfio_iommu_type1
need_module vfio_pause
pf=$(pf_of_igb)
card=$(pf_of_igb 1)
# A device whose pin has the line of the second card.
edu=0000:00:11.0
at_end slots_clear
at_end users_stop
pf_up
at_end vf_remove "$pf"
vf_create "$pf" 1 || bail "no VF"
need_write $slots/add "one pf:$pf vf:0"
front=$(slot_device one)

# not_for_slots ERRNO BDF: refused, and its driver goes on with it.
not_for_slots() {
	local before
	before="$(driver_of "$2") $(cat "$pci/$2/driver_override") $(setpci -s "$2" COMMAND)"
	expect_errno "$1" slot_add "two function:$2"
	expect_equal "$before" "$(driver_of "$2") $(cat "$pci/$2/driver_override") $(setpci -s "$2" COMMAND)"
	expect_equal one "$(find $slots -mindepth 1 -maxdepth 1 -type d -printf '%f')"
	[ ! -e $slots/two ] || slot_remove two
}

it "a bridge is no function for a slot, and keeps what is behind it"
port=$(basename "$(dirname "$(readlink -f "$pci/$pf")")")
expect_equal pcieport "$(driver_of "$port")"
not_for_slots EINVAL "$port"
it "neither is the front of a slot"
expect_equal vfio-pause-front "$(driver_of "$(cat $slots/one/bdf)")"
not_for_slots EINVAL "$(cat $slots/one/bdf)"
it "a physical function is busy while it has virtual ones"
expect_equal igb "$(driver_of "$pf")"
not_for_slots EBUSY "$pf"
expect_equal "1 running" "$(cat "$pci/$pf/sriov_numvfs") $(slot_state one)"
it "a function that the IOMMU cannot tell from others is refused"
shared=0000:00:1f.3
expect_between 2 8 "$(find "$pci/$shared/iommu_group/devices/" -type l | wc -l)"
not_for_slots EINVAL "$shared"
it "a slot cannot be given such a function later"
expect_ok slot_add "later pf:$pf vf:6"
for other in "$port" "$(cat $slots/one/bdf)" $shared; do
	expect_errno EINVAL write $slots/later/target "function:$other"
done
expect_errno EBUSY write $slots/later/target "function:$pf"
expect_equal "empty none pf:$pf vf:6" "$(cat $slots/later/{state,backing,target} | tr '\n' ' ' | sed 's/ $//')"
expect_ok slot_remove later

it "an access that waits is let go at once when the policy becomes sink"
user_start
user_opens "$front"
expect_ok slot_policy one fault block
expect_ok slot_control one "pause soft"
# frees COMMAND...: ends an access that was held for half a second, which then finds nothing.
frees() {
	sleep 0.5
	vu_waits || fail "the access did not wait"
	expect_ok "$@"
	vu_answer 5
	expect_match 'ok 0xffffffff.*' "$answer"
}
vu_send mread 0 8
frees slot_policy one fault sink
expect_between 400000000 2000000000 "$(field ns)"
it "so is a system call"
expect_ok slot_policy one fault block
vu_send bar-read 0 8 4
frees slot_policy one fault sink
it "so is an access for which the time becomes shorter than it has waited"
expect_ok slot_control one resume
expect_ok slot_policy one block_ms 60000
expect_ok slot_policy one fault block-then-sink
expect_ok slot_control one "pause soft"
vu_send mread 0 8
frees slot_policy one block_ms 100
expect_between 400000000 2000000000 "$(field ns)"
it "one for which it becomes longer goes on waiting, and is let go by the resume"
expect_ok slot_control one resume
expect_ok slot_policy one block_ms 60000
expect_ok slot_control one "pause soft"
vu_send mread 0 8
sleep 0.3
expect_ok slot_policy one block_ms 50000
expect_ok slot_policy one fault block
sleep 0.3
vu_waits || fail "the access did not wait: $answer"
expect_ok slot_control one resume
vu_answer
expect_match 'ok 0x[0-9a-f]+ .*' "$answer"
device_works
it "pages that lead to the sink wait again when the policy becomes block"
expect_ok slot_policy one fault sink
expect_ok slot_control one "pause soft"
expect_vu 'ok 0xffffffff.*' mread 0 8
expect_ok slot_policy one fault block
vu_send mread 0 8
sleep 0.5
vu_waits || fail "the access did not wait"
expect_ok slot_control one resume
vu_answer 5
expect_match 'ok 0x.*' "$answer"
user_stop

# Takes the pin of edu and then asks for that of the card, over and over. Either both can have the line, or the second
# is refused; to it that is an answer, and to nobody else is it news.
it "a user that may not have a shared line is told so, and nobody else is"
expect_ok slot_add "edu function:$edu"
expect_ok slot_add "card function:$card"
user_start
expect_vu 'ok .*' open "$(slot_device edu)"
expect_vu ok irqs 0 0 1
user_start second
expect_vu 'ok .*' open "$(slot_device card)"
expect_equal "$(cat "$pci/$edu/irq")" "$(cat "$pci/$card/irq")"
for round in {1..5}; do
	expect_vu 'ok|errno EBUSY' irqs 0 0 1
	[ "$answer" = 'errno EBUSY' ] || expect_vu ok irq-off 0
	note "round $round: $answer"
done
expect_no_dmesg 'Flags mismatch|genirq|Call Trace'
it "it can have messages at once after that"
expect_vu 'ok|errno EBUSY' irqs 0 0 1
[ "$answer" = 'errno EBUSY' ] || expect_vu ok irq-off 0
expect_vu 'errno EINVAL' irq-off 0
expect_vu ok irqs 1 0 1
expect_vu ok irq-off 1
expect_vu ok irqs 2 0 3
expect_vu ok irq-off 2
it "the one that has the line has not noticed"
user=user
expect_vu ok bar-write 0 0x60 4 1
expect_vu 'ok count=1 .*' irq-wait 0 1000
expect_vu ok bar-write 0 0x64 4 0xff
users_stop

it "the kernel has nothing to say about all that" expect_quiet_kernel
finish

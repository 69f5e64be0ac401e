#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# profile: amdiommu
# cpus: 2
# timeout: 120
# A user that drives an NVMe virtual function loses no block to pauses. A new function has neither queues nor
# interrupts until the host gives it some through the PF's controller, so that the slot waits for `resume`.
. "$(dirname "$0")/lib.sh"

modprobe vfio_iommu_type1
need_module vfio_pause

# The PF of an NVMe controller with virtual functions.
nvme_pf() {
	local device
	for device in "$pci"/*; do
		[ "$(cat "$device/class")" != 0x010802 ] || [ ! -e "$device/sriov_totalvfs" ] || printf '%s' "${device##*/}"
	done
}

# virt_mgmt ACTION [RESOURCE NUMBER]: Virtualization Management of the first secondary controller.
virt_mgmt() {
	"$ktest_top/build/bin/nvmeadmin" "$admin" 0x1c $((1 << 16 | ${2:-0} << 8 | $1)) "${3:-0}"
}

# Gives the first VF queues (0) and interrupts (1); then it can be put online.
resources_assign() { virt_mgmt 8 0 2 && virt_mgmt 8 1 2; }
vf_online() { virt_mgmt 9; }

pf=$(nvme_pf)
[ -n "$pf" ] || bail "no NVMe controller"
admin=/dev/$(basename "$pci/$pf"/nvme/nvme*)
slot=$slots/disk
at_end slots_clear
at_end users_stop
at_end vf_remove "$pf"
echo 0 >"$pci/$pf/sriov_drivers_autoprobe"

# Where the queues are, and the data.
queues=0x100000
written=0x200000
reread=0x300000
bytes=0x20000
spare=0x400000

# data_is_kept BLOCK SEED: what was written there with that seed.
data_is_kept() {
	expect_vu ok fill $reread $bytes 99999 &&
		expect_vu 'ok pending=0 .*' nvme-read "$1" $reread $bytes && expect_vu ok check $reread $bytes "$2"
}
# data_write BLOCK SEED
data_write() {
	expect_vu ok fill $written $bytes "$2" && expect_vu 'ok pending=0 .*' nvme-write "$1" $written $bytes
}
# What is written now can be read, and the controller says by an interrupt that it has done it.
disk_works() {
	irqs_drain
	data_write 4096 "$1" && data_is_kept 4096 "$1" && expect_vu 'ok count=[0-9]+ .*' irq-wait 0 2000
}

it "the host gives a VF its resources and puts it online"
expect_ok resources_assign
expect_ok numvfs "$pf" 1
expect_ok vf_online
it "a slot on it runs"
need_write $slots/add "disk pf:$pf vf:0"
expect_equal running "$(slot_state disk)"
expect_ok slot_policy disk auto_resume 0
expect_ok slot_policy disk fault block
it "a user opens it and sees a controller with a register mapping and two vectors"
user_start
expect_vu 'ok device=0 .*' open "$(slot_device disk)"
expect_vu 'ok size=0x4000' mmap 0
expect_vu 'ok flags=0x[19] count=2' irqinfo 2
expect_vu ok irqs 2 0 2
expect_vu 'ok .*' map $queues 0x10000
expect_vu 'ok .*' map $written $bytes
expect_vu 'ok .*' map $reread $bytes
it "the controller starts with a pair of queues and knows its disk"
expect_vu 'ok block=512' nvme-init $queues
expect_vu 'ok serial=rvm0 controller=1 blocks=131072' nvme-identify
it "blocks that are written can be read" disk_works 1
it "memory that is not mapped any more is not written to, and the IOMMU reports the attempt"
expect_vu 'ok .*' map $spare 0x1000
expect_vu ok fill $spare 0x1000 8
expect_vu 'ok size=0x1000 .*' unmap $spare 0x1000
faults=$(faults_seen)
expect_vu 'ok pending=1 .*' nvme-start-read 4096 $spare 0x1000
vu nvme-finish 5000
expect_soon 2 faults_more "$faults"
expect_vu ok check $spare 0x1000 8
disk_works 2
data_write 0 1000

it "commands given during a soft pause are done after it"
expect_ok slot_control disk "pause soft"
expect_vu ok fill $written $bytes 3
vu_send nvme-write 8192 $written $bytes
sleep 0.3
vu_waits || fail "a paused controller did it: $answer"
expect_ok slot_control disk resume
vu_answer
expect_match 'ok pending=0 .*' "$answer"
data_is_kept 8192 3
it "commands that were given before a soft pause are done before or after it"
for ((i = 0; i < 10; i++)); do
	expect_vu ok fill $written $bytes $((10 + i))
	expect_vu 'ok pending=16 .*' nvme-start-write 8192 $written $bytes
	expect_ok slot_control disk "pause soft"
	expect_ok slot_control disk resume
	expect_vu 'ok commands=16' nvme-finish 5000
	data_is_kept 8192 $((10 + i)) || break
done
it "soft pauses at any moment of a load disturb no command"
vu_send nvme-loop 1000 16384 $written 0x8000
for ((pauses = 0; pauses < 100; pauses++)); do
	vu_waits || break
	slot_control disk "pause soft" && slot_control disk resume || break
done
vu_answer
expect_match 'ok rounds=1000 .*' "$answer"
note "$pauses pauses: $answer"
expect_between 5 100 "$pauses"
it "the controller has not failed, and kept what it had"
expect_vu 'ok 0x1 .*' mread 0 0x1c
data_is_kept 0 1000
disk_works 4

it "the VF goes away under commands"
expect_vu ok fill $written $bytes 5
expect_vu 'ok .*' nvme-start-write 8192 $written $bytes
expect_ok numvfs "$pf" 0
expect_equal paused "$(slot_state disk)"
expect_equal none "$(cat $slot/backing)"
expect_errno ENODEV slot_control disk resume
it "the user waits, and its memory can be mapped and unmapped"
expect_vu 'ok .*' map 0x800000 0x10000
expect_vu 'ok size=0x10000 .*' unmap 0x800000 0x10000
vu_send mread 0 0x1c
sleep 0.3
vu_waits || fail "a controller answered that is not there: $answer"
it "a new VF does not resume the slot by itself"
expect_ok resources_assign
expect_ok numvfs "$pf" 1
expect_soon 5 grep -qx "$(vf_bdf "$pf" 0)" $slot/backing
sleep 1
expect_equal paused "$(slot_state disk)"
expect_equal none "$(cat $slot/last_error)"
vu_waits || fail "the slot did not wait: $answer"
it "once it is online, resume gives it to the user"
expect_ok vf_online
expect_equal paused "$(slot_state disk)"
expect_ok slot_control disk resume
expect_equal running "$(slot_state disk)"
vu_answer
expect_match 'ok 0x0 .*' "$answer"
expect_between 1000000000 60000000000 "$(field ns)"
it "through the same files the controller starts again"
expect_vu 'ok block=512' nvme-init $queues
expect_vu 'ok serial=rvm0 controller=1 blocks=131072' nvme-identify
it "all blocks written before are there" data_is_kept 0 1000
it "so is what was written to others since" disk_works 6
it "soft pauses disturb the new VF as little"
expect_ok slot_control disk "pause soft"
expect_ok slot_control disk resume
disk_works 7
data_is_kept 0 1000
it "the slot has counted all that"
expect_equal 1 $(($(slot_stat disk pauses) - $(slot_stat disk resumes) + 1))
expect_between $((pauses + 13)) 1000 "$(slot_stat disk pauses)"
expect_between 1 1000000 "$(slot_stat disk irqs)"

it "the VF is left as it was reread"
user_stop
expect_ok slot_remove disk
expect_equal none "$(driver_of "$(vf_bdf "$pf" 0)")"
it "the PF's own controller has not noticed"
expect_ok test -e "$admin"
expect_equal live "$(cat "$pci/$pf"/nvme/nvme*/state)"
it "the kernel has nothing to say about all that" expect_quiet_kernel
finish

#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# profile: viommu
# cpus: 2
# timeout: 240
# A user of a slot does what it does with vfio-pci (test_stock_01.sh), and goes on doing it through the same files,
# mappings and eventfds while the host takes the virtual function away and gives it, or another one, back.
. "$(dirname "$0")/lib.sh"

modprobe vfio_iommu_type1
need_module vfio_pause
pf=$(pf_of_igb)
at_end slots_clear
at_end users_stop
pf_up
at_end vf_remove "$pf"
vf_create "$pf" 2 || bail "no VFs"
need_write $slots/add "one pf:$pf vf:0"
slot=$slots/one

it "a slot on a VF runs and shows a device of its own"
expect_equal running "$(slot_state one)"
expect_equal "$(vf_bdf "$pf" 0)" "$(cat $slot/backing)"
expect_equal vfio-pause "$(driver_of "$(cat $slot/backing)")"
expect_match '[0-9a-f]{4}:00:00\.0' "$(cat $slot/bdf)"
expect_equal vfio-pause-front "$(driver_of "$(cat $slot/bdf)")"
expect_equal "$(basename "$(readlink "$(slot_device one)/iommu_group")")" "$(cat $slot/iommu_group)"
it "nothing reaches memory through it before it is opened"
expect_equal blocked "$(cat "$(slot_device one)/iommu_group/type")"

user_cases "$(slot_device one)" "$pf"

# What a guest's driver writes once and expects to find.
remembers() {
	expect_vu 'ok 0x10ca8086' cfg-read 0 4 && expect_vu 'ok 0x6' cfg-read 4 2 &&
		expect_vu 'ok 0xfe00000c' cfg-read 0x10 4
}

it "the VFs go away under a thread that reads the BAR, and come back"
expect_ok slot_policy one fault block
expect_ok slot_policy one block_ms 60000
expect_vu ok thread-read 0 8
irqs_drain
start_ms=${EPOCHREALTIME/./}
expect_ok numvfs "$pf" 0
wait_state one paused
expect_equal none "$(cat $slot/backing)"
it "meanwhile everything is there, and memory can be mapped and unmapped"
remembers
expect_vu 'ok flags=0x3 regions=9 irqs=5' info
expect_vu 'ok flags=0x[19] count=3' irqinfo 2
expect_vu 'ok .*' map 0x800000 0x10000
expect_vu 'ok .*' map 0x900000 0x10000
expect_vu 'ok size=0x10000 .*' unmap 0x900000 0x10000
expect_vu 'ok size=0x10000 .*' unmap $ring 0x10000
expect_vu 'ok rounds=1000 .*' storm 1000 0xa00000 0x10000
expect_vu ok irq-drop 2 2
expect_vu ok irqs 2 2 1
it "with new VFs the slot runs again by itself"
expect_ok vf_create "$pf" 3
wait_state one running
outage_ms=$(((${EPOCHREALTIME/./} - start_ms) / 1000))
expect_equal "$(vf_bdf "$pf" 0)" "$(cat $slot/backing)"
it "the reader was held and saw no error"
expect_vu 'ok threads=1 .* errors=0 error=none sigbus=0 .*' thread-stop
note "numvfs 2 to 0 to 3 took $outage_ms ms; the reader was held for $(($(field longest_ns) / 1000000)) ms"
expect_between 100 $((outage_ms + 1000)) $(($(field longest_ns) / 1000000))
it "armed vectors were signalled once, for what the guest may have missed"
expect_vu 'ok count=[12]' irq-count 1
it "the same files, mappings and eventfds work after the driver's reset"
remembers
device_works_anew 0x800000
it "what was unmapped meanwhile faults"
device_faults $ring
device_faults 0x900000
it "the slot has counted all that"
for counter in pauses resumes pause_ns resume_ns outage_ns blocked_faults dma_maps dma_unmaps dma_bytes irqs phantom_maps; do
	expect_between 1 1000000000000000 "$(slot_stat one $counter)" || note "$counter"
done
expect_equal 1 "$(slot_stat one pauses)"

it "a soft pause holds an access, keeps the device's state and is not noticed otherwise"
expect_vu 'ok .*' map $ring 0x10000
device_works
expect_ok slot_control one "pause soft"
expect_equal paused "$(slot_state one)"
expect_equal "$(vf_bdf "$pf" 0)" "$(cat $slot/backing)"
vu_send mwrite 0 0x804 0x5a5a
sleep 0.3
vu_waits || fail "the write went through"
expect_ok slot_control one resume
vu_answer
expect_match 'ok .*' "$answer"
expect_between 200000000 10000000000 "$(field ns)"
expect_vu 'ok 0x5a5a .*' mread 0 0x804
device_works
it "a paused device does not reach memory"
expect_ok slot_control one "pause soft"
expect_equal 0 $((0x$(setpci -s "$(cat $slot/backing)" COMMAND) & 4))
expect_ok slot_control one resume
device_works

it "with the policy sink an access ends at once and reads ones"
expect_ok slot_policy one fault sink
expect_ok slot_control one "pause soft"
expect_vu 'ok 0xffffffff .*' mread 0 8
expect_between 0 300000000 "$(field ns)"
expect_vu 'ok .*' mwrite 0 0x804 0x77
expect_ok slot_control one resume
it "what was written into the sink is lost, and nothing of it remains mapped"
expect_vu 'ok 0x5a5a .*' mread 0 0x804
device_works
it "with block-then-sink an access is held no longer than allowed"
expect_ok slot_policy one fault block-then-sink
expect_ok slot_policy one block_ms 500
expect_ok slot_control one "pause soft"
expect_vu 'ok 0xffffffff .*' mread 0 8
expect_between 200000000 1500000000 "$(field ns)"
expect_vu 'ok 0xffffffff .*' mread 0 8
expect_between 0 200000000 "$(field ns)"
expect_between 1 100 "$(slot_stat one sunk_faults)"
expect_ok slot_control one resume
device_works

it "pread sees ones while paused, and a write is dropped"
expect_ok slot_policy one fault sink
expect_ok slot_control one "pause soft"
expect_vu 'ok 0xffffffff' bar-read 0 8 4
expect_vu ok bar-write 0 0x804 4 0x99
expect_ok slot_control one resume
expect_vu 'ok 0x5a5a' bar-read 0 0x804 4

it "a BAR of a peer is never handed to the device, unless it is allowed"
before=$(slot_stat one phantom_maps)
expect_vu 'ok size=0x4000' map-bar 0x40000000 0
expect_equal $((before + 1)) "$(slot_stat one phantom_maps)"
device_faults 0x40000000
expect_vu 'ok size=0x4000 .*' unmap 0x40000000 0x4000

it "a BAR cannot be mapped for DMA while paused, and nothing hangs"
expect_ok slot_policy one fault block
expect_ok slot_control one "pause soft"
expect_vu 'errno E.*' map-bar 0x40000000 0
expect_ok slot_control one resume
expect_vu 'ok size=0x4000' map-bar 0x40000000 0
expect_vu 'ok size=0x4000 .*' unmap 0x40000000 0x4000
device_works

it "a hard pause and resume leave a device that works after the driver's reset"
expect_ok slot_control one "pause hard"
remembers
expect_ok slot_control one resume
device_works_anew
it "the user's own reset works"
expect_vu 'ok .*' reset
expect_vu 'ok 0x.*' mread 0 8
expect_vu ok cfg-write 4 2 6
device_works_anew

it "the slot can be given another VF under the same files"
old=$(cat $slot/backing)
expect_ok slot_control one "pause hard"
expect_errno EBUSY write $slot/target "pf:$pf vf:1"
expect_ok write "$pci/$old/driver/unbind" "$old"
expect_equal none "$(cat $slot/backing)"
expect_ok write $slot/target "pf:$pf vf:1"
expect_soon 5 grep -qx "$(vf_bdf "$pf" 1)" $slot/backing
expect_equal "pf:$pf vf:1" "$(cat $slot/target)"
expect_equal '(null)' "$(cat "$pci/$old/driver_override")"
expect_ok slot_control one resume
expect_equal running "$(slot_state one)"
remembers
device_works_anew
device_faults 0x900000

it "two slots in one container: one works while the other is paused"
expect_ok slot_add "two pf:$pf vf:2"
expect_vu 'ok device=1 .*' open "$(slot_device two)"
expect_vu 'ok .*' mmap 0
expect_vu ok irqs 2 0 3
expect_vu 'ok mac=.*' igb-init
device_works
expect_ok slot_control one "pause soft"
device_works
expect_vu 'ok .*' map 0xb00000 0x10000
device_works 0xb00000
expect_ok slot_control one resume
expect_vu ok use 0
device_works 0xb00000
expect_vu 'ok size=0x10000 .*' unmap 0xb00000 0x10000
device_faults 0xb00000
expect_vu ok use 1
expect_vu ok close
expect_ok slot_remove two

it "a user may close a paused slot, and the next one opens it"
expect_ok slot_policy one fault sink
expect_ok slot_control one "pause soft"
expect_vu ok close
expect_vu 'ok device=0 .*' open "$(slot_device one)"
expect_vu 'ok .*' mmap 0
expect_vu 'ok 0xffffffff .*' mread 0 8
expect_ok slot_control one resume
expect_vu 'ok .*' map $ring 0x10000
expect_vu ok irqs 2 0 3
device_works_anew
device_faults 0x800000

it "a slot that is open cannot be removed"
expect_errno EBUSY slot_remove one
user_stop
expect_ok slot_remove one
it "the VF is left as it was found"
expect_equal none "$(driver_of "$(vf_bdf "$pf" 1)")"
expect_equal '(null)' "$(cat "$pci/$(vf_bdf "$pf" 1)/driver_override")"
it "the kernel has nothing to say about all that" expect_quiet_kernel
finish

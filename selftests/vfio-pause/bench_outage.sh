#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# profile: viommu
# cpus: 2
# icount: no
# What another number of VFs, 2 to 0 to 3 and back, means for the user of one that has its registers, its interrupts and
# memory: behind a slot, of which a second thread reads a register all the time, and with the kernel's own vfio-pci,
# where the user must close its device before, and open the new one and prepare it. In turns; "nobody" has no VF.
#
# "host" is from the begin to the end of all that the host must do, and with vfio-pci the user too; "outage" is until
# DMA and an interrupt have worked again, for which the user's driver starts anew in either case.
. selftests/lib/bench.sh
. selftests/vfio-pause/bench.sh

now_us() { echo "${EPOCHREALTIME/./}"; }

# ms CONTENDER OPERATION START_US
ms() { result "$1" "$2: ms" $((($(now_us) - $3) / 1000)); }

# prepared DEVICE: what a user does once to have a device.
prepared() { vu open "$1" && vu mmap 0 && vu map $ring 0x10000 && vu irqs 2 0 3; }

# driver_works: what its driver does after each reset of the device.
driver_works() {
	irqs_drain
	vu igb-init && vu igb-dma $ring && vu igb-irq 1 && vu irq-wait 1 2000
}

# Sets the other number of VFs.
renumber() {
	local count=$((5 - $(cat "$pci/$pf/sriov_numvfs")))
	numvfs "$pf" 0
	numvfs "$pf" $count
}

with_slot() {
	local start name
	slot_add "one pf:$pf vf:0"
	slot_policy one fault block
	slot_policy one block_ms 60000
	user_start
	prepared "$(slot_device one)"
	driver_works
	vu thread-read 0 8
	start=$(now_us)
	renumber
	wait_state one running
	ms vfio-pause host "$start"
	driver_works
	ms vfio-pause outage "$start"
	for name in pause resume outage; do
		result vfio-pause "slot's $name: ms" $(($(slot_stat one ${name}_ns) / 1000000))
	done
	vu thread-stop
	result vfio-pause "outage: accesses that wait" "$(slot_stat one blocked_faults)"
	result vfio-pause "outage: accesses lost" $(($(field errors) + $(field sigbus) + $(slot_stat one sunk_faults)))
	user_stop
	slot_remove one
}

with_stock() {
	local start vf
	vf=$(vf_bdf "$pf" 0)
	give_to vfio-pci "$vf"
	user_start
	prepared "$vf"
	driver_works
	start=$(now_us)
	vu close
	renumber
	vf=$(vf_bdf "$pf" 0)
	give_to vfio-pci "$vf"
	prepared "$vf"
	ms vfio-pci host "$start"
	driver_works
	ms vfio-pci outage "$start"
	user_stop
	take_back "$vf"
}

with_nobody() {
	local start
	start=$(now_us)
	renumber
	ms nobody host "$start"
}

vfs 2
at_end users_stop
# Each of them in both directions.
for ((round = 0; round < 2; round++)); do
	with_slot
	with_stock
	with_nobody
done

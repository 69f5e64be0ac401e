#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# profile: viommu
# cpus: 2
# timeout: 100
# A function without PCI Express, with a pin and a single MSI, which cannot be reset: QEMU's edu device behind a slot.
# The cases run on vfio-pci first: a slot is to behave like it.
. "$(dirname "$0")/lib.sh"

modprobe vfio_iommu_type1
need_module vfio_pause
edu=0000:00:11.0
# A card whose pin has the same line.
card=$(pf_of_igb 1)
at_end take_back "$edu"
at_end take_back "$card"
at_end slots_clear
at_end users_stop

# Registers of edu (docs/specs/edu.rst of QEMU).
edu_live=4 edu_factorial=8 edu_cause=0x24 edu_raise=0x60 edu_ack=0x64
edu_from=0x80 edu_to=0x88 edu_count=0x90 edu_command=0x98 edu_buffer=0x40000

raise() { expect_vu ok bar-write 0 $edu_raise 4 1; }
ack() { expect_vu ok bar-write 0 $edu_ack 4 0xff; }
# The line of the pin goes to the processor that the user runs on: what it causes happens at once.
pin_line() {
	local irq
	irq=$(sed -n '/vfio-/ s/^ *\([0-9]*\):.*IO-APIC.*/\1/p' /proc/interrupts | head -n 1)
	[ -n "$irq" ] && echo 1 >"/proc/irq/$irq/smp_affinity"
}
# edu_copy FROM TO COMMAND: one DMA transfer of 256 bytes.
edu_copy() {
	expect_vu ok bar-write 0 $edu_from 8 "$1"
	expect_vu ok bar-write 0 $edu_to 8 "$2"
	expect_vu ok bar-write 0 $edu_count 8 256
	expect_vu ok bar-write 0 $edu_command 8 "$3"
	vu sleep 300
}

# edu_cases DEVICE NAME
edu_cases() {
	local round

	it "$2: the function is told as what it is"
	user_start
	expect_vu 'ok .*' open "$1"
	expect_vu 'ok flags=0x7 count=1' irqinfo 0
	expect_vu 'ok flags=0x9 count=1' irqinfo 1
	expect_vu 'ok .* count=0' irqinfo 2
	expect_vu 'ok flags=0x7 size=0x100000 .*' region 0
	it "$2: its configuration space has 256 bytes, as it has no PCI Express"
	expect_vu 'ok flags=0x3 size=0x100 .*' region 7
	expect_vu 'errno .*' cfg-read 0x100 4
	it "$2: nobody says that it could be reset"
	expect_vu 'ok flags=0x2 regions=9 irqs=5' info
	expect_vu 'errno EINVAL' reset
	it "$2: memory is enabled from the begin"
	expect_vu 'ok 0x2' cfg-read 4 2
	expect_vu ok cfg-write 4 2 6
	it "$2: its registers answer"
	expect_vu 'ok 0x10000ed' bar-read 0 0 4
	expect_vu ok bar-write 0 $edu_live 4 0x12345678
	expect_vu 'ok 0xedcba987' bar-read 0 $edu_live 4
	expect_vu ok bar-write 0 $edu_factorial 4 6
	# The device takes its time.
	for ((tries = 0; tries < 100; tries++)); do
		vu sleep 20
		vu bar-read 0 $edu_factorial 4
		[ "$answer" = 'ok 0x6' ] || break
	done
	expect_vu 'ok 0x2d0' bar-read 0 $edu_factorial 4

	it "$2: its pin interrupts once, and shows in the status register"
	expect_vu ok irqs 0 0 1
	pin_line
	expect_vu 'ok 0x10' cfg-read 6 2
	raise
	expect_vu 'ok count=1 .*' irq-wait 0 1000
	expect_vu 'ok 0x18' cfg-read 6 2
	expect_vu 'ok 0x1' bar-read 0 $edu_cause 4
	expect_vu 'errno ETIMEDOUT' irq-wait 0 100
	ack
	expect_vu 'ok 0x10' cfg-read 6 2
	it "$2: a pin that is disabled in the command register is silent until it is enabled"
	expect_vu ok irq-off 0
	ack
	expect_vu ok irqs 0 0 1
	expect_vu ok cfg-write 4 2 0x406
	raise
	expect_vu 'errno ETIMEDOUT' irq-wait 0 100
	expect_vu ok cfg-write 4 2 6
	expect_vu 'ok count=1 .*' irq-wait 0 500
	ack
	it "$2: a pin that was taken out of use while it was asserted works when it is used again"
	for ((round = 0; round < 20; round++)); do
		expect_vu ok irq-off 0
		expect_vu 'ok count=0' irq-count 0
		ack
		expect_vu ok irqs 0 0 1
		raise
		expect_vu 'ok count=1 .*' irq-wait 0 500
		[ "$answer" != "errno ETIMEDOUT" ] || break
	done
	it "$2: one kind of interrupts at a time"
	expect_vu 'errno EINVAL' irqs 1 0 1
	expect_vu ok irq-off 0
	expect_vu 'errno EINVAL' irq-off 0
	it "$2: its message interrupts as often as it is sent"
	expect_vu ok irqs 1 0 1
	raise
	expect_vu 'ok count=1 .*' irq-wait 0 1000
	ack
	raise
	expect_vu 'ok count=1 .*' irq-wait 0 1000
	ack
	expect_vu ok irq-off 1
	it "$2: after the message the pin works"
	expect_vu ok irqs 0 0 1
	raise
	expect_vu 'ok count=1 .*' irq-wait 0 500

	it "$2: it copies memory"
	ack
	expect_vu 'ok .*' map 0x100000 0x10000
	expect_vu ok fill 0x100000 0x100 7
	edu_copy 0x100000 $edu_buffer 1
	edu_copy $edu_buffer 0x108000 3
	expect_vu ok check 0x108000 0x100 7
	it "$2: another card whose pin has the same line does without it"
	shares_line "$1"

	it "$2: the next user finds nothing of the registers that the last one wrote"
	raise
	expect_vu ok cfg-write 0x10 4 0x7fe00000
	expect_vu ok cfg-write 0x3c 1 0x5a
	expect_vu ok close
	user_stop
	user_start
	expect_vu 'ok .*' open "$1"
	vu cfg-read 0x10 4
	[ "$answer" != "ok 0x7fe00000" ] || fail "a base address of the last user is left"
	vu cfg-read 0x3c 1
	[ "$answer" != "ok 0x5a" ] || fail "an interrupt line of the last user is left"
	it "$2: the next user has a pin that works"
	expect_vu ok cfg-write 4 2 6
	ack
	expect_vu ok irqs 0 0 1
	raise
	expect_vu 'ok count=1 .*' irq-wait 0 500
	ack
	user_stop
}

# The second card through the same driver as edu, at the same time. Its own pin is never raised.
shares_line() {
	local other=$1 first
	first=$(cat "$pci/$edu/irq")
	if [ "$1" = "$edu" ]; then
		give_to vfio-pci "$card"
		other=$card
	else
		expect_ok slot_add "card function:$card"
		other=$(slot_device card)
	fi
	user_start second
	expect_vu 'ok .*' open "$other"
	expect_equal "$first" "$(cat "$pci/$card/irq")"
	if [ "$1" = "$edu" ]; then
		expect_vu ok irqs 0 0 1
		expect_vu ok irq-off 0
	else
		expect_vu 'errno EBUSY' irqs 0 0 1
	fi
	# Even a user that could not have the pin goes on with messages.
	expect_vu ok irqs 2 0 1
	expect_vu ok irq-off 2
	user_stop
	user=user
	if [ "$1" = "$edu" ]; then take_back "$card"; else expect_ok slot_remove card; fi
}

taskset -p 1 $$ >/dev/null

it "a function that no driver has ever enabled has its pin"
expect_ok slot_add "edu function:$edu"
expect_equal running "$(slot_state edu)"
user_start
expect_vu 'ok .*' open "$(slot_device edu)"
expect_vu 'ok flags=0x7 count=1' irqinfo 0
user_stop
expect_ok slot_remove edu

modprobe vfio-pci
give_to vfio-pci "$edu"
edu_cases "$edu" vfio-pci
take_back "$edu"
expect_ok slot_add "edu function:$edu"
edu_cases "$(slot_device edu)" slot

it "a soft pause keeps registers and the pin"
user_start
expect_vu 'ok .*' open "$(slot_device edu)"
expect_vu ok cfg-write 4 2 6
expect_vu ok bar-write 0 $edu_factorial 4 5
vu sleep 20
expect_vu ok irqs 0 0 1
expect_ok slot_control edu "pause soft"
expect_ok slot_control edu resume
expect_vu 'ok 0x78' bar-read 0 $edu_factorial 4
vu irq-count 0
raise
expect_vu 'ok count=1 .*' irq-wait 0 500
it "an interrupt that lasts over a pause arrives once the user lets it"
expect_ok slot_control edu "pause soft"
expect_ok slot_control edu resume
vu irq-count 0
expect_vu 'ok 0x1' bar-read 0 $edu_cause 4
expect_vu ok irq-off 0
expect_vu ok irqs 0 0 1
expect_vu 'ok count=1 .*' irq-wait 0 500
ack
expect_vu ok irq-off 0
it "a soft pause keeps messages"
expect_vu ok irqs 1 0 1
expect_ok slot_control edu "pause soft"
expect_ok slot_control edu resume
vu irq-count 0
raise
expect_vu 'ok count=1 .*' irq-wait 0 500
ack
it "what is to be copied during a pause never reaches memory that was unmapped in it"
expect_vu 'ok .*' map 0x100000 0x10000
expect_vu ok fill 0x100000 0x100 9
edu_copy 0x100000 $edu_buffer 1
expect_vu ok fill 0x108000 0x100 1
expect_vu ok bar-write 0 $edu_from 8 $edu_buffer
expect_vu ok bar-write 0 $edu_to 8 0x108000
expect_vu ok bar-write 0 $edu_count 8 256
expect_vu ok bar-write 0 $edu_command 8 3
expect_ok slot_control edu "pause soft"
expect_vu 'ok size=0x10000 .*' unmap 0x100000 0x10000
vu sleep 300
expect_ok slot_control edu resume
vu sleep 300
expect_vu ok check 0x108000 0x100 1
it "a hard pause needs a reset, and without one changes nothing"
expect_errno EOPNOTSUPP slot_control edu "pause hard"
expect_equal running "$(slot_state edu)"
expect_vu 'ok 0x10000ed' bar-read 0 0 4
it "a slot whose function is taken away says why it is in an error, if that is one"
expect_ok slot_policy edu auto_pause 0
expect_ok write "$pci/$edu/driver/unbind" "$edu"
expect_equal error "$(slot_state edu)"
[ "$(cat $slots/edu/last_error)" != none ] || fail "no reason is given"
expect_ok slot_control edu reset-error
expect_ok write /sys/bus/pci/drivers_probe "$edu"
expect_ok slot_control edu resume
expect_vu 'ok 0x10000ed' bar-read 0 0 4
user_stop
expect_ok slot_remove edu

it "the kernel has nothing to say about all that" expect_quiet_kernel
finish

#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# profile: guest
# cpus: 2
# A small virtual machine with a device that interrupts it 5000 times a second, while something urgent has the vCPU's
# CPU for a part of the time: interrupts that the host took, how long the oldest event had waited when the guest noticed
# it, and, where irq-mod counts them, interrupts delivered while the guest was preempted. The contenders take turns.
. selftests/lib/bench.sh
. selftests/lib/minivm.sh

root=/sys/kernel/irq_mod
edu=$root/lines/edu

taskset -p 1 $$ >/dev/null
vm_prepare
vm_start
echo 1 >"/proc/irq/$(vm_irq)/smp_affinity_list"

# measure CONTENDER OPERATION
measure() {
	local before after
	before=$(vm_interrupts)
	vm run 2000 5000
	after=$(vm_interrupts)
	result "$1" "$2: interrupts" $((after - before))
	result "$1" "$2: p50 us" "$(vm_value p50_us)"
	result "$1" "$2: p99 us" "$(vm_value p99_us)"
	result "$1" "$2: p99.9 us" "$(vm_value p999_us)"
	result "$1" "$2: lost" "$(vm_value lost)"
	[ ! -e $edu ] || result "$1" "$2: while preempted" "$(cat $edu/stats/delivered_ready)"
}

# moderated CONTENDER OPERATION LATENCY OVERFLOW HALTED: the same with irq-mod.
moderated() {
	insmod build/mod/irq_mod.ko
	echo "vm0 vm:$vm_pid" >$root/add_guest
	echo "edu name:$vm_line" >$root/add_line
	echo "$3" >$edu/latency_us
	echo "$4" >$edu/overflow_us
	echo "$5" >$edu/halted_us
	echo vm0 >$edu/guest
	measure "$1" "$2"
	rmmod irq_mod
}

# contenders OPERATION
contenders() {
	measure "none" "$1"
	# One interval for all states is as good as no guest, but the states are counted.
	moderated "latency 100 us" "$1" 100 100 latency
	moderated "latency 100, overflow 8000 us" "$1" 100 8000 latency
}

for ((round = 0; round < 3; round++)); do
	vm mode spin
	vm hog 0 0
	contenders "duty 100 %"
	vm hog 10000 10000
	contenders "duty 50 %"
	vm hog 18000 2000
	contenders "duty 10 %"
	vm mode halt
	vm hog 10000 10000
	contenders "halting, duty 50 %"
	moderated "the same, halted too" "halting, duty 50 %" 100 8000 overflow
done
vm_stop

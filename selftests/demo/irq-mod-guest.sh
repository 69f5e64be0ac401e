#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Guest side of the second irq-mod demo: a virtual machine whose device interrupts it all the time, while it runs, while
# another has its CPU, and while it sleeps. Prints what irq-mod saw of the guest, and a bar for what it delivered.
set -euo pipefail
. selftests/lib/minivm.sh

irq_mod=/sys/kernel/irq_mod
line=$irq_mod/lines/edu
rate_per_s=4000
slot_s=0.01
slots=4

vm_prepare || {
	echo "this CPU runs no virtual machines"
	exit 1
}
taskset -p 1 $$ >/dev/null
vm_start
echo 1 >"/proc/irq/$(vm_irq)/smp_affinity_list"
insmod build/mod/irq_mod.ko
echo "vm0 vm:$vm_pid" >$irq_mod/add_guest
echo "edu name:$vm_line" >$irq_mod/add_line
echo vm0 >$line/guest
echo 500 >$line/latency_us
echo 8000 >$line/overflow_us

# plot WHAT: a row for each slot.
plot() {
	local slot state before after held_before held
	vm_send run $((rate_per_s / 8)) $rate_per_s
	sleep $slot_s
	for ((slot = 0; slot < slots; slot++)); do
		read -r before <$line/stats/delivered
		read -r held_before <$line/stats/held
		sleep $slot_s
		read -r state <$irq_mod/guests/vm0/state
		read -r after <$line/stats/delivered
		read -r held <$line/stats/held
		printf '  %-24s %-8s %4d %6d  %s\n' "$1" "$state" $((held - held_before)) $((after - before)) \
			"$(printf '%*s' $((after - before)) '' | tr ' ' '#')"
	done
	vm_receive
	events=$((${events:-0} + $(vm_value raised)))
	lost=$((${lost:-0} + $(vm_value lost)))
}

echo "irq-mod: a virtual machine whose device raises about $rate_per_s interrupts a second; latency interval 500 us,"
echo "overflow interval 8000 us, a guest that sleeps gets the latency interval; rows are some 20 ms apart"
echo
printf '  %-24s %-8s %4s %6s  %s\n' "the vCPU" guest held taken ""
vm mode spin
plot "runs"
vm hog 1000000 1
plot "waits for its CPU"
vm hog 0 0
vm mode halt
echo latency >$line/halted_us
plot "sleeps between them"
vm mode spin
echo
echo "  $events raised, $lost lost; longest hold $(cat $line/stats/max_hold_us) us"
vm_stop
rmmod irq_mod

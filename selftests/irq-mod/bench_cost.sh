#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# profile: base
# cpus: 1
# Instructions per interrupt of QEMU's edu device, from the write that raises it to the end of the write, with and
# without irq-mod on its line. The contenders take turns.
. selftests/lib/bench.sh

irq_mod=/sys/kernel/irq_mod
lines=$irq_mod/lines
device=/sys/bus/pci/devices/0000:00:11.0
insmod build/mod/testdev.ko hook=0
irq=$(awk '$NF == "testdev" {sub(":", "", $1); print $1}' /proc/interrupts)
raise() { build/bin/poke $device/testdev/raise 1 2000; }
raise >/dev/null

for ((round = 0; round < 5; round++)); do
	result "without irq-mod" instructions "$(raise)"
	insmod build/mod/irq_mod.ko
	echo "edu irq:$irq" >$irq_mod/add_line
	echo 0 >$lines/edu/latency_us
	result "irq-mod, interval 0" instructions "$(raise)"
	echo 1000 >$lines/edu/latency_us
	echo 1 >$lines/edu/burst_events
	result "irq-mod, interval 1000, each ends it" instructions "$(raise)"
	echo 0 >$lines/edu/burst_events
	result "irq-mod, nearly all held" instructions "$(raise)"
	rmmod irq_mod
done
rmmod testdev

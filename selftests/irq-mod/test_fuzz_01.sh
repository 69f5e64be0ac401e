#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# profile: base
# cpus: 2
# timeout: 120
# No interrupt is lost, whatever device, driver and administrator do to a moderated line in whatever order. The edu
# device is left alone after each short episode, so that one lost interrupt shows. One that comes late, as on a host
# that stalls, is counted but no failure.
. "$(dirname "$0")/lib.sh"

device=/sys/bus/pci/devices/0000:00:11.0/testdev
episodes=${RVM_LONG:+20000}
episodes=${episodes:-400}

need_module testdev hook=0
need_attr $device/inject_disable
irq=$(awk '$NF == "testdev" {sub(":", "", $1); print $1}' /proc/interrupts)

fuzz() {
	local output
	output=$("$ktest_top/build/bin/irqfuzz" $device "$irq" "$episodes" 1) || fail "$output"
	note "$output"
}

it "without the module nothing is lost" fuzz

need_module irq_mod
need_write $irq_mod/add_line "edu irq:$irq"
for us in 0 50 1000; do
	need_write $lines/edu/latency_us $us
	it "with an interval of $us us nothing is lost" fuzz
done

churn() {
	local rounds=0
	while [ ! -e "$ktest_dir/stop" ]; do
		remove_line edu && add_line "edu irq:$irq" && line_set edu latency_us 1000 && rounds=$((rounds + 1))
	done 2>/dev/null
	echo $rounds >"$ktest_dir/rounds"
}
it "while the line is given back and taken again nothing is lost"
churn &
fuzz
: >"$ktest_dir/stop"
wait
note "given back and taken $(cat "$ktest_dir/rounds") times"
[ "$(cat "$ktest_dir/rounds")" -gt 0 ] || fail "the line was not once given back and taken"
it "the kernel has nothing to say about all that" expect_quiet_kernel
finish

#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# profile: base
# cpus: 2
# icount: yes
# timeout: 300
# The module is unloaded while it certainly holds an interrupt. One thread emulates both CPUs here: with one for each,
# this kernel crashes now and then where it has just been patched, as these probes of the scheduler do all the time. QEMU
# may keep the old code.
. "$(dirname "$0")/unload.sh"

rounds=${RVM_LONG:+400}
rounds=${rounds:-20}
sleep 100000 &
sleeper=$!
at_end kill $sleeper

holds() {
	[ $(($(line_stat edu windows) - $(line_stat edu replayed_inline) - $(line_stat edu replayed_injected))) = 1 ]
}

# What is held for a guest that sleeps is held for 100 ms.
unload_while_held() {
	local i
	for ((i = 0; i < rounds; i++)); do
		load_module irq_mod && add_guest "asleep pids:$sleeper" && add_line "edu irq:$irq" && line_set edu guest asleep &&
			line_set edu halted_us 100000 || fail "round $i: loading" || return
		expect_soon 5 holds || return
		rmmod irq_mod || fail "round $i: unloading" || return
	done
}
it "an event that is certainly held when the module goes reaches the driver once, $rounds times"
load_edu 1 unload_while_held
expect_between "$rounds" 1000000000 "$events"
once_each

it "the kernel has nothing to say about all that" expect_quiet_kernel
finish

#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# profile: guest
# cpus: 2
# icount: yes
# timeout: 400
# A virtual machine with a device of its own: its three states are seen, and each interval does what it says in the
# state it is for. Time is the number of instructions here, so that microseconds mean something.
. "$(dirname "$0")/lib.sh"

# What a timer and a delivery may add to a hold, in microseconds: all is on emulated CPUs that take turns.
late_us=300

need_machine
# A line on the guest's CPU, as a host that pins both has it.
echo 1 >"/proc/irq/$(vm_irq)/smp_affinity_list"

it "without the module the guest notices every event" lossless 500 5000 10
need_module irq_mod
at_end clear_all

it "a machine is a guest"
expect_ok add_guest "vm0 vm:$vm_pid"
expect_equal "vm:$vm_pid" "$(guest_get vm0 target)"
it "a running vCPU makes it running" expect_guest vm0 running
it "its other threads and processes are no members" expect_equal 1 "$(guest_get vm0 members)"

it "a line belongs to no guest at first"
expect_ok add_line "edu name:$vm_line"
expect_equal attached "$(line_get edu state)"
expect_equal "$(vm_irq)" "$(line_get edu irqs)"
expect_equal "name:$vm_line" "$(line_get edu target)"
expect_equal none "$(line_get edu guest)"
it "it can be given to one, taken and given again"
expect_ok line_set edu guest vm0
expect_equal vm0 "$(line_get edu guest)"
expect_ok line_set edu guest none
expect_equal none "$(line_get edu guest)"
expect_ok line_set edu guest vm0
it "halted guests are treated as running ones unless told otherwise" expect_equal latency "$(line_get edu halted_us)"
it "a guest that a line belongs to stays" expect_errno EBUSY remove_guest vm0

it "a preempted vCPU makes the guest ready"
policy 100 20000 3000 0
expect_ok vm hog 400000 20000
expect_guest vm0 ready
it "the line has the overflow interval meanwhile" expect_soon 5 grep -qx 20000 "$lines/edu/effective_us"
it "it is running again when the vCPU has its CPU back"
expect_ok vm hog 0 0
expect_guest vm0 running
expect_equal 100 "$(line_get edu effective_us)"
it "a vCPU that waits for an interrupt makes it halted"
expect_ok vm mode halt
expect_guest vm0 halted
it "the line has the interval of halted guests meanwhile" expect_equal 3000 "$(line_get edu effective_us)"
it "halted_us may name one of the others"
expect_ok line_set edu halted_us overflow
expect_equal overflow "$(line_get edu halted_us)"
expect_equal 20000 "$(line_get edu effective_us)"
expect_ok line_set edu halted_us latency
expect_equal 100 "$(line_get edu effective_us)"
it "an interrupt wakes it, and it halts again"
before=$(guest_stat vm0 activations)
expect_ok vm kick
expect_guest vm0 halted
expect_between $((before + 1)) $((before + 2)) "$(guest_stat vm0 activations)"

# The growth of a guest's times in 200 ms, in percent, as active/ready/halted.
shares() {
	local -a before=() after=() name=(active_ns ready_ns halted_ns)
	local i sum=0
	for i in 0 1 2; do before[i]=$(guest_stat vm0 "${name[i]}"); done
	sleep 0.2
	for i in 0 1 2; do
		after[i]=$(($(guest_stat vm0 "${name[i]}") - before[i]))
		sum=$((sum + after[i]))
	done
	for i in 0 1 2; do share[i]=$((after[i] * 100 / sum)); done
	note "active ${share[0]} %, ready ${share[1]} %, halted ${share[2]} % of $((sum / 1000000)) ms"
}
declare -a share=()
it "the time of each state is counted: all halted"
shares
expect_between 95 100 "${share[2]}"
it "half of it ready at a duty of 50 %"
expect_ok vm mode spin
expect_ok vm hog 10000 10000
shares
expect_between 40 60 "${share[0]}"
expect_between 40 60 "${share[1]}"
it "all of it active without the hog"
expect_ok vm hog 0 0
sleep 0.05
shares
expect_between 95 100 "${share[0]}"

# fresh LATENCY OVERFLOW HALTED BURST: a line without a past.
fresh() {
	[ ! -e "$lines/edu" ] || expect_ok remove_line edu
	expect_ok add_line "edu name:$vm_line"
	expect_ok line_set edu guest vm0
	policy "$@"
}

# bounded US: nothing was held longer than that and what a timer is late.
bounded() {
	local hold_us
	hold_us=$(line_stat edu max_hold_us)
	note "longest hold $hold_us us of $1"
	expect_between 1 $(($1 + late_us)) "$hold_us"
}

it "a guest that runs is interrupted once each latency interval"
fresh 1000 20000 latency 0
lossless 1000 5000
bounded 1000
took_ms=$(vm_value duration_ms)
expect_between $((took_ms * 8 / 10)) $((took_ms + 5)) "$(line_stat edu delivered)"
expect_equal "$(line_stat edu delivered)" "$(line_stat edu delivered_running)"
it "no event is later than that" expect_between 1 $((1000 + late_us)) "$(vm_value max_us)"

it "a guest that is preempted is left alone until the overflow interval is over"
fresh 1000 30000 latency 0
expect_ok vm hog 20000 20000
lossless 2000 5000
bounded 30000
# Each turn of the hog may begin with one delivery, or end with one for what came at its end.
took_ms=$(vm_value duration_ms)
expect_between 0 $((took_ms * 2 / 40 + 4)) "$(line_stat edu delivered_ready)"
expect_equal 0 "$(line_stat edu delivered_halted)"
it "what was held for it is delivered when it runs again: nothing is later than the hog and the interval"
expect_between 1 $((20000 + 1000 + 2 * late_us)) "$(vm_value max_us)"
it "the state is looked at again when the timer expires" expect_between 1 1000000 "$(line_stat edu rearmed)"

it "a short overflow interval interrupts even while the guest is away"
fresh 200 2000 latency 0
lossless 2000 5000
bounded 2000
took_ms=$(vm_value duration_ms)
# One each 2 ms of the half of the time.
expect_between $((took_ms / 6)) $((took_ms / 3)) "$(line_stat edu delivered_ready)"

it "a guest that halts is interrupted at once by default, however long the overflow interval is"
expect_ok vm hog 0 0
expect_ok vm mode halt
fresh 100 100000 latency 0
lossless 1000 1000
expect_between 0 $((100 + late_us)) "$(line_stat edu max_hold_us)"
expect_between 1 $((100 + late_us)) "$(vm_value p99_us)"
expect_between 800 1001 "$(line_stat edu delivered_halted)"
it "it can be let sleep instead"
fresh 100 10000 overflow 0
lossless 1000 1000
bounded 10000
expect_between 90 220 "$(line_stat edu delivered)"
it "or have an interval of its own"
fresh 100 10000 2000 0
lossless 1000 1000
bounded 2000
expect_between 300 600 "$(line_stat edu delivered)"

it "after so many events it is interrupted early"
expect_ok vm mode spin
expect_ok vm hog 20000 20000
fresh 1000 100000 latency 8
lossless 2000 5000
expect_between 60 300 "$(line_stat edu early)"
expect_equal 0 "$(line_stat edu masked)"
it "nothing is held for longer than the hog runs, however few events there are at the end" bounded 20500

it "a device that waits for each of its interrupts is slowed down by an interval"
expect_ok vm hog 0 0
# The emulated CPUs take turns: now and then the one that raises has its own only after hundreds of microseconds.
fresh 1000 20000 latency 0
held=$(line_stat edu held)
lossless 300 50000 1
held=$(($(line_stat edu held) - held))
slow_us=$(vm_value p50_us)
note "$held held"
expect_between 150 300 $held
expect_between 100 $((1000 + late_us)) "$slow_us"
it "unless the line is adaptive"
expect_ok line_set edu adaptive 1
lossless 300 50000 1
held=$(line_stat edu held)
lossless 300 50000 1
note "p50 $slow_us us, $(vm_value p50_us) us adaptive"
expect_between 0 50 "$(vm_value p50_us)"
# The trials hold eight each.
expect_between 0 100 $(($(line_stat edu held) - held))
it "an adaptive line finds out when the device no longer waits"
lossless 4000 10000
expect_soon 5 grep -qx 1000 "$lines/edu/effective_us"

it "every combination of intervals, duties and modes loses nothing and keeps its bound"
for mode in spin halt; do
	expect_ok vm mode $mode
	for duty in "0 0" "5000 5000" "18000 2000"; do
		# shellcheck disable=SC2086 # two words
		expect_ok vm hog $duty
		for each in "0 50 latency" "50 50 0" "200 5000 latency" "1000 1000 overflow" "100 50000 20000"; do
			# shellcheck disable=SC2086 # three words
			fresh $each 0
			lossless 150 4000 7
			lossless 60 0 5
			expect_equal 0 "$(line_stat edu dropped)"
			most_us=$(tr ' ' '\n' <<<"$each" | grep '^[0-9]' | sort -n | tail -n 1)
			expect_between 0 $((most_us + late_us)) "$(line_stat edu max_hold_us)"
		done
	done
done

it "the machine ends, and its guest is gone"
end_machine
expect_guest vm0 gone
it "its line waits" expect_line edu waiting
it "the kernel has nothing to say about all that" expect_quiet_kernel
finish

#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# profile: guest
# cpus: 2
# timeout: 400
# What may happen to a guest and its line in the middle of things: nothing is lost, nobody waits for ever, and nothing
# is left. Guests of each kind.
. "$(dirname "$0")/lib.sh"

rounds_long=${RVM_LONG:+10}
# Events of one part.
events=$((${rounds_long:-1} * 1000))

need_machine
mount -t cgroup2 none /sys/fs/cgroup || bail "no control groups"
at_end umount /sys/fs/cgroup
group=/sys/fs/cgroup/machines
need_module irq_mod
at_end clear_all

# moderate KIND:VALUE: the device's line for such a guest.
moderate() {
	expect_ok add_guest "g $1"
	expect_ok add_line "edu name:$vm_line"
	expect_ok line_set edu guest g
	policy 200 8000 latency 0
}

demoderate() {
	expect_ok remove_line edu
	expect_ok remove_guest g
}

# What every kind must do for a machine that is there.
kind_cases() {
	it "$1: the guest runs, is preempted and halts"
	expect_ok vm mode spin
	expect_guest g running
	expect_ok vm hog 400000 20000
	expect_guest g ready
	expect_ok vm hog 0 0
	expect_ok vm mode halt
	expect_guest g halted
	it "$1: nothing is lost in any state"
	lossless $events 4000 20
	expect_ok vm mode spin
	lossless $events 4000 20
	expect_ok vm hog 10000 10000
	lossless $events 4000 20
	expect_ok vm mode halt
	lossless $events 4000 20
	expect_ok vm hog 0 0
	expect_equal 0 "$(line_stat edu dropped)"
	it "$1: nothing is lost of many at once" lossless $events 0 25
	it "$1: what came in each state was counted as that"
	[ "$(line_stat edu delivered_running)" -gt 0 ] || fail "nothing while it ran"
	[ "$(line_stat edu delivered_halted)" -gt 0 ] || fail "nothing while it was halted"
	sum=$(($(line_stat edu delivered_running) + $(line_stat edu delivered_ready) + $(line_stat edu delivered_halted)))
	expect_equal "$(line_stat edu delivered)" "$sum"
}

moderate "vm:$vm_pid"
kind_cases vm
demoderate
moderate "pids:$vm_pid"
it "pids: all threads of the process are members"
expect_ok vm kick
expect_soon 5 grep -qx "[2-9]" "$guests/g/members"
kind_cases pids
demoderate
mkdir -p $group/one
moderate "cgroup:/machines"
it "cgroup: one without threads is unknown" expect_equal unknown "$(guest_get g state)"
it "cgroup: the line of an unknown guest has the latency interval" expect_equal 200 "$(line_get edu effective_us)"
it "cgroup: a thread that comes later, and further down, is seen"
echo "$vm_pid" >$group/one/cgroup.procs
expect_ok vm kick
kind_cases cgroup
it "cgroup: a guest that moved out is none of it any more"
echo "$vm_pid" >/sys/fs/cgroup/cgroup.procs
expect_ok vm mode spin
expect_soon 5 grep -qx 0 "$guests/g/members"
lossless 200 2000 10
it "cgroup: the group can be removed while it is a guest"
expect_ok rmdir $group/one $group
expect_guest g gone
lossless 200 2000 10
it "cgroup: and the guest after it"
demoderate

moderate "vm:$vm_pid"

expect_ok vm hog 5000 5000

churn_policy() {
	policy $((RANDOM % 1001)) $((50 + RANDOM % 20000)) $((RANDOM % 20000)) 0
	sleep 0.005
}
it "intervals change under load" while_running $events 4000 20 churn_policy
policy 200 8000 latency 0

churn_burst() {
	expect_ok line_set edu burst_events $((RANDOM % 2 * (RANDOM % 10)))
	sleep 0.005
}
it "the number of events that ends a hold changes under load" while_running $events 4000 20 churn_burst
expect_ok line_set edu burst_events 0

churn_owner() {
	# Each change delivers what is held, whatever the guest is doing.
	expect_ok line_set edu guest none
	sleep 0.01
	expect_ok line_set edu guest g
	sleep 0.01
}
it "the line changes hands under load" while_running $events 4000 20 churn_owner

churn_guest() {
	expect_ok line_set edu guest none
	expect_ok remove_guest g
	expect_ok add_guest "g vm:$vm_pid"
	expect_ok line_set edu guest g
	sleep 0.01
}
it "the guest is forgotten and found again under load" while_running $events 4000 20 churn_guest

churn_line() {
	expect_ok remove_line edu
	expect_ok add_line "edu name:$vm_line"
	expect_ok line_set edu guest g
	policy 200 8000 overflow 0
	sleep 0.01
}
it "the line is given back and taken again under load" while_running $events 4000 20 churn_line

churn_affinity() {
	echo $((rounds % 2)) >"/proc/irq/$irq/smp_affinity_list"
	sleep 0.005
}
irq=$(vm_irq)
it "the line moves between CPUs under load" while_running $events 4000 20 churn_affinity

churn_vcpu() {
	taskset -p $((1 + rounds % 2)) "$vm_vcpu" >/dev/null
	sleep 0.01
}
it "the vCPU moves between CPUs under load" while_running $events 4000 20 churn_vcpu
taskset -p 2 "$vm_vcpu" >/dev/null

churn_module() {
	expect_ok rmmod irq_mod
	expect_ok load_module irq_mod
	expect_ok add_guest "g vm:$vm_pid"
	expect_ok add_line "edu name:$vm_line"
	expect_ok line_set edu guest g
	policy 200 8000 overflow 0
	sleep 0.02
}
it "the module goes and comes under load" while_running $((events * 3)) 4000 20 churn_module

it "a CPU that goes and comes takes nothing with it"
expect_ok vm hog 0 0
vm_send run $events 4000 20
taskset -p 3 "$vm_vcpu" >/dev/null
for ((i = 0; i < 4; i++)); do
	expect_ok write /sys/devices/system/cpu/cpu1/online 0
	sleep 0.05
	expect_ok write /sys/devices/system/cpu/cpu1/online 1
	sleep 0.05
done
vm_receive
note "${vm_answer#ok }"
expect_equal "0 lost, last seen 1" "$(vm_value lost) lost, last seen $(vm_value last_seen)"

it "a machine that is killed under load leaves a guest that is gone and a line that waits"
need_start_again() {
	end_machine KILL
	expect_guest g gone
	expect_line edu waiting
	expect_equal "" "$(line_get edu irqs)"
	expect_equal 0 "$(line_get edu effective_us)"
	[ -n "$(line_get edu reason)" ] || fail "no reason is given"
	need_start
}
expect_ok vm hog 10000 10000
vm_send run 100000 4000
sleep 0.3
need_start_again
it "the line of the next machine is attached by itself" expect_line edu attached
it "its settings are as they were"
expect_equal g "$(line_get edu guest)"
expect_equal 8000 "$(line_get edu overflow_us)"
it "a line whose guest is gone has the latency interval" expect_equal 200 "$(line_get edu effective_us)"
lossless 500 4000 10
it "a guest that is gone can be removed, and its name used again"
expect_ok line_set edu guest none
expect_ok remove_guest g
expect_ok add_guest "g vm:$vm_pid"
expect_ok line_set edu guest g
lossless 500 4000 10
it "machines come and go, and a control group catches each"
demoderate
mkdir $group
moderate "cgroup:/machines"
for ((i = 0; i < ${rounds_long:-1} * 5; i++)); do
	echo "$vm_pid" >$group/cgroup.procs
	expect_ok vm hog 3000 3000
	expect_line edu attached
	lossless 200 4000 10
	vm_send run 100000 5000
	sleep 0.05
	end_machine KILL
	expect_line edu waiting
	need_start
done
demoderate
rmdir $group

it "the module can go while all of it is in use"
moderate "vm:$vm_pid"
vm_send run $events 4000 20
expect_ok rmmod irq_mod
vm_receive
expect_equal "0 lost, last seen 1" "$(vm_value lost) lost, last seen $(vm_value last_seen)"
expect_ok load_module irq_mod
it "the kernel has nothing to say about all that" expect_quiet_kernel
finish

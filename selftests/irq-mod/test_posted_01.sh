#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# profile: guest
# cpus: 2
# timeout: 180
# A line that KVM has posted to a virtual CPU says that it is bypassed. No emulated IOMMU posts: what KVM would say is
# said by testdev, with a tracepoint of the same name, and its interrupts reach the host nevertheless.
. "$(dirname "$0")/lib.sh"

device=/sys/bus/pci/devices/0000:00:11.0/testdev

# Each takes seconds on a machine with much to do.
rounds=${RVM_LONG:+100}
rounds=${rounds:-5}

is_quiet() { [ "$(cat $device/pending)" = 0 ]; }
posted() { write $device/inject_posted "$1"; }
# expect_edu STATE REASON EFFECTIVE_US
expect_edu() { expect_equal "$*" "$(line_get edu state) $(line_get edu reason) $(line_get edu effective_us)"; }
coming_and_going() {
	local i
	for ((i = 0; i < rounds; i++)); do
		rmmod testdev && load_module testdev hook=0 && posted 1 || fail "testdev"
	done
}

need_module irq_mod
need_module testdev hook=0
expect_ok add_line "edu name:testdev"
expect_line edu attached

it "a line is moderated as long as nobody says that it is posted" expect_edu attached none 100
it "a line that is posted is bypassed"
expect_ok posted 1
expect_edu bypassed posted to a vCPU 0
expect_ok posted 1
expect_edu bypassed posted to a vCPU 0
expect_match '[0-9]+' "$(line_get edu irqs)"
it "what reaches the host in spite of it is delivered"
for ((i = 1; i <= 20; i++)); do expect_ok write $device/raise 1; done
expect_soon 2 is_quiet
it "a line that is posted no more is moderated again"
expect_ok posted 0
expect_edu attached none 100
it "a line that is added while it is posted is bypassed, too"
expect_ok posted 1
expect_ok remove_line edu
expect_ok add_line "edu name:testdev"
expect_edu bypassed posted to a vCPU 0

it "nothing is posted any more when the module that said so is unloaded"
expect_ok rmmod testdev
expect_line edu waiting
expect_ok load_module testdev hook=0
expect_line edu attached
expect_edu attached none 100
it "a module that comes later is heard"
expect_ok posted 1
expect_edu bypassed posted to a vCPU 0

it "the module that says so comes and goes under load, and so does irq-mod"
coming_and_going &
for ((i = 0; i < rounds; i++)); do
	rmmod irq_mod && load_module irq_mod && add_line "edu name:testdev" || fail "irq_mod"
done
wait $!
expect_ok posted 0
expect_line edu attached
it "irq-mod is unloaded while a line is posted"
expect_ok posted 1
expect_ok rmmod irq_mod
expect_ok posted 0
expect_ok load_module irq_mod
expect_ok add_line "edu name:testdev"
expect_edu attached none 100

it "KVM can be loaded and unloaded next to it"
# Another test may have left it.
modprobe -r kvm_amd kvm_intel 2>/dev/null
if modprobe kvm; then
	expect_ok rmmod kvm
	expect_ok modprobe kvm
	expect_ok rmmod irq_mod
	expect_ok rmmod kvm
else
	skip "there is no KVM"
fi
it "the kernel has nothing to say about all that" expect_quiet_kernel
finish

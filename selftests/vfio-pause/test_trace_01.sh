#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# profile: viommu
# cpus: 2
# timeout: 60
# The tracepoints tell what happens to a slot.
. "$(dirname "$0")/lib.sh"

tracing=/sys/kernel/tracing
pf=$(pf_of_igb 0)

need_module vfio_pause
at_end vf_remove "$pf"
at_end slots_clear
pf_up
expect_ok vf_create "$pf" 1
expect_ok slot_add one "pf:$pf vf:0"
user_start
at_end user_stop
user_opens "$(slot_device one)"

traced() { grep -Eo "$1" $tracing/trace | tr '\n' ' '; }

it "changes of a slot's state are traced in their order"
expect_ok write $tracing/events/vfio_pause/enable 1
expect_ok slot_control one "pause soft"
expect_ok slot_control one resume
expect_equal "pausing paused resuming running " "$(traced 'slot=one state=[a-z]+' | sed 's/slot=one state=//g')"

it "an access to registers that are not there is traced with what it gets"
expect_ok write $tracing/trace ""
expect_ok slot_policy one fault sink
expect_ok slot_control one "pause soft"
expect_vu 'ok .*' bar-read 0 0x8 4
expect_equal "vfio_pause_access: slot=one offset=0x8 outcome=sink " "$(traced 'vfio_pause_access: .*')"
expect_ok slot_control one resume
expect_ok write $tracing/events/vfio_pause/enable 0
user_stop
it "the kernel has nothing to say about it" expect_quiet_kernel
finish

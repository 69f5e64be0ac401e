#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# profile: guest
# cpus: 2
# timeout: 120
# A device that a guest drives itself through VFIO cannot be asked to moderate, and goes on as before.
. "$(dirname "$0")/lib.sh"

need_machine
need_module irq_mod
at_end clear_all

it "the line of an assigned device keeps the attribute off"
expect_ok add_line "edu name:$vm_line"
expect_line edu attached
expect_errno EOPNOTSUPP line_set edu hw_assist 1
expect_equal 0 "$(line_get edu hw_assist)"
it "its interrupts are moderated as before" lossless 200 2000
finish

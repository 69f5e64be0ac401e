#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Any module: the faults its config.sh stages (`faults`) end in errors, not in damage.
#
# usage: selftests/lib/group_fault.sh MODULE
. "$(dirname "$0")/group.sh"

declare -F faults >/dev/null || skip "selftests/$module/config.sh stages no fault"
need_object
faults
it "the kernel is sound after the faults" expect_quiet_kernel 'BUG|Oops|WARNING:|Call Trace|general protection'
finish

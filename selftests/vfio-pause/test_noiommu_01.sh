#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# profile: nvme
# cpus: 1
# timeout: 30
# Without an IOMMU there is no slot, and the function stays with its driver.
. "$(dirname "$0")/lib.sh"

need_module vfio_pause
nvme=$(basename "$(readlink -f /sys/class/nvme/nvme0/device)")

it "a function whose DMA cannot be confined is refused"
expect_errno ENODEV slot_add "one function:$nvme"
expect_errno ENODEV slot_add "edu function:0000:00:11.0"
expect_ok test ! -e $slots/one
it "it is left as it was found"
expect_equal nvme "$(driver_of "$nvme")"
expect_equal '(null)' "$(cat "$pci/$nvme/driver_override")"
expect_equal none "$(driver_of 0000:00:11.0)"
it "the kernel has nothing to say about it" expect_quiet_kernel
finish

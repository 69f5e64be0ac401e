#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# profile: viommu
# cpus: 2
# timeout: 120
# The kernel's own vfio-pci behaves as the cases say that slots are tested with: what they expect of a slot is no more
# and no less than what users are used to.
. "$(dirname "$0")/lib.sh"

modprobe -a vfio-pci vfio_iommu_type1 || skip "this kernel has no vfio-pci"
pf=$(pf_of_igb)
pf_up
at_end vf_remove "$pf"
vf_create "$pf" 2 || bail "no VFs"
vf=$(vf_bdf "$pf" 0)
at_end take_back "$vf"
at_end users_stop
give_to vfio-pci "$vf"

user_cases "$vf" "$pf"
it "storms of mappings, of questions and of reads do not disturb each other"
expect_vu ok thread-read 0 8 2
expect_vu ok thread-ioctl
expect_vu ok thread-map 0x20000000 0x10000
expect_vu 'ok rounds=300 .*' storm 300 0x30000000 0x4000
expect_vu 'ok threads=4 .* errors=0 error=none sigbus=0 .*' thread-stop
it "without memory enabled a BAR still reads, as a VF has no such bit"
expect_vu ok cfg-write 4 2 0
expect_vu 'ok .*' mread 0 8
it "a reset ends in a device that works anew"
expect_vu 'ok ns=.*' reset
expect_vu ok cfg-write 4 2 6
device_works_anew
it "a user that is killed leaves a device for the next one"
user_stop KILL
user_start
user_opens "$vf"
device_works
expect_vu ok close
it "one command line does as well"
expect_match $'ok device=0 .*\nok flags=0x3 .*' "$("$ktest_top/build/bin/vfiouser" -c "open $vf; info")"
it "the kernel has nothing to say about all that" expect_quiet_kernel
finish

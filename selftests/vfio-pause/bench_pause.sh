#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# profile: viommutrace
# cpus: 1
# icount: no
# What a pause and a resume take, by memory that the user has mapped and by number of slots, each of which has a user
# with all registers and interrupts: time of the emulated machine, of which a hard pause waits 100 ms for the reset, and
# kernel instructions. It should not depend on either.
. selftests/lib/bench.sh
. selftests/vfio-pause/bench.sh

vfs 7
for ((vf = 0; vf < 7; vf++)); do slot_add "slot$vf pf:$pf vf:$vf"; done
build/bin/vfbench memory $slots/slot0
build/bin/vfbench slots $slots/slot{0..6}

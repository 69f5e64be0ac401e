#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# profile: viommutrace
# cpus: 1
# icount: no
# Kernel instructions to map memory for DMA and to unmap it, for a slot and for a VF of the kernel's own vfio-pci. Both
# get the same memory, in turns.
. selftests/lib/bench.sh
. selftests/vfio-pause/bench.sh

pair
echo 1 >/proc/sys/vm/nr_hugepages
build/bin/vfbench dma "$front" "$stock"

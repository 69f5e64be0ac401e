#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# profile: viommutrace
# cpus: 1
# icount: no
# What a slot costs while it runs, next to a VF of the kernel's own vfio-pci: kernel instructions from an interrupt of
# the device until its eventfd can be read, and instructions to access registers through their mapping. In turns.
. selftests/lib/bench.sh
. selftests/vfio-pause/bench.sh

pair
build/bin/vfbench irq "$front" "$stock"
build/bin/vfbench access "$front" "$stock"

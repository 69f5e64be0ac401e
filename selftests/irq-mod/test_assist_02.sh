#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# profile: cards
# cpus: 2
# timeout: 60
# Devices that cannot moderate by themselves, or are no network cards, say so when they are asked to.
. "$(dirname "$0")/lib.sh"

need_module irq_mod
need_module testdev
card=$(awk '$NF ~ /^virtio[0-9]+-input/ {print $NF; exit}' /proc/interrupts)
disk=$(awk '$NF ~ /^nvme0q1$/ {print $NF}' /proc/interrupts)
[ -n "$card" ] || bail "no receive line of virtio-net"
[ -n "$disk" ] || bail "no queue line of nvme"

it "a card whose device has no moderation keeps the attribute off"
expect_ok add_line "card name:$card"
expect_line card attached
expect_errno EOPNOTSUPP line_set card hw_assist 1
expect_equal 0 "$(line_get card hw_assist)"

it "it does not pretend to without moderation either"
expect_ok line_set card latency_us 0
expect_errno EOPNOTSUPP line_set card hw_assist 1
expect_ok line_set card latency_us 100
expect_equal "100 0" "$(line_get card latency_us) $(line_get card hw_assist)"

it "so does a disk"
expect_ok add_line "disk name:$disk"
expect_line disk attached
expect_errno EOPNOTSUPP line_set disk hw_assist 1
expect_equal 0 "$(line_get disk hw_assist)"

it "so does a line by address, with and without a driver"
address=$(basename "$(readlink -f /sys/class/nvme/nvme0/device)")
expect_ok add_line "all pci:$address/0"
expect_line all attached
expect_errno EOPNOTSUPP line_set all hw_assist 1
expect_ok write "/sys/bus/pci/drivers/nvme/unbind" "$address"
expect_line all waiting
expect_errno EOPNOTSUPP line_set all hw_assist 1

clear_all
it "the kernel has nothing to say about all that" expect_quiet_kernel
finish

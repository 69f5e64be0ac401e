#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# profile: filters
# cpus: 1
# As bench_classify.sh, on a tap device, where XDP is native: it drops packets before there is a socket buffer. From the
# system call of the program behind the tap, which sends packets one by one, until the packet is dropped. For what is
# measured, and what XDP does, see classify.sh.
. selftests/lib/bench.sh
. selftests/nic-sidebounce/classify.sh

flows_packets=5000
device=bench0

modprobe tun
ip tuntap add $device mode tap
ip link set $device up

one() { build/bin/tapsend "$device" "$packets" "$1" "$1"; }
many() { build/bin/tapsend "$device" "$flows_packets" "$1" "$2"; }

rounds $device native
ip link del $device

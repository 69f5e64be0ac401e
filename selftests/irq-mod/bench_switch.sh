#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# profile: base
# cpus: 1
# Instructions for each context switch between two processes that no guest has, or that one has, with its wakeup. The
# contenders take turns.
. selftests/lib/bench.sh

root=/sys/kernel/irq_mod
sleep 600 &
stranger=$!
mkdir -p /sys/fs/cgroup
mount -t cgroup2 none /sys/fs/cgroup
mkdir /sys/fs/cgroup/{other,own}

# measure CONTENDER: a round has two switches and two wakeups.
measure() { result "$1" instructions $(($(build/bin/pingpong 5000) / 2)); }
build/bin/pingpong 2000 >/dev/null

for ((round = 0; round < 5; round++)); do
	measure "without irq-mod"
	echo $$ >/sys/fs/cgroup/own/cgroup.procs
	measure "without irq-mod, in a control group"
	echo $$ >/sys/fs/cgroup/cgroup.procs
	insmod build/mod/irq_mod.ko
	measure "irq-mod, no guest"
	echo "g pids:$stranger" >$root/add_guest
	measure "a process that does nothing is a guest"
	echo g >$root/remove_guest
	echo "g cgroup:/other" >$root/add_guest
	measure "a control group without threads is a guest"
	echo g >$root/remove_guest
	echo "g cgroup:/own" >$root/add_guest
	echo $$ >/sys/fs/cgroup/own/cgroup.procs
	build/bin/pingpong 2000 >/dev/null
	measure "both are members of a guest"
	echo $$ >/sys/fs/cgroup/cgroup.procs
	rmmod irq_mod
done
kill $stranger

#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# profile: sriov
# cpus: 2
# timeout: 120
# What lines and guests do when what they stand for changes its name or number, or is had by another one.
. "$(dirname "$0")/lib.sh"
. "$ktest_top/selftests/lib/net.sh"

net_up
card=$(basename "$(readlink -f "/sys/class/net/$rx/device")")
need_module irq_mod
at_end clear_all

switches() { awk '/^ctxt/ {print $2}' /proc/stat; }

it "a line gets what another one has given back"
expect_ok add_line "a pci:$card/0"
expect_ok add_line "b pci:$card"
before=$(line_get b irqs | wc -w)
expect_equal "attached not on all: another line has the interrupt" "$(line_get b state) $(line_get b reason)"
expect_ok remove_line a
irqs_of_b() { [ "$(line_get b irqs | wc -w)" = $((before + 1)) ]; }
expect_soon 5 irqs_of_b
expect_equal none "$(line_get b reason)"
it "a line that holds nothing says why"
expect_ok line_set b latency_us 0
expect_equal "attached its interval is 0" "$(line_get b state) $(line_get b reason)"
expect_ok line_set b latency_us 10
expect_equal none "$(line_get b reason)"
expect_ok remove_line b

it "a line lets go of an interrupt that is called otherwise by now"
expect_ok add_line "e name:$rx-rx-0"
expect_equal attached "$(line_get e state)"
expect_ok ip link set "$rx" down
expect_ok ip link set "$rx" name lan1
expect_ok ip link set lan1 up
expect_line e waiting
it "another one may have it"
expect_ok add_line "f name:lan1-rx-0"
expect_line f attached
it "it takes it again under its old name"
expect_ok ip link set lan1 down
expect_ok ip link set lan1 name "$rx"
expect_ok ip link set "$rx" up
expect_line f waiting
expect_line e attached
clear_all

it "a process that gets the number of a guest that has ended is no guest"
sleep 600 &
old=$!
expect_ok add_guest "g pids:$old"
expect_equal 1 "$(guest_get g members)"
kill $old
wait $old 2>/dev/null
expect_guest g gone
new=
for ((tries = 0; tries < 50; tries++)); do
	echo $((old - 1)) >/proc/sys/kernel/ns_last_pid
	(while :; do :; done) &
	new=$!
	[ $new != $old ] || break
	kill $new
	wait $new 2>/dev/null
done
expect_equal $old $new
sleep 0.5
expect_equal 0 "$(guest_get g members)"
it "it may be another one"
expect_ok add_guest "h pids:$new"
expect_guest h running
expect_equal 0 "$(guest_get g members)"
it "a thread of one guest cannot be made one of another by its process"
mkdir -p /sys/fs/cgroup
mount -t cgroup2 none /sys/fs/cgroup || bail "no control groups"
at_end umount /sys/fs/cgroup
expect_ok remove_guest h
expect_ok mkdir /sys/fs/cgroup/a
echo $new >/sys/fs/cgroup/a/cgroup.procs
expect_ok add_guest "c cgroup:/a"
expect_guest c running
expect_errno EEXIST add_guest "h pids:$new"
kill $new
wait $new 2>/dev/null
clear_all
expect_ok rmdir /sys/fs/cgroup/a

it "the group of all threads has none of the kernel's own, and costs an idle machine nothing"
before=$(switches)
sleep 2
unwatched=$(($(switches) - before))
expect_ok add_guest "all cgroup:/"
sleep 1
before=$(switches)
sleep 2
watched=$(($(switches) - before))
note "$unwatched context switches in 2 s, $watched with the guest"
expect_between 0 $((unwatched * 3 + 200)) $watched
expect_between 1 50 "$(guest_get all members)"
clear_all
it "the kernel has nothing to say about all that" expect_quiet_kernel
finish

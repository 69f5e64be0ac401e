#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# profile: base
# cpus: 1
# icount: yes
# timeout: 60
# The tracepoints tell what is done with each interrupt, and what guests do.
. "$(dirname "$0")/lib.sh"

device=/sys/bus/pci/devices/0000:00:11.0/testdev
tracing=/sys/kernel/tracing
events=$tracing/events/irq_mod

raise() { write $device/raise 1; }
# traced EVENT: how often it was traced.
traced() { grep -c " irq_mod_$1: " $tracing/trace; }
traced_twice() { [ "$(traced deliver)" = 2 ]; }
# The events of the line, one a line, without numbers that differ each time.
sequence() { sed -n "s/.* irq_mod_\([a-z]*: \)irq=$irq \(.*\)/\1\2/p" $tracing/trace | sed 's/_ns=[1-9][0-9]*/_ns=some/'; }

need_module testdev hook=0
need_module irq_mod
irq=$(awk '$NF == "testdev" {sub(":", "", $1); print $1}' /proc/interrupts)
# The scheduler of another CPU could not be in between.
taskset -p 1 $$ >/dev/null
expect_ok add_line "edu irq:$irq"
sleep 1000 &
sleeper=$!
at_end kill $sleeper
expect_ok add_guest "sleeper pids:$sleeper"
expect_ok line_set edu guest sleeper
expect_ok line_set edu halted_us 100000
expect_guest sleeper halted

it "each event is there"
expect_equal "activity deliver hold rearm replay" \
	"$(for each in "$events"/irq_mod_*/; do basename "$each"; done | sed 's/irq_mod_//' | tr '\n' ' ' | sed 's/ $//')"

it "nothing is traced unless asked for"
expect_ok raise
expect_equal 0 "$(grep -c irq_mod_ $tracing/trace)"

it "what happens to each interrupt is traced in order"
need_write $events/enable 1
sleep 0.2
for _ in 1 2 3; do raise || fail "raise"; done
expect_soon 2 traced_twice
expect_equal "deliver: activity=halted
hold: masked=0 due_ns=some
hold: masked=1 due_ns=some
replay: how=inline events=2 hold_ns=some
deliver: activity=halted" "$(sequence)"

it "what a guest does is traced, by its name"
kill -STOP $sleeper
kill -CONT $sleeper
expect_soon 2 grep -q "irq_mod_activity: guest=sleeper activity=running" $tracing/trace
expect_soon 2 grep -q "irq_mod_activity: guest=sleeper activity=halted" $tracing/trace

it "as many events are traced as are counted"
need_write $events/enable 0
expect_ok remove_line edu
expect_ok add_line "edu irq:$irq"
# The shell itself, which sleeps while it waits for input that never comes.
mkfifo "$ktest_dir/never"
exec {never}<>"$ktest_dir/never"
expect_ok add_guest "own pids:$$"
expect_ok line_set edu guest own
expect_ok line_set edu latency_us 1000
expect_ok line_set edu halted_us 20000
echo >$tracing/trace
base="$(line_stat edu delivered) $(line_stat edu held)"
expect_equal "0 0" "$base"
need_write $events/enable 1
for ((i = 0; i < 50; i++)); do
	raise && raise && raise || fail "raise"
	read -r -t 0.05 -u "$never" _
done
sleep 0.2
need_write $events/enable 0
expect_equal "$(line_stat edu delivered)" "$(traced deliver)"
expect_equal "$(line_stat edu held)" "$(traced hold)"
expect_equal "$(line_stat edu rearmed)" "$(traced rearm)"
expect_equal "$(($(line_stat edu replayed_inline) + $(line_stat edu replayed_injected) + $(line_stat edu dropped)))" "$(traced replay)"
note "$(line_stat edu delivered) delivered, $(line_stat edu held) held, $(line_stat edu rearmed) rearmed"
[ "$(line_stat edu held)" -gt 0 ] || fail "nothing was held"
[ "$(line_stat edu rearmed)" -gt 0 ] || fail "nothing was rearmed"

it "the module is unloaded while its events are on"
need_write $events/enable 1
expect_ok raise
expect_ok rmmod irq_mod
[ ! -e $events ] || fail "$events is left"
expect_ok raise
it "the kernel has nothing to say about all that" expect_quiet_kernel
finish

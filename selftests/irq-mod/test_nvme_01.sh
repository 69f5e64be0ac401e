#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# profile: nvme
# cpus: 2
# timeout: 60
# The completion line of an NVMe disk: no request hangs, and one after the other takes at least the interval.
. "$(dirname "$0")/lib.sh"

disk=/dev/nvme0n1
need_attr $disk
need_module irq_mod

# All queues, since the reader may run on any CPU.
it "every queue's line can be moderated"
queues=$(awk '$NF ~ /^nvme0q[1-9]/ {print $NF}' /proc/interrupts)
[ -n "$queues" ] || fail "no queue line in /proc/interrupts"
for queue in $queues; do expect_ok write $irq_mod/add_line "$queue name:$queue"; done

# read_blocks COUNT [COMMAND...]: the command runs the reader.
read_blocks() { timeout 20 "${@:2}" dd if=$disk of=/dev/null bs=4k count="$1" iflag=direct 2>"$ktest_dir/dd"; }

it "reads complete one by one"
for queue in $queues; do need_write "$lines/$queue/latency_us" 1000; done
began_us=${EPOCHREALTIME/./}
# On one CPU, so that all complete on one line.
expect_ok read_blocks 500 taskset 1
took_us=$((${EPOCHREALTIME/./} - began_us))
it "each takes at least the interval"
note "500 reads took $took_us us"
# The first has none before it.
expect_between $((499 * 1000)) 20000000 "$took_us"
it "reads complete in parallel"
for ((i = 0; i < 8; i++)); do read_blocks 200 & done
for job in $(jobs -p); do wait "$job" || fail "a reader hung"; done
it "completions were held and replayed"
held=0
dropped=0
for queue in $queues; do
	held=$((held + $(cat "$lines/$queue/stats/held")))
	dropped=$((dropped + $(cat "$lines/$queue/stats/dropped")))
done
[ "$held" -gt 0 ] || fail "nothing was held"
expect_equal 0 "$dropped"
it "the disk works after the lines are given back"
for queue in $queues; do expect_ok write $irq_mod/remove_line "$queue"; done
expect_ok read_blocks 100
it "the kernel has nothing to say about all that" expect_quiet_kernel
finish

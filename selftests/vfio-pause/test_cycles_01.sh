#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# profile: viommu
# cpus: 2
# timeout: 240
# Many pauses in a row, of each kind, under one user: the device works after each, and nothing is left behind.
. "$(dirname "$0")/lib.sh"

soft=${RVM_LONG:+1000}
soft=${soft:-100}
hard=${RVM_LONG:+100}
hard=${hard:-10}
numvfs=${RVM_LONG:+20}
numvfs=${numvfs:-4}
# What the caches of the whole kernel may grow by meanwhile, and what kmalloc has handed out.
limit_kb=2048
limit_kmalloc_kb=150

kmalloc_kb() { awk '/^kmalloc-/ {bytes += $2 * $4} END {printf "%d", bytes / 1024}' /proc/slabinfo; }
slab_kb() { awk '$1 == "Slab:" {print $2}' /proc/meminfo; }

settle() {
	local cache
	echo 3 >/proc/sys/vm/drop_caches
	sleep 0.1
	# Otherwise a slab that a CPU has begun counts as used up.
	for cache in /sys/kernel/slab/kmalloc-*/shrink; do echo 1 >"$cache"; done
}

modprobe vfio_iommu_type1
need_module vfio_pause
pf=$(pf_of_igb)
at_end slots_clear
at_end users_stop
pf_up
at_end vf_remove "$pf"
vf_create "$pf" 2 || bail "no VFs"
need_write $slots/add "one pf:$pf vf:0"

# cycles KIND COUNT: pause and resume; the times of the slot as a note.
cycles() {
	local i anew=
	local -a pause_us=() resume_us=()
	[ "$1" = soft ] || anew=_anew
	for ((i = 0; i < $2; i++)); do
		expect_ok slot_control one "pause $1" && expect_ok slot_control one resume &&
			device_works$anew || return
		pause_us+=($(($(slot_stat one pause_ns) / 1000)))
		resume_us+=($(($(slot_stat one resume_ns) / 1000)))
	done
	note "$1: pause median $(median "${pause_us[@]}") us, resume median $(median "${resume_us[@]}") us"
}

median() { printf '%s\n' "$@" | sort -n | sed -n "$((($# + 1) / 2))p"; }

numvfs_cycles() {
	local i
	for ((i = 0; i < $1; i++)); do
		expect_ok numvfs "$pf" 0 && wait_state one paused && expect_ok vf_create "$pf" $((2 + i % 2)) &&
			wait_state one running && device_works_anew || return
	done
}

slot_cycles() {
	local i
	for ((i = 0; i < $1; i++)); do
		expect_ok slot_add "two pf:$pf vf:1" && expect_ok slot_remove two || return
	done
}

# Nothing but what the kernel's caches breathe by.
grows_by() {
	local slab kmalloc
	settle
	slab=$(slab_kb)
	kmalloc=$(kmalloc_kb)
	"$@"
	settle
	slab=$(($(slab_kb) - slab))
	kmalloc=$(($(kmalloc_kb) - kmalloc))
	note "slab $slab kB more, kmalloc $kmalloc kB more"
	expect_between -1000000 $limit_kb "$slab"
	expect_between -1000000 $limit_kmalloc_kb "$kmalloc"
}

it "a user of the slot starts"
user_start
user_opens "$(slot_device one)"
it "the first pauses of each kind"
cycles soft 5
cycles hard 1
numvfs_cycles 1
slot_cycles 3
it "$soft soft pauses, each followed by DMA and an interrupt, leave nothing behind" grows_by cycles soft "$soft"
it "$hard hard pauses leave nothing behind" grows_by cycles hard "$hard"
it "$numvfs changes of the number of VFs leave nothing behind" grows_by numvfs_cycles "$numvfs"
it "50 slots that come and go leave nothing behind" grows_by slot_cycles 50
it "each pause was counted"
pauses=$(slot_stat one pauses)
expect_equal $((6 + 1 + soft + hard + numvfs)) "$pauses"
expect_equal "$pauses" "$(slot_stat one resumes)"
it "the kernel has nothing to say about all that" expect_quiet_kernel
finish

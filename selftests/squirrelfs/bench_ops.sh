#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# profile: pmtrace
# cpus: 1
# icount: no
# What one operation costs in kernel instructions, fences, flushed lines and bytes stored to persistent memory, for each
# file system that this machine has, one after the other on the same device. ext4 and XFS are measured twice, because
# theirs is durable only after fsync.
. selftests/lib/bench.sh

device=pmem0
suites=build/suites
export MKE2FS_CONFIG=$suites/lib/mke2fs.conf

# Says that the contender `$1` is left out, and why.
left_out() { echo "skip: $1: $2" >&2; }

# tool NAME [ARGUMENT]...: runs a program of this checkout or of scripts/suites, silently.
tool() {
	local name=$1
	shift
	if [ -e "build/bin/$name" ]; then
		"build/bin/$name" "$@" >/dev/null
	else
		$suites/lib/ld-linux-x86-64.so.2 --library-path $suites/lib "$suites/bin/$name" "$@" >/dev/null
	fi
}

# contender NAME OPTIONS VARIANTS MKFS [ARGUMENT]...: measures the file system NAME, made by MKFS and mounted with
# OPTIONS, plain or with fsync.
contender() {
	local name=$1 options=$2 variants=$3 variant
	shift 3
	[ -e "build/bin/$1" ] || [ -e "$suites/bin/$1" ] || {
		left_out "$name" "scripts/suites has no $1"
		return
	}
	for variant in $variants; do
		tool "$@" /dev/$device
		mount -t "$name" -o "$options" /dev/$device /mnt
		mkdir /mnt/work
		if [ "$variant" = fsync ]; then
			build/bin/fsops $device /mnt/work "$name + fsync" fsync
		else
			build/bin/fsops $device /mnt/work "$name"
		fi
		umount /mnt
	done
}

modprobe -a ext4 xfs
contender ext4 dax=always 'plain fsync' mke2fs -q -F -t ext4 -b 4096
contender xfs dax=always 'plain fsync' mkfs.xfs -q -f -m reflink=0
if [ -e build/mod/squirrelfs.ko ]; then
	insmod build/mod/squirrelfs.ko
	contender squirrelfs rw plain mkfs.squirrelfs -q -f
	rmmod squirrelfs
else
	left_out squirrelfs 'build/mod/squirrelfs.ko is not built'
fi

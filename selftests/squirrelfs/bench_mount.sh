#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# profile: pmtrace
# cpus: 1
# icount: no
# What mounting and unmounting cost, clean and after a crash, by size of the device and number of files, and the memory
# that a mounted file system holds, in whole and for each file, name and piece of a file. Memory is what is left when
# caches are dropped. The cost of the programs mount and umount is shown as that of tmpfs.
. selftests/lib/bench.sh

device=pmem0
medium=/tmp/medium
suites=build/suites
export MKE2FS_CONFIG=$suites/lib/mke2fs.conf
rounds=2
# A crash leaves so many files that are open and have no name.
orphans=10

# suite NAME [ARGUMENT]...: runs a program of scripts/suites, silently.
suite() {
	local name=$1
	shift
	$suites/lib/ld-linux-x86-64.so.2 --library-path $suites/lib "$suites/bin/$name" "$@" >/dev/null
}

# format NAME MIB: makes the file system NAME on the first MIB of the device.
format() {
	case $1 in
	squirrelfs)
		[ "$2" != 384 ] || {
			build/bin/mkfs.squirrelfs -q -f /dev/$device
			return
		}
		# On a device, it would take all of it.
		build/bin/mkfs.squirrelfs -q -f $medium "$2M"
		dd if=$medium of=/dev/$device bs=1M oflag=direct status=none
		rm $medium
		;;
	ext4) suite mke2fs -q -F -t ext4 -b 4096 /dev/$device "$2M" ;;
	xfs) suite mkfs.xfs -q -f -m reflink=0 -d "size=$2m" /dev/$device ;;
	tmpfs) ;;
	esac
}

# mount_it NAME [COMMAND]...: mounts the device, with a COMMAND in front.
mount_it() {
	local name=$1 options=rw
	shift
	case $name in ext4 | xfs) options=dax=always ;; esac
	"$@" mount -t "$name" -o "$options" /dev/$device /mnt
}

# counted CONTENDER SITUATION COMMAND...: runs a command behind pmark, and prints what it did.
counted() {
	local contender=$1 situation=$2 measure value
	shift 2
	"$@" >/tmp/counts
	while read -r measure value; do
		case $measure in
		kernel_instructions) result "$contender" "$situation: kernel instructions" "$value" ;;
		fences) result "$contender" "$situation: fences" "$value" ;;
		flushes) result "$contender" "$situation: flushed lines" "$value" ;;
		esac
	done </tmp/counts
}

# fill COUNT: makes so many files of one page, 1,000 in a directory.
fill() {
	local i
	[ "$1" -gt 0 ] || return 0
	mkdir /mnt/d0
	for ((i = 0; i < 1000; i++)); do printf '%4096s' x >/mnt/d0/file-$i; done
	for ((i = 1; i < $1 / 1000; i++)); do cp -r /mnt/d0 /mnt/d$i; done
}

# namespace ACTION: takes the device from its driver (unbind), or gives it back (bind).
namespace() { echo namespace0.0 >/sys/bus/nd/drivers/nd_pmem/"$1"; }

# crash: the device vanishes below a mounted file system, of which files are open that have no name, and comes back.
crash() {
	local i fd fds=()
	for ((i = 0; i < orphans; i++)); do
		exec {fd}>/mnt/orphan
		printf '%16384s' x >&"$fd"
		rm /mnt/orphan
		fds+=("$fd")
	done
	sync
	namespace unbind 2>/dev/null
	for fd in "${fds[@]}"; do exec {fd}>&-; done
	umount /mnt
	namespace bind
}

# mounts NAME MIB FILES: measures mounting and unmounting.
mounts() {
	local name=$1 mib=$2 files=$3 at round
	at="$mib MiB, $files files"
	format "$name" "$mib"
	mount_it "$name"
	fill "$files"
	umount /mnt
	for ((round = 0; round < rounds; round++)); do
		echo 3 >/proc/sys/vm/drop_caches
		counted "$name" "mount, $at" mount_it "$name" build/bin/pmark $device mount
		counted "$name" "unmount, $at" build/bin/pmark $device unmount umount /mnt
	done
	# XFS does not let go of its device.
	case $name in xfs | tmpfs) return ;; esac
	for ((round = 0; round < rounds; round++)); do
		mount_it "$name"
		crash
		echo 3 >/proc/sys/vm/drop_caches
		counted "$name" "mount after crash, $at" mount_it "$name" build/bin/pmark $device crash
		umount /mnt
	done
}

# held: sets `held` to the bytes of memory that the kernel holds for itself, once caches are dropped.
held() {
	local word kib rest
	for word in 1 2; do
		sync
		echo 3 >/proc/sys/vm/drop_caches
		# What waits for readers of RCU is freed.
		sleep 0.2
	done
	cat /proc/sys/vm/stat_refresh
	held=0
	while read -r word kib rest; do
		case $word in Slab: | VmallocUsed: | Percpu:) held=$((held + kib * 1024)) ;; esac
	done </proc/meminfo
}

# holds NAME MEASURE COUNT COMMAND...: prints the memory that a command makes the kernel hold for each of COUNT things.
holds() {
	local name=$1 measure=$2 count=$3 before
	shift 3
	held
	before=$held
	"$@" >/dev/null
	held
	result "$name" "$measure: bytes of memory" $(((held - before) / count))
}

many_files() {
	local i
	mkdir /mnt/files
	for ((i = 0; i < 10000; i++)); do printf '%4096s' x >/mnt/files/file-$i; done
}

# pieces NAME KIB: writes so much to a file, every other page.
pieces() {
	suite fio --name=pieces --filename="/mnt/$1" --rw=write:4k --bs=4k --size=$(($2 * 2))k --io_size="$2k" \
		--fallocate=none --ioengine=psync --thread
}

# memory NAME MIB...: measures the memory that a mounted file system holds.
memory() {
	local name=$1 mib
	shift
	for mib in "$@"; do
		format "$name" "$mib"
		holds "$name" "memory, $mib MiB, 0 files" 1 mount_it "$name"
		[ "$mib" = 384 ] || umount /mnt
	done
	# What the program itself leaves behind does not count.
	pieces one 4
	holds "$name" 'memory for a file of a page' 10000 many_files
	holds "$name" 'memory for another name' 10000 cp -rl /mnt/files /mnt/names
	holds "$name" 'memory for a piece of a file' 20480 pieces many 81920
	umount /mnt
	holds "$name" 'memory, 384 MiB, all of these, mounted anew' 1 mount_it "$name"
	umount /mnt
}

modprobe -a ext4 xfs
insmod build/mod/squirrelfs.ko
# Memory first: later, new objects fill up what others have left of their pages.
memory squirrelfs 64 128 256 384
memory ext4 64 128 256 384
memory xfs 384
mounts tmpfs 384 0
for mib in 64 128 256; do
	for name in squirrelfs ext4; do mounts $name $mib 0; done
done
for files in 0 1000 10000; do
	for name in squirrelfs ext4 xfs; do mounts $name 384 $files; done
done
rmmod squirrelfs

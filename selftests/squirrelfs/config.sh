# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034,SC2154
# Settings of the shared test groups for squirrelfs, mounted from /dev/pmem0.
MODULE_KO=squirrelfs
PROFILE=pmem
CPUS=2

device=/dev/pmem0
mnt=/mnt

mounted() { grep -q " $mnt squirrelfs " /proc/mounts; }

format() { "$ktest_top/build/bin/mkfs.squirrelfs" -q -f $device; }

# Formats once, since groups set up from several loops; anew if /run/squirrelfs.formatted was removed.
setup() {
	OBJECT=/sys/fs/squirrelfs/pmem0
	mkdir -p $mnt
	[ -e /run/squirrelfs.formatted ] || format || return 1
	: >/run/squirrelfs.formatted
	mounted || mount -t squirrelfs $device $mnt
}

teardown() { ! mounted || umount $mnt; }

attributes() {
	local name
	for name in free_pages total_pages free_inodes total_inodes fences flushed_lines nt_bytes uuid label; do
		attr $name ro
	done
	for name in create mkdir symlink tmpfile link unlink rmdir rename attributes evict write fill resize; do attr ops/$name ro; done
	for name in unclean orphans pages link_counts renames; do attr recovery/$name ro; done
}

mount_it() { mount -t squirrelfs "$@" $device $mnt; }

# damage OFFSET TEXT: overwrites bytes of the medium.
damage() { printf '%b' "$2" | dd of=$device bs=1 seek="$1" conv=notrunc 2>/dev/null; }

# The driver's name of the device.
namespace() {
	local it
	for it in /sys/bus/nd/drivers/nd_pmem/namespace*; do
		[ ! -e "$it/block/pmem0" ] || echo "${it##*/}"
	done
}

faults() {
	local name pid
	expect_ok teardown

	it "a medium without a file system is refused, with a reason"
	dd if=/dev/zero of=$device bs=4096 count=2 conv=notrunc 2>/dev/null
	dd if=/dev/zero of=$device bs=4096 count=1 seek=32767 conv=notrunc 2>/dev/null
	expect_errno EINVAL mount_it
	expect_dmesg 'squirrelfs: pmem0: no squirrelfs on it'
	it "a device that is no persistent memory is refused, with a reason"
	expect_errno EOPNOTSUPP mount -t squirrelfs /dev/pmem1 $mnt
	expect_dmesg 'squirrelfs: pmem1: has no DAX'

	it "a damaged superblock is replaced by its copy"
	expect_ok format
	damage 8 '\0377'
	expect_ok mount_it
	expect_ok mkdir $mnt/d
	expect_ok umount $mnt
	it "two damaged superblocks are reported"
	damage $((32767 * 4096 + 8)) '\0377'
	expect_errno EUCLEAN mount_it
	expect_dmesg 'squirrelfs: pmem0: the superblock is damaged'
	it "a damaged root is reported"
	expect_ok format
	damage $((2 * 4096 + 128 + 2)) '\0377'
	expect_errno EUCLEAN mount_it
	expect_dmesg 'squirrelfs: pmem0: corrupt'
	it "unknown options are refused"
	expect_ok format
	expect_errno EINVAL mount_it -o no_such_option=1

	it "a medium that was not unmounted is repaired, which shows"
	expect_ok mount_it
	expect_ok mkdir $mnt/d
	exec 9>$mnt/orphan
	expect_ok rm $mnt/orphan
	cp $device /run/medium
	exec 9>&-
	expect_ok umount $mnt
	cp /run/medium $device
	sync
	expect_ok mount_it
	expect_equal "1 1" "$(cat "$OBJECT/recovery/unclean" "$OBJECT/recovery/orphans" | tr '\n' ' ' | sed 's/ $//')"
	expect_dmesg 'squirrelfs: pmem0: was not unmounted; repaired: 1 orphans'
	expect_equal "d" "$(ls $mnt)"
	rm /run/medium
	it "it is clean after that"
	expect_ok umount $mnt
	expect_ok mount_it
	expect_equal 0 "$(cat "$OBJECT/recovery/unclean")"

	it "a device that goes while it is mounted gives errors"
	name=$(namespace)
	exec 9<"$OBJECT/fences"
	coproc "$ktest_top/build/bin/fsdata" hold $mnt/mapped
	pid=$COPROC_PID
	expect_ok read -r -u "${COPROC[0]}" _
	expect_ok write /sys/bus/nd/drivers/nd_pmem/unbind "$name"
	kill "$pid"
	wait "$pid"
	expect_errno EIO touch $mnt/x
	expect_errno EIO rmdir $mnt/d
	expect_errno EIO cat "$OBJECT/free_pages"
	expect_ok umount $mnt
	[ ! -e "$OBJECT" ] || fail "$OBJECT is left"
	exec 9<&-
	it "it is repaired when it is back"
	expect_ok write /sys/bus/nd/drivers/nd_pmem/bind "$name"
	expect_soon 5 test -b $device
	expect_ok mount_it
	expect_equal 1 "$(cat "$OBJECT/recovery/unclean")"
	expect_equal "d mapped" "$(cd $mnt && echo *)"
	expect_ok rmdir $mnt/d
	expect_ok rm $mnt/mapped
}

stress_race() {
	! mounted || "$ktest_top/build/bin/fscall" race $mnt $RANDOM 1
	sleep 0.1
}

stress_caches() {
	echo 2 >/proc/sys/vm/drop_caches
	sleep 0.2
}

stress_remount() {
	mount -o remount,ro $mnt
	mount -o remount,rw $mnt
	sleep 0.05
}

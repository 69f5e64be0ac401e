#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# profile: pmem
# cpus: 2
# timeout: 60
# Mounting, remounting and unmounting, also when somebody is in the way.
. "$(dirname "$0")/../lib/ktest.sh"

# shellcheck source=selftests/squirrelfs/config.sh
. "$ktest_top/selftests/squirrelfs/config.sh"
second=$ktest_dir/second

# The state word on the medium.
state() { dd if=$device bs=8 skip=64 count=1 2>/dev/null | tr -d '\0'; }

need_module squirrelfs
at_end teardown
rm -f /run/squirrelfs.formatted
setup || bail "no file system could be mounted"
mkdir "$second"

it "the module stays while something is mounted" expect_errno EBUSY rmmod squirrelfs
it "what is mounted is the same file system when it is mounted again"
expect_ok mount -t squirrelfs $device "$second"
expect_ok mkdir "$second/d"
expect_equal "d" "$(ls $mnt)"
expect_errno EBUSY mount -o ro -t squirrelfs $device "$ktest_dir"
expect_ok umount "$second"
it "a mount that is in use stays"
in_use() { cd "$mnt" && umount "$mnt"; }
expect_errno EBUSY in_use

it "mounted read-only, nothing changes"
expect_ok mount -o remount,ro $mnt
expect_errno EROFS mkdir $mnt/e
expect_errno EROFS rmdir $mnt/d
expect_equal "d" "$(ls $mnt)"
expect_equal "ro" "$(awk -v at=$mnt '$2 == at {split($4, options, ","); print options[1]}' /proc/mounts)"
it "it is left as one that is not mounted" expect_equal "unmounte" "$(state)"
it "mounted for writing again, it changes"
expect_ok mount -o remount,rw $mnt
expect_equal "mounted" "$(state)"
expect_ok mkdir $mnt/e
it "a file that is open without a name keeps it writable"
exec 9>$mnt/open
expect_ok rm $mnt/open
expect_errno EBUSY mount -o remount,ro $mnt
exec 9>&-
expect_ok mount -o remount,ro $mnt
it "forced to be read-only, it takes no more writes, and is not called clean while a file is open without a name"
expect_ok mount -o remount,rw $mnt
exec 9>$mnt/open
expect_ok rm $mnt/open
writers=()
for i in 1 2; do
	while dd if=/dev/zero of=$mnt/written-$i bs=64k count=64; do :; done 2>/dev/null &
	writers+=("$!")
done
sleep 0.2
echo u >/proc/sysrq-trigger
expect_soon 10 grep -q "^$device $mnt squirrelfs ro" /proc/mounts
for pid in "${writers[@]}"; do wait "$pid"; done
expect_errno EROFS dd if=/dev/zero of=$mnt/written-1 bs=1 count=1 conv=notrunc
expect_equal "mounted" "$(state)"
expect_ok mount -o remount,rw $mnt
exec 9>&-
expect_ok rm $mnt/written-1 $mnt/written-2
expect_ok umount $mnt
expect_ok "$ktest_top/build/bin/fsck.squirrelfs" -f -n $device
expect_ok mount_it
expect_equal "0 0" "$(cat "$OBJECT/recovery/unclean" "$OBJECT/recovery/pages" | tr '\n' ' ' | sed 's/ $//')"
it "unmounted, nothing is left of it"
expect_ok umount $mnt
[ ! -e "$OBJECT" ] || fail "$OBJECT is left"
expect_equal "" "$(ls /sys/fs/squirrelfs)"

it "it can be mounted read-only at once, and for writing later"
expect_ok mount_it -o ro
expect_equal "unmounte" "$(state)"
expect_equal "d e" "$(cd $mnt && echo *)"
expect_ok mount -o remount,rw $mnt
expect_ok rmdir $mnt/d $mnt/e
expect_ok umount $mnt
expect_equal "unmounte" "$(state)"
it "it has the alias by which the kernel looks for the module of a file system"
expect_equal "fs-squirrelfs" "$(modinfo -F alias "$ktest_mods/squirrelfs.ko")"
it "the device says what mkfs was told"
expect_ok mount_it
expect_match '[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}' "$(cat "$OBJECT/uuid")"
expect_ok sync
it "the kernel has nothing to say about all that" expect_quiet_kernel
finish

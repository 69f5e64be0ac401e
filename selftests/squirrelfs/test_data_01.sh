#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# profile: pmem
# cpus: 2
# timeout: 180
# Contents of files: written, appended, cut off, with holes, through mappings and past them, until no space is left.
. "$(dirname "$0")/../lib/ktest.sh"

# shellcheck source=selftests/squirrelfs/config.sh
. "$ktest_top/selftests/squirrelfs/config.sh"
fsdata=$ktest_top/build/bin/fsdata

need_module squirrelfs
at_end teardown
rm -f /run/squirrelfs.formatted
setup || bail "no file system could be mounted"
cd $mnt || exit 1
at_end cd /

free() { cat "$OBJECT/free_pages"; }
size() { stat -c %s "$1"; }
again() {
	cd / && expect_ok umount $mnt && expect_ok mount_it
	cd $mnt || exit 1
}
mkdir keep
before=$(free)

it "what is written is read, also after mounting again"
seq 200000 >numbers
sum=$(seq 200000 | md5sum)
expect_equal "$sum" "$(md5sum <numbers)"
again
expect_equal "$sum" "$(md5sum <numbers)"
it "O_APPEND appends, whatever the position"
for i in 1 2 3; do echo $i >>log; done
expect_equal "1 2 3" "$(tr '\n' ' ' <log | sed 's/ $//')"
it "a file that is cut off and grows again has zeros there"
truncate -s 5 numbers
truncate -s 100000 numbers
expect_equal "$({ seq 200000 | head -c 5 && head -c 99995 /dev/zero; } | md5sum)" "$(md5sum <numbers)"
it "holes take no space"
free_pages=$(free)
truncate -s 1G sparse
expect_equal "$free_pages" "$(free)"
echo end >>sparse
expect_equal $((free_pages - 1)) "$(free)"
expect_equal "end" "$(tail -c 4 sparse)"
again
expect_equal "$((1 << 30 | 4)) 8" "$(stat -c '%s %b' sparse)"
it "nothing is written behind the largest file"
expect_errno EFBIG dd if=/dev/zero of=sparse bs=1 count=1 seek=4503599627370496 conv=notrunc

it "O_DIRECT reads and writes"
dd if=/dev/urandom of=/run/random bs=4096 count=300 2>/dev/null
expect_ok dd if=/run/random of=direct bs=64k oflag=direct
expect_ok dd if=direct of=/run/back bs=64k iflag=direct
expect_ok cmp /run/random /run/back
rm /run/random /run/back

it "a synchronous mapping is written and read" expect_ok "$fsdata" mapsync map
it "a mapped hole shows what is written there" expect_ok "$fsdata" hole map
it "a file is written from its own mapping" expect_ok "$fsdata" self map
it "a buffer that is there in part is written in part" expect_ok "$fsdata" partial map
it "a private mapping does not change the file" expect_ok "$fsdata" private map
it "what a mapping stores behind the end is no part of the file" expect_ok "$fsdata" tail map
it "a mapping loses what is cut off" expect_ok "$fsdata" cut map
it "data and holes are found" expect_ok "$fsdata" seek map
it "a page is there once, whoever comes first to the end" expect_ok "$fsdata" append map
it "holes are filled by stores and writes at the same time" expect_ok "$fsdata" race map
again
it "a mapping of 4 MiB takes few page faults, since pages follow each other"
dd if=/dev/zero of=huge bs=4M count=2 2>/dev/null
fills=$(cat "$OBJECT/ops/fill")
expect_ok "$fsdata" mapsync map2
expect_ok test $(($(cat "$OBJECT/ops/fill") - fills)) -le 4

# synced COMMAND: how many pages that command of fsdata has had written back when its sync returns.
synced() {
	echo >$tracing/trace
	"$fsdata" "$1" map
	grep -c 'write_back:' $tracing/trace
}

it "a sync writes back what mappings stored, whatever became of the size since"
tracing=/sys/kernel/tracing
grep -q " $tracing tracefs " /proc/mounts || mount -t tracefs tracefs $tracing
echo 'p:write_back arch_wb_cache_pmem' >$tracing/kprobe_events
echo 1 >$tracing/events/kprobes/write_back/enable
expect_equal "2 2 2" "$(synced dirty) $(synced dirty-grown) $(synced dirty-cut)"
echo 0 >$tracing/events/kprobes/write_back/enable
echo >$tracing/kprobe_events

it "a file system is made and checked in a file of this one"
expect_ok "$ktest_top/build/bin/mkfs.squirrelfs" -q image 2M
expect_ok "$ktest_top/build/bin/fsck.squirrelfs" -f -n image
rm image

it "when no space is left, a write is short or fails, and nothing else does"
rm -f numbers log sparse direct map map2 huge
again
expect_equal "$before" "$(free)"
dd if=/dev/zero of=full bs=1M 2>/dev/null
expect_equal $((before * 4096)) "$(size full)"
expect_equal 0 "$(free)"
expect_errno ENOSPC dd if=/dev/zero of=more bs=4096 count=1
expect_equal 0 "$(size more)"
expect_errno ENOSPC dd if=/dev/zero of=full bs=4096 count=1 oflag=append conv=notrunc
truncate -s $((before * 4096 - 8192)) full
expect_equal 2 "$(free)"
expect_ok dd if=/dev/zero of=more bs=4096 count=2
expect_equal 0 "$(free)"
expect_ok rm full more
expect_equal "$before" "$(free)"
it "a medium that was full is sound"
cd / && expect_ok umount $mnt
expect_ok "$ktest_top/build/bin/fsck.squirrelfs" -f -n $device
it "the kernel has nothing to say about all that" expect_quiet_kernel
finish

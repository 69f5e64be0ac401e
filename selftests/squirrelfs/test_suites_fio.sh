#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# profile: pmem
# cpus: 2
# timeout: 180
# fio: blocks with chemd5sums in them, written in one order and verified after a new mount.
. "$(dirname "$0")/suites/suites.sh"

begin fio /dev/pmem0
mib=4
[ -z "${RVM_LONG:-}" ] || mib=24

# fio NAME ENGINE READ_WRITE [OPTION...]
fio() {
	local name=$1 engine=$2 pattern=$3
	shift 3
	judged "$name" program fio --name="$name" --filename="/mnt/$name" --ioengine="$engine" --rw="$pattern" --size="${mib}m" \
		--verify=crc32c --do_verify=1 --verify_fatal=1 --randseed=7 --thread --fallocate=none --output-format=terse "$@"
}

fio write psync write --bs=64k
fio randwrite psync randwrite --bs=4k
fio small psync randwrite --bsrange=512-16k --bs_unaligned --size=1m
fio randrw psync randrw --bs=4k --fsync=8
fio mmap mmap write --bs=16k
fio mmap-random mmap randwrite --bs=4k --fsync=16
fio pmem libpmem randwrite --bs=4k --direct=1 --size=4m
fio together psync randwrite --bs=4k --numjobs=4 --size=1m --offset_increment=1m

checksums() { find /mnt -type f -exec md5sum {} + | sort; }

it "what was written is there after a new mount"
sums=$(checksums)
expect_ok umount /mnt
expect_ok file_system mount "$device"
expect_equal "$sums" "$(checksums)"
end

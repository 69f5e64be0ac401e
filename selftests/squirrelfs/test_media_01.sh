#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# profile: pmem
# cpus: 2
# timeout: 180
# Media that are not what a crash leaves: foreign, cut off, of a later version, with damaged words. The mount is refused
# with one line that says why, or works; the kernel has nothing else to say.
. "$(dirname "$0")/../lib/ktest.sh"

# shellcheck source=selftests/squirrelfs/config.sh
. "$ktest_top/selftests/squirrelfs/config.sh"
rounds=25
[ -z "${RVM_LONG:-}" ] || rounds=500
image=/run/squirrelfs.image

need_module squirrelfs
at_end teardown
at_end rm -f $image

# Puts what the program writes to standard output onto the device, from its beginning.
onto_device() { "$@" | dd of=$device bs=1M conv=notrunc iflag=fullblock 2>/dev/null; }

# refused ERRNO TEXT: the mount fails, with one line of ours, which has the text.
refused() {
	local lines
	expect_errno "$1" mount_it
	lines=$(ktest_dmesg | grep -c 'squirrelfs:')
	expect_equal 1 "$lines"
	expect_dmesg "squirrelfs: pmem0: $2"
}

# The metadata that a damaged word is looked for in: superblock, redo records, inodes, descriptors and the first pages.
metadata_bytes=$((4 << 20))

# A tree with something of everything.
populate() {
	local i
	mkdir "$mnt/d" "$mnt/d/e" && ln -s target "$mnt/link" && mkfifo "$mnt/fifo" && ln "$mnt/fifo" "$mnt/d/again" || return
	for ((i = 0; i < 40; i++)); do echo "$i" >"$mnt/d/file-$i" || return; done
	truncate -s 1M "$mnt/sparse" && dd if=/dev/urandom of="$mnt/sparse" bs=4k count=3 seek=7 conv=notrunc 2>/dev/null
	printf 'n%.0s' {1..255} | xargs -I '{}' mkdir "$mnt/{}"
}

it "a medium with a tree on it"
expect_ok format
expect_ok mount_it
expect_ok populate
expect_ok umount $mnt
dd if=$device of=$image bs=1M count=5 2>/dev/null

it "a file system of another kind is refused" && {
	onto_device head -c 16777216 /dev/zero
	dd if=/dev/zero of=$device bs=4096 count=1 seek=32767 conv=notrunc 2>/dev/null
	printf '\123\357' | dd of=$device bs=1 seek=1080 conv=notrunc 2>/dev/null
	refused EINVAL 'no squirrelfs on it'
}
it "noise is refused"
onto_device head -c 16777216 /dev/urandom
refused EINVAL 'no squirrelfs on it'
it "a medium that was larger is refused" && {
	truncate -s 256M /run/larger
	expect_ok "$ktest_top/build/bin/mkfs.squirrelfs" -q -f /run/larger
	onto_device head -c 16777216 /run/larger
	rm /run/larger
	refused EUCLEAN 'the superblock is damaged, or the device was larger'
}

# One word after the other is damaged by a generator with a fixed seed; each time the mount must end, and what is mounted
# must be readable to its end.
it "with damaged words it is refused or works, with one line at most about each"
RANDOM=4711
mounted_count=0 refused_count=0
for ((round = 0; round < rounds; round++)); do
	onto_device cat $image
	for ((n = 0; n < 8; n++)); do
		at=$(((RANDOM << 15 | RANDOM) % metadata_bytes))
		# Half of them where most of the words that mean something are.
		((n % 2)) || at=$((at % 65536))
		damage $at "\\0$(printf '%03o' $((RANDOM % 256)))"
	done
	if mount_it 2>"$ktest_dir/error"; then
		mounted_count=$((mounted_count + 1))
		# What is damaged may not be readable; it must not last.
		find $mnt -exec stat -c '%n' '{}' + >/dev/null 2>&1
		find $mnt -type f -size -2M -exec cat '{}' + >/dev/null 2>&1
		touch $mnt/new 2>/dev/null && rm -f $mnt/new
		rm -rf $mnt/d 2>/dev/null
		expect_ok umount $mnt
	else
		refused_count=$((refused_count + 1))
		grep -Eq 'Structure needs cleaning|Invalid argument|Operation not supported|Read-only' "$ktest_dir/error" ||
			fail "round $round: $(cat "$ktest_dir/error")"
	fi
done
note "$mounted_count mounted, $refused_count refused"
[ "$mounted_count" -gt 0 ] && [ "$refused_count" -gt 0 ] || fail "one of the two did not happen"
said=$(ktest_dmesg | grep -c 'squirrelfs: pmem0: ')
[ "$said" -ge "$refused_count" ] && [ "$said" -le "$rounds" ] || fail "$said lines for $rounds rounds, $refused_count refused"
# A busy host holds the machine's clocks up, of which the kernel tells.
expect_equal "" "$(ktest_dmesg | grep -v -e 'squirrelfs: pmem0: ' -e 'clocksource: ' | head -n 3)"
finish

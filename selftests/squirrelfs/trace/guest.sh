#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# What host_trace.py has a machine do.
#
# usage: guest.sh record          run script.txt on a new file system under the eyes of the plugin pmtrace: leaves
#                                 script.image, script.trace and a listing, final.found
#        guest.sh mount NAME...   mount each NAME.image of the output directory: leaves NAME.found, what was repaired
#                                 and a listing
set -eu
here=$(dirname "$0")
device=/dev/pmem0
SIZE_KIB=1024
bin=build/bin

# Everything that the file system shows but for times of access. Directories have the link counts that are stored.
listing() {
	(cd /mnt && find . -printf '%y %m %n %s %U %G %T@ %C@ %P %l\n' | sed 's/ *$//' | LC_ALL=C sort)
	(cd /mnt && find . -type f -printf '%P\n' | LC_ALL=C sort | xargs -r sha256sum)
}

# Puts an image in front on the device.
put() { dd if="$1" of=$device bs=64k conv=notrunc status=none; }

unmount() {
	umount /mnt
	$bin/fsck.squirrelfs -f -n $device >/tmp/fsck 2>&1 || {
		echo "guest.sh: $1: fsck: $(cat /tmp/fsck)" >&2
		exit 1
	}
}

record() {
	# What was never written shows, should it come to light.
	dd if=/dev/zero bs=1k count=$SIZE_KIB status=none | tr '\0' '\356' >/tmp/image
	$bin/mkfs.squirrelfs -q -f -U clear -N 64 /tmp/image
	put /tmp/image
	mount -t squirrelfs $device /mnt
	$bin/fsscript pmem0 /mnt script <"$here/script.txt"
	listing >"$RVM_OUT/final.found"
	unmount script.txt
}

mount_all() {
	local name
	for name; do
		put "$RVM_OUT/$name.image"
		mount -t squirrelfs $device /mnt
		{
			(cd /sys/fs/squirrelfs/pmem0/recovery && cat unclean orphans pages link_counts renames | paste -s -d ' ')
			listing
		} >"$RVM_OUT/$name.found"
		unmount "$name"
	done
}

insmod build/mod/squirrelfs.ko
case $1 in
record) record ;;
mount) mount_all "${@:2}" ;;
esac
rmmod squirrelfs

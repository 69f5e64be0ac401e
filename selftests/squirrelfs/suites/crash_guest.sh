#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# One boot of host_crash.py: repairs and compares what the boot before it left on the NVDIMM, then copies until the
# machine is killed.
#
# usage: crash_guest.sh first|next|last
#
# Says on standard output `compared: ...`, then `copying`, then a line for each complete entry. Any other line is a
# failure. $RVM_OUT/list holds what the boot before it has reported.
. "$(dirname "$0")/suites.sh" >/dev/null

complain() {
	echo "$*"
	trap - EXIT
	exit 1
}

# The NVDIMM that is a file comes after the profile's own devices.
device=$(find /dev -name 'pmem*' | sort -V | tail -n 1)
case $fs in
squirrelfs) [ -d /sys/module/squirrelfs ] || load_module squirrelfs || complain "squirrelfs.ko cannot be loaded" ;;
ext4) modprobe ext4 ;;
esac
archive=$programs/tree.tar
if [ "$1" = first ]; then
	message=$(file_system make "$device" 2>&1) || complain "$fs cannot be made on $device: $message"
else
	# The mount repairs; what it leaves is checked before anything else is done with it.
	message=$(file_system mount "$device" 2>&1) || complain "$fs cannot be mounted: $message"
	umount /mnt || complain "/mnt cannot be unmounted"
	message=$(file_system check "$device" 2>&1) || complain "not clean after the mount: ${message//$'\n'/; }"
fi
message=$(file_system mount "$device" 2>&1) || complain "$fs cannot be mounted: $message"
if [ "$1" != first ]; then
	message=$(program copytree compare "$archive" /mnt "$RVM_OUT/list" 2>&1) || complain "${message//$'\n'/; }"
	echo "compared: $message"
	# To be filled again, and so that what recovery has reclaimed is used.
	find /mnt -mindepth 1 -maxdepth 1 ! -name lost+found -exec rm -rf {} + || complain "what was there cannot be removed"
fi
if [ "$1" = last ]; then
	umount /mnt || complain "/mnt cannot be unmounted"
	message=$(file_system check "$device" 2>&1) || complain "not clean at the end: ${message//$'\n'/; }"
	[ "$fs" = ext4 ] || rmmod "$fs"
	trap - EXIT
	exit 0
fi
echo copying
sync=
# Elsewhere nothing is durable before it is synced.
[ "$fs" = squirrelfs ] || sync=sync
exec "$programs/bin/copytree" copy "$archive" /mnt $sync

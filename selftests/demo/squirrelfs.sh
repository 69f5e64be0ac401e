#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Guest side of the squirrelfs demo: a file system is made on persistent memory, filled, and loses power; then it is
# checked, and mounted again. Prints what each operation cost.
set -euo pipefail

device=/dev/pmem0
sysfs=/sys/fs/squirrelfs/pmem0
tree=squirrelfs
home=$PWD

counts() { cat $sysfs/fences $sysfs/flushed_lines $sysfs/nt_bytes | tr '\n' ' '; }

# row NAME COUNT COMMAND...: runs a command that does COUNT operations, and prints what one of them cost.
row() {
	local name=$1 count=$2 before after
	shift 2
	read -ra before <<<"$(counts)"
	"$@" >/dev/null
	read -ra after <<<"$(counts)"
	printf '  %-34s %10d' "$name" "$count"
	for i in 0 1 2; do
		printf ' %9d.%d' $(((after[i] - before[i]) / count)) $(((after[i] - before[i]) * 10 / count % 10))
	done
	echo
}

# many WORDS...: runs a command with 100 names.
many() { for ((i = 0; i < 100; i++)); do "${@//%/$i}" || return; done; }
append() { printf '%1024s' x >>"$1"; }
make() { : >"$1"; }

echo "squirrelfs: a file system on $device, persistent memory of 128 MiB"
echo
insmod build/mod/squirrelfs.ko
build/bin/mkfs.squirrelfs -q -f -L demo $device
mkdir -p /mnt
mount -t squirrelfs $device /mnt
cd /mnt
printf '  %-34s %10s %11s %11s %11s\n' "durable when the call returns" operations fences "lines each" "bytes past"
printf '  %-34s %10s %11s %11s %11s\n' "" "" each "" "cache each"
row "create a file" 100 many make f%
row "append 1 KiB" 100 many append f%
row "rename" 100 many mv f% g%
row "make a directory" 100 many mkdir d%
row "remove a directory" 100 many rmdir d%
row "remove a file of 1 KiB" 100 many rm g%

cp -r "$home/$tree" tree
files=$(find tree -type f | wc -l)
sum=$(cat tree/model/*.rs tree/*.rs | md5sum)
exec 3>nameless
printf '%65536s' x >&3
rm nameless
echo
echo "  power fails, with $files files copied and one open that has no name any more"
# What is on the medium now is what a machine that starts again finds there.
dd if=$device of=/tmp/medium bs=1M iflag=direct status=none
exec 3>&-
cd "$home"
umount /mnt
dd if=/tmp/medium of=$device bs=1M oflag=direct status=none
echo
echo "# fsck.squirrelfs -f -n $device"
build/bin/fsck.squirrelfs -f -n $device | sed 's/^/  /' || :
mount -t squirrelfs $device /mnt
echo "# mount -t squirrelfs $device /mnt; dmesg"
dmesg | grep 'squirrelfs: pmem0' | tail -n 1 | sed 's/^\[[^]]*\] /  /'
[ "$sum" = "$(cat /mnt/tree/model/*.rs /mnt/tree/*.rs | md5sum)" ]
echo "  all files are what they were"
umount /mnt
rmmod squirrelfs

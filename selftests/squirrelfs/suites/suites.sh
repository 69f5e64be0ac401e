# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Shared by the tests that run other people's suites: a fresh file system on /mnt, and verdicts that must agree with
# the list of expected failures, expected/<file system>/<suite>. A line of it is `NAME REASON`.
#
# environment:
#   SUITES_FS   the file system: squirrelfs (the default), or ext4 to see what the suites say of another one
# shellcheck source=selftests/lib/ktest.sh
. "${BASH_SOURCE[0]%/*}/../../lib/ktest.sh"

fs=${SUITES_FS:-squirrelfs}
programs=$ktest_top/build/suites
suites=$ktest_top/selftests/squirrelfs/suites
# Reasons of the expected failures by name, and the names that have been tried.
declare -A expected=() tried=()

# program NAME [ARGUMENT...]: runs a program of build/suites with the libraries it was built for.
program() {
	local name=$1
	shift
	case $name in
	fio | stress-ng | sqlite3 | mke2fs | e2fsck)
		"$programs/lib/ld-linux-x86-64.so.2" --library-path "$programs/lib" --argv0 "$name" "$programs/bin/$name" "$@"
		;;
	*) "$programs/bin/$name" "$@" ;;
	esac
}

# file_system load|make|mount|check [DEVICE]: all that is known here about a certain file system.
file_system() {
	case $fs:$1 in
	squirrelfs:load) need_module squirrelfs ;;
	squirrelfs:make) "$ktest_top/build/bin/mkfs.squirrelfs" -q -f "$2" ;;
	squirrelfs:mount) mount -t squirrelfs "$2" /mnt ;;
	squirrelfs:check) "$ktest_top/build/bin/fsck.squirrelfs" -f -n "$2" ;;
	ext4:load) modprobe ext4 ;;
	ext4:make) MKE2FS_CONFIG=$programs/lib/mke2fs.conf program mke2fs -q -F -t ext4 -b 4096 "$2" ;;
	ext4:mount) mount -t ext4 -o dax=always "$2" /mnt ;;
	ext4:check) program e2fsck -f -n "$2" ;;
	*) bail "SUITES_FS=$fs is unknown (known: squirrelfs ext4)" ;;
	esac
}

# begin SUITE DEVICE: mounts a fresh file system on /mnt for the suite and reads its list.
begin() {
	local name reason message list=$suites/expected/$fs/$1
	[ -e "$programs/.complete" ] || bail "build/suites is missing; run scripts/suites"
	while read -r name reason; do
		case $name in '' | '#'*) continue ;; esac
		expected[$name]=$reason
	done < <(cat "$list" 2>/dev/null)
	device=$2
	[ -b "$device" ] || bail "there is no $device"
	file_system load
	message=$(file_system make "$device" 2>&1) || bail "$fs cannot be made: $message"
	message=$(file_system mount "$device" 2>&1) || bail "$fs cannot be mounted: $message"
	at_end unmount
}

unmount() { ! grep -q ' /mnt ' /proc/mounts || umount /mnt; }

# verdict NAME ok|FAIL|skip [REASON...]: one case, which fails unless its verdict is the expected one.
verdict() {
	local name=$1 got=$2 reason=${expected[$1]:-}
	shift 2
	tried[$name]=1
	it "$name"
	case $got:$reason in
	ok:) ;;
	ok:*) fail "it passes: remove it from expected/$fs, where it fails because $reason" ;;
	skip:*) skip "$*" ;;
	FAIL:?*) skip "fails as expected: $reason" ;;
	*) fail "$*" ;;
	esac
}

# judged NAME COMMAND...: the verdict on a command by its status; its last lines are the reason.
judged() {
	local name=$1 output
	shift
	if output=$("$@" 2>&1); then verdict "$name" ok; else verdict "$name" FAIL "status $?: $(tail -n 5 <<<"$output")"; fi
}

# What every suite ends with.
end() {
	local name message
	it "every expected failure was tried"
	for name in "${!expected[@]}"; do [ -n "${tried[$name]:-}" ] || fail "no test has the name $name"; done
	it "the file system is clean after it"
	if message=$(umount /mnt 2>&1); then
		message=$(file_system check "$device" 2>&1) || fail "${message##*$'\n'}"
	else
		fail "$message"
	fi
	it "the kernel has nothing to say about it" expect_quiet_kernel
	finish
}

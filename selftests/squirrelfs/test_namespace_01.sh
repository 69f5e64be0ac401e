#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# profile: pmem
# cpus: 2
# timeout: 120
# Names: how they are made, changed, listed and removed, and what their inodes then say.
. "$(dirname "$0")/../lib/ktest.sh"

# shellcheck source=selftests/squirrelfs/config.sh
. "$ktest_top/selftests/squirrelfs/config.sh"
fscall=$ktest_top/build/bin/fscall
n255=$(printf 'n%.0s' {1..255})

need_module squirrelfs
at_end teardown
rm -f /run/squirrelfs.formatted
setup || bail "no file system could be mounted"
cd $mnt || exit 1
at_end cd /

free() { cat $OBJECT/free_pages $OBJECT/free_inodes; }
links() { stat -c %h "$@" | tr '\n' ' ' | sed 's/ $//'; }
inode() { stat -c %i "$1"; }
again() {
	cd / && expect_ok umount $mnt && expect_ok mount_it
	cd $mnt || exit 1
}

it "the new file system is empty and says what it has"
expect_equal "" "$(ls)"
expect_equal "1 2" "$(inode .) $(links .)"
expect_equal "32255 8190 8191" "$(cat $OBJECT/free_pages $OBJECT/free_inodes $OBJECT/total_inodes | tr '\n' ' ' | sed 's/ $//')"
expect_equal "255 4096 8191" "$(stat -f -c '%l %s %c' .)"

it "every type of file can be made"
expect_ok touch file
expect_ok mkdir dir
expect_ok mkfifo pipe
expect_ok mknod char c 10 200
expect_ok mknod block b 259 1048575
expect_ok ln -s "to nowhere" symlink
expect_ok ln file dir/link
types() { stat -c '%n %F %t:%T' file dir pipe char block symlink; }
before=$(types)
expect_match '.*char character special file a:c8.*' "${before//$'\n'/ }"
expect_match '.*block block special file 103:fffff.*' "${before//$'\n'/ }"
expect_equal "to nowhere" "$(readlink symlink)"
expect_equal "3 2 2" "$(links . dir file)"
it "all of it is there after mounting again"
again
expect_equal "$before" "$(types)"
expect_equal "to nowhere" "$(readlink symlink)"
expect_equal "3 2 2" "$(links . dir file)"
expect_equal "$(inode file)" "$(inode dir/link)"

it "a name that exists is not made again"
expect_errno EEXIST mkdir file
expect_errno EEXIST ln -s x dir/link
expect_errno EEXIST mkfifo symlink
it "names have up to 255 bytes, targets of symlinks up to 4095"
expect_ok touch "$n255"
expect_errno ENAMETOOLONG touch "${n255}n"
expect_ok ln -s "$(printf 't%.0s' {1..4095})" long
expect_equal 4095 "$(readlink -n long | wc -c)"
expect_errno ENAMETOOLONG ln -s "$(printf 't%.0s' {1..4096})" longer
expect_ok rm "$n255" long
it "directories have one name" expect_equal "0 Operation not permitted" "$("$fscall" fill dir/x dir)"
it "what is removed must be of the right kind, and empty"
expect_errno EISDIR unlink dir
expect_errno ENOTDIR rmdir file
expect_errno ENOTEMPTY rmdir dir
expect_errno ENOENT rm nothing

it "a name is changed, within a directory and to another one"
number=$(inode file)
expect_ok mv file other
expect_ok mv other dir/other
expect_equal "$number" "$(inode dir/other)"
it "a new name replaces what had it"
expect_ok touch victim
expect_ok mv dir/other victim
expect_equal "$number" "$(inode victim)"
it "a directory that moves takes its link to the parent along"
expect_ok mkdir a b a/c
expect_equal "5 3 2" "$(links . a b)"
expect_ok mv a/c b/c
expect_equal "5 2 3" "$(links . a b)"
it "a directory is not moved into itself, nor over one that is not empty, nor over a file"
expect_errno EINVAL "$fscall" rename 0 b b/c/d
expect_errno ENOTEMPTY "$fscall" rename 0 a b
expect_errno ENOTDIR "$fscall" rename 0 a victim
expect_errno EISDIR "$fscall" rename 0 victim a
it "RENAME_NOREPLACE keeps what is there"
expect_errno EEXIST "$fscall" rename 1 victim pipe
expect_ok "$fscall" rename 1 victim new
it "RENAME_EXCHANGE exchanges, across types and directories"
pipe=$(inode pipe)
expect_ok "$fscall" rename 2 new pipe
expect_equal "$number $pipe" "$(inode pipe) $(inode new)"
expect_ok "$fscall" rename 2 b/c pipe
expect_equal "6 2 2" "$(links . b pipe)"
expect_equal "$number" "$(inode b/c)"
expect_errno ENOENT "$fscall" rename 2 pipe nothing
it "other flags are refused" expect_errno EINVAL "$fscall" rename 4 new newer
tree() { find . -exec stat -c '%N %i %A %h %u %g %s %t:%T %y %z' {} +; }
before=$(tree)
it "all of that is there after mounting again"
again
expect_equal "$before" "$(tree)"
expect_equal 0 "$(cat $OBJECT/recovery/unclean)"
rm -rf ./*

it "new files belong to who makes them, without what umask takes away"
expect_ok chmod 1777 .
expect_ok "$fscall" as 1000 1001 bash -c 'umask 027; touch mine; mkdir dir'
expect_equal "640 1000 1001 750 1000 1001" "$(stat -c '%a %u %g' mine dir | tr '\n' ' ' | sed 's/ $//')"
it "in a directory with set-group-ID they belong to its group"
expect_ok chown 1000:77 dir
expect_ok chmod 2755 dir
expect_ok "$fscall" as 1000 1001 bash -c 'touch dir/file; mkdir dir/dir'
expect_equal "644 77 2755 77" "$(stat -c '%a %g' dir/file dir/dir | tr '\n' ' ' | sed 's/ $//')"
it "only its owner removes a file from a sticky directory"
expect_errno EPERM "$fscall" as 1002 1001 unlink mine
expect_ok "$fscall" as 1000 1001 unlink mine
it "who does not own a file changes neither its permissions nor its owner"
expect_ok touch file
expect_errno EPERM "$fscall" as 1000 1001 chmod 777 file
expect_errno EPERM "$fscall" as 1000 1001 chown 1000 file
it "a change of the owner takes set-user-ID and set-group-ID away"
expect_ok chmod 6755 file
expect_ok chown 5:6 file
expect_equal "755 5 6" "$(stat -c '%a %u %g' file)"

it "through an idmapped mount, owners are those of the mount"
idmapped=/run/idmapped
mkdir "$idmapped"
expect_ok "$fscall" idmap $mnt "$idmapped"
expect_equal "10005 10006" "$(stat -c '%u %g' "$idmapped/file")"
expect_ok mkdir -m 777 open
expect_ok "$fscall" as 10001 10002 touch "$idmapped/open/mine"
expect_equal "1 2" "$(stat -c '%u %g' open/mine)"
expect_ok chown 10007:10008 "$idmapped/file"
expect_equal "7 8" "$(stat -c '%u %g' file)"
# Nobody of the file system.
expect_errno EOVERFLOW "$fscall" as 5 5 touch "$idmapped/open/other"
expect_ok umount "$idmapped"
expect_ok rm -r open

it "times are kept in nanoseconds, also before 1970, and clamped where they end"
expect_ok "$fscall" times file 1234567890123456789 -5
again
expect_match '1234567890123456789 -5 [0-9]+ [0-9]+' "$("$fscall" stat file)"
expect_ok "$fscall" times file 0x7fffffffffffffff 0
expect_match '9223372035000000000 0 [0-9]+ [0-9]+' "$("$fscall" stat file)"
it "a change of a name changes the directory's times"
expect_ok "$fscall" times . 0 0
expect_ok mkdir x
expect_match '[0-9]{19}' "$("$fscall" stat . | cut -d' ' -f2)"
rm -rf ./*

it "a file without a name can get one"
before=$(free)
expect_equal 0 "$("$fscall" tmpfile .)"
expect_equal "$before" "$(free)"
expect_equal 1 "$("$fscall" tmpfile . named)"
expect_equal "1 named" "$(links named) $(ls)"
expect_ok rm named
it "a file that is open lives without a name, and is freed then"
expect_equal 0 "$("$fscall" unlinked file)"
expect_equal "$before" "$(free)"
it "in a directory that is gone nothing can be made"
expect_equal "No such file or directory 0 0" "$("$fscall" gone gone)"
it "a file has up to 65,000 names"
expect_ok mkdir links
expect_ok touch file
expect_equal "64999 Too many links" "$("$fscall" fill links/link file)"
# With the directory itself and its parent.
expect_equal "65001 65001" "$("$fscall" list links)"
expect_equal 65000 "$(links file)"
rm -rf ./*
it "all of that is free again" expect_equal "$before" "$(free)"

it "when no inode is left, making fails, and nothing else does"
expect_ok mkdir full
expect_match '8189 No space left on device' "$("$fscall" fill full/a-name-of-more-than-forty-eight-bytes-takes-two-lines-)"
expect_errno ENOSPC mkdir dir
expect_errno ENOSPC ln -s to symlink
expect_errno ENOSPC "$fscall" tmpfile .
expect_ok ln full/*-17 link
expect_equal "8191 8191" "$("$fscall" list full)"
expect_ok mv link full/link
again
expect_equal "8192 8192" "$("$fscall" list full)"
rm -rf ./*
expect_equal "$before" "$(free)"
it "directories nest deeply"
deep() {
	local i
	for ((i = 0; i < 300; i++)); do mkdir d && cd d || return 1; done
}
expect_ok deep
expect_equal 301 "$(find . -type d | wc -l)"
again
expect_equal 301 "$(find . -type d | wc -l)"
rm -rf ./*

race() {
	local seed job
	local -a jobs=()
	for seed in 1 2 3; do "$fscall" race . $seed "${RVM_LONG:+30}${RVM_LONG:-4}" >/dev/null & jobs+=($!); done
	while kill -0 "${jobs[0]}" 2>/dev/null; do
		echo 3 >/proc/sys/vm/drop_caches
		sleep 0.3
	done
	for job in "${jobs[@]}"; do wait "$job" || fail "a racer failed"; done
}
it "three racers leave what is still there after mounting again"
race
before=$(tree)
again
expect_equal "$before" "$(tree)"
expect_equal "0 0 0 0 0" "$(cat $OBJECT/recovery/* | tr '\n' ' ' | sed 's/ $//')"
rm -rf ./*
it "the kernel has nothing to say about all that" expect_quiet_kernel
finish

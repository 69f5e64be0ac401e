#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# profile: base
# cpus: 2
# timeout: 120
# A file with a long text is read and written as a whole, in however many pieces that is.
. "$(dirname "$0")/../lib/ktest.sh"

notes=/sys/bus/pci/devices/0000:00:11.0/testdev/notes
work=$(mktemp -d)
at_end rm -rf "$work"

# lines WORD COUNT: so many lines, each with its number.
lines() { awk -v word="$1" -v count="$2" 'BEGIN {for (i = 1; i <= count; i++) print word, i}'; }
# What is noted must be this file.
noted() { cmp -s "$1" $notes || fail "the notes are not $1"; }
# note_all FILE [BYTES]: notes the file as one text, in writes of so many bytes.
note_all() {
	{ echo begin && cat "$1" && echo commit; } >"$work/all"
	dd if="$work/all" of="$notes" bs="${2:-64k}" conv=notrunc 2>"$work/dd" || { cat "$work/dd" >&2 && return 1; }
}
# One of the two long texts, and not a mix of them.
is_whole() { cmp -s "$1" "$work/short" || cmp -s "$1" "$work/long" || fail "a mix was read"; }
read_some() { dd bs="$1" count=1 <&"$2" 2>/dev/null; }

need_module testdev
need_attr $notes
lines short 1000 >"$work/short"
lines long 60000 >"$work/long"

it "there is nothing to read at first" expect_equal "" "$(cat $notes)"

it "a short write is a text by itself"
expect_ok write $notes "one"
expect_equal one "$(cat $notes)"
expect_ok write $notes $'two\nthree\n'
expect_equal $'two\nthree' "$(cat $notes)"

it "a text that would be cut is refused"
head -c 4095 "$work/long" >"$work/fits"
head -c 4096 "$work/long" >"$work/cut"
expect_ok write $notes "$(cat "$work/fits")"
expect_errno EFBIG write $notes "$(cat "$work/cut")"
expect_errno EFBIG cp "$work/long" $notes
expect_equal "$(cat "$work/fits")" "$(cat $notes)"

it "a long text is one from begin to commit, whatever the size of the writes"
for size in 7 1000 4096 5000 64k; do
	expect_ok note_all "$work/short" $size
	noted "$work/short"
	expect_ok write $notes $'other\n'
done
expect_ok note_all "$work/long"
noted "$work/long"

it "several programs can write the parts of a text"
expect_ok eval "{ echo begin; cat '$work/short'; echo last; echo commit; } >$notes"
{ cat "$work/short" && echo last; } >"$work/parts"
noted "$work/parts"

it "several texts can follow each other in one open file"
expect_ok write $notes $'begin\na\ncommit\nbegin\nb\ncommit\n'
expect_equal b "$(cat $notes)"

it "a text that is refused, or not committed, leaves the old one"
expect_ok write $notes "old"
expect_errno ERANGE write $notes $'begin\nnew\nrefuse\ncommit\n'
expect_errno EINVAL write $notes $'commit\n'
expect_errno EINVAL write $notes $'begin\n\xff\ncommit\n'
expect_equal old "$(cat $notes)"

it "a text has a limit, and what is left of it has no effect"
expect_ok write $notes "old"
for _ in 1 2 3 4 5 6 7 8; do cat "$work/long"; done >"$work/huge"
exec {fd}>$notes
echo begin >&$fd
expect_errno EFBIG eval "cat '$work/huge' >&$fd"
expect_errno EFBIG eval "echo rest >&$fd"
expect_errno EFBIG eval "echo commit >&$fd"
expect_ok eval "echo new >&$fd"
exec {fd}>&-
expect_equal new "$(cat $notes)"

it "one open file at a time has begun a text"
exec {fd}>$notes
echo begin >&$fd
expect_errno EBUSY write $notes $'begin\nother\ncommit\n'
expect_ok write $notes "by itself"
expect_equal "by itself" "$(cat $notes)"
printf 'mine\ncommit\n' >&$fd
expect_equal mine "$(cat $notes)"
expect_ok write $notes $'begin\nother\ncommit\n'

it "a text that lies idle makes room for another"
echo begin >&$fd
sleep 11
expect_ok write $notes $'begin\nother\ncommit\n'
expect_errno ETIMEDOUT eval "echo mine >&$fd"
expect_errno ETIMEDOUT eval "echo commit >&$fd"
exec {fd}>&-
expect_equal other "$(cat $notes)"

it "a reader gets the text as it was when it began"
expect_ok note_all "$work/long"
exec {fd}<$notes
read_some 5000 $fd >"$work/read"
expect_ok note_all "$work/short"
cat <&$fd >>"$work/read"
expect_ok cmp "$work/long" "$work/read"
exec {fd}<&-
noted "$work/short"

it "a reader may begin anywhere"
dd if=$notes bs=1000 skip=3 2>/dev/null >"$work/read"
tail -c +3001 "$work/short" >"$work/rest"
expect_ok cmp "$work/rest" "$work/read"
expect_equal "short 1000" "$(tail -n 1 $notes)"

it "of many readers the one that read longest ago is told to begin again"
fds=()
for _ in 1 2 3 4 5 6 7 8 9; do
	exec {fd}<$notes
	read_some 10 "$fd" >"$work/read"
	fds+=("$fd")
done
expect_errno ESTALE read -r -u "${fds[0]}"
for fd in "${fds[@]:1}"; do expect_equal "1000" "$(cat <&"$fd" | tail -n 1 | cut -d' ' -f2)"; done
for fd in "${fds[@]}"; do exec {fd}<&-; done

it "nobody reads a mix of two texts"
expect_ok note_all "$work/long"
for reader in 1 2 3 4; do
	for ((i = 0; i < 20; i++)); do
		expect_ok cp $notes "$work/read$reader" && is_whole "$work/read$reader"
	done &
	readers+=($!)
done
for ((i = 0; i < 20; i++)); do
	expect_ok note_all "$work/short"
	expect_ok note_all "$work/long"
done
for reader in "${readers[@]}"; do wait "$reader"; done

it "a file that was open says that the device is gone"
exec {fd}<>$notes
echo begin >&$fd
cat $notes >/dev/null
rmmod testdev || fail "it does not unload"
ktest_modules=()
expect_errno ENODEV read -r -u "$fd"
expect_errno ENODEV eval "echo commit >&$fd"
exec {fd}>&-

it "the kernel has nothing to say about all that" expect_quiet_kernel
finish

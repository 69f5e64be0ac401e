#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Tests the QEMU plugin pmtrace: a program in a VM does known things to persistent memory. Prints KTAP.
#
# usage: scripts/pmtrace/selftest.sh
# shellcheck disable=SC2016 # The guest expands what is in single quotes.
set -uo pipefail
. "$(dirname "$0")/../lib.sh"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
count=0
failed=0

# it SENTENCE EXPECTED GOT: prints the line of a case, and the difference if there is one.
it() {
	count=$((count + 1))
	if [ "$2" = "$3" ]; then
		echo "ok $count - $1"
		return
	fi
	diff <(echo "$2") <(echo "$3") | sed 's/^/# /'
	echo "not ok $count - $1"
	failed=1
}

trace() { "$top/scripts/root" python3 "$top/scripts/pmtrace/trace.py" "$@"; }

# The events of the last section `$1`, with offsets from the beginning of their page.
section() {
	awk -v name="$1" '
		function hex_page(text) { return length(text) > 3 ? substr(text, length(text) - 2) : text }
		$1 == "begin" && (inside = $3 == name) { text = "" }
		inside && $1 ~ /^(store|nt|cl.*)$/ { $3 = hex_page($3); sub(/^0+/, "", $3); if ($3 == "") $3 = 0 }
		inside { sub(/ kernel_instructions=.* fences/, " fences"); text = text $0 "\n" }
		$1 == "end" { inside = 0 }
		END { printf "%s", text }' "$work/events"
}

echo KTAP version 1
"$top/scripts/vm" --profile pmem --log "$work/other.log" -- build/bin/pmark pmem0 nothing true >"$work/other" 2>&1 &
other=$!
output=$("$top/scripts/vm" --profile pmtrace --timeout 60 --log "$work/log" --out "$work/out" -- bash -ec '
	busybox mke2fs -b 4096 /dev/pmem0 4000 >/dev/null
	modprobe ext4
	mount -t ext4 -o dax=always /dev/pmem0 /mnt
	build/bin/pmpoke pmem0 /mnt/file
	printf "mkdir d\n# a comment\nwrite file 4096 8 x\n" | build/bin/fsscript pmem0 /mnt script
	umount /mnt
	build/bin/pmark pmem0 nothing sh -c "exit 3"
	' 2>"$work/stderr")
it 'the status of a counted command passes through' 3 $?
sed 's/^/# /' "$work/stderr"
trace "$work/out/poke.trace" >"$work/events"

it 'stores, write-backs and fences of a program are recorded in order, with address and value' \
	"begin 0 user
store 0 0 8 1122334455667788
store 0 10 4 11223344
store 0 17 1 55
store 0 20 8 102030405060708
store 0 28 8 102030405060708
nt 0 40 8 42
nt 0 48 4 43
nt 0 50 8 102030405060708
nt 0 58 8 102030405060708
sfence 0
clwb 0 0
clwb 0 c0
clflushopt 0 0
clflush 0 40
mfence 0
store 0 80 8 1
locked 0
store 0 88 8 1
store 0 90 1 77
store 0 91 1 77
store 0 92 1 77
store 0 93 1 77
store 0 94 1 77
store 0 bc 8 1122334455667788
store 0 ffc 4 55667788
store 0 0 4 11223344
end 0 fences=2 locked=2 flushes=4 stores=17 cached_bytes=66 nt_bytes=28 interrupts=0" "$(section user)"

it 'the copy of a write(2) in the kernel is recorded' $'nt 0 200 8 6867666564636261\nsfence 0' \
	"$(section kernel | grep -E '^(nt|store|sfence)')"

trace "$work/out/poke.trace" "$work/out/poke.image" "$work/replayed" &&
	cmp "$work/replayed" "$work/out/poked.image" >"$work/cmp" 2>&1
it 'the image of before and the trace give the image of after' '' "$(cat "$work/cmp")"
it 'the image holds the whole device' "$(stat -c %s "$work/out/poke.image")" $((384 << 20))

it 'a script gives a section for each line' $'begin 0 mkdir d\nbegin 0 write file 4096 8 x' \
	"$(trace "$work/out/script.trace" | grep begin)"

read -r short long <<<"$output"
it 'instructions are counted exactly' 4000 $((long - short))
it 'a command that touches no persistent memory counts as such' $'stores 0\ncached_bytes 0\nnt_bytes 0' \
	"$(grep -E '^(stores|cached_bytes|nt_bytes)' <<<"$output")"

wait "$other"
it 'a machine without the plugin says so' '126 pmark: this machine has no plugin; use the profile pmtrace' \
	"$? $(cat "$work/other")"

echo "1..$count"
exit "$failed"

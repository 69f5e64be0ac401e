#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# profile: sriov
# cpus: 2
# timeout: 400
# Ten thousand rules are replaced at once: no packet meets a mix of the old and the new ones.
. "$(dirname "$0")/port.sh"

need_port
need_module nic_sidebounce
expect_ok filter_add "port0 dev:tap0"
expect_filter port0 filtering
rules=$filters/port0/rules
swaps=${RVM_LONG:+200}
swaps=${swaps:-10}

# set_of KIND: a transaction whose rules accept the flows to even ports (`even`) or to odd ones, and drop the others.
# Were one of the two rules there without the other, or neither, a packet would have the wrong verdict or bounce. What is
# accepted is first in the one set and last in the other.
set_of() {
	local accept=6000 drop=6001 first=5 last=20000
	if [ "$1" = odd ]; then accept=6001 drop=6000 first=20000 last=5; fi
	printf 'begin\nflush\ndefault rx bounce\ndefault tx accept\n'
	printf 'add prio %s dir rx proto udp dst_port %s action accept name %s_in\n' $first $accept "$1"
	printf 'add prio %s dir rx proto udp dst_port %s action drop name %s_out\n' $last $drop "$1"
	printf 'add prio %s dir rx proto udp dst_port %s action accept\n' $first $((accept + 10))
	printf 'add prio %s dir rx proto udp dst_port %s action drop\n' $last $((drop + 10))
	awk -v kind="$1" 'BEGIN {for (i = 0; i < 9996; i++)
		printf "add prio %d dir rx proto tcp src_ip 10.%d.%d.0/%d dst_port %d action %s\n", 100 + i, i / 256, i % 256,
			24 + (kind == "odd"), i % 7000, i % 2 ? "accept" : "drop"}'
	printf 'commit\n'
}
set_of even >"$ktest_dir/even"
set_of odd >"$ktest_dir/odd"
load() {
	local said=$ktest_dir/dd.$BASHPID
	dd if="$ktest_dir/$1" of="$rules" bs=64k conv=notrunc 2>"$said" && return
	cat "$said" >&2
	return 1
}

it "ten thousand rules are taken at once, and are what is read"
expect_ok load even
expect_equal 10000 "$(grep -c '^add ' "$rules")"
expect_equal 2 "$(grep -c 'name even' "$rules")"
expect_ok load odd
expect_equal "10000 0" "$(grep -c '^add ' "$rules") $(grep -c 'name even' "$rules")"
expect_ok load even

# pairs CPU PORT COUNT RATE FILE: two flows, of which each datagram tells by which rules it was judged.
pairs() { taskset "$1" "$ktest_top/build/bin/stream" pairs peer vm0 "$vf0_4" "$2" "$3" 64 "$4" 1000 >"$5" 2>&1; }
# value KEY FILE
value() { sed -n "s/.*\b$1=\([0-9]*\).*/\1/p" "$2"; }

it "while one is replaced by the other, $swaps times, each packet meets one of them"
mark_counts port0
pairs 1 6000 20000 2000 "$ktest_dir/pairs1" &
first=$!
pairs 2 6010 20000 2000 "$ktest_dir/pairs2" &
second=$!
done=0
while [ $done -lt "$swaps" ] && kill -0 $first 2>/dev/null; do
	kind=even
	[ $((done % 2)) = 1 ] || kind=odd
	load $kind || fail "loading $kind"
	done=$((done + 1))
done
wait $first $second
note "$done swaps; $(cat "$ktest_dir/pairs1") and $(cat "$ktest_dir/pairs2"); $(counts port0)"
[ "$done" -gt 3 ] || fail "only $done swaps"
for file in "$ktest_dir/pairs1" "$ktest_dir/pairs2"; do
	# One for each swap at most, and hardly fewer.
	expect_between $((done / 2)) "$done" "$(value switches "$file")"
	expect_equal "0 0" "$(value reordered "$file") $(value damaged "$file")"
done
received=$(($(value received "$ktest_dir/pairs1") + $(value received "$ktest_dir/pairs2")))
expect_equal "rx_accepted=$received rx_dropped=$((40000 - received)) rx_bounced=0 lost=0" \
	"$(since port0 rx_accepted rx_dropped rx_bounced lost)"

it "single rules that come and go meanwhile keep the verdicts of others, and their counters"
expect_ok load even
counted() { awk -v name="$1" '$4 == name {print $2}' "$filters/port0/rule_stats"; }
before_in=$(counted even_in) before_out=$(counted even_out)
pairs 1 6000 4000 1000 "$ktest_dir/pairs1" &
first=$!
edits=0
while kill -0 $first 2>/dev/null; do
	expect_ok write "$rules" "add prio 7 dir rx proto udp dst_port 7000 action drop name more"
	expect_ok write "$rules" "del prio 7"
	edits=$((edits + 1))
done
wait $first
note "$edits rules came and went; $(cat "$ktest_dir/pairs1")"
expect_equal "2000 0" "$(value received "$ktest_dir/pairs1") $(value switches "$ktest_dir/pairs1")"
# Packets that meet the old rules while the new ones begin to count are in neither.
expect_between $((2000 - 2 * edits)) 2000 $(($(counted even_in) - before_in))
expect_between $((2000 - 2 * edits)) 2000 $(($(counted even_out) - before_out))
note "counted: $(($(counted even_in) - before_in)) and $(($(counted even_out) - before_out))"

it "of two writers at once one waits for nobody: it is refused, and what is there is one of the sets"
printf 'begin\nflush\n' >"$ktest_dir/part"
# One that has begun and goes on slowly.
(
	exec 9>"$rules"
	cat "$ktest_dir/part" >&9
	sleep 2
	printf 'add prio 1 dir rx proto udp action accept name slow\ncommit\n' >&9
) &
slow=$!
sleep 0.5
expect_errno EBUSY write "$rules" $'begin\nflush\ncommit\n'
# A write that is whole by itself does not need a transaction.
expect_ok write "$rules" "add prio 8 dir rx proto udp dst_port 8 action drop name whole"
expect_equal "1 0" "$(grep -c 'name whole' "$rules") $(grep -c 'name slow' "$rules")"
wait $slow
expect_equal "1 1" "$(grep -c '^add ' "$rules") $(grep -c 'name slow' "$rules")"

it "a transaction that is abandoned changes nothing, and stands in nobody's way for longer than 10 s"
sleep 10.5
expect_ok load even
(
	exec 9>"$rules"
	printf 'begin\nflush\nadd prio 1 dir rx action drop\n' >&9
)
expect_equal 10000 "$(grep -c '^add ' "$rules")"
# Nobody tells the module that the file was closed.
expect_errno EBUSY load odd
sleep 10.5
expect_ok load odd
expect_equal "10000 2" "$(grep -c '^add ' "$rules") $(grep -c 'name odd' "$rules")"
(
	exec 9>"$rules"
	printf 'begin\nflush\n' >&9
	sleep 14
	# Another one has taken its place by now.
	printf 'add prio 1 dir rx action drop\n' >&9
	printf 'commit\n' >&9
) 2>/dev/null &
idle=$!
sleep 11.5
expect_ok load even
wait $idle
expect_equal "10000 2" "$(grep -c '^add ' "$rules") $(grep -c 'name even' "$rules")"

it "a transaction with one wrong line changes nothing"
{
	head -n 5000 "$ktest_dir/odd"
	echo "add prio 1 dir rx proto udp dst_port 70000 action accept"
	tail -n +5001 "$ktest_dir/odd"
} >"$ktest_dir/wrong"
expect_errno ERANGE load wrong
expect_match 'line 5000, column [0-9]+: out of range: .*' "$(filter_get port0 rules_error)"
expect_equal "10000 2" "$(grep -c '^add ' "$rules") $(grep -c 'name even' "$rules")"

it "two programs that replace all rules again and again leave one of the sets"
writer() {
	local i
	for ((i = 0; i < 6; i++)); do load "$1" 2>/dev/null && printf '%s\n' "$1" >>"$ktest_dir/done"; done
}
: >"$ktest_dir/done"
writer even &
first=$!
writer odd &
wait $! $first
note "$(sort "$ktest_dir/done" | uniq -c | xargs)"
expect_between 1 12 "$(wc -l <"$ktest_dir/done")"
kinds=$(grep -o 'name [a-z]*_' "$rules" | sort | uniq -c | xargs)
expect_match '2 name (even|odd)_' "$kinds"
expect_equal 10000 "$(grep -c '^add ' "$rules")"

it "the kernel has nothing to say about all that" expect_quiet_kernel
finish

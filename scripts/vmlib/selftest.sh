#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Tests scripts/vm with real virtual machines, and its pure parts by their unit tests. Prints KTAP.
#
# usage: scripts/vmlib/selftest.sh [WORD]     only the tests whose name holds WORD
# shellcheck disable=SC2016 # The guest expands what is in single quotes.
set -uo pipefail
. "$(dirname "$0")/../lib.sh"

wanted=${1:-}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
count=0
failed=0
vm=$top/scripts/vm

# Runs scripts/vm with the arguments; sets `status`, and `out` and `err` to what it printed.
run() {
	"$vm" "$@" >"$work/stdout" 2>"$work/stderr" </dev/null
	status=$?
	out=$(tr -d '\0' <"$work/stdout")
	err=$(cat "$work/stderr")
}

# Ends the test as skipped for the reason `$1`.
skip() {
	echo " # SKIP $1" >"$work/skip"
	exit 0
}

# Ends the test as failed unless the two values are equal.
same() {
	[ "$1" = "$2" ] || {
		echo "# expected '$1', got '$2'"
		sed 's/^/# stderr: /' "$work/stderr"
		exit 1
	}
}

# Ends the test as failed unless `$1` matches the pattern `$2`.
like() {
	[[ $1 =~ $2 ]] || {
		echo "# '$1' does not match '$2'"
		exit 1
	}
}

# Ends the test as failed if a QEMU lives whose command line holds `$1`.
no_qemu() {
	local file
	for file in /proc/[0-9]*/cmdline; do
		if tr '\0' ' ' 2>/dev/null <"$file" | grep -q "^qemu-system.*$1"; then
			echo "# QEMU is still there: $file"
			exit 1
		fi
	done
}

# A test is a function `test_<name>`; it runs in a subshell of its own.
check() {
	local name=${1#test_}
	[[ $name = *"$wanted"* ]] || return 0
	count=$((count + 1))
	rm -f "$work/skip"
	if ("$1"); then
		echo "ok $count - $name$(cat "$work/skip" 2>/dev/null)"
	else
		echo "not ok $count - $name"
		failed=$((failed + 1))
	fi
}

test_unit_tests() {
	"$top/scripts/root" python3 -E -X pycache_prefix="$cache/pycache" -m unittest discover -q \
		-s "$top/scripts/vmlib" >"$work/stdout" 2>"$work/stderr"
	same 0 $?
}

test_status_passes_through() {
	local want
	for want in 0 7 255; do
		run -- sh -c "exit $want"
		same "$want" "$status"
	done
	run -- no-such-command
	same 127 "$status"
}

test_streams_hold_only_the_commands_output() {
	run -- sh -c 'echo one; echo two >&2; echo three >/dev/stdout'
	same $'one\nthree' "$out"
	same two "$err"
}

test_large_binary_output_is_complete() {
	run -- dd if=/dev/zero bs=1000 count=3000
	same 3000000 "$(stat -c %s "$work/stdout")"
}

test_arguments_arrive_unchanged() {
	run -- printf '[%s]' 'a b' '' "it's" $'two\nlines' '$HOME' '--' '*'
	same "[a b][][it's]["$'two\nlines'"][\$HOME][--][*]" "$out"
}

test_outputs_come_back() {
	run --out "$work/out, with comma" -- sh -c 'mkdir $RVM_OUT/d; echo data >$RVM_OUT/d/file'
	same 0 "$status"
	same data "$(cat "$work/out, with comma/d/file")"
}

test_full_host_disk_is_an_error_in_the_guest() {
	local small=$work/small
	mkdir -p "$small"
	"$top/scripts/root" bwrap --dev-bind / / true 2>/dev/null || skip "bwrap cannot be nested here"
	"$top/scripts/root" bwrap --dev-bind / / --size 1000000 --tmpfs "$small" "$vm" --out "$small" -- \
		dd if=/dev/zero of=/out/file bs=64k count=32 >"$work/stdout" 2>"$work/stderr" </dev/null
	same 1 $?
	like "$(cat "$work/stderr")" 'No space left'
}

test_output_of_any_kind_comes_back() {
	run --out "$work/out" -- sh -ec 'cd /out; seq 100000 >seq; dd if=/dev/zero of=zero bs=1M count=3 2>/dev/null
		printf 1 >>log; printf 2 >>log; cp seq copy; mv copy moved; truncate -s 5 moved; sort -r seq | head -n 1'
	same 0 "$status"
	same 99999 "$out"
	same "$(seq 100000 | md5sum)" "$(md5sum <"$work/out/seq")"
	same "3145728 12 5" "$(stat -c %s "$work/out/zero") $(cat "$work/out/log") $(stat -c %s "$work/out/moved")"
}

test_checkout_is_visible_and_read_only() {
	run -- sh -c 'pwd; cat scripts/lib.sh; touch scripts/new'
	same 1 "$status"
	same "$top"$'\n'"$(cat "$top/scripts/lib.sh")" "$out"
	like "$err" 'Read-only'
}

test_clock_is_the_hosts() {
	run -- date +%s
	[ $((EPOCHSECONDS - out)) -le 5 ]
}

test_panic_is_a_failure() {
	run --log "$work/log" -- sh -c 'echo c >/proc/sysrq-trigger'
	same 125 "$status"
	like "$err" 'sysrq triggered crash'
	like "$err" "$work/log"
	like "$(cat "$work/log")" 'Call Trace'
}

test_warning_is_a_failure() {
	run --log "$work/log" -- sh -c 'echo "WARNING: mm/slub.c:1 at kfree+0x1, CPU#0: sh/1" >/dev/kmsg'
	same 125 "$status"
	like "$err" 'WARNING: mm/slub.c'
}

test_report_cannot_be_hidden() {
	local hide
	for hide in 'dmesg -n 1' 'dmesg -n 1; dmesg -c >/dev/null' 'echo 1 >/proc/sys/kernel/printk'; do
		run --log "$work/log" -- sh -c "$hide; echo '<6>irq 9: nobody cared' >/dev/kmsg; dmesg -c >/dev/null"
		same 125 "$status"
		like "$err" 'irq 9: nobody cared'
	done
}

test_taint_is_a_failure() {
	run --log "$work/log" -- sh -c 'echo 512 >/proc/sys/kernel/tainted'
	same 125 "$status"
	like "$err" 'tainted: warning'
}

test_leaked_module_is_a_failure() {
	local module=$top/build/mod/testdev.ko
	[ -e "$module" ] || skip "$module is not built"
	run --log "$work/log" -- insmod "$module"
	same 125 "$status"
	like "$err" 'left loaded at the end'
}

test_power_off_is_a_failure() {
	run --log "$work/log" -- poweroff -f
	same 125 "$status"
	like "$err" 'while the command ran'
}

test_timeout_ends_qemu() {
	run --log "$work/timeout.log" --timeout 2 -- sleep 60
	same 124 "$status"
	like "$err" 'timed out after 2 s'
	no_qemu "$work/timeout.log"
}

test_output_before_a_timeout_is_kept() {
	run --log "$work/log" --timeout 2 -- sh -c 'echo early; sleep 60'
	same 124 "$status"
	same early "$out"
}

test_killed_runner_leaves_no_qemu() {
	local pid
	for signal in TERM KILL; do
		"$vm" --log "$work/$signal.log" -- sleep 60 2>/dev/null &
		pid=$!
		sleep 2
		kill -"$signal" "$pid"
		wait "$pid" 2>/dev/null
		sleep 0.5
		no_qemu "$work/$signal.log"
	done
}

test_background_processes_do_not_hold_the_end() {
	run --timeout 20 -- sh -c 'sleep 60 & echo done'
	same 0 "$status"
	same 'done' "$out"
}

test_two_at_once() {
	"$vm" -- sh -c 'sleep 1; echo first' >"$work/first" &
	run -- echo second
	same second "$out"
	wait $!
	same 0 $?
	same first "$(cat "$work/first")"
}

test_machine_is_pristine() {
	run -- sh -c '[ ! -e /tmp/seen ] && touch /tmp/seen'
	same 0 "$status"
	run -- sh -c '[ ! -e /tmp/seen ] && touch /tmp/seen'
	same 0 "$status"
}

test_cold_and_icount() {
	run --cold --cpus 2 -- nproc
	same 2 "$out"
	run --icount -- echo counted
	same counted "$out"
}

test_edu_answers_in_every_profile() {
	local name
	for name in $("$vm" --list | cut -d' ' -f1); do
		run --profile "$name" -- bash -c 'setpci -s 11.0 COMMAND=2; devmem 0x$(setpci -s 11.0 BASE_ADDRESS_0) 32'
		same 0x010000ED "$out"
	done
}

test_profiles_have_their_devices() {
	run --profile sriov -- bash -c 'ip link set eth0 up; ip link set eth1 up
		echo 2 >/sys/bus/pci/devices/0000:01:00.0/sriov_numvfs; lspci -n | grep -c 8086:10ca'
	same 2 "$out"
	run --profile nvme -- sh -c 'dd if=/dev/nvme0n1 bs=4k count=1 2>/dev/null | wc -c'
	same 4096 "$out"
	run --profile pmem -- sh -c 'echo x | dd of=/dev/pmem0 conv=sync 2>/dev/null; head -c 1 /dev/pmem0'
	same x "$out"
	run --profile gpu -- ls /dev/dri/card0
	same /dev/dri/card0 "$out"
}

test_packets_cross_the_wire() {
	run --profile sriov --timeout 60 -- bash -ec 'ip netns add peer; ip link set eth1 netns peer
		ip addr add 10.0.0.1/24 dev eth0; ip link set eth0 up
		ip -n peer addr add 10.0.0.2/24 dev eth1; ip -n peer link set eth1 up
		ping -q -c 3 -i 0.2 -W 20 10.0.0.2'
	same 0 "$status"
	# An answer may take long on a busy host, but none may be missing.
	like "$out" ' 0% packet loss'
}

test_real_programs_win_over_applets() {
	run -- sh -c 'modprobe --version; env modprobe --version; timeout 9 modprobe --version'
	same 3 "$(grep -c '^kmod version' <<<"$out")"
}

test_shell_talks_to_the_terminal() {
	"$top/scripts/root" python3 - "$vm" >"$work/stdout" 2>"$work/stderr" <<-'PYTHON'
		import os, pty, sys
		pid, terminal = pty.fork()
		if pid == 0:
		    os.execl(sys.argv[1], "vm", "--shell")
		seen = b""
		while b"# " not in seen:
		    seen += os.read(terminal, 4096)
		os.write(terminal, b"exit 3\n")
		try:
		    while os.read(terminal, 4096):
		        pass
		except OSError:
		    pass
		sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
	PYTHON
	same 3 $?
}

# Runs `true` with a cache of its own in $work/cache; sets `status` and `err`.
run_in_own_cache() {
	"$top/scripts/root" env RVM_CACHE_DIR="$work/cache" python3 -E -X pycache_prefix="$cache/pycache" \
		"$top/scripts/vmlib/main.py" --log "$work/log" -- true >"$work/stdout" 2>"$work/stderr" </dev/null
	status=$?
	err=$(cat "$work/stderr")
}

test_damaged_cache_heals() {
	local kind file
	mkdir -p "$work/cache/vm"
	# The answer about KVM takes long to find out.
	cp "$cache"/vm/kvm-* "$work/cache/vm" 2>/dev/null
	run_in_own_cache
	same "0 " "$status $err"
	for kind in vmlinux initrd snap; do
		file=$(echo "$work/cache/vm/$kind"-*)
		truncate -s -1000 "$file"
		run_in_own_cache
		same 0 "$status"
		like "$err" "$kind-.* is damaged"
	done
	file=$(echo "$work/cache/vm/snap"-*)
	dd if=/dev/urandom of="$file" bs=4k count=1 conv=notrunc 2>/dev/null
	run_in_own_cache
	same 0 "$status"
	like "$err" 'snap-.* failed .* is made anew'
	run_in_own_cache
	same "0 " "$status $err"
}

test_bad_input() {
	local words
	for words in '--profile nope -- true' '--cpus x -- true' '--cpus 0 -- true' '--mem 12G -- true' '' '--' \
		'--timeout -1 -- true' '--shell -- true' '--shell' '--bogus -- true' '--out /proc/no/such -- true'; do
		# shellcheck disable=SC2086
		run $words
		same 2 "$status"
		same 1 "$(wc -l <"$work/stderr")"
		like "$err" '^vm: error: '
	done
}

mapfile -t tests < <(declare -F | sed -n 's/^declare -f \(test_.*\)/\1/p')
echo KTAP version 1
for name in "${tests[@]}"; do check "$name"; done
echo "1..$count"
[ "$failed" = 0 ]

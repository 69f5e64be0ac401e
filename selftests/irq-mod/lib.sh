# SPDX-License-Identifier: GPL-2.0
# Lines and guests of irq-mod, and a small virtual machine whose device is moderated, for guest scripts.
# shellcheck shell=bash
# shellcheck source=selftests/lib/ktest.sh
[ -n "${ktest_top:-}" ] || . "$(dirname "${BASH_SOURCE[0]}")/../lib/ktest.sh"
# shellcheck source=selftests/lib/minivm.sh
. "$ktest_top/selftests/lib/minivm.sh"

irq_mod=/sys/kernel/irq_mod
lines=$irq_mod/lines
guests=$irq_mod/guests

add_line() { write $irq_mod/add_line "$*"; }
remove_line() { write $irq_mod/remove_line "$1"; }
add_guest() { write $irq_mod/add_guest "$*"; }
remove_guest() { write $irq_mod/remove_guest "$1"; }
line_set() { write "$lines/$1/$2" "$3"; }
line_get() { cat "$lines/$1/$2"; }
line_stat() { cat "$lines/$1/stats/$2"; }
guest_get() { cat "$guests/$1/$2"; }
guest_stat() { cat "$guests/$1/stats/$2"; }
line_in() { [ "$(line_get "$1" state)" = "$2" ]; }
guest_in() { [ "$(guest_get "$1" state)" = "$2" ]; }

# expect_line LINE STATE, expect_guest GUEST STATE: it is so within 5 s.
expect_line() { expect_soon 5 line_in "$1" "$2" || note "$1 is $(line_get "$1" state): $(line_get "$1" reason)"; }
expect_guest() { expect_soon 5 guest_in "$1" "$2" || note "$1 is $(guest_get "$1" state)"; }

# The interrupts of all devices so far, also of lines that are gone by now: all that the kernel has counted, without
# those of CPUs themselves.
all_interrupts() {
	awk '/^intr/ {print $2 - own; next} FNR == 1 {cpus = NF} $1 ~ /^(NMI|LOC|SPU|PMI|IWI|RTR|PLT|RES|CAL|TRM|THR|DFR|MCE|MCP):$/ {
		for (i = 2; i <= cpus + 1; i++) own += $i
	}' /proc/interrupts /proc/stat
}
lib_interrupts=$(all_interrupts)
note_interrupts() { note "$(($(all_interrupts) - lib_interrupts)) interrupts of devices in this test"; }
at_end note_interrupts

# Gives all lines and guests back.
clear_all() {
	local each
	for each in "$lines"/*/; do [ ! -d "$each" ] || remove_line "$(basename "$each")"; done
	for each in "$guests"/*/; do [ ! -d "$each" ] || remove_guest "$(basename "$each")"; done
}

# policy LATENCY OVERFLOW HALTED BURST: of the line `edu`.
policy() {
	expect_ok line_set edu latency_us "$1"
	expect_ok line_set edu overflow_us "$2"
	expect_ok line_set edu halted_us "$3"
	expect_ok line_set edu burst_events "$4"
}

# lossless EVENTS RATE [EVERY]: the guest's device raises; the guest must notice all. A note says how soon it did.
lossless() {
	vm run "$@" || fail "$vm_answer"
	note "run $*: ${vm_answer#ok }"
	expect_equal "0 lost, last seen 1" "$(vm_value lost) lost, last seen $(vm_value last_seen)"
}

# while_running EVENTS RATE EVERY COMMAND...: runs a command again and again until the device has raised that much; its
# rounds are counted in `rounds`.
while_running() {
	local run="$1 $2 $3"
	shift 3
	rounds=0
	vm_send run "$run"
	while ! IFS= read -r -t 0 -u "$vm_out"; do
		"$@"
		rounds=$((rounds + 1))
	done
	vm_receive || fail "$vm_answer"
	note "run $run, $rounds rounds of $*: ${vm_answer#ok }"
	expect_equal "0 lost, last seen 1" "$(vm_value lost) lost, last seen $(vm_value last_seen)"
	[ "$rounds" -gt 0 ] || fail "$* never ran"
}

# The test itself stays off the vCPU's CPU, which the hog takes away.
need_machine() {
	cd "$ktest_top" || exit 1
	taskset -p 1 $$ >/dev/null
	vm_prepare || bail "this CPU runs no virtual machines"
	at_end vm_unprepare
	at_end vm_stop KILL
	need_start
}

# end_machine [SIGNAL]: not by expect_ok, whose subshell would keep the pipes of the machine open.
end_machine() { vm_stop "$@" || fail "the virtual machine does not end"; }

need_start() { vm_start || bail "the virtual machine does not start: $vm_answer"; }

# SPDX-License-Identifier: GPL-2.0
# The slots, and users of VFIO that do what they are told, for guest scripts.
# shellcheck shell=bash
# shellcheck source=selftests/lib/ktest.sh
[ -n "${ktest_top:-}" ] || . "$(dirname "${BASH_SOURCE[0]}")/../lib/ktest.sh"

# shellcheck source=selftests/lib/sriov.sh
. "$ktest_top/selftests/lib/sriov.sh"

pause_root=/sys/kernel/vfio_pause
slots=$pause_root/slots
# The answer of the user's last command.
answer=
# The user that is spoken to, and by name: process, input, output.
user=user
declare -A user_pid=() user_in=() user_out=()

slot_add() { write "$slots/add" "$*"; }
slot_remove() { write "$slots/remove" "$1"; }
slot_state() { cat "$slots/$1/state"; }
slot_control() { write "$slots/$1/control" "$2"; }
slot_stat() { cat "$slots/$1/stats/$2"; }
slot_policy() { write "$slots/$1/policy/$2" "$3"; }
# The directory of the VFIO device of a slot.
slot_device() { echo "$pci/$(cat "$slots/$1/bdf")"; }
in_state() { [ "$(slot_state "$1")" = "$2" ]; }

# wait_state SLOT STATE [TIMEOUT_S]
wait_state() {
	expect_soon "${3:-10}" in_state "$1" "$2" ||
		note "$1 is $(slot_state "$1"): $(cat "$slots/$1/last_error")"
}

slots_clear() {
	local slot
	for slot in "$slots"/*/; do
		[ ! -d "$slot" ] || slot_remove "$(basename "$slot")"
	done
}

# user_start [NAME]: starts a user of VFIO, to whom `vu` speaks from now on.
# shellcheck disable=SC2120 # the name may be left out
user_start() {
	local in out
	user=${1:-user}
	rm -f "$ktest_dir/$user".{in,out}
	mkfifo "$ktest_dir/$user".{in,out}
	"$ktest_top/build/bin/vfiouser" <"$ktest_dir/$user.in" >"$ktest_dir/$user.out" 2>&1 &
	user_pid[$user]=$!
	# The shell need not say that it was killed.
	disown
	exec {in}>"$ktest_dir/$user.in" {out}<"$ktest_dir/$user.out"
	user_in[$user]=$in
	user_out[$user]=$out
}

# Ends the user, as a clean exit or, given KILL, without its help.
user_stop() {
	local in=${user_in[$user]:-} out=${user_out[$user]:-} pid=${user_pid[$user]:-}
	[ -n "$pid" ] || return 0
	if [ "${1:-}" = KILL ]; then kill -KILL "$pid"; else vu_send quit; fi
	expect_soon 10 user_gone "$pid" || kill -KILL "$pid"
	exec {in}>&- {out}<&-
	unset "user_pid[$user]" "user_in[$user]" "user_out[$user]"
}

user_gone() { [ ! -e "/proc/$1" ] || grep -q '^State:.*Z' "/proc/$1/status"; }

users_stop() {
	local name
	for name in "${!user_pid[@]}"; do
		user=$name
		user_stop KILL
	done 2>/dev/null
}

# vu COMMAND...: one command of the user; leaves its answer in `answer`.
vu() {
	vu_send "$@"
	vu_answer
}

vu_send() { printf '%s\n' "$*" >&"${user_in[$user]}"; }

# vu_answer [TIMEOUT_S]: the answer to a command sent before.
# shellcheck disable=SC2120 # so may the time
vu_answer() {
	answer=
	read -r -t "${1:-60}" -u "${user_out[$user]}" answer || answer='no answer'
	[[ $answer = ok* ]]
}

# No answer has come so far.
vu_waits() { ! read -r -t 0 -u "${user_out[$user]}"; }

# expect_vu PATTERN COMMAND...: the answer as a whole must match.
expect_vu() {
	local pattern=$1
	shift
	vu "$@"
	[[ $answer =~ ^($pattern)$ ]] || fail "wanted '$pattern', got '$answer': $*"
}

# A field NAME=VALUE of the last answer.
field() {
	local text=" $answer "
	text=${text#* "$1"=}
	[ "$text" = " $answer " ] || printf '%s' "${text%% *}"
}

# Where the cases below put the ring of descriptors.
ring=0x100000

# Opens DEVICE and makes a driver's preparations: BAR 0, a ring, three vectors, the handshake with the PF.
user_opens() {
	expect_vu 'ok device=0 .*' open "$1" &&
		expect_vu 'ok .*' mmap 0 &&
		expect_vu 'ok .*' map $ring 0x10000 &&
		expect_vu 'ok' irqs 2 0 3 &&
		expect_vu 'ok mac=.*' igb-init
}

# Forgets interrupts of the past, among them those that tell of a pause.
irqs_drain() {
	local vector
	for vector in 0 1 2; do vu irq-count $vector; done
}

# The device fetches from memory, writes to it and interrupts, without any new preparation.
device_works() {
	irqs_drain
	expect_vu 'ok .*' igb-dma "${1:-$ring}" &&
		expect_vu ok igb-irq 1 && expect_vu 'ok count=1 .*' irq-wait 1 2000
}

# The same for a device that has been reset meanwhile, whose driver starts again through the same files.
device_works_anew() {
	expect_vu 'ok mac=.*' igb-init && device_works "$@"
}

faults_seen() { dmesg | grep -Ec 'DMAR: DRHD: handling fault status|AMD-Vi: Event logged \[IO_PAGE_FAULT'; }

# device_faults IOVA: the device cannot reach it, and the IOMMU reports the attempt. The kernel limits such reports to
# some in five seconds, so that it may take several.
device_faults() {
	local before tries
	before=$(faults_seen)
	for ((tries = 0; tries < 8; tries++)); do
		expect_vu 'ok .*' igb-dma-fault "$1"
		sleep 0.2
		! faults_more "$before" || return 0
		sleep 1
	done
	fail "no fault was reported"
}

faults_more() { [ "$(faults_seen)" -gt "$1" ]; }

# user_cases DEVICE PF: what a user space driver of an igb VF needs of whatever VFIO device. The user stays.
user_cases() {
	local net=("$pci/$2"/net/*)

	it "the device opens as a PCI function that can be reset"
	user_start
	user_opens "$1"
	expect_vu 'ok flags=0x3 regions=9 irqs=5' info
	it "its regions are those of an 82576 VF, and no others"
	expect_vu 'ok flags=0x7 size=0x4000 .*' region 0
	expect_vu 'ok flags=0x7 size=0x4000 .* caps=3' region 3
	expect_vu 'ok flags=0x3 size=0x1000 .*' region 7
	expect_vu '(ok flags=0x[0-9a-f]+ size=0x0 .*|errno EINVAL)' region 1
	expect_vu 'errno EINVAL' region 99
	it "it has three MSI-X vectors and no line interrupt"
	expect_vu 'ok flags=0x[19] count=3' irqinfo 2
	expect_vu '(ok .* count=0|errno EINVAL)' irqinfo 0
	expect_vu 'errno EINVAL' irqinfo 99
	it "its configuration space has ids, BAR types and a virtual memory enable bit"
	expect_vu 'ok 0x10ca8086' cfg-read 0 4
	expect_vu 'ok 0xc' cfg-read 0x10 4
	expect_vu 'ok 0x6' cfg-read 4 2
	expect_vu ok cfg-write 0x10 4 0xffffffff
	expect_vu 'ok 0xffffc00c' cfg-read 0x10 4
	expect_vu ok cfg-write 0x10 4 0xfe000000
	it "a BAR reads the same by pread and through its mapping"
	expect_vu 'ok 0x.*' bar-read 0 8 4
	expect_vu "${answer% ns=*} .*" mread 0 8
	expect_vu ok bar-write 0 0x804 4 0x12345678
	expect_vu 'ok 0x12345678 .*' mread 0 0x804
	it "the device reads memory and writes it" device_works
	it "what it sends arrives at the PF's wire"
	expect_between 1 1000000 "$(cat "$pci/$(pf_of_igb 1)"/net/*/statistics/rx_packets)"
	[ -e "${net[0]}" ] || fail "$2 has no interface"
	it "each vector reaches its own eventfd"
	for vector in 0 1 2; do
		irqs_drain
		expect_vu ok igb-irq $vector
		expect_vu 'ok count=1 .*' irq-wait $vector 2000
		expect_vu 'ok count=0' irq-count $(((vector + 1) % 3))
	done
	it "vectors can be triggered by hand, all and by a map"
	irqs_drain
	expect_vu ok irq-none 2 0 3
	expect_vu ok irq-bool 2 0 101
	expect_vu 'ok count=2' irq-count 0
	expect_vu 'ok count=1' irq-count 1
	expect_vu 'ok count=2' irq-count 2
	it "a vector whose eventfd was taken away is silent, and speaks again with a new one"
	expect_vu ok irq-drop 2 1
	expect_vu ok igb-irq 1
	expect_vu 'errno ETIMEDOUT' irq-wait 1 200
	expect_vu ok irqs 2 1 1
	device_works
	it "an unmapped address faults and its memory stays as it is"
	expect_vu 'ok size=0x10000 .*' unmap $ring 0x10000
	device_faults $ring
	device_faults 0x7000000
	it "memory that is mapped again works again"
	expect_vu 'ok .*' map $ring 0x10000
	device_works
	it "a mapping may be neither empty nor odd nor mapped twice"
	expect_vu 'errno EINVAL' map 0x100 0x1
	expect_vu 'errno EINVAL' map 0x10000000 0
	expect_vu 'errno EEXIST' map $ring 0x10000
	it "hundreds of frames and interrupts all arrive" expect_vu 'ok rounds=200 .*' igb-loop 200 $ring 2
	it "a BAR can be mapped for other devices, and unmapped"
	expect_vu 'ok size=0x4000' map-bar 0x40000000 0
	expect_vu 'ok size=0x4000 .*' unmap 0x40000000 0x4000
	it "what does not exist is ENOTTY" expect_vu 'errno ENOTTY' ioctl 0x3bff
}

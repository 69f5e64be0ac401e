#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# profile: nested
# cpus: 2
# timeout: 420
# A guest of an unmodified QEMU, with its own driver of a virtual function, keeps its network interface while the host
# takes all virtual functions away and makes other ones. Without the module the same guest loses it.
. "$(dirname "$0")/lib.sh"
cd "$ktest_top" || exit 1
. "$ktest_top/selftests/vfio-pause/nested/nested.sh"

pf=$(pf_of_igb 0)
ours=10.0.7.1
theirs=10.0.7.2

modprobe -a kvm_amd 2>/dev/null || modprobe -a kvm_intel 2>/dev/null || skip "this CPU runs no virtual machines"
modprobe -a vfio-pci vfio_iommu_type1 || bail "there is no VFIO"
pf_up
for net in "$pci/$(pf_of_igb 1)"/net/*; do ip address add $ours/24 dev "${net##*/}"; done

rows=()
# row NAME INTERFACE: keeps a row of the table of the last pings.
row() { rows+=("$(printf '%-48s %-10s %9d %6d' "$1" "$2" "$outage_ms" "$lost")"); }

configure() { guest "ip link set eth0 up && ip address add $theirs/24 dev eth0"; }

# What must not change in the guest: number, state, addresses and driver of its interface.
interface() {
	guest 'cat /sys/class/net/eth0/ifindex; ip address show eth0 | grep -v -e inet6 -e valid_lft; readlink /sys/class/net/eth0/device/driver'
}

at_end vf_remove "$pf"
at_end nested_end
expect_ok vf_create "$pf" 2

it "a guest with a function behind vfio-pci answers"
function=$(vf_bdf "$pf" 0)
expect_ok give_to vfio-pci "$function"
nested_boot "$function" >"$ktest_dir/boot" || bail "$(cat "$ktest_dir/boot")"
expect_ok configure
index=$(guest 'cat /sys/class/net/eth0/ifindex')
ping_begin $theirs
answers 20 || fail "no answers"

it "it loses its interface when the functions are made anew, and gets another one"
start_ms=$((${EPOCHREALTIME/./} / 1000))
expect_ok qmp device_del '{"id": "nic"}'
expect_ok qmp_event DEVICE_DELETED
expect_equal lo "$(guest 'ls /sys/class/net')"
expect_ok vf_create "$pf" 3
function=$(vf_bdf "$pf" 0)
expect_ok give_to vfio-pci "$function"
expect_ok qmp device_add "{\"driver\": \"vfio-pci\", \"host\": \"$function\", \"bus\": \"root0\", \"id\": \"nic\"}"
host_ms=$((${EPOCHREALTIME/./} / 1000 - start_ms))
expect_soon 30 guest 'test -e /sys/class/net/eth0'
[ "$(guest 'cat /sys/class/net/eth0/ifindex')" != "$index" ] || fail "it is the same interface"
expect_ok configure
answers 10 || fail "no answers"
ping_end
row "vfio-pci, device_del, numvfs 2-0-3, device_add" new
note "vfio-pci: the host's part took $host_ms ms"
nested_end
expect_ok vf_create "$pf" 2
need_module vfio_pause
at_end slots_clear
at_end nested_end

boot_front() {
	nested_boot "$(cat $slots/web0/bdf)" >"$ktest_dir/boot" || bail "$(cat "$ktest_dir/boot")"
	expect_ok configure
	# Without its link an interface has one flag more.
	expect_soon 20 guest 'grep -q 1 /sys/class/net/eth0/carrier'
	before=$(interface)
}

it "a guest with the front of a slot answers"
expect_ok slot_add web0 pf:"$pf" vf:0
expect_equal running "$(slot_state web0)"
boot_front

# Whether a guest was booted anew whose processor stands still: not even its shell answers, which has nothing to do with
# the network. That happens now and then where virtualization is emulated; twice in one test is a failure.
has_revived=0
revived() {
	[ $has_revived = 0 ] && ! nested_answers || return 1
	has_revived=1
	note "the guest's processor stands still; once more with another guest"
	nested_state
	nested_end
	boot_front
}

# again NAME COMMAND...: a command under pings, after which the guest must answer without having been touched.
again() {
	local name=$1 is_fine=1
	shift
	ping_begin $theirs
	answers 10 || is_fine=0
	expect_ok "$@"
	wait_state web0 running 30
	answers 20 || is_fine=0
	ping_end
	if [ $is_fine = 0 ]; then
		if revived; then
			again "$name" "$@"
			return
		fi
		fail "no answers"
	fi
	expect_equal "$before" "$(interface)"
	row "$name" same
}

it "it keeps its interface when the functions are made anew"
again "vfio-pause, numvfs 2-0-3" vf_create "$pf" 3
expect_equal "$(vf_bdf "$pf" 0)" "$(cat $slots/web0/backing)"

# The card forgets the guest's address with the function, and nobody else can know it.
reconfigure() {
	slow_write $pause_root/reconfigure "$pf 2" || return 1
	for net in "$pci/$pf"/net/*; do ip link set "${net##*/}" vf 0 mac 02:00:00:00:00:01; done
}
it "it keeps its interface when they are made anew as one transaction"
again "vfio-pause, reconfigure 3-0-2" reconfigure

it "it answers again after a soft pause in which pings went on to arrive"
expect_ok slot_policy web0 fault block
expect_ok slot_policy web0 block_ms 10000
soft_pause() {
	slot_control web0 "pause soft" && sleep "$1" && slot_control web0 resume
}
again "vfio-pause, soft pause of 0.1 s" soft_pause 0.1
again "vfio-pause, soft pause of 3 s" soft_pause 3

# own_pings INTERVAL COUNT COMMAND...: the guest pings while the command runs; nothing of it may be lost.
own_pings() {
	local interval=$1 count=$2 result
	shift 2
	nested_answers || revived || fail "the guest's processor stands still"
	expect_ok guest "ping -q -c $count -i $interval $ours >/pings & sleep 1"
	host_s=$SECONDS
	expect_ok "$@"
	host_s=$((SECONDS - host_s))
	result=$(guest "wait; cat /pings" | tr '\n' ' ')
	if revived; then
		own_pings "$interval" "$count" "$@"
		return
	fi
	read -r sent received < <(sed -n 's/.* \([0-9]*\) packets transmitted, \([0-9]*\) packets.*/\1 \2/p' <<<"$result")
	expect_equal "$count" "$sent"
	lost=$((sent - received))
	outage_ms=$(sed -n 's/.*max = [^ ]*\/\([0-9]*\)\.[0-9]* ms.*/\1/p' <<<"$result")
	expect_equal "$before" "$(interface)"
}

it "what it sends in a soft pause of 3 s waits for the end of it, and nothing is lost"
blocked=$(cat $slots/web0/stats/blocked_faults)
own_pings 0.2 25 soft_pause 3
expect_equal 0 "$lost"
expect_between $((blocked + 1)) 1000000 "$(cat $slots/web0/stats/blocked_faults)"
row "vfio-pause, soft pause of 3 s, pings of its own" same

it "it loses few pings of its own, one a second, when the functions are made anew"
expect_ok slot_policy web0 block_ms 2000
expect_ok slot_policy web0 fault block-then-sink
own_pings 1 20 vf_create "$pf" 3
note "of its own pings, one a second, $lost were lost; the host's part took $host_s s"
# On a busy host each second without functions is one more.
most=$((host_s + 2))
expect_between 0 $((most > 6 ? most : 6)) "$lost"
row "vfio-pause, numvfs 2-0-3, one ping a second" same

it "the slot is free when the guest has ended"
expect_errno EBUSY slot_remove web0
nested_end
expect_ok slot_remove web0
it "the kernel has nothing to say about all that" expect_quiet_kernel
note "$(printf '%-48s %-10s %9s %6s' "what the host does, ten pings a second" interface "outage ms" lost)"
for line in "${rows[@]}"; do note "$line"; done
finish

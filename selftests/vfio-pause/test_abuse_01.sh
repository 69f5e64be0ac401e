#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# profile: viommu
# cpus: 2
# timeout: 300
# Users and administrators who do the wrong thing at the wrong time, on purpose.
. "$(dirname "$0")/lib.sh"

modprobe vfio_iommu_type1
need_module vfio_pause
pf=$(pf_of_igb)
at_end slots_clear
at_end users_stop
pf_up
at_end vf_remove "$pf"
vf_create "$pf" 2 || bail "no VFs"
need_write $slots/add "one pf:$pf vf:0"
slot=$slots/one
front=$(slot_device one)
files=("$slots"/{add,remove} "$pause_root/reconfigure" "$slot"/{control,target} "$slot"/policy/*)

# The slot serves a new user, whatever happened to the last one.
serves() {
	[ "$(slot_state one)" != paused ] || expect_ok slot_control one resume
	expect_equal running "$(slot_state one)"
	user_start next
	user_opens "$front" && device_works
	user_stop
}

it "garbage in every file is refused and changes nothing"
before=$(cat "$slot"/{state,target,backing,bdf,policy/*})
for file in "${files[@]}"; do
	for text in junk $'\n' $'\x01\x02\xff' "$(printf '%%n%%s%.0s' {1..50})" "$(head -c 4000 /dev/zero | tr '\0' A)" \
		"-1" "18446744073709551616" "one two three four five"; do
		expect_errno 'EINVAL|ERANGE|ENOENT|ENXIO|EBUSY' write "$file" "$text"
	done
done
expect_equal "$before" "$(cat "$slot"/{state,target,backing,bdf,policy/*})"
it "zero bytes in every file are refused"
for file in "${files[@]}"; do
	! head -c 100 /dev/zero >"$file" 2>/dev/null || fail "$file took them"
done

# Takes turns with whoever else does the same; every refusal is one that the state explains.
toggle() {
	local i message
	for ((i = 0; i < $2; i++)); do
		for command in "pause $1" resume; do
			message=$(write $slot/control "$command" 2>&1) && continue
			[[ $message = *'resource busy' || $message = *'No such device' ]] || fail "$command: $message"
		done
	done
	return 0
}
it "two administrators who pause and resume at once end in a state that is known"
jobs=()
toggle soft 100 & jobs+=($!)
toggle soft 100 & jobs+=($!)
wait "${jobs[@]}"
expect_match 'running|paused' "$(slot_state one)"
serves
it "the same with different kinds of pause"
jobs=()
toggle soft 20 & jobs+=($!)
toggle hard 5 & jobs+=($!)
wait "${jobs[@]}"
serves

it "pauses amid a storm of ioctls, mappings and reads of the configuration disturb nobody"
expect_ok slot_policy one fault block
expect_ok slot_policy one block_ms 60000
user_start
user_opens "$front"
expect_vu ok thread-ioctl 2
expect_vu ok thread-map 0x20000000 0x10000 2
toggle soft 50
expect_vu 'ok threads=4 .* errors=0 error=none sigbus=0 .*' thread-stop
note "$(field rounds) rounds"
device_works

it "four threads that write to the BAR lose no write to soft pauses"
expect_vu ok thread-write 0 0x800 4
toggle soft 50
expect_vu 'ok threads=4 .* errors=0 error=none sigbus=0 .*' thread-stop
last=$(field last)
expect_vu "ok $last .*" mread 0 0x80c
note "50 pauses, the last value written and found is $last"
it "four threads that read the BAR while it comes and goes get no SIGBUS"
expect_vu ok thread-read 0 8 4
expect_ok numvfs "$pf" 0
wait_state one paused
expect_ok vf_create "$pf" 2
wait_state one running
expect_vu 'ok threads=4 .* sigbus=0 .*' thread-stop
device_works_anew
it "the same with the policy sink"
expect_ok slot_policy one fault sink
expect_vu ok thread-read 0 8 4
toggle soft 50
expect_vu 'ok threads=4 .* sigbus=0 .*' thread-stop
device_works
expect_ok slot_policy one fault block

it "a thousand mappings and unmappings while paused are all in force afterwards"
expect_ok slot_control one "pause soft"
maps=$(slot_stat one dma_maps)
expect_vu 'ok rounds=1000 .*' storm 1000 0x30000000 0x10000
expect_vu 'ok .*' map 0x30000000 0x10000
expect_between $((maps + 1001)) 1000000000 "$(slot_stat one dma_maps)"
expect_ok slot_control one resume
device_works 0x30000000
expect_vu 'ok size=0x10000 .*' unmap 0x30000000 0x10000
device_faults 0x30000000

# held COMMAND...: the command of the user is held by a soft pause.
held() {
	expect_ok slot_control one "pause soft"
	vu_send "$@"
	sleep 0.3
	vu_waits || fail "'$*' was not held"
}
it "a signal during a held access runs its handler at once, and the access goes on waiting"
held mread 0 8
kill -USR1 "${user_pid[user]}"
sleep 0.3
vu_waits || fail "the access ended: $answer"
kill -USR1 "${user_pid[user]}"
sleep 0.3
expect_ok slot_control one resume
vu_answer
expect_match 'ok 0x[0-9a-f]+ ns=[0-9]+ signals=2 .*' "$answer"
# The second handler ran when the signal came, not when the pause was over.
expect_between 500000000 $(($(field ns) - 200000000)) "$(field signal_ns)"
device_works
it "a user that is killed during a held access ends at once"
held mread 0 8
start_ms=${EPOCHREALTIME/./}
user_stop KILL
expect_between 0 2000 $(((${EPOCHREALTIME/./} - start_ms) / 1000))
expect_equal paused "$(slot_state one)"
serves

it "a user that is killed while running leaves a slot for the next"
user_start
user_opens "$front"
expect_vu ok thread-read 0 8
user_stop KILL
serves
it "so does one that is killed while the slot is paused, softly and hard"
for kind in soft hard; do
	user_start
	user_opens "$front"
	expect_ok slot_control one "pause $kind"
	user_stop KILL
	expect_equal paused "$(slot_state one)"
	serves
done
it "so does one that is killed while there is no VF"
user_start
user_opens "$front"
expect_ok numvfs "$pf" 0
wait_state one paused
expect_vu 'ok .*' map 0x800000 0x10000
user_stop KILL
expect_equal paused "$(slot_state one)"
expect_ok vf_create "$pf" 2
wait_state one running
serves
it "so does one that is killed amid pauses"
toggle soft 200 &
job=$!
for i in {1..5}; do
	user_start "doomed$i"
	vu open "$front"
	vu mmap 0
	vu thread-read 0 8 2
	vu thread-map 0x20000000 0x10000
	user_stop KILL
done
wait $job
serves

it "VFs that come and go while an administrator pauses and resumes end in a state that is known"
user_start
user_opens "$front"
toggle soft 300 &
job=$!
expect_ok numvfs "$pf" 0
expect_ok vf_create "$pf" 2
wait $job
expect_soon 10 grep -qxE 'running|paused|error' $slot/state
[ "$(slot_state one)" != error ] || expect_ok slot_control one reset-error
[ "$(slot_state one)" != paused ] || expect_ok slot_control one resume
device_works_anew
it "so does a change of the number of VFs by two at once"
expect_ok write $pause_root/reconfigure "$pf 3" &
job=$!
expect_errno 'success|EBUSY' write $pause_root/reconfigure "$pf 4"
wait $job
expect_match '[34]' "$(cat "$pci/$pf/sriov_numvfs")"
wait_state one running
device_works_anew

it "the PF's driver may go while the slot is open and read"
expect_vu ok thread-read 0 8
expect_ok slow_write /sys/bus/pci/drivers/igb/unbind "$pf"
wait_state one paused
expect_vu 'ok 0x10ca8086' cfg-read 0 4
expect_ok write /sys/bus/pci/drivers/igb/bind "$pf"
pf_up
expect_ok vf_create "$pf" 2
wait_state one running
expect_vu 'ok threads=1 .* sigbus=0 .*' thread-stop
device_works_anew
it "the PF itself may go"
expect_ok slow_write "$pci/$pf/remove" 1
wait_state one paused
expect_vu 'ok size=0x10000 .*' unmap $ring 0x10000
expect_ok write /sys/bus/pci/rescan 1
expect_soon 10 test -e "$pci/$pf/sriov_numvfs"
pf_up
expect_ok vf_create "$pf" 2
wait_state one running
expect_vu 'ok .*' map $ring 0x10000
device_works_anew

it "an interrupt request that makes no sense is refused"
expect_vu 'errno EINVAL' irqs 2 2 5
expect_vu 'errno EINVAL' irqs 9 0 1
expect_vu 'errno E.*' irq-none 2 60 60
expect_vu 'errno EINVAL' irqs 0 0 1
it "accesses beyond the regions are refused"
expect_vu 'errno E.*' bar-read 0 0x4000 4
expect_vu 'errno E.*' bar-read 5 0 4
expect_vu 'errno E.*' cfg-read 0x1000 4
device_works_anew

it "the module stays while the slot is there, open or not"
expect_errno EBUSY rmmod vfio_pause
user_stop
expect_errno EBUSY rmmod vfio_pause
it "the front device may be removed while it is open, and the slot after that"
user_start
user_opens "$front"
slow_write "$front/remove" 1 &
job=$!
sleep 0.5
user_stop
wait $job
expect_ok slot_remove one
expect_equal none "$(driver_of "$(vf_bdf "$pf" 0)")"
it "the kernel has nothing to say about all that" expect_quiet_kernel
finish

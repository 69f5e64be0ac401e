#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# profile: viommu
# cpus: 2
# timeout: 180
# Every error has its code and changes nothing.
. "$(dirname "$0")/lib.sh"

modprobe vfio_iommu_type1
need_module vfio_pause
pf=$(pf_of_igb)
other_pf=$(pf_of_igb 1)
at_end slots_clear
at_end users_stop
at_end take_back 0000:00:11.0
pf_up
at_end vf_remove "$pf"
vf_create "$pf" 2 || bail "no VFs"
need_write $slots/add "one pf:$pf vf:0"
slot=$slots/one

all_slots() { find $slots -mindepth 1 -maxdepth 1 -type d -printf '%f ' | tr ' ' '\n' | sort | tr '\n' ' '; }

# The text of all that a slot says but its counters.
description() {
	(cd "$1" && for file in state target backing bdf iommu_group policy/*; do echo "$file $(cat "$file")"; done)
}

# unchanged ERRNO FILE VALUE: refused, and the slot is as before.
unchanged() {
	local before
	before=$(description $slot)
	expect_errno "$1" write "$2" "$3"
	expect_equal "$before" "$(description $slot)"
}

it "a slot of a malformed description is EINVAL"
for text in $'\n' ' ' one "one " "one pf:$pf" "one vf:0" "one pf:$pf vf:" "one pf: vf:1" "one pf:$pf vf:-1" "one pf:$pf vf:0x1" \
	"one pf:$pf vf:1 front:" "one pf:$pf vf:1 front:pci front:pci" "one pf:$pf vf:1 junk" "one pf:$pf,vf:1" \
	"one function:" "one function:1:2:3" "one function:$pf vf:1" "two name:three pf:$pf vf:1" \
	"/ pf:$pf vf:1" "../x pf:$pf vf:1" ". pf:$pf vf:1" ".. pf:$pf vf:1" "a/b pf:$pf vf:1" \
	"$(printf 'n%.0s' {1..300}) pf:$pf vf:1" "two pf:$pf vf:1 $(printf 'x%.0s' {1..3000})" $'two\xff pf:'"$pf vf:1"; do
	expect_errno EINVAL slot_add "$text"
done
it "a number of a VF beyond what the PF has is ERANGE"
expect_errno ERANGE slot_add "two pf:$pf vf:7"
expect_errno ERANGE slot_add "two pf:$pf vf:65535"
it "a PF or function that does not exist is ENXIO"
expect_errno ENXIO slot_add "two pf:0000:7f:1f.7 vf:0"
expect_errno ENXIO slot_add "two function:0000:7f:1f.7"
it "a function without virtual functions is no PF"
expect_errno 'ENXIO|ERANGE|EOPNOTSUPP' slot_add "two pf:0000:00:11.0 vf:0"
it "a name or a target that is taken is EEXIST"
expect_errno EEXIST slot_add "one pf:$pf vf:1"
expect_errno EEXIST slot_add "two pf:$pf vf:0"
expect_errno 'EEXIST|EBUSY' slot_add "two function:$(vf_bdf "$pf" 0)"
it "none of that made a slot or disturbed the one there is"
expect_equal "one " "$(all_slots)"
expect_equal running "$(slot_state one)"
expect_equal 0 "$(slot_stat one pauses)"

it "a VF that is not there yet makes an empty slot without a device"
expect_ok slot_add "later pf:$pf vf:5"
expect_equal empty "$(slot_state later)"
expect_equal none "$(cat $slots/later/backing)"
expect_equal none "$(cat $slots/later/bdf)"
expect_equal none "$(cat $slots/later/iommu_group)"
it "an empty slot cannot be paused or resumed, but given another target"
expect_errno 'EBUSY|ENODEV' slot_control later "pause soft"
expect_errno 'EBUSY|ENODEV' slot_control later "pause hard"
expect_errno 'EBUSY|ENODEV' slot_control later resume
expect_errno EBUSY slot_control later reset-error
expect_ok write $slots/later/target "pf:$pf vf:6"
expect_equal "pf:$pf vf:6" "$(cat $slots/later/target)"
expect_errno EEXIST write $slots/later/target "pf:$pf vf:0"
expect_errno ERANGE write $slots/later/target "pf:$pf vf:7"
expect_errno ENXIO write $slots/later/target "pf:0000:7f:1f.7 vf:0"
expect_errno EINVAL write $slots/later/target junk
expect_equal "pf:$pf vf:6" "$(cat $slots/later/target)"
expect_ok slot_remove later

it "the removal of what does not exist is ENOENT"
expect_errno ENOENT slot_remove two
expect_errno 'EINVAL|ENOENT' slot_remove $'\n'
expect_errno 'EINVAL|ENOENT' slot_remove ../slots/one

it "an unknown command is EINVAL"
for text in $'\n' pause "pause " "pause softly" "pause soft hard" resum "resume now" RESUME reset "reset-error now"; do
	unchanged EINVAL $slot/control "$text"
done
it "what a running slot cannot do is EBUSY"
unchanged EBUSY $slot/control resume
unchanged EBUSY $slot/control reset-error
unchanged EBUSY $slot/target "pf:$pf vf:1"
it "a second pause of a paused slot is EBUSY"
expect_ok slot_control one "pause soft"
unchanged EBUSY $slot/control "pause soft"
unchanged EBUSY $slot/control "pause hard"
unchanged EBUSY $slot/control reset-error
unchanged EBUSY $slot/target "pf:$pf vf:1"
expect_ok slot_control one resume
it "a policy out of range or unknown is refused"
unchanged ERANGE $slot/policy/block_ms 60001
unchanged EINVAL $slot/policy/block_ms 1s
unchanged EINVAL $slot/policy/fault sinks
unchanged EINVAL $slot/policy/fault $'\n'
unchanged EINVAL $slot/policy/fault "block sink"
unchanged 'EINVAL|ERANGE' $slot/policy/kick 2
it "the fault policy holds each of its values"
for text in block sink block-then-sink; do
	expect_ok write $slot/policy/fault $text
	expect_equal $text "$(cat $slot/policy/fault)"
done

it "resuming a slot without backing is ENODEV"
expect_ok slot_policy one auto_resume 0
expect_ok numvfs "$pf" 0
wait_state one paused
expect_errno ENODEV slot_control one resume
expect_equal paused "$(slot_state one)"
it "without automatic resume a slot waits for a command"
expect_ok vf_create "$pf" 2
expect_soon 5 grep -qx "$(vf_bdf "$pf" 0)" $slot/backing
sleep 0.5
expect_equal paused "$(slot_state one)"
expect_ok slot_control one resume
expect_ok slot_policy one auto_resume 1

it "a device that is not what the slot's user knows is refused, and the slot waits"
expect_ok slot_control one "pause hard"
old=$(cat $slot/backing)
expect_ok write "$pci/$old/driver/unbind" "$old"
expect_errno EINVAL write $slot/target function:0000:00:11.0
expect_equal paused "$(slot_state one)"
expect_equal none "$(cat $slot/backing)"
expect_match '.*[a-z].*' "$(cat $slot/last_error)"
[ "$(cat $slot/last_error)" != none ] || fail "no reason is given"
it "it takes the right one after that"
expect_ok write $slot/target "pf:$pf vf:1"
expect_soon 5 grep -qx "$(vf_bdf "$pf" 1)" $slot/backing
expect_ok slot_control one resume
expect_equal running "$(slot_state one)"

it "a change of the number of VFs that makes no sense is refused, and nothing is touched"
pauses=$(slot_stat one pauses)
for text in $'\n' junk "$pf" "$pf x" "$pf -1" "$pf 1 2" "0000:01 2"; do
	expect_errno EINVAL write $pause_root/reconfigure "$text"
done
expect_errno ERANGE write $pause_root/reconfigure "$pf 8"
expect_errno ENXIO write $pause_root/reconfigure "0000:7f:1f.7 1"
expect_errno 'ENXIO|ERANGE|EOPNOTSUPP' write $pause_root/reconfigure "0000:00:11.0 1"
expect_equal 2 "$(cat "$pci/$pf/sriov_numvfs")"
expect_equal running "$(slot_state one)"
expect_equal "$pauses" "$(slot_stat one pauses)"
it "one that makes sense keeps the slots"
expect_ok write $pause_root/reconfigure "$pf 4"
expect_equal 4 "$(cat "$pci/$pf/sriov_numvfs")"
wait_state one running
expect_equal "$(vf_bdf "$pf" 1)" "$(cat $slot/backing)"
it "a PF without slots can be changed as well"
expect_ok write $pause_root/reconfigure "$other_pf 1"
expect_equal 1 "$(cat "$pci/$other_pf/sriov_numvfs")"
expect_ok write $pause_root/reconfigure "$other_pf 0"
it "fewer VFs than slots leave a slot that waits"
expect_ok write $pause_root/reconfigure "$pf 1"
wait_state one paused
expect_ok write $pause_root/reconfigure "$pf 2"
wait_state one running

it "an open slot cannot be removed"
user_start
user_opens "$(slot_device one)"
expect_errno EBUSY slot_remove one
expect_equal running "$(slot_state one)"
it "a group that is open is EBUSY for a second user"
user_start second
expect_vu 'errno EBUSY group' open "$(slot_device one)"
user_stop
user=user
it "a driver that is needed cannot be taken from under an open slot's front"
expect_errno 'EACCES|EPERM|EBUSY|ENODEV|ENOENT' write /sys/bus/pci/drivers/vfio-pause-front/unbind "$(cat $slot/bdf)"
device_works_anew
user_stop

it "the module stays while it has slots"
expect_errno EBUSY rmmod vfio_pause
expect_ok slot_remove one
it "nobody but root may do anything"
for file in "$slots/add" "$slots/remove" "$pause_root/reconfigure"; do expect_equal 200 "$(stat -c %a "$file")"; done

modprobe igbvf
vf=$(vf_bdf "$pf" 0)
it "a VF that was reserved for another driver is taken from it, and given back"
give_to igbvf "$vf"
expect_equal igbvf "$(driver_of "$vf")"
expect_ok slot_add "one pf:$pf vf:0"
expect_equal vfio-pause "$(driver_of "$vf")"
expect_ok slot_remove one
expect_equal igbvf "$(driver_of "$vf")"
expect_equal igbvf "$(cat "$pci/$vf/driver_override")"
it "so is one that a driver has found by itself"
take_back "$vf"
echo 1 >"$pci/$pf/sriov_drivers_autoprobe"
echo "$vf" >/sys/bus/pci/drivers_probe
expect_equal igbvf "$(driver_of "$vf")"
expect_ok slot_add "one pf:$pf vf:0"
expect_ok slot_remove one
expect_equal igbvf "$(driver_of "$vf")"
expect_equal '(null)' "$(cat "$pci/$vf/driver_override")"

it "the kernel has nothing to say about all that" expect_quiet_kernel
finish

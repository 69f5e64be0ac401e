#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# profile: viommu
# cpus: 2
# timeout: 180
# Administrators of slots, of the card and of its driver get in each other's way: each gets an answer, and what is left
# in the end is what the last of them said.
. "$(dirname "$0")/lib.sh"

modprobe -a vfio_iommu_type1 igbvf
need_module vfio_pause
pf=$(pf_of_igb)
other_pf=$(pf_of_igb 1)
# How long everything happens at once.
stress_s=${RVM_LONG:+60}
stress_s=${stress_s:-8}
# Rounds of each that races for a target.
rounds=${RVM_LONG:+3000}
rounds=${rounds:-600}
jobs=()
at_end slots_clear
at_end users_stop
pf_up
at_end vf_remove "$pf"
at_end vf_remove "$other_pf"
echo 0 >"$pci/$other_pf/sriov_drivers_autoprobe"
vf_create "$pf" 3 || bail "no VFs"
vf=$(vf_bdf "$pf" 0)

# Removals of slots wait for changes of any card's virtual functions: this begins one, then such a removal.
removal_waits() {
	jobs=()
	numvfs "$other_pf" 7 &
	jobs+=($!)
	expect_soon 5 vfs_coming
	slot_remove one &
	jobs+=($!)
	sleep 0.3
}
vfs_coming() { ktest_dmesg | grep -q "$other_pf: 7 VFs allocated"; }
# ended: all that was begun has succeeded.
ended() {
	local job
	for job in "${jobs[@]}"; do wait "$job" || fail "one of several at once failed"; done
}

it "a VF can be given to another driver while the removal of its slot is under way"
expect_ok slot_add "one pf:$pf vf:0"
removal_waits
# Unless the removal was not held up after all.
expect_errno 'success|ENODEV' write /sys/bus/pci/drivers/vfio-pause/unbind "$vf"
expect_ok give_to igbvf "$vf"
ended
expect_equal igbvf "$(driver_of "$vf")"
expect_equal 4 $((0x$(setpci -s "$vf" COMMAND) & 4))
expect_equal igbvf "$(cat "$pci/$vf/driver_override")"
expect_no_dmesg
take_back "$vf"
expect_ok vf_remove "$other_pf"
it "the driver of the PF can be unbound while the removal of a slot is under way"
expect_ok slot_add "one pf:$pf vf:0"
removal_waits
expect_ok slow_write /sys/bus/pci/drivers/igb/unbind "$pf"
ended
expect_ok test ! -e $slots/one
expect_no_dmesg
expect_ok write /sys/bus/pci/drivers/igb/bind "$pf"
pf_up
expect_ok vf_remove "$other_pf"

it "of two slots that want the same function at once one gets it"
expect_ok slot_add "one pf:$pf vf:5"
expect_ok slot_add "two pf:$pf vf:6"
# wants NAME OTHER OWN COUNT: takes the VF 4 again and again, and looks whether the other has it, too.
wants() {
	local i target other got=0 both=0
	for ((i = 0; i < $4; i++)); do
		if echo "pf:$pf vf:4" >"$slots/$1/target"; then
			got=$((got + 1))
			read -r other <"$slots/$2/target"
			read -r target <"$slots/$1/target"
			[ "$other" != "$target" ] || both=$((both + 1))
			echo "pf:$pf vf:$3" >"$slots/$1/target"
		fi
	done 2>/dev/null
	note "$1 got it $got times"
	[ "$both" = 0 ] || fail "$both times $2 had it as well"
	[ "$got" -gt 0 ] || fail "$1 never got it"
}
wants one two 5 "$rounds" &
jobs=($!)
wants two one 6 "$rounds"
ended
expect_equal "pf:$pf vf:5 pf:$pf vf:6" "$(cat $slots/{one,two}/target | tr '\n' ' ' | sed 's/ $//')"
expect_ok slot_remove two
it "so it is with a slot that is added meanwhile"
adds() {
	local i other got=0 both=0
	for ((i = 0; i < rounds / 3; i++)); do
		if echo "new pf:$pf vf:4" >$slots/add; then
			got=$((got + 1))
			read -r other <$slots/one/target
			[ "$other" != "pf:$pf vf:4" ] || both=$((both + 1))
			echo new >$slots/remove
		fi
	done 2>/dev/null
	note "added $got times"
	[ "$both" = 0 ] || fail "$both times there was another with the target"
	[ "$got" -gt 0 ] || fail "it was never added"
}
adds &
jobs=($!)
for ((i = 0; i < rounds * 2 / 3; i++)); do
	echo "pf:$pf vf:4" >$slots/one/target
	echo "pf:$pf vf:5" >$slots/one/target
done 2>/dev/null
ended
expect_ok slot_remove one

# slot_add_now DESCRIPTION: a slot is added, or refused since somebody is at its function at this moment; then nothing of
# it is there.
slot_add_now() {
	local message name=${1%% *}
	message=$(slot_add "$1" 2>&1) && return
	[[ $message = *'resource busy' || $message = *'No such device' ]] || fail "no slot: $message"
	[ ! -e "$slots/$name" ] || fail "a slot that was refused is there"
	return 1
}
# comes_and_goes NAME VF: a slot is added and removed until the file `stop` exists.
comes_and_goes() {
	local rounds=0 refused=0
	while [ ! -e "$stop" ]; do
		rounds=$((rounds + 1))
		if slot_add_now "$1 pf:$pf vf:$2"; then
			expect_ok slot_remove "$1" || break
		else
			refused=$((refused + 1))
		fi
	done
	note "$1 came $rounds times, of which $refused were refused"
	expect_between 0 5 $refused
}
it "a slot can be added and removed at any time while its VF comes and goes"
stop=$ktest_dir/stop
jobs=()
for i in 0 1; do
	comes_and_goes "s$i" $i &
	jobs+=($!)
done
expect_ok vf_create "$pf" 3
expect_ok numvfs "$pf" 0
: >"$stop"
ended
expect_equal '' "$(find $slots -mindepth 1 -maxdepth 1 -type d)"
it "a slot that is added while its VF comes gets it"
numvfs "$pf" 3 &
jobs=($!)
until [ -e "$pci/$pf/virtfn0" ] || ! kill -0 "${jobs[0]}" 2>/dev/null; do :; done
expect_soon 1 slot_add_now "s2 pf:$pf vf:2"
ended
wait_state s2 running 5
expect_equal "$(vf_bdf "$pf" 2)" "$(cat $slots/s2/backing)"
expect_ok slot_remove s2
expect_ok numvfs "$pf" 0
it "no function remains reserved for slots that have gone"
expect_ok vf_create "$pf" 3
for i in 0 1 2; do
	expect_equal "none (null)" "$(driver_of "$(vf_bdf "$pf" $i)") $(cat "$pci/$(vf_bdf "$pf" $i)/driver_override")"
done

# until_end COMMAND...: again and again until the time is over, whatever comes of it.
until_end() {
	while [ "$SECONDS" -lt "$end" ]; do "$@"; done >/dev/null 2>&1
	return 0
}
vfs_change() {
	numvfs "$pf" 0
	sleep "0.$((RANDOM % 9))"
	numvfs "$pf" 3
	sleep "0.$((RANDOM % 9))"
}
slot_lives() {
	slot_add "a pf:$pf vf:0"
	slot_remove a
}
slot_moves() {
	slot_add "b pf:$pf vf:1"
	slot_control b "pause soft"
	write $slots/b/target "pf:$pf vf:2"
	slot_control b resume
	slot_remove b
}
user_lives() {
	local slot
	for slot in a b; do
		timeout 5 "$ktest_top/build/bin/vfiouser" -c \
			"open $pci/$(cat $slots/$slot/bdf); mmap 0; map 0x100000 0x10000; irqs 2 0 3; mread 0 8; reset"
	done
}
vfs_unbound() {
	local one
	for one in "$pci/$pf"/virtfn*; do
		one=$(basename "$(readlink "$one")")
		write /sys/bus/pci/drivers/vfio-pause/unbind "$one"
		sleep 0.1
		write /sys/bus/pci/drivers/vfio-pause/bind "$one"
	done
	sleep 0.2
}
reconfigures() { slow_write $pause_root/reconfigure "$pf $((RANDOM % 4))"; }
it "all of that at once ends"
end=$((SECONDS + stress_s))
jobs=()
for job in vfs_change slot_lives slot_moves user_lives vfs_unbound reconfigures; do
	until_end $job &
	jobs+=($!)
done
ended
expect_no_dmesg
it "every slot that is left can be removed, and leaves its VF as it was found"
[ "$(cat "$pci/$pf/sriov_numvfs")" = 3 ] || expect_ok vf_create "$pf" 3
for slot in a b; do
	[ ! -e "$slots/$slot" ] || expect_ok slot_remove "$slot"
done
for i in 0 1 2; do
	expect_equal "none (null)" "$(driver_of "$(vf_bdf "$pf" $i)") $(cat "$pci/$(vf_bdf "$pf" $i)/driver_override")"
done
it "a slot works after that"
expect_ok slot_add "one pf:$pf vf:0"
expect_ok vf_create "$pf" 3
wait_state one running
user_start
user_opens "$(slot_device one)" && device_works
user_stop
expect_ok slot_remove one

it "the kernel has nothing to say about all that" expect_quiet_kernel
finish

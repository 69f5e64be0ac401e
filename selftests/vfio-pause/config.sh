# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034,SC2154
# Settings of the shared test groups for vfio-pause: a slot on the first virtual function of an igb card.
. "$ktest_top/selftests/vfio-pause/lib.sh"

MODULE_KO=vfio_pause
PROFILE=viommu
CPUS=2
TIMEOUT_S=240
BAD_PARAMS=(domain_min=1:ERANGE domain_min=65536:ERANGE domain_min=x:EINVAL)

# The VFs stay until the end of the test, since making them takes seconds.
setup() {
	modprobe vfio_iommu_type1 || return 1
	config_pf=$(pf_of_igb)
	OBJECT=$slots/test
	if [ "$(cat "$pci/$config_pf/sriov_numvfs")" != 2 ]; then
		pf_up
		at_end vf_remove "$config_pf"
		vf_create "$config_pf" 2 || return 1
	fi
	slot_add "test pf:$config_pf vf:0"
}

teardown() {
	[ ! -e $slots/test ] || slot_remove test
}

attributes() {
	local name
	attr $pause_root/version ro
	attr $slots/add wo
	attr $slots/remove wo
	attr $pause_root/reconfigure wo
	for name in state backing bdf iommu_group last_error; do attr $name ro; done
	attr control wo
	attr target own
	for name in auto_pause auto_resume kick; do attr policy/$name bool 0 1 1; done
	attr policy/allow_p2p bool 0 1 0
	attr policy/fault own
	attr policy/block_ms int 0 60000 2000
	for name in pauses resumes pause_ns resume_ns outage_ns blocked_faults sunk_faults dma_maps dma_unmaps \
		dma_bytes phantom_maps irqs dropped_irqs; do
		attr stats/$name ro
	done
}

bad_adds() {
	local other=pf:$config_pf
	expect_errno EINVAL slot_add $'\n'
	expect_errno EINVAL slot_add junk
	expect_errno EINVAL slot_add "a/b $other vf:1"
	expect_errno EINVAL slot_add ". $other vf:1"
	expect_errno EINVAL slot_add "one $other"
	expect_errno EINVAL slot_add "one $other vf:x"
	expect_errno EINVAL slot_add "one $other vf:1 vf:1"
	expect_errno EINVAL slot_add "one $other vf:1 front:usb"
	expect_errno ERANGE slot_add "one $other vf:7"
	expect_errno 'ERANGE|EINVAL' slot_add "one $other vf:99999999999999999999"
	expect_errno ENXIO slot_add "one pf:0000:7f:1f.7 vf:0"
	expect_errno ENXIO slot_add "one function:0000:7f:1f.7"
	expect_errno EEXIST slot_add "test $other vf:1"
	expect_errno EEXIST slot_add "one $other vf:0"
	expect_equal test "$(find $slots -mindepth 1 -maxdepth 1 -type d -printf '%f\n')"
}

faults() {
	local vf
	config_driver=/sys/bus/pci/drivers/igb

	it "a slot that makes no sense or is taken is refused, and nothing remains of it" bad_adds

	it "virtual functions that go away leave a slot without backing, and come back into it"
	expect_equal running "$(slot_state test)"
	expect_ok numvfs "$config_pf" 0
	wait_state test paused
	expect_equal none "$(cat $slots/test/backing)"
	expect_ok vf_create "$config_pf" 3
	wait_state test running
	expect_equal "$(vf_bdf "$config_pf" 0)" "$(cat $slots/test/backing)"

	it "unbinding the PF's driver is survived"
	expect_ok write $config_driver/unbind "$config_pf"
	wait_state test paused
	expect_ok write $config_driver/bind "$config_pf"
	pf_up
	expect_ok vf_create "$config_pf" 2
	wait_state test running

	it "removing the PF is survived"
	expect_ok write "$pci/$config_pf/remove" 1
	wait_state test paused
	expect_equal none "$(cat $slots/test/backing)"
	expect_ok write /sys/bus/pci/rescan 1
	expect_soon 10 test -e "$pci/$config_pf/sriov_numvfs"
	pf_up
	expect_ok vf_create "$config_pf" 2
	wait_state test running

	it "the VF may be unbound from its slot, and bound again"
	vf=$(vf_bdf "$config_pf" 0)
	expect_ok write "$pci/$vf/driver/unbind" "$vf"
	wait_state test paused
	expect_equal none "$(cat $slots/test/backing)"
	expect_ok write /sys/bus/pci/drivers/vfio-pause/bind "$vf"
	wait_state test running

	it "removing the front device is survived, and the slot can be removed after it"
	expect_ok write "$(slot_device test)/remove" 1
	expect_ok slot_remove test
	expect_equal none "$(driver_of "$(vf_bdf "$config_pf" 0)")"
	expect_ok slot_add "test pf:$config_pf vf:0"
	expect_equal running "$(slot_state test)"
}

# One command of another administrator, whatever the state.
stress_pause() {
	slot_control test "pause soft"
	slot_control test resume
}

stress_hard() {
	slot_control test "pause hard"
	slot_control test resume
	slot_control test reset-error
}

stress_user() {
	timeout 5 "$ktest_top/build/bin/vfiouser" -c "open $(slot_device test); mmap 0; mread 0 8; map 0x100000 0x10000; reset"
}

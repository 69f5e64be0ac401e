#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# profile: nested
# cpus: 2
# timeout: 240
# The kernel's own tests of VFIO find on the front of a slot all that they find on the same card behind vfio-pci. They
# need more than 1 GiB of memory, which the profile has.
. "$(dirname "$0")/lib.sh"

programs=$ktest_top/build/suites/bin
pf=$(pf_of_igb 0)
out=${RVM_OUT:-$ktest_dir}
# Verdicts by name: ok, skip and why, or FAIL.
declare -A stock=() front=()
names=()
# What a kernel without iommufd cannot do.
left_out=()

[ -x "$programs/vfio_pci_device_test" ] || bail "build/suites is missing; run scripts/suites"
modprobe -a vfio-pci vfio_iommu_type1 || bail "there is no VFIO"
# With pages of 2 MiB for what the tests map, they take half of the time, and more of them can run.
large_pages() {
	echo "$1" >/sys/kernel/mm/transparent_hugepage/shmem_enabled
	echo "$2" >/proc/sys/vm/nr_hugepages
}
at_end large_pages never 0
large_pages always 8
[ -e /dev/iommu ] || mapfile -t left_out < <("$programs/vfio_dma_mapping_test" -l "$pf" 2>&1 | grep -o 'iommufd[a-z0-9_]*' | sort -u)

# run WHERE ADDRESS PROGRAM [OPTION...]: runs a program on the device and puts its verdicts into the array WHERE.
run() {
	local -n verdicts=$1
	local log=$out/kselftest-$1-$3.log address=$2 program=$3 status=0 result name reason
	shift 3
	timeout 120 "$programs/$program" "$@" "${left_out[@]/#/-V}" "$address" >"$log" 2>&1 || status=$?
	[ "$status" = 0 ] || [ "$status" = 1 ] || [ "$status" = 4 ] || fail "$program ended with status $status: $(tail -n 1 "$log")"
	while read -r result name reason; do
		verdicts["$name"]=$result${reason:+ $reason}
		[ "${!verdicts}" != stock ] || names+=("$name")
	done < <(sed -n 's/^ok [0-9]* \([^ ]*\) # SKIP \(.*\)/skip \1 \2/p; t; s/^ok [0-9]* \([^ ]*\).*/ok \1/p; s/^not ok [0-9]* \([^ ]*\).*/FAIL \1/p' "$log")
}

# run_all WHERE ADDRESS
run_all() {
	local options=(-V vfio_type1_iommu)
	# Each of these takes three seconds, and the two versions of type1 differ in nothing that it is about.
	[ -z "${RVM_LONG:-}" ] || options=()
	run "$1" "$2" vfio_dma_mapping_test
	run "$1" "$2" vfio_dma_mapping_mmio_test
	run "$1" "$2" vfio_pci_device_test
	run "$1" "$2" vfio_pci_device_init_perf_test
	run "$1" "$2" vfio_pci_driver_test "${options[@]}"
}

to_igb() {
	take_back "$pf"
	[ "$(driver_of "$pf")" = igb ] || write /sys/bus/pci/drivers_probe "$pf"
	[ "$(driver_of "$pf")" = igb ]
}

at_end to_igb
it "the tests run on a card behind vfio-pci"
expect_ok give_to vfio-pci "$pf"
run_all stock "$pf"
expect_ok to_igb
expect_between 20 1000 "${#names[@]}"
for name in "${names[@]}"; do
	[ "${stock[$name]}" != FAIL ] || fail "$name fails on vfio-pci already"
done
it "those of iommufd are left out"
[ ${#left_out[@]} = 0 ] || skip "this kernel has no /dev/iommu; vfio_iommufd_setup_test is all about it, and so are ${#left_out[@]} variants of others"
it "those that create virtual functions are left out"
skip "vfio_pci_sriov_uapi_test is about vfio-pci as the driver of a physical function"

need_module vfio_pause
at_end slots_clear
it "the tests run on the front of a slot with the same card"
expect_ok slot_add kst function:"$pf"
run_all front "$(cat "$slots/kst/bdf")"
for name in "${names[@]}"; do
	it "on the front: $name"
	case "${stock[$name]}:${front[$name]:-nothing}" in
	FAIL:*) skip "it fails on vfio-pci" ;;
	"skip "*:"skip "*) skip "${front[$name]#skip }" ;;
	*) expect_equal "${stock[$name]}" "${front[$name]:-nothing}" ;;
	esac
done
it "the card has its own driver again when the slot is removed"
expect_ok slot_remove kst
expect_equal igb "$(driver_of "$pf")"
it "the kernel has nothing to say about all that" expect_quiet_kernel
finish

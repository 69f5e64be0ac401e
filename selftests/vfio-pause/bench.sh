# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# What the benchmarks need: VFs of the first igb card, and slots on some of them. All of it goes when they end.
. selftests/vfio-pause/lib.sh >&2

# vfs N: makes N VFs of the card `pf`, and loads what slots need.
vfs() {
	modprobe -a vfio-pci vfio_iommu_type1
	need_module vfio_pause
	pf=$(pf_of_igb)
	at_end vf_remove "$pf"
	at_end slots_clear
	pf_up
	vf_create "$pf" "$1"
}

# pair: one VF behind a slot, as `front`, and one with vfio-pci, as `stock`.
# shellcheck disable=SC2034 # others use them
pair() {
	vfs 2
	slot_add "one pf:$pf vf:0"
	front=$(cat "$slots/one/bdf")
	stock=$(vf_bdf "$pf" 1)
	at_end take_back "$stock"
	give_to vfio-pci "$stock"
}

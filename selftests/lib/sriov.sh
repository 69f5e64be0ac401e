# SPDX-License-Identifier: GPL-2.0
# The igb cards' virtual functions, for guest scripts.
# shellcheck shell=bash

pci=/sys/bus/pci/devices

# The address of the physical function of the igb card `$1`, counted from 0.
pf_of_igb() {
	local -a found=()
	local device
	for device in "$pci"/*; do
		[ "$(cat "$device/vendor" "$device/device" 2>/dev/null | tr -d '\n')" != 0x80860x10c9 ] || found+=("${device##*/}")
	done
	printf '%s' "${found[${1:-0}]:-}"
}

# Brings the cards up, without which their VFs hear nothing, and waits for the wire.
pf_up() {
	local card net
	for card in 0 1; do
		for net in "$pci/$(pf_of_igb $card)"/net/*; do ip link set "${net##*/}" up; done
	done
	for card in 0 1; do
		for net in "$pci/$(pf_of_igb $card)"/net/*; do
			expect_soon 5 grep -qx 1 "$net/carrier"
		done
	done
}

# slow_write FILE VALUE: a write that takes seconds when all is well, and no more than a minute.
slow_write() { timeout 60 tee "$1" <<<"$2" >/dev/null; }

# numvfs PF N: what an administrator does; from one number to another the way leads through 0.
numvfs() { slow_write "$pci/$1/sriov_numvfs" "$2"; }

# vf_create PF N: N virtual functions with the addresses 02:00:00:00:00:01 on and without a driver.
vf_create() {
	local vf net
	echo 0 >"$pci/$1/sriov_drivers_autoprobe"
	[ "$(cat "$pci/$1/sriov_numvfs")" = 0 ] || numvfs "$1" 0
	numvfs "$1" "$2" || return 1
	for net in "$pci/$1"/net/*; do
		for ((vf = 0; vf < $2; vf++)); do
			ip link set dev "${net##*/}" vf "$vf" mac "02:00:00:00:00:0$((vf + 1))" || return 1
		done
	done
}

vf_remove() {
	[ ! -e "$pci/$1" ] || [ "$(cat "$pci/$1/sriov_numvfs")" = 0 ] || numvfs "$1" 0
}

# The address of VF `$2` of the PF `$1`.
vf_bdf() { basename "$(readlink "$pci/$1/virtfn$2")"; }

# The driver of a PCI function, or "none".
driver_of() {
	if [ -e "$pci/$1/driver" ]; then basename "$(readlink "$pci/$1/driver")"; else echo none; fi
}

# give_to DRIVER BDF: as `driverctl` does it.
give_to() {
	echo "$1" >"$pci/$2/driver_override"
	[ ! -e "$pci/$2/driver" ] || echo "$2" >"$pci/$2/driver/unbind"
	echo "$2" >/sys/bus/pci/drivers_probe
}

take_back() {
	[ ! -e "$pci/$1/driver" ] || echo "$1" >"$pci/$1/driver/unbind"
	echo >"$pci/$1/driver_override"
	echo "$1" >/sys/bus/pci/drivers_probe
}

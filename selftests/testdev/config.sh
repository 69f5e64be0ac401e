# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034
# Settings of the shared test groups for testdev, which drives QEMU's edu device.
MODULE_KO=testdev
PROFILE=base

# The address of the device, by its PCI identification.
edu_address() {
	local device
	for device in /sys/bus/pci/devices/*; do
		if [ "$(cat "$device/vendor"):$(cat "$device/device")" = 0x1234:0x11e8 ]; then
			echo "${device##*/}"
			return
		fi
	done
	return 1
}

setup() {
	local address
	address=$(edu_address) || return 1
	OBJECT=/sys/bus/pci/devices/$address/testdev
	[ -d "$OBJECT" ]
}

attributes() {
	attr alive ro
	attr factorial act 0 12
	attr raise wo 1 4294967295
	attr pending ro
	attr notes own
	attr inject_disable bool
	attr inject_posted wo 0 1
	attr stats/arrived ro
	attr stats/handled ro
	attr stats/last_causes ro
}

faults() {
	local device=${OBJECT%/*} address fd
	address=${device##*/}

	it "unbinding the driver removes its files"
	exec {fd}<"$OBJECT/stats/handled"
	expect_ok write "$device/driver/unbind" "$address"
	[ ! -e "$OBJECT" ] || fail "$OBJECT is left"
	it "a file that was open then says that the device is gone" expect_errno ENODEV read -r -u "$fd"
	exec {fd}<&-

	it "binding it again starts anew"
	expect_ok write /sys/bus/pci/drivers/testdev/bind "$address"
	expect_equal 0 "$(cat "$OBJECT/stats/handled")"
	expect_ok write "$OBJECT/raise" 5
	expect_soon 5 grep -qx 5 "$OBJECT/stats/last_causes"

	it "removing the device removes its files"
	expect_ok write "$device/remove" 1
	[ ! -e "$OBJECT" ] || fail "$OBJECT is left"

	it "a device found again works"
	expect_ok write /sys/bus/pci/rescan 1
	expect_soon 5 test -e "$OBJECT/factorial"
	expect_ok write "$OBJECT/factorial" 5
	expect_equal 120 "$(cat "$OBJECT/factorial")"
}

stress_interrupts() { printf 1 >"$OBJECT/raise"; }

stress_unbind() {
	local device=${OBJECT%/*}
	printf '%s' "${device##*/}" >/sys/bus/pci/drivers/testdev/unbind
	printf '%s' "${device##*/}" >/sys/bus/pci/drivers/testdev/bind
	sleep 0.05
}

stress_disable() { printf '%d' $((RANDOM % 2)) >"$OBJECT/inject_disable"; }

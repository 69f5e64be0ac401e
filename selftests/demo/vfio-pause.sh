#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Guest side of the vfio-pause demo: a virtual machine of its own owns a virtual function of a network card, and the
# host changes how many functions the card has, which destroys them all. First with vfio-pci, then with the module.
set -euo pipefail
. selftests/vfio-pause/nested/nested.sh

pf=0000:01:00.0
device=/sys/bus/pci/devices/$pf
slots=/sys/kernel/vfio_pause/slots

# The function's address must be the guest's again whenever it is made anew.
own_mac() { ip link set "$pf_card" vf 0 mac 52:54:00:00:07:02; }

# guest_with ADDRESS: boots the guest with that device and pings it from the other card.
guest_with() {
	echo "  qemu-system-x86_64 -device vfio-pci,host=$1 ...    (not patched, nor is the guest)"
	nested_boot "$1"
	guest "ip link set eth0 up && ip address add 10.0.7.2/24 dev eth0"
	show_guest
	ping_begin 10.0.7.2
	answers 20
}

show_guest() {
	# shellcheck disable=SC2016 # the guest expands it
	guest 'cd /sys/class/net; for i in eth*; do [ -e $i ] && echo "$i, address $(cat $i/address), $(ip address show $i | grep -o "inet [^ ]*")" || echo "no network interface"; done' | sed 's/^/    guest: /'
}

# resize: what every tool does to change the number of functions.
resize() {
	echo "  echo 0 >sriov_numvfs; echo 3 >sriov_numvfs"
	echo 0 >$device/sriov_numvfs
	echo 3 >$device/sriov_numvfs
	own_mac
}

modprobe -a kvm_amd 2>/dev/null || modprobe -a kvm_intel 2>/dev/null || {
	echo "vfio-pause: this CPU runs no virtual machines"
	exit 1
}
modprobe -a vfio-pci vfio_iommu_type1
for card in /sys/class/net/eth*; do
	ip link set "${card##*/}" up
	if [ "$device" -ef "$card/device" ]; then pf_card=${card##*/}; else wire=${card##*/}; fi
done
ip address add 10.0.7.1/24 dev "$wire"
echo 0 >$device/sriov_drivers_autoprobe
trap nested_end EXIT

echo "vfio-pause: a guest owns a virtual function of $pf, an emulated igb card; the card gets another number of them"
echo
echo "vfio-pci, the kernel's own driver"
echo 2 >$device/sriov_numvfs
own_mac
function=$(basename "$(readlink $device/virtfn0)")
echo vfio-pci >"/sys/bus/pci/devices/$function/driver_override"
echo "$function" >/sys/bus/pci/drivers_probe
guest_with "$function"
resize
sleep 3
show_guest
ping_end
echo "    no answer to any of the last $((sent - last_answer)) pings, ten a second"
nested_end
echo 0 >$device/sriov_numvfs

echo
echo "vfio-pause"
for module in $(modinfo -F depends build/mod/vfio_pause.ko | tr , ' '); do modprobe "$module"; done
insmod build/mod/vfio_pause.ko
echo 2 >$device/sriov_numvfs
own_mac
echo "  echo web0 pf:$pf vf:0 >$slots/add"
echo "web0 pf:$pf vf:0" >$slots/add
guest_with "$(cat $slots/web0/bdf)"
resize
answers 20
show_guest
ping_end
echo "    $lost of $sent pings lost, ten a second; longest silence $outage_ms ms"
nested_end
echo web0 >$slots/remove
echo 0 >$device/sriov_numvfs
rmmod vfio_pause

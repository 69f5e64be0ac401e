# SPDX-License-Identifier: GPL-2.0
# A small virtual machine with a device of its own (minivm.c), for guest scripts of the profile `guest`: a test with
# ktest.sh or a benchmark. The working directory is the checkout.
# shellcheck shell=bash

vm_device=0000:00:11.0
# The line of the device, as its driver in the host names it.
vm_line="vfio-msi[0]($vm_device)"
# Process of the machine, its vCPU's thread, all its processes, and its last answer.
vm_pid='' vm_vcpu='' vm_all='' vm_answer=''

# Loads KVM and VFIO and gives them the device; fails if this CPU runs no virtual machines.
vm_prepare() {
	local driver=/sys/bus/pci/devices/$vm_device/driver
	modprobe -a kvm_amd 2>/dev/null || modprobe -a kvm_intel 2>/dev/null || return 1
	modprobe -a vfio-pci vfio_iommu_type1 || return 1
	[ -e /dev/kvm ] || return 1
	echo vfio-pci >/sys/bus/pci/devices/$vm_device/driver_override
	[ ! -e $driver ] || echo $vm_device >$driver/unbind
	echo $vm_device >/sys/bus/pci/drivers_probe
}

# Gives the device back.
vm_unprepare() {
	local driver=/sys/bus/pci/devices/$vm_device/driver
	[ ! -e $driver ] || echo $vm_device >$driver/unbind
	echo >/sys/bus/pci/devices/$vm_device/driver_override
}

# Starts a machine; `vm` speaks to it.
vm_start() {
	local pipe
	# To speak to a machine that has ended is an error, not the end of the script.
	trap '' PIPE
	pipe=$(mktemp -d) || return 1
	mkfifo "$pipe/in" "$pipe/out"
	build/bin/minivm $vm_device <"$pipe/in" >"$pipe/out" &
	vm_pid=$!
	# The shell need not say that it was killed.
	disown
	exec {vm_in}>"$pipe/in" {vm_out}<"$pipe/out"
	rm -r "$pipe"
	vm info || return 1
	# shellcheck disable=SC2034
	vm_vcpu=$(vm_value vcpu)
	vm_all="$vm_pid $(vm_value raiser) $(vm_value hog)"
}

# vm_send WORD...: a command, whose answer `vm_receive` waits for.
vm_send() { { echo "$*" >&"$vm_in"; } 2>/dev/null; }

vm_receive() {
	vm_answer=
	IFS= read -r -t 100 -u "$vm_out" vm_answer || vm_answer="error the machine has ended"
	[ "${vm_answer%% *}" = ok ]
}

# vm WORD...: a command; succeeds if the machine says so.
vm() {
	vm_send "$@"
	vm_receive
}

# The value of KEY in the last answer.
vm_value() {
	local pair
	for pair in $vm_answer; do
		[ "${pair%%=*}" != "$1" ] || echo "${pair#*=}"
	done
}

# Ends the machine by the end of its input or, given a signal such as KILL, by that; waits until the device is free.
vm_stop() {
	local tries=0 pid old=$vm_pid
	[ -n "$vm_pid" ] || return 0
	[ -z "${1:-}" ] || kill -s "$1" "$vm_pid" 2>/dev/null
	exec {vm_in}>&- {vm_out}<&-
	vm_pid=
	for pid in $vm_all; do
		# A process may be a zombie while a thread of it goes on; the others are not this shell's to reap.
		while [ -e "/proc/$pid" ] && { [ "$pid" = "$old" ] || ! grep -q '^State:.*Z' "/proc/$pid/status" 2>/dev/null; }; do
			tries=$((tries + 1))
			[ $tries -lt 500 ] || return 1
			sleep 0.02
		done
	done
}

# The interrupts that the line of the device has delivered on all CPUs so far.
vm_interrupts() {
	awk -v name="$vm_line" 'NR == 1 {cpus = NF} $NF == name {for (i = 2; i <= cpus + 1; i++) n += $i} END {print n + 0}' \
		/proc/interrupts
}

vm_irq() { awk -v name="$vm_line" '$NF == name {sub(":", "", $1); print $1}' /proc/interrupts; }

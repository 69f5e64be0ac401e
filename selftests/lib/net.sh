# SPDX-License-Identifier: GPL-2.0
# The two igb cards of the sriov profile, for guest scripts.
# shellcheck shell=bash

tx=eth0
rx=eth1
export tx rx

# Brings both cards up and waits for the wire.
net_up() {
	local tries=0
	ip link set "$tx" up
	ip link set "$rx" up
	until [ "$(cat /sys/class/net/$tx/carrier /sys/class/net/$rx/carrier 2>/dev/null | tr -d '\n')" = 11 ]; do
		tries=$((tries + 1))
		[ $tries -lt 100 ] || {
			echo "no carrier on $tx and $rx" >&2
			return 1
		}
		sleep 0.05
	done
	# The drivers reset their rings once more after the carrier comes.
	sleep 0.2
}

# The name of the line on which the card `$1` receives.
rx_line() { awk -v start="$1-" 'index($NF, start) == 1 && $NF ~ /rx|TxRx/ {print $NF; exit}' /proc/interrupts; }

# The interrupts that the line `$1` has delivered on all CPUs so far.
interrupts() {
	awk -v name="$1" 'NR == 1 {cpus = NF} $NF == name {for (i = 2; i <= cpus + 1; i++) n += $i} END {print n + 0}' \
		/proc/interrupts
}

# The interrupt number of the line `$1`.
irq_of() { awk -v name="$1" '$NF == name {sub(":", "", $1); print $1}' /proc/interrupts; }

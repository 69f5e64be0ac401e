# SPDX-License-Identifier: GPL-2.0
# All devices of the profile `many` at work: pairs of network cards with their functions, a disk, edu. For guest scripts.
# shellcheck shell=bash
# shellcheck source=selftests/irq-mod/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

disk=/dev/nvme0n1
# Pairs of interfaces on one wire, `TX RX`; sysfs directories of the edus.
pairs=()
edus=()
# What all devices have done so far.
all_packets=0
all_raised=0
all_reads=0

# The network interface of the PCI device at the path `$1`.
netdev_of() { ls "$1/net"; }

have_netdev() {
	local device
	for device; do [ -n "$(netdev_of "$device")" ] || return 1; done
}

# The PCI address of a network interface; that of a virtio card is its parent's.
address_of() { readlink -f "/sys/class/net/$1/device" | grep -o '[0-9a-f]\{4\}:[0-9a-f:]*\.[0-7]' | tail -n 1; }

carriers() {
	local pair tx rx
	for pair in "${pairs[@]}"; do
		read -r tx rx <<<"$pair"
		[ "$(cat "/sys/class/net/$tx/carrier" "/sys/class/net/$rx/carrier" 2>/dev/null | tr -d '\n')" = 11 ] || return 1
	done
}

# Rings as long as can be, since only a lost interrupt may lose packets.
up() {
	local interface
	for interface; do
		ethtool -G "$interface" rx 4096 2>/dev/null
		ip link set "$interface" up || {
			fail "$interface"
			return 1
		}
	done
}

# devices_up FUNCTIONS: makes as many functions of each igb card and lets all devices work.
devices_up() {
	local i card cards=() ups=() each
	modprobe igbvf || bail "igbvf"
	for card in /sys/bus/pci/drivers/igb/0000:*; do cards+=("$(readlink -f "$card")"); done
	pairs=("$(netdev_of "${cards[0]}") $(netdev_of "${cards[1]}")" "eth2 eth3")
	# Functions get their addresses from a card that is up.
	for card in "${cards[@]}"; do up "$(netdev_of "$card")"; done
	up eth2 eth3
	expect_soon 10 carriers
	# Drivers sleep for long: both at once.
	for card in "${cards[@]}"; do
		write "$card/sriov_numvfs" "$1" &
		ups+=($!)
	done
	for ((i = 0; i < $1; i++)); do
		expect_soon 20 have_netdev "${cards[0]}/virtfn$i" "${cards[1]}/virtfn$i"
		pairs+=("$(netdev_of "${cards[0]}/virtfn$i") $(netdev_of "${cards[1]}/virtfn$i")")
		# shellcheck disable=SC2086 # two words
		up ${pairs[-1]} &
		ups+=($!)
	done
	# What fails in the background is known by its status only.
	for each in "${ups[@]}"; do wait "$each" || fail "no functions, or one does not come up"; done
	expect_soon 10 carriers
	sleep 0.3
	need_module testdev hook=0
	for i in /sys/bus/pci/drivers/testdev/0000:*; do edus+=("$(readlink -f "$i")/testdev"); done
}

# The lines of these devices: interrupt, PCI address and vector of each.
all_lines() {
	awk '$NF ~ /^(eth|virtio[34]-|nvme|testdev)/ {
		irq = $1; sub(":", "", irq)
		for (i = 2; i < NF; i++) if ($i ~ /-MSIX?-/) {address = $i; sub(".*MSIX?-", "", address); index_ = $(i + 1)}
		sub("-edge", "", index_); print irq, address, index_
	}' /proc/interrupts
}

# add_all_lines LATENCY_US [NAME=VALUE...]: each as a line of its own, called by its place. Sets `names`.
names=()
add_all_lines() {
	local irq address index name set latency_us=$1
	shift
	names=()
	while read -r irq address index; do
		name=${address#0000:}
		name=${name/:/.}-$index
		add_line "$name pci:$address/$index" || fail "$name ($irq)"
		line_set "$name" latency_us "$latency_us" || fail "latency_us of $name ($irq)"
		for set; do line_set "$name" "${set%%=*}" "${set#*=}" || fail "$set of $name ($irq)"; done
		names+=("$name")
	done < <(all_lines)
}

remove_all_lines() {
	local name
	for name in "${names[@]}"; do remove_line "$name" || fail "$name stays"; done
}

all_in() {
	local name
	for name in "${names[@]}"; do line_in "$name" "$1" || return 1; done
}

# sum_of COUNTER: over all lines.
sum_of() { awk '{n += $1} END {print n + 0}' $lines/*/stats/"$1"; }

# load_all MS PPS EVENTS: all devices work for so long, all pairs with so many packets a second, the edus with as many
# events or, if that is -, as long as the packets flow. Waits; then each has done its work.
load_all() {
	local i pair result traffic_pids=() edu_pid reader_pid key value
	rm -f "$ktest_dir"/load.*
	for i in "${!pairs[@]}"; do
		# shellcheck disable=SC2086 # two words
		"$ktest_top/build/bin/traffic" ${pairs[i]} "$2" "$1" >"$ktest_dir/load.$i" 2>&1 &
		traffic_pids+=($!)
	done
	"$ktest_top/build/bin/irqload" 40 "${3/-/1000000000}" "${edus[@]}" >"$ktest_dir/load.edu" 2>&1 &
	edu_pid=$!
	(
		reads=0
		until [ -e "$ktest_dir/load.end" ]; do
			timeout 20 dd if=$disk of=/dev/null bs=4k count=100 iflag=direct 2>"$ktest_dir/load.dd" || break
			reads=$((reads + 100))
		done
		[ -e "$ktest_dir/load.end" ] || fail "a reader hung or failed: $(tail -n 1 "$ktest_dir/load.dd")"
		echo $reads >"$ktest_dir/load.reads"
	) &
	reader_pid=$!
	wait "${traffic_pids[@]}"
	[ "$3" != - ] || kill $edu_pid
	wait $edu_pid
	: >"$ktest_dir/load.end"
	wait $reader_pid
	for i in "${!pairs[@]}"; do
		result=$(cat "$ktest_dir/load.$i")
		[[ $result = *" lost=0 duplicate=0 "* ]] || fail "${pairs[i]}: $result"
		for pair in $result; do
			key=${pair%%=*} value=${pair#*=}
			[ "$key" != received ] || all_packets=$((all_packets + value))
		done
	done
	result=$(cat "$ktest_dir/load.edu")
	expect_match 'events=[0-9]+ handled=[1-9][0-9]* late=[0-9]+ lost=0 wrong=0 extra=0' "$result"
	result=${result#events=}
	all_raised=$((all_raised + ${result%% *}))
	all_reads=$((all_reads + $(cat "$ktest_dir/load.reads")))
}

# during COMMAND...: again and again while all devices work for 2.5 s; the rounds are counted in `rounds`.
during() {
	rounds=0
	: >"$ktest_dir/busy"
	{
		load_all 2500 200 -
		rm "$ktest_dir/busy"
		echo "all_packets=$all_packets all_raised=$all_raised all_reads=$all_reads" >"$ktest_dir/counts"
	} &
	while [ -e "$ktest_dir/busy" ]; do
		"$@" || fail "$*"
		rounds=$((rounds + 1))
	done
	wait $!
	# shellcheck source=/dev/null
	. "$ktest_dir/counts"
	note "$rounds rounds of $*"
	[ $rounds -gt 0 ] || fail "$* never ran"
}

note_total() { note "in total $all_packets packets, $all_raised events of edu and $all_reads reads"; }

#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# profile: many
# cpus: 2
# timeout: 400
# More than 64 lines of many devices at once, all at work: nothing is lost, whatever is done to all of them.
. "$(dirname "$0")/devices.sh"

devices_up 7
need_module irq_mod
at_end clear_all

it "64 lines and more are moderated at once"
add_all_lines 100
note "${#names[@]} lines"
expect_between 64 200 ${#names[@]}
all_in attached || fail "not all are attached"
it "all devices do their work"
load_all 1500 200 -
expect_between 1 1000000000 "$(sum_of held)"
expect_equal 0 "$(sum_of dropped)"
# A card that looks after its link opens a window now and then.
nothing_is_held() {
	[ "$(sum_of windows)" = $(($(sum_of early) + $(sum_of replayed_inline) + $(sum_of replayed_injected) + $(sum_of dropped))) ]
}
it "lines that something was held for have delivered it" expect_soon 5 nothing_is_held

give_and_take() {
	remove_all_lines
	add_all_lines 500
}
it "all are given back and taken again meanwhile" during give_and_take
it "they are as many as before" expect_between 64 200 ${#names[@]}

us=0
change_interval() {
	local name
	us=$(((us + 250) % 1250))
	for name in "${names[@]}"; do line_set "$name" latency_us $us || return 1; done
}
it "their intervals change meanwhile" during change_interval

move_all() {
	local irq
	while read -r irq _; do
		# The queues of the disk have a CPU each, which is none of ours.
		{ echo $((RANDOM % 2)) >"/proc/irq/$irq/smp_affinity_list"; } 2>/dev/null
	done < <(all_lines)
	sleep 0.02
}
it "all move between CPUs meanwhile" during move_all

offline_online() {
	local irq
	while read -r irq _; do
		{ echo 1 >"/proc/irq/$irq/smp_affinity_list"; } 2>/dev/null
	done < <(all_lines)
	echo 0 >/sys/devices/system/cpu/cpu1/online || return 1
	sleep 0.2
	echo 1 >/sys/devices/system/cpu/cpu1/online || return 1
	sleep 0.1
}
it "the CPU that all are on goes and comes meanwhile" during offline_online
expect_equal 1 "$(cat /sys/devices/system/cpu/cpu1/online)"

# The last pair is stopped, or taken from its driver, while the others work.
last=${pairs[-1]}
unset 'pairs[-1]'
read -r _ victim <<<"$last"
victim_address=$(address_of "$victim")
down_up() {
	ip link set "$victim" down
	sleep 0.1
	ip link set "$victim" up
	sleep 0.2
}
it "one card is stopped and started meanwhile" during down_up

unbind_bind() {
	write /sys/bus/pci/drivers/igbvf/unbind "$victim_address" || return 1
	sleep 0.1
	write /sys/bus/pci/drivers/igbvf/bind "$victim_address"
}
it "one driver lets its device go and takes it again meanwhile" during unbind_bind
it "its lines are attached again, as all others"
up "$victim"
expect_soon 10 all_in attached
pairs+=("$last")
expect_soon 10 carriers
sleep 0.3
it "all devices do their work again" load_all 1500 200 -
unload_and_load() {
	rmmod irq_mod || return 1
	sleep 0.1
	load_module irq_mod || return 1
	add_all_lines 1000
}
it "the module that is unloaded takes the lines of all along, while they work" during unload_and_load
note_total
it "the kernel has nothing to say about all that" expect_quiet_kernel
finish

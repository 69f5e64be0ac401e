#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# profile: sriov
# cpus: 2
# timeout: 180
# A card moderates by itself as its line asks it to, and is given back as it was found, whatever happens meanwhile.
. "$(dirname "$0")/lib.sh"
. "$ktest_top/selftests/lib/net.sh"

rounds=${RVM_LONG:+300}
rounds=${rounds:-30}
ethtool -G "$rx" rx 4096 || bail "ethtool -G"
net_up
line=$(rx_line "$rx")
device=$(readlink -f "/sys/class/net/$rx/device")
address=${device##*/}
driver=/sys/bus/pci/drivers/igb

# The card's own interval in us; 3 is the driver's default, and means that it finds one by itself.
card_us() { ethtool -c "$rx" | awk '$1 == "rx-usecs:" {print $2}'; }
card_has() { [ "$(card_us)" = "$1" ]; }
traffic() { "$ktest_top/build/bin/traffic" "$tx" "$rx" "$@"; }
assist() { line_set "$1" hw_assist "$2"; }

need_module irq_mod
need_write $irq_mod/add_line "rx name:$line"
found=$(card_us)

it "a card moderates by the line's interval"
expect_equal 3 "$found"
expect_equal 0 "$(line_get rx hw_assist)"
expect_equal 3 "$(card_us)"
expect_ok assist rx 1
expect_equal 1 "$(line_get rx hw_assist)"
expect_equal "$(line_get rx latency_us)" "$(card_us)"

it "it follows the interval, and does not hear of those that mean something else to it"
for us in 500 1000 10 11 100; do
	expect_ok line_set rx latency_us $us
	expect_equal $us "$(card_us)"
done
for us in 0 1 2 3 4 9; do
	expect_ok line_set rx latency_us $us
	expect_equal 10 "$(card_us)"
done

it "a refused number changes nothing"
expect_errno ERANGE assist rx 2
expect_errno EINVAL assist rx on
expect_errno ERANGE line_set rx latency_us 1001
expect_equal "1 10" "$(line_get rx hw_assist) $(card_us)"

it "asking again changes nothing"
expect_ok assist rx 1
expect_ok assist rx 1
expect_equal 10 "$(card_us)"

it "the card is given back as it was found"
expect_ok assist rx 0
expect_equal "0 $found" "$(line_get rx hw_assist) $(card_us)"
expect_ok line_set rx latency_us 200
expect_equal "$found" "$(card_us)"

it "also when the line is removed"
expect_ok assist rx 1
expect_equal 200 "$(card_us)"
expect_ok remove_line rx
expect_equal "$found" "$(card_us)"

it "also when the module is unloaded"
expect_ok add_line "rx name:$line"
expect_ok assist rx 1
expect_equal 100 "$(card_us)"
expect_ok rmmod irq_mod
expect_equal "$found" "$(card_us)"
expect_ok load_module irq_mod

it "a card assists one line only"
expect_ok add_line "rx name:$line"
expect_ok add_line "other name:$rx"
expect_equal "attached attached" "$(line_get rx state) $(line_get other state)"
expect_ok assist rx 1
expect_errno EBUSY assist other 1
expect_equal "0 100" "$(line_get other hw_assist) $(card_us)"
expect_ok line_set other latency_us 300
expect_equal 100 "$(card_us)"
expect_ok assist rx 0
expect_ok assist other 1
expect_equal 300 "$(card_us)"
expect_errno EBUSY assist rx 1
expect_ok remove_line other
expect_ok assist rx 1
expect_equal 100 "$(card_us)"

it "what an administrator sets meanwhile stays"
expect_ok ethtool -C "$rx" rx-usecs 50
expect_ok assist rx 0
expect_equal 50 "$(card_us)"
expect_ok assist rx 1
expect_ok ethtool -C "$rx" rx-usecs 70
expect_ok line_set rx latency_us 400
expect_equal 400 "$(card_us)"
expect_ok assist rx 0
expect_equal 70 "$(card_us)"
expect_ok ethtool -C "$rx" rx-usecs "$found"

it "a card that is down follows, too"
expect_ok assist rx 1
expect_ok ip link set "$rx" down
expect_ok line_set rx latency_us 250
expect_soon 5 card_has 250
net_up
expect_line rx attached
expect_soon 5 card_has 250
expect_ok assist rx 0
expect_equal "$found" "$(card_us)"

it "a card whose driver comes back assists again, and is given back as the driver had it"
expect_ok ethtool -C "$rx" rx-usecs 60
expect_ok assist rx 1
expect_ok write $driver/unbind "$address"
expect_line rx waiting
expect_equal 1 "$(line_get rx hw_assist)"
expect_ok write $driver/bind "$address"
net_up
expect_line rx attached
expect_soon 5 card_has 250
expect_ok assist rx 0
expect_equal "$found" "$(card_us)"

it "a line without interrupts has nobody who could assist"
expect_ok add_line "none name:no-such-line"
expect_errno EOPNOTSUPP assist none 1
expect_equal 0 "$(line_get none hw_assist)"
expect_ok remove_line none

it "a card can be removed while it assists, and comes back"
expect_ok assist rx 1
expect_ok write "$device/remove" 1
expect_line rx waiting
expect_ok assist rx 0
expect_ok write /sys/bus/pci/rescan 1
expect_soon 5 test -e "/sys/class/net/$rx"
expect_ok ethtool -G "$rx" rx 4096
net_up
expect_line rx attached
expect_equal "$found" "$(card_us)"

it "a card of another network namespace is not the host's"
expect_ok ip netns add far
expect_ok ip link set "$rx" netns far
expect_errno EOPNOTSUPP assist rx 1
expect_equal 0 "$(line_get rx hw_assist)"
expect_ok ip -n far link set "$rx" netns 1
expect_ok ip netns del far
net_up
expect_ok assist rx 1
expect_equal 250 "$(card_us)"

it "a card that is moved there while it assists goes on, follows, and is given back as it was found"
far_us() { ip netns exec far ethtool -c "$rx" | awk '$1 == "rx-usecs:" {print $2}'; }
far_has() { [ "$(far_us)" = "$1" ]; }
expect_ok ip netns add far
expect_ok ip link set "$rx" netns far
sleep 1
expect_equal "1 250" "$(line_get rx hw_assist) $(far_us)"
expect_ok line_set rx latency_us 300
expect_equal 300 "$(far_us)"
expect_ok assist rx 0
expect_equal "$found" "$(far_us)"
expect_ok line_set rx latency_us 250
expect_ok ip -n far link set "$rx" netns 1
net_up
expect_line rx attached
expect_equal "$found" "$(card_us)"

it "also if it was down before"
expect_ok assist rx 1
expect_ok ip link set "$rx" down
sleep 1
expect_ok ip link set "$rx" netns far
expect_ok assist rx 0
expect_equal "$found" "$(far_us)"
expect_ok ip -n far link set "$rx" netns 1
expect_ok ip netns del far
net_up
expect_line rx attached

it "a card that sleeps for lack of work is left alone, and gets back what it had"
slept() { [ "$(cat "$device/power/runtime_status")" = suspended ]; }
expect_ok assist rx 1
expect_equal 250 "$(card_us)"
expect_ok write "$device/power/control" auto
expect_ok ip link set "$rx" down
expect_soon 20 slept
active=$(cat "$device/power/runtime_active_time")
sleep 3
expect_equal "suspended $active" "$(cat "$device/power/runtime_status") $(cat "$device/power/runtime_active_time")"
expect_equal 1 "$(line_get rx hw_assist)"
expect_ok write "$device/power/control" on
net_up
expect_line rx attached
expect_soon 5 card_has 250
expect_ok assist rx 0
expect_equal "$found" "$(card_us)"

it "a card that assists interrupts less, and no packet is lost"
expect_ok line_set rx latency_us 1000
arrived=()
for switch in 0 1; do
	expect_ok ethtool -C "$rx" rx-usecs 0
	expect_ok assist rx $switch
	before=$(($(line_stat rx delivered) + $(line_stat rx held)))
	result=$(traffic 1000 1500)
	arrived+=($(($(line_stat rx delivered) + $(line_stat rx held) - before)))
	note "hw_assist $switch: $result, ${arrived[-1]} interrupts raised"
	expect_match '.* lost=0 duplicate=0 .*' "$result"
done
[ "${arrived[1]}" -lt "${arrived[0]}" ] || fail "raised ${arrived[*]}"
expect_ok assist rx 0
expect_ok ethtool -C "$rx" rx-usecs "$found"

it "turning it on and off under traffic, by several at once, loses nothing"
expect_ok add_line "other name:$rx"
traffic 3000 3000 >"$ktest_dir/result" &
sender=$!
# meddle LINE: others may be faster.
meddle() {
	local i
	for ((i = 0; i < rounds; i++)); do
		assist "$1" 1
		line_set "$1" latency_us $((RANDOM % 1001))
		assist "$1" 0
	done
}
meddle rx 2>/dev/null &
one=$!
meddle other 2>/dev/null &
two=$!
for ((i = 0; i < rounds; i++)); do
	expect_ok remove_line other
	expect_ok add_line "other name:$rx"
done
wait $one $two
wait $sender
note "$(cat "$ktest_dir/result")"
expect_match '.* lost=0 duplicate=0 .*' "$(cat "$ktest_dir/result")"
assist rx 0
assist other 0
expect_equal "$found" "$(card_us)"

it "the driver can come and go meanwhile"
meddle rx 2>/dev/null &
one=$!
for ((i = 0; i < 5; i++)); do
	expect_ok write $driver/unbind "$address"
	expect_ok write $driver/bind "$address"
done
wait $one
net_up
assist rx 0
expect_equal "$found" "$(card_us)"
clear_all
it "the kernel has nothing to say about all that" expect_quiet_kernel
finish

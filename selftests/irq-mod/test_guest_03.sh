#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# profile: sriov
# cpus: 2
# timeout: 200
# Guests and their lines by what is written to the files: what is accepted, what is refused and why. No virtual machine
# is needed: any process can be a guest.
. "$(dirname "$0")/lib.sh"
. "$ktest_top/selftests/lib/net.sh"

net_up
line=$(rx_line "$rx")
irq=$(irq_of "$line")
card=$(basename "$(readlink -f "/sys/class/net/$rx/device")")
# The vector of the receive line among those of its card.
index=$(basename -a "/sys/bus/pci/devices/$card/msi_irqs"/* | sort -n | grep -nx "$irq" | cut -d : -f 1)
index=$((index - 1))
mount -t cgroup2 none /sys/fs/cgroup || bail "no control groups"
at_end umount /sys/fs/cgroup
sleep 600 &
sleeper=$!
sleep 600 &
other=$!
# Those that have not been ended.
sleepers=("$sleeper" "$other")
end_sleepers() { kill "${sleepers[@]}"; }
at_end end_sleepers
kthread=$(awk '$2 == "(kthreadd)" {print $1}' /proc/[0-9]*/stat)
# A number that no process has: the limit itself is not given out.
nobody=$(cat /proc/sys/kernel/pid_max)

need_module irq_mod
at_end clear_all

# refused ERRNO WHAT TEXT: WHAT is add_guest or add_line; each is a case.
refused() {
	local shown=${3:0:70}
	it "$2 refuses ${shown@Q}: $1" expect_errno "$1" "$2" "$3"
}

it "a process is a guest"
expect_ok add_guest "p pids:$sleeper"
expect_equal "pids:$sleeper" "$(guest_get p target)"
expect_guest p halted
it "it cannot be another one, too"
expect_errno EEXIST add_guest "x vm:$sleeper"
expect_errno EEXIST add_guest "x pids:$other,$sleeper"
it "what was refused leaves its other processes free"
expect_ok add_guest "x vm:$other"
expect_ok remove_guest x
it "several are one guest" expect_ok add_guest "two pids:$other,$$"
it "so is one without a vCPU, which may get one later"
expect_ok remove_guest two
expect_ok add_guest "v vm:$other"
expect_equal unknown "$(guest_get v state)"
expect_equal 0 "$(guest_get v members)"
it "so is a control group, and the root of all"
expect_ok mkdir /sys/fs/cgroup/some
expect_ok add_guest "c cgroup:/some"
expect_ok add_guest "root cgroup:/"
expect_equal "cgroup:/some" "$(guest_get c target)"
it "all counters are there"
for guest in p v c root; do
	for counter in active_ns ready_ns halted_ns activations; do
		expect_match '[0-9]+' "$(guest_stat $guest $counter)"
	done
done
for guest in v c root; do expect_ok remove_guest $guest; done
expect_ok rmdir /sys/fs/cgroup/some

refused EEXIST add_guest "p pids:$$"
refused ESRCH add_guest "x pids:$nobody"
refused ESRCH add_guest "x vm:$nobody"
refused ESRCH add_guest "x pids:$sleeper,$nobody"
refused ENOENT add_guest "x cgroup:/no/such/group"
for kind in vm pids; do
	for value in 0 1 "$kthread"; do refused EINVAL add_guest "x $kind:$value"; done
	for value in "" -1 1x x "$sleeper," ",$sleeper" "$sleeper $sleeper" "+$sleeper" 0x10; do
		refused EINVAL add_guest "x $kind:$value"
	done
	for value in 2147483648 4294967296 99999999999999999999999; do refused ERANGE add_guest "x $kind:$value"; done
done
refused EINVAL add_guest "x vm:$sleeper,$$"
refused EINVAL add_guest "x pids:$sleeper,$sleeper"
# 33 numbers.
refused ERANGE add_guest "x pids:$(seq -s , 2 34)"
for value in "" machines ./machines ../machines; do refused EINVAL add_guest "x cgroup:$value"; done
refused ENOENT add_guest "x cgroup:/$(printf 'a%.0s' {1..3000})"
for text in "" " " "x" "x " "x vm" "x $sleeper" " vm:$sleeper" "x tid:$sleeper" "x VM:$sleeper" "../x vm:$sleeper" \
	". vm:$sleeper" "a/b vm:$sleeper" "$(printf 'n%.0s' {1..33}) vm:$sleeper" $'x\ny '"vm:$sleeper"; do
	refused EINVAL add_guest "${text:-$'\n'}"
done
it "a refusal leaves nothing behind" expect_equal p "$(ls $guests)"
it "a guest that is not there cannot be removed" expect_errno ENOENT remove_guest nobody
it "no guest can have such a name" expect_errno EINVAL remove_guest ../x
it "16 control groups are the most there can be"
for ((i = 0; i < 17; i++)); do expect_ok mkdir /sys/fs/cgroup/c$i; done
for ((i = 0; i < 16; i++)); do expect_ok add_guest "c$i cgroup:/c$i"; done
expect_errno ENOSPC add_guest "c16 cgroup:/c16"
expect_ok remove_guest c0
expect_ok add_guest "c16 cgroup:/c16"
for ((i = 1; i < 17; i++)); do expect_ok remove_guest c$i; done
for ((i = 0; i < 17; i++)); do expect_ok rmdir /sys/fs/cgroup/c$i; done

it "a line is found by its number, its name, a pattern and its place in a card"
for target in "irq:$irq" "name:$line" "name:$rx-?x-*" "name:*x-0" "pci:$card/$index"; do
	expect_ok add_line "l $target"
	expect_equal "$target" "$(line_get l target)"
	expect_equal attached "$(line_get l state)"
	grep -qw "$irq" "$lines/l/irqs" || fail "$target is $(line_get l irqs), not $irq"
	expect_ok remove_line l
done
it "a card's lines are one"
expect_ok add_line "l pci:$card"
expect_between 2 64 "$(line_get l irqs | wc -w)"
expect_ok remove_line l
it "a pattern stands for several"
expect_ok add_line "l name:eth?-*"
expect_between 2 64 "$(line_get l irqs | wc -w)"
it "what one has, another cannot have"
expect_errno EEXIST add_line "m irq:$irq"
expect_ok remove_line l
it "brackets are just brackets: what is not there is waited for"
expect_ok add_line "l name:vfio-msi[[]0]*"
expect_equal waiting "$(line_get l state)"
expect_equal "" "$(line_get l irqs)"
expect_equal 0 "$(line_get l effective_us)"
expect_ok remove_line l
for target in "name:nobody" "name:nobody-*" "pci:0000:1f:1f.7" "pci:0000:1f:1f.7/3" "pci:$card/2047"; do
	it "'$target' waits for something to come, and says so"
	expect_ok add_line "l $target"
	expect_equal waiting "$(line_get l state)"
	[ -n "$(line_get l reason)" ] || fail "no reason is given"
	expect_ok remove_line l
done
refused ENXIO add_line "x irq:99999"
refused ERANGE add_line "x irq:4294967296"
refused ERANGE add_line "x pci:$card/99999999999"
refused ERANGE add_line "x pci:0000:00:20.0"
refused ERANGE add_line "x pci:0000:00:00.8"
for target in "" irq: irq:-1 irq:1x name: pci: pci:0 "pci:${card#0000:}" "pci:$card/" "pci:$card/x" pci:0000:0000.0 "pci:$card/0/0" mac:1 "$irq" "IRQ:$irq"; do
	refused EINVAL add_line "x $target"
done
refused EINVAL add_line "x name:$(printf 'a%.0s' {1..256})"
refused EINVAL add_line "x name:$(printf 'a%.0s' {1..5000})"
it "a refusal leaves no line behind" expect_equal "" "$(ls $lines)"
it "a pattern may have 255 bytes"
expect_ok add_line "l name:$(printf 'a%.0s' {1..255})"
expect_equal waiting "$(line_get l state)"
expect_ok remove_line l
it "1024 lines are the most there can be"
for ((i = 0; i < 1024; i++)); do add_line "l$i name:nobody$i" || break; done 2>/dev/null
expect_equal 1024 $i
expect_errno ENOSPC add_line "more name:nobody"
for ((i = 0; i < 1024; i++)); do remove_line l$i || fail "l$i stays"; done
expect_equal "" "$(ls $lines)"

it "a line can be given to a guest, whose name it shows"
expect_ok add_line "l name:$line"
expect_equal none "$(line_get l guest)"
expect_ok line_set l guest p
expect_equal p "$(line_get l guest)"
it "with a line end as well"
expect_ok line_set l guest $'none\n'
expect_equal none "$(line_get l guest)"
expect_ok line_set l guest $'p\n'
it "nobody else can be its guest" expect_errno ENOENT line_set l guest nobody
for text in $'\n' " " "p p" "../p" "$(printf 'n%.0s' {1..33})"; do
	it "guest refuses ${text@Q}" expect_errno EINVAL line_set l guest "$text"
done
expect_equal p "$(line_get l guest)"
it "a guest of a line stays" expect_errno EBUSY remove_guest p
it "halted_us is a number, or the name of one of the others"
expect_equal latency "$(line_get l halted_us)"
for value in 0 1 100000 overflow latency; do
	expect_ok line_set l halted_us $value
	expect_equal $value "$(line_get l halted_us)"
done
for value in 100001 4294967296; do expect_errno ERANGE line_set l halted_us $value; done
for value in $'\n' " " -1 1x late LATENCY "latency latency" auto; do
	expect_errno EINVAL line_set l halted_us "$value"
done
expect_equal latency "$(line_get l halted_us)"
it "a guest that ends is gone, and its line has the latency interval"
expect_ok line_set l latency_us 300
expect_ok line_set l overflow_us 5000
expect_guest p halted
kill $sleeper
wait $sleeper 2>/dev/null
sleepers=("$other")
expect_guest p gone
expect_equal 300 "$(line_get l effective_us)"
expect_equal 0 "$(guest_get p members)"
it "it can be removed when no line is its own"
expect_errno EBUSY remove_guest p
expect_ok line_set l guest none
expect_ok remove_guest p
expect_ok remove_line l

it "256 guests are the most there can be"
crowd=()
for ((i = 0; i < 256; i++)); do
	sleep 600 &
	crowd+=($!)
done
for ((i = 0; i < 256; i++)); do add_guest "g$i pids:${crowd[i]}" || break; done 2>/dev/null
expect_equal 256 $i
expect_errno ENOSPC add_guest "more pids:$$"
kill "${crowd[@]}"
for ((i = 0; i < 256; i++)); do remove_guest g$i || fail "g$i stays"; done
expect_ok add_guest "again pids:$$"
expect_ok remove_guest again

many() {
	local i
	for ((i = 0; i < 150; i++)); do
		add_guest "both pids:$$"
		line_set l guest both
		remove_guest both
		line_set l guest none
	done 2>/dev/null
}
it "two writers at once neither make a guest twice nor take one from under a line"
expect_ok add_line "l name:$line"
many &
writers=$!
many &
wait $writers $!
expect_ok line_set l guest none
[ ! -e $guests/both ] || expect_ok remove_guest both
expect_ok add_guest "both pids:$$"
expect_ok remove_line l

it "a numbered line whose interrupt is freed waits until there is one of that number again"
expect_ok add_line "l irq:$irq"
driver=/sys/bus/pci/drivers/igb
expect_ok write $driver/unbind "$card"
expect_line l waiting
expect_equal "" "$(line_get l irqs)"
expect_ok write $driver/bind "$card"
net_up
note "irq $irq became $(irq_of "$line")"
if grep -q "^ *$irq:" /proc/interrupts; then expect_line l attached; else expect_line l waiting; fi
expect_ok remove_line l

# during_reset UNDO COMMAND...: the card's reset holds the lock of the device meanwhile, for a tenth of a second or more.
# On a busy machine the command may come too late, and is then undone and tried again.
during_reset() {
	local undo=$1 reset tries is_over=1
	shift
	for ((tries = 1; tries <= 20 && is_over; tries++)); do
		write "/sys/bus/pci/devices/$card/reset" 1 &
		reset=$!
		sleep 0.03
		expect_ok "$@"
		if kill -0 $reset 2>/dev/null; then is_over=0; fi
		note "the line is $(line_get l state)"
		wait $reset || fail "no reset"
		# shellcheck disable=SC2086 # words of a command
		[ $is_over = 0 ] || expect_ok $undo
	done
	[ $is_over = 0 ] || fail "the reset was always over before"
	expect_line l attached
}
it "a line added while its card is being reset is attached after that" \
	during_reset "remove_line l" add_line "l pci:$card/$index"
# Counting packets for "auto" takes grace periods, which may be longer than a reset.
expect_ok line_set l overflow_us 5000
it "so is one that is given to a guest meanwhile" during_reset "line_set l guest none" line_set l guest both
it "and one that is taken from it" during_reset "line_set l guest both" line_set l guest none
it "the card works again"
expect_ok write $driver/unbind "$card"
expect_ok write $driver/bind "$card"
net_up
expect_line l attached
it "the kernel has nothing to say about all that" expect_quiet_kernel
finish

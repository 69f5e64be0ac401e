#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# profile: sriov
# cpus: 2
# timeout: 60
# Adding and removing lines: what is accepted, what is refused and why.
. "$(dirname "$0")/lib.sh"
. "$ktest_top/selftests/lib/net.sh"

net_up
line=$(rx_line "$rx")
irq=$(irq_of "$line")
# The first interrupt whose flow is not edge, of a driver that does not share it.
level_irq=$(awk '/fasteoi/ && !/,/ {sub(":", "", $1); print $1; exit}' /proc/interrupts)

add() { write $irq_mod/add_line "$*"; }
add_errno() { expect_errno "$1" add "$2"; }

need_module irq_mod latency_us=70

it "a line is added by the name its driver gave it"
expect_ok add "by-name name:$line"
expect_equal "$irq" "$(cat $lines/by-name/irqs)"
expect_equal attached "$(cat $lines/by-name/state)"
it "a new line has the module's interval"
expect_equal 70 "$(cat $lines/by-name/latency_us)"
expect_equal 70 "$(cat $lines/by-name/effective_us)"
it "very short intervals are lengthened, and that shows"
expect_ok write $lines/by-name/latency_us 3
expect_equal 3 "$(cat $lines/by-name/latency_us)"
expect_equal 10 "$(cat $lines/by-name/effective_us)"
it "a line is moderated once only" add_errno EEXIST "again irq:$irq"
it "two lines cannot have one name" add_errno EEXIST "by-name irq:$((irq + 1))"
it "a line is removed by its name" expect_ok write $irq_mod/remove_line by-name
[ ! -e $lines/by-name ] || fail "$lines/by-name is left"
it "a line is added by its number"
expect_ok add "by-number irq:$irq"
expect_ok write $irq_mod/remove_line by-number

it "there is no line of that number" add_errno ENXIO "x irq:99999"
it "a name that no line has yet is waited for"
expect_ok add "x name:no-such-line"
expect_equal waiting "$(cat $lines/x/state)"
expect_ok write $irq_mod/remove_line x
it "a number beyond 32 bits is out of range" add_errno ERANGE "x irq:4294967296"
it "a level-triggered line is not supported" add_errno EOPNOTSUPP "x irq:$level_irq"
it "the legacy timer is not supported" add_errno EPERM "x irq:0"
for text in "x" "x " " irq:$irq" "x irq:" "x irq:-1" "x irq:1x" "x name:" "x $irq" "../x irq:$irq" \
	". irq:$irq" "$(printf 'n%.0s' {1..33}) irq:$irq"; do
	it "'$text' is malformed" add_errno EINVAL "$text"
done
it "a refusal leaves nothing behind"
expect_equal "" "$(ls $lines)"
it "a line that is not there cannot be removed" expect_errno ENOENT write $irq_mod/remove_line nobody
it "no line can have such a name" expect_errno EINVAL write $irq_mod/remove_line ../x

many() {
	local i
	for ((i = 0; i < 150; i++)); do
		{ add "two irq:$1" || :; } 2>/dev/null
		{ write $irq_mod/remove_line two || :; } 2>/dev/null
	done
}
it "two writers at once neither attach twice, nor reuse a name too early, nor get stuck"
many "$irq" &
many "$((irq + 1))" &
wait
[ ! -e $lines/two ] || expect_ok write $irq_mod/remove_line two
expect_ok add "after irq:$irq"
expect_equal attached "$(cat $lines/after/state)"
it "the kernel has nothing to say about all that" expect_quiet_kernel
finish

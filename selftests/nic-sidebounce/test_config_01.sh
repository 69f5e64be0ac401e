#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# profile: sriov
# cpus: 2
# timeout: 120
# What an administrator writes is taken or refused with the right error, and what is refused changes nothing.
. "$(dirname "$0")/lib.sh"

pf_bdf=$(pf_of_igb 0)
pf=$(net_of "$pf_bdf")
ip link set "$pf" up
vf_create "$pf_bdf" 2 || bail "there are no VFs"
at_end vf_remove "$pf_bdf"
modprobe veth
ip link add tap0 type veth peer name tap1 || bail "no veth"
at_end ip link del tap0
need_module nic_sidebounce
at_end filters_clear

it "what describes no filter is refused"
for text in '' ' ' f 'f ' "f $pf" "f dev:" "f dev:$pf vf:" "f dev:$pf vf:x" "f dev:$pf vf:0 x" "f dev:tap0 side:x" "f dev:tap0 side:vm x" "f  dev:$pf" "f dev:$pf  vf:0" "f vf:0" \
	"/ dev:$pf vf:0" ". dev:$pf vf:0" "$(printf 'x%.0s' {1..33}) dev:$pf vf:0" "f dev:abcdefghijklmnop" "f dev:a/b"; do
	expect_errno EINVAL filter_add "$text"$'\n'
done
expect_errno ERANGE filter_add "f dev:$pf vf:65536"
it "so is one for what is not there, or is no network card"
expect_errno ENODEV filter_add "f dev:nothing"
expect_errno ENODEV filter_add "f dev:$pf vf:2"
expect_errno EOPNOTSUPP filter_add "f dev:lo"
expect_errno EOPNOTSUPP filter_add "f dev:tap0 vf:0"
it "nothing stays behind of that"
expect_equal "" "$(ls "$filters")"
[ ! -e /sys/class/net/sb0u ] || fail "sb0u is left"
expect_equal 0 "$(ip link show dev "$pf" | grep -c vlan)"
it "a name and a place are taken once"
expect_ok filter_add "f dev:$pf vf:0"
expect_errno EEXIST filter_add "f dev:$pf vf:1"
expect_errno EBUSY filter_add "g dev:$pf vf:0"
expect_ok filter_add "g dev:$pf vf:1"
expect_ok filter_add "t dev:tap0"
expect_errno EBUSY filter_add "u dev:tap0"
it "each has its own VLAN, numbers and devices"
expect_equal "sb0u sb0d, sb1u sb1d, sb2u sb2d" "$(filter_get f ports), $(filter_get g ports), $(filter_get t ports)"
[ "$(filter_get f vid)" != "$(filter_get g vid)" ] || fail "one VLAN for both"
expect_equal "port 0 none" "$(filter_get t backend) $(filter_get t vid) $(filter_get t mac)"
expect_equal "dev:$pf vf:0" "$(filter_get f target)"
it "what tells who talks to whom is root's alone"
expect_equal "600 400 400 400" "$(cd "$filters/f" && stat -c %a rules rule_stats flows stats/unparsed_reasons | xargs)"
it "what is not there cannot be removed"
expect_errno ENOENT filter_remove h
expect_errno EINVAL filter_remove /
expect_ok filter_remove g
expect_ok filter_remove t
for place in g t; do [ ! -e $filters/$place ] || fail "$place is left"; done

# choices FILE DEFAULT WORD...: each is taken, nothing else is.
choices() {
	local file=$1 word
	it "$file holds its words"
	expect_equal "$2" "$(filter_get f "$file")"
	for word in "${@:3}" "$2"; do
		expect_ok filter_set f "$file" "$word"
		expect_equal "$word" "$(filter_get f "$file")"
	done
	for word in $'\n' "x$2" "$2 $2" 1.5 "$(printf 'x%.0s' {1..3000})"; do
		expect_errno EINVAL filter_set f "$file" "$word"
		expect_equal "$2" "$(filter_get f "$file")"
	done
}
choices tx_mode capture none jail
choices bum unicast flood
choices fail closed open
choices bounce_per_s 10000 unlimited 0 10000000
expect_errno ERANGE filter_set f bounce_per_s 10000001
choices learn_mark none 0x1/0xff 0x80000000/0x80000000 0x0/0x0
it "a mark is within its mask"
expect_errno ERANGE filter_set f learn_mark 0x2/0x1
expect_errno ERANGE filter_set f learn_mark 0x100000000/0x100000000
it "only what is known can be forgotten"
expect_ok filter_set f forget all
expect_errno EINVAL filter_set f forget some
it "flows are learned as they are described"
flow="rx 60 accept dst_mac $vf0_mac src_mac 02:00:00:00:00:99 vid none ethertype ip proto udp src_ip $a4 dst_ip $b4 src_port 1 dst_port 2"
expect_ok filter_set f learn "$flow"
expect_match ".*$a4.*$b4.*" "$(tr '\n' ' ' <$filters/f/flows)"
expect_errno EINVAL filter_set f learn "${flow/accept/bounce}"
expect_errno EINVAL filter_set f learn "rx 60 accept"
expect_errno ERANGE filter_set f learn "${flow/ 60 / 0 }"
expect_errno ERANGE filter_set f learn "${flow/ 60 / 86401 }"
expect_ok filter_set f forget all
expect_equal "" "$(cat $filters/f/flows)"

it "rules are shown as what makes them"
expect_ok rules f <<<'add prio 5 dir rx proto tcp dst_port 22-23 dst_ip 10.0.0.0/8 action accept name ssh'
expect_match $'default rx bounce\ndefault tx bounce\nadd .*prio 5 .*name ssh.*' "$(filter_get f rules)"
shown=$(filter_get f rules)
expect_ok write $filters/f/rules $'flush\n'"$shown"$'\n'
expect_equal "$shown" "$(filter_get f rules)"
expect_match '5 0 0 ssh' "$(filter_get f rule_stats)"
# refused ERRNO WHERE TEXT: and the rules stay as they are, all of them.
refused() {
	expect_errno "$1" write $filters/f/rules "$3"
	expect_match "$2: .*" "$(filter_get f rules_error)"
	expect_equal "$shown" "$(filter_get f rules)"
}
it "rules that are refused change nothing, and it is said where they are wrong"
refused EINVAL 'line 1, column 1' junk
refused EINVAL 'line 2, column 5' $'flush\nadd junk'
refused EINVAL 'line 3, column 1' $'flush\n# nothing\njunk\n'
refused EINVAL 'line 1, column .*' 'add prio 1 dir rx dst_port 22 action accept'
refused EINVAL 'line 1, column .*' 'add prio 1 dir rx src_ip 10.0.0.1 dst_ip fd00::1 action accept'
refused EINVAL 'line 1, column .*' 'add prio 1 prio 2 dir rx action accept'
refused ERANGE 'line 1, column 38' 'add prio 1 dir rx proto tcp dst_port 70000 action accept'
refused ERANGE 'line 1, column .*' 'add prio 4294967296 dir rx action accept'
refused ENOENT 'line 1, column .*' 'del prio 6'
refused EINVAL 'line 1, column .*' $'add prio 1 dir rx \xff\xfe action accept'
it "an empty line does not clear the error, as a shell may write one behind what was refused"
expect_ok write $filters/f/rules $'\n'
expect_match 'line 1, .*' "$(filter_get f rules_error)"
it "what is right clears the error"
expect_ok write $filters/f/rules 'del prio 5'
expect_equal none "$(filter_get f rules_error)"

# A text of more than a page, by one open file.
it "10000 rules come in at once"
many() { awk -v n="$1" 'BEGIN {print "begin\nflush"; for (i = 1; i <= n; i++) print "add prio " i " dir rx proto tcp dst_ip 10." int(i / 256) "." i % 256 ".1 dst_port 80 action accept"; print "commit"}'; }
many 10000 >"$ktest_dir/many"
expect_ok dd if="$ktest_dir/many" of=$filters/f/rules bs=1M conv=notrunc
expect_equal none "$(filter_get f rules_error)"
expect_equal 10002 "$(wc -l <$filters/f/rules)"
expect_equal 10000 "$(wc -l <$filters/f/rule_stats)"
it "more than max_rules do not, and none of them"
many 16385 >"$ktest_dir/many"
expect_errno ENOSPC dd if="$ktest_dir/many" of=$filters/f/rules bs=1M conv=notrunc
expect_match 'line 16386, .*' "$(filter_get f rules_error)"
expect_equal 10000 "$(wc -l <$filters/f/rule_stats)"
it "there are templates"
expect_ok rules f <<<$'template clean-traffic mac '"$vf0_mac"$' ip 10.0.0.1\ntemplate allow-dhcp\ntemplate trunk 5,100-199'
it "files only say that they are gone when the filter is"
exec 5<$filters/f/state 6>$filters/f/fail
expect_ok filter_remove f
expect_errno ENODEV cat <&5
expect_errno ENODEV eval "echo open >&6"
exec 5<&- 6>&-
it "nothing was said but that filters came and went"
expect_equal "" "$(ktest_dmesg begin | grep nic_sidebounce | grep -Ev 'filter [a-z]: (added|removed)|taint')"
expect_quiet_kernel
finish

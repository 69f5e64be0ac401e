#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# profile: sriov
# cpus: 2
# timeout: 240
# A VF that the host keeps receives what bounces on its way to a VM and gives it back by the service VLAN: given to it by
# the module, or by the card itself without the PF seeing anything.
. "$(dirname "$0")/lib.sh"

need_network 2
need_module nic_sidebounce
at_end filters_clear
ip -n vm1 link set vf1 netns 1
quiet host vf1
ip link set vf1 up
expect_soon 10 carrier host vf1
need_write $sidebounce/add_filter "f0 dev:$pf vf:0"
vid=$(filter_get f0 vid)
need_write "$filters/f0/tx_mode" jail
quiet host sb0u
ip link set sb0u up
listen host sb0u
listen peer "$wire" promisc
listen host "$pf" promisc
listen host vf1 promisc
listen vm0 vf0
udp="ip $a4 $b4 udp 1000 9"
to_vf0="eth $vf0_mac $peer_mac $udp"
# What the PF hears before the filter does is not asked here, but in the last cases.
unheeded=" $pf "

it "it is the pair unless another device is named"
expect_equal "pair 0" "$(filter_get f0 vmm) $(filter_get f0 vmm_pool)"
expect_errno EINVAL filter_set f0 vmm vf1
expect_errno EINVAL filter_set f0 vmm dev:
expect_errno ENODEV filter_set f0 vmm dev:none
expect_errno EOPNOTSUPP filter_set f0 vmm pool:sb0u
expect_equal pair "$(filter_get f0 vmm)"
send peer "$wire" "$to_vf0"
expect_heard sb0u

it "the device that is named receives what bounces"
expect_ok filter_set f0 vmm dev:vf1
expect_equal "dev:vf1 0" "$(filter_get f0 vmm) $(filter_get f0 vmm_pool)"
send peer "$wire" "$to_vf0"
expect_heard vf1
it "but not what is accepted or dropped"
expect_ok rules f0 <<<'add prio 1 dir rx proto udp dst_port 7 action accept
add prio 2 dir rx proto udp dst_port 8 action drop'
send peer "$wire" "eth $vf0_mac $peer_mac ip $a4 $b4 udp 1000 7"
expect_heard vf0
send peer "$wire" "eth $vf0_mac $peer_mac ip $a4 $b4 udp 1000 8"
expect_heard ""

it "the VF gives it back by the service VLAN, and the wire sees nothing of that"
ip link set dev "$pf" vf 1 spoofchk off
expect_ok ip link add link vf1 name vf1.back type vlan id "$vid"
quiet host vf1.back
ip link set vf1.back up
send host vf1.back "$to_vf0"
expect_heard vf0
ip link del vf1.back

it "while the device is down, what bounces is dropped or goes on"
ip link set vf1 down
send peer "$wire" "$to_vf0"
expect_heard ""
expect_equal 1 "$(filter_stat f0 no_port)"
expect_ok filter_set f0 fail open
send peer "$wire" "$to_vf0"
expect_heard vf0
expect_ok filter_set f0 fail closed
ip link set vf1 up
expect_soon 10 carrier host vf1

it "the card itself gives it what is for the VM, and level 1 looks at it there"
expect_ok filter_set f0 vmm pair
expect_ok filter_set f0 vmm pool:vf1
expect_soon 5 grep -qx 1 "$filters/f0/vmm_pool"
sleep 1
unheeded=' '
bounced=$(filter_stat f0 rx_bounced)
send peer "$wire" "$to_vf0"
expect_heard vf1
expect_equal $((bounced + 1)) "$(filter_stat f0 rx_bounced)"
accepted=$(filter_stat f0 rx_accepted)
send peer "$wire" "eth $vf0_mac $peer_mac ip $a4 $b4 udp 1000 7"
expect_equal $((accepted + 1)) "$(filter_stat f0 rx_accepted)"
unheeded=' vf1 '
expect_heard vf0
it "also after the card was reset"
ip link set "$pf" down
ip link set "$pf" up
expect_soon 10 carrier host "$pf"
expect_soon 10 grep -qx 1 "$filters/f0/vmm_pool"
expect_soon 10 carrier host vf1
sleep 1
unheeded=' '
send peer "$wire" "$to_vf0"
expect_heard vf1

it "a card has one such VF"
expect_errno EBUSY filter_set f0 vmm pool:vf1
expect_equal pool:vf1 "$(filter_get f0 vmm)"

it "then the PF hears of it again"
expect_ok filter_set f0 vmm pair
sleep 2.5
send peer "$wire" "$to_vf0"
expect_heard "$(sorted "$pf" sb0u)"

it "a device that goes away receives nothing, and is no obstacle"
expect_ok filter_set f0 vmm dev:vf1
basename "$(readlink /sys/class/net/vf1/device)" >/sys/bus/pci/drivers/igbvf/unbind
send peer "$wire" "$to_vf0"
expect_heard "$pf"
expect_equal dev:vf1 "$(filter_get f0 vmm)"
it "until one of that name comes"
vf1_bdf=$(vf_bdf "$pf_bdf" 1)
give_to igbvf "$vf1_bdf"
expect_soon 10 has_net "$vf1_bdf"
ip link set dev "$(net_of "$vf1_bdf")" name vf1
quiet host vf1
ip link set vf1 up
expect_soon 10 carrier host vf1
sleep 1
listen host vf1 promisc
lost=$(filter_stat f0 no_port)
send peer "$wire" "$to_vf0"
expect_heard "$(sorted "$pf" vf1)"
expect_equal "$lost dev:vf1" "$(filter_stat f0 no_port) $(filter_get f0 vmm)"

it "a card gives nothing to a VF that has gone to another namespace, as to a VM"
expect_ok filter_set f0 vmm pair
expect_ok filter_set f0 vmm pool:vf1
expect_soon 5 grep -qx 1 "$filters/f0/vmm_pool"
ip link set vf1 netns vm1
sleep 0.5
expect_equal "pool:vf1 0" "$(filter_get f0 vmm) $(filter_get f0 vmm_pool)"
ip -n vm1 link set vf1 up
expect_soon 10 carrier vm1 vf1
listen vm1 vf1 promisc
expect_ok rules f0 <<<'default rx drop'
unheeded=" $pf "
heard_nothing_of_it() {
	local dropped
	dropped=$(filter_stat f0 rx_dropped)
	send peer "$wire" "$to_vf0"
	expect_heard ""
	expect_equal $((dropped + 1)) "$(filter_stat f0 rx_dropped)"
}
heard_nothing_of_it
it "nor after a reset"
ip link set "$pf" down
ip link set "$pf" up
expect_soon 10 carrier host "$pf"
expect_soon 10 carrier vm1 vf1
sleep 1
expect_equal 0 "$(filter_get f0 vmm_pool)"
heard_nothing_of_it
it "but again when it is back"
ip -n vm1 link set vf1 netns 1
quiet host vf1
ip link set vf1 up
expect_soon 10 grep -qx 1 "$filters/f0/vmm_pool"
expect_soon 10 carrier host vf1
sleep 1
unheeded=' vf1 '
heard_nothing_of_it
expect_equal "pool:vf1 1" "$(filter_get f0 vmm) $(filter_get f0 vmm_pool)"
it "nor to one that has lost its driver"
echo "$vf1_bdf" >"$pci/$vf1_bdf/driver/unbind"
sleep 0.5
expect_equal "pool:vf1 0" "$(filter_get f0 vmm) $(filter_get f0 vmm_pool)"
unheeded=" $pf "
heard_nothing_of_it
expect_ok filter_set f0 vmm pair

it "no device both has a filter and receives what bounces, which could go round for ever"
ip link add pa type veth peer name pb
ip link set pa up
ip link set pb up
expect_errno EBUSY filter_set f0 vmm "dev:$pf"
expect_ok filter_add "p dev:pa side:vm"
expect_errno EBUSY filter_set p vmm dev:pa
expect_errno EBUSY filter_set f0 vmm dev:pa
expect_ok filter_set f0 vmm dev:pb
expect_errno EBUSY filter_add "q dev:pb"
expect_errno EBUSY filter_add "q dev:sb0u side:vm"
expect_ok filter_set f0 vmm pair
expect_ok filter_add "q dev:pb"
expect_ok filter_remove q
expect_ok filter_remove p

it "what a bridge leads back to the filter that it bounced from is lost"
ip link add br0 type bridge
ip link add qa type veth peer name qb
for each in br0 qa qb; do
	quiet host "$each"
	ip link set "$each" up
done
ip link set pa master br0
ip link set qa master br0
expect_ok filter_add "p dev:pa"
expect_ok filter_set p bounce_per_s unlimited
expect_ok filter_set p vmm dev:qa
before=$(filter_stat p rx_bounced)
send host qb "$to_vf0"
expect_soon 5 grep -qv '^0$' "$filters/p/stats/lost"
sleep 1
after=$(filter_stat p rx_bounced)
[ $((after - before)) -le 20 ] || fail "bounced $((after - before)) times"
expect_ok filter_remove p
ip link del br0

it "the kernel has nothing to say about all that" expect_quiet_kernel
finish

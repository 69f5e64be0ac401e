#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# profile: nested
# cpus: 2
# timeout: 300
# A guest of an unmodified QEMU owns a virtual function through vfio-pci and drives it itself. A filter comes in front of
# it while it runs, and goes; the guest's interface is the same all the time.
. "$(dirname "$0")/lib.sh"
cd "$ktest_top" || exit 1
# shellcheck source=selftests/vfio-pause/nested/nested.sh
. "$ktest_top/selftests/vfio-pause/nested/nested.sh"

modprobe -a kvm_amd 2>/dev/null || modprobe -a kvm_intel 2>/dev/null || skip "this CPU runs no virtual machines"
modprobe -a vfio-pci vfio_iommu_type1 || bail "there is no VFIO"
need_network 0
at_end nested_end
expect_ok vf_create "$pf_bdf" 1
function=$(vf_bdf "$pf_bdf" 0)
expect_ok give_to vfio-pci "$function"
nested_boot "$function" >"$ktest_dir/boot" || bail "$(cat "$ktest_dir/boot")"
expect_ok guest "ip link set eth0 up && ip address add $vf0_4/24 dev eth0"
expect_soon 20 guest 'grep -q 1 /sys/class/net/eth0/carrier'

# What must not change in the guest.
interface() { guest 'cat /sys/class/net/eth0/ifindex; ip address show eth0 | grep -v -e inet6 -e valid_lft'; }
before=$(interface)
to_guest() { in_ns peer ping -q -c 1 -W 2 "$vf0_4" >/dev/null; }
from_guest() { guest "ping -q -c 1 -W 2 $peer4 >/dev/null"; }
expect_both() { expect_soon 20 to_guest && expect_soon 20 from_guest; }
expect_neither() {
	! to_guest || fail "the guest answers"
	! from_guest || fail "the guest has an answer"
}

it "without a filter the guest answers and has answers" expect_both

it "with a new filter nothing passes"
need_module nic_sidebounce
expect_ok filter_add "web dev:$pf vf:0"
expect_filter web filtering
expect_neither
expect_between 1 1000000 "$(filter_stat web rx_bounced)"
expect_between 1 1000000 "$(filter_stat web tx_bounced)"

it "what rules accept passes both ways"
rules web <<-END
	add prio 1 dir rx ethertype arp action accept
	add prio 1 dir tx ethertype arp action accept
	add prio 2 dir rx proto icmp action accept name in
	add prio 2 dir tx proto icmp action accept name out
END
expect_both
expect_match '2 [1-9][0-9]* [0-9]+ in' "$(grep ' in$' "$filters/web/rule_stats")"
expect_match '2 [1-9][0-9]* [0-9]+ out' "$(grep ' out$' "$filters/web/rule_stats")"

it "level 2 gives back what bounces"
rules web <<<""
ip link add level2 type bridge mcast_snooping 0
at_end ip link del level2
read -r up down <"$filters/web/ports"
for device in level2 "$up" "$down"; do quiet host "$device"; done
for device in "$up" "$down"; do
	ip link set "$device" master level2
	ip link set "$device" up
done
ip link set level2 up
expect_both
expect_between 1 1000000 "$(filter_stat web injected_rx)"
expect_between 1 1000000 "$(filter_stat web injected_tx)"

it "a guest that resets its function stays behind the filter"
vid=$(filter_get web vid)
rules web <<<$'default rx drop\ndefault tx drop'
expect_ok guest "ip link set eth0 down; ip link set eth0 up"
expect_soon 20 guest 'grep -q 1 /sys/class/net/eth0/carrier'
expect_neither
expect_equal "filtering $vid" "$(filter_get web state) $(filter_get web vid)"
rules web <<<$'default rx accept\ndefault tx accept'
expect_both

it "what comes while the guest is stopped is held, and answered when it runs again"
expect_ok qmp stop
expect_ok filter_set web hold 1
in_ns peer ping -q -c 3 -i 0.2 -W 15 "$vf0_4" >"$ktest_dir/pings" &
pings=$!
held() { [ "$(filter_get web waiting)" -ge 3 ]; }
expect_soon 5 held
expect_ok qmp cont
expect_ok filter_set web hold 0
wait $pings
expect_match '.* 3 received.*|.* 3 packets received.*' "$(grep received "$ktest_dir/pings")"

it "the module goes, and the guest has its function as before"
expect_ok rmmod nic_sidebounce
expect_both
expect_equal "$before" "$(interface)"

nested_end
it "the kernel has nothing to say about all that" expect_quiet_kernel
finish

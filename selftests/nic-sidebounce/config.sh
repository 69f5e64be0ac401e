# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034,SC2154
# Settings of the shared test groups for nic-sidebounce, which filters the first VF of an igb card.
. "$ktest_top/selftests/nic-sidebounce/lib.sh"

MODULE_KO=nic_sidebounce
PROFILE=sriov
CPUS=2
BAD_PARAMS=(
	vid_base=0:ERANGE vid_base=4095:ERANGE vid_count=0:ERANGE vid_base=x:EINVAL max_rules=0:ERANGE max_masks=0:ERANGE
	flow_cache=1:ERANGE
)

setup() {
	[ -n "${pf_bdf:-}" ] || need_vfs
	filter_add "test dev:$pf vf:0" && OBJECT=$filters/test
}

# The PF with two VFs that nobody drives, until the end of the test.
need_vfs() {
	pf_bdf=$(pf_of_igb 0)
	pf=$(net_of "$pf_bdf")
	at_end vf_remove "$pf_bdf"
	ip link set "$pf" up
	vf_create "$pf_bdf" 2
}

teardown() { [ ! -e $filters/test ] || filter_remove test; }

attributes() {
	local file counter
	attr $sidebounce/version ro
	for file in add_filter remove_filter; do attr $sidebounce/$file wo; done
	for file in target backend state reason vid mac ports rules_error phase vmm_pool waiting waiting_bytes; do
		attr $file ro
	done
	# Texts and words: test_config_01.sh.
	for file in rules rule_stats stats/unparsed_reasons flows tx_mode bum fail bounce_per_s learn_mark vmm; do attr $file own; done
	attr learn wo
	attr forget wo
	attr quarantine bool 0
	attr bounce_burst int 1 65536 1000
	attr learn_s int 1 86400 60
	attr sample_group own
	attr hold bool 0
	attr hold_packets int 1 65536 1024
	attr hold_bytes int 64 67108864 1048576
	attr hold_ms int 1 3600000 30000
	for counter in rx_accepted rx_dropped rx_bounced tx_accepted tx_dropped tx_bounced bounce_limited no_port injected_rx \
		injected_tx learned_hits cached unparsed reflected lost held hold_dropped copies patterns masks chain table_bytes; do
		attr stats/$counter ro
	done
}

faults() {
	it "a filter of a VF that goes away waits, and finds it again"
	expect_ok numvfs "$pf_bdf" 0
	expect_filter test waiting
	expect_equal 0 "$(filter_get test vid)"
	expect_ok vf_create "$pf_bdf" 2
	expect_filter test filtering
	it "so does one whose card loses its driver"
	expect_ok write /sys/bus/pci/drivers/igb/unbind "$pf_bdf"
	expect_filter test waiting
	expect_ok write /sys/bus/pci/drivers/igb/bind "$pf_bdf"
	pf_is_back
	it "so does one whose card is removed"
	expect_ok write "$pci/$pf_bdf/remove" 1
	expect_filter test waiting
	expect_ok write /sys/bus/pci/rescan 1
	expect_soon 10 test -e "$pci/$pf_bdf/net"
	pf_is_back
	it "a filter that waits can be removed"
	expect_ok numvfs "$pf_bdf" 0
	expect_filter test waiting
	expect_ok filter_remove test
}

# The card has a driver again, and the filter its VF.
pf_is_back() {
	expect_equal "$pf" "$(net_of "$pf_bdf")"
	ip link set "$pf" up
	expect_ok vf_create "$pf_bdf" 2
	expect_filter test filtering
}

stress_hold() {
	filter_set test hold $((RANDOM % 2))
	echo all >$filters/test/forget
}

stress_rules() { rules test <<<"add prio $RANDOM dir rx proto tcp dst_port $((RANDOM % 100))-30000 action accept"; }

# What the host sends to the VF passes its rules, whether or not the VF listens.
stress_traffic() {
	send_count=50 send host "$pf" "eth $vf0_mac $(cat "/sys/class/net/$pf/address") type 0x88b6"
}

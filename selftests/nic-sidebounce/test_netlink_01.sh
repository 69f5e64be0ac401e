#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# profile: sriov
# cpus: 2
# timeout: 300
# Programs list rules and flows, teach flows and are told of events, with the kernel's own command line for netlink.
. "$(dirname "$0")/../lib/ktest.sh"

root=/sys/kernel/nic_sidebounce
filter=$root/filters/port0
tool=$ktest_top/build/ynl/ynl
spec=$ktest_top/nic-sidebounce/sidebounce.yaml
flow='"direction": "rx", "dst-mac": "02:00:00:00:00:01", "src-mac": "02:00:00:00:00:02", "proto": 17, "src-port": 7'
flow="$flow"', "dst-port": 9, "src-ip": "10.0.0.2", "dst-ip": "10.0.0.1"'
wrong='a flow has all fields of its ethertype and protocol, and no others'

# ask do|dump OPERATION ATTRIBUTES: prints what is answered, as JSON.
ask() { "$tool" --spec "$spec" --output-json "--$1" "$2" --json "{\"filter\": \"port0\"${3:+, $3}}" 2>&1; }
teach() { ask "do" "$@"; }
list() { ask dump "$@"; }
# refused ERROR OPERATION ATTRIBUTES
refused() {
	local said
	said=$(teach "$2" "$3") && fail "$2 $3 was accepted"
	expect_match "Netlink error: (.*: )?$1.*" "$said"
}
# count JSON WORD
count() { grep -o "$2" <<<"$1" | wc -l; }

[ -x "$tool" ] || bail "build/ynl is missing: run scripts/ynl"
need_module nic_sidebounce
modprobe -q veth
ip link add port0 address 02:00:00:00:00:01 type veth peer name wire0 address 02:00:00:00:00:02
# The last case has removed it.
at_end eval 'ip link del port0 2>/dev/null || :'
ip link set port0 up
ip link set wire0 up
need_write $root/add_filter 'port0 dev:port0'

it "rules are listed as they were written, with counters"
need_write "$filter/rules" 'add prio 20 dir rx proto udp src_ip 10.0.0.0/8 action drop name late'
need_write "$filter/rules" 'add prio 10 dir tx ethertype arp action accept'
rules=$(list rule-get)
expect_equal 2 "$(count "$rules" '"place"')"
expect_match '.*"priority": 10, "direction": "tx", "action": "accept", .*"packets": [0-9]+, "bytes": [0-9]+.*' "$rules"
expect_match '.*"priority": 20, "direction": "rx", "action": "drop", "rule-name": "late", .*' "$rules"

it "ten thousand rules are listed, each once"
{
	printf 'begin\n'
	seq 1000 10999 | sed 's/.*/add prio & dir rx proto tcp dst_port & action accept/'
	printf 'commit\n'
} >"$filter/rules"
rules=$(list rule-get)
expect_equal 10002 "$(count "$rules" '"place"')"
expect_equal 10002 "$(grep -o '"place": [0-9]*' <<<"$rules" | sort -u | wc -l)"

it "what is learned is listed and forgotten"
expect_ok teach flow-learn "$flow, \"action\": \"accept\", \"seconds\": 60"
flows=$(list flow-get)
expect_equal 1 "$(count "$flows" '"action": "accept"')"
expect_match '.*"src-ip": "10.0.0.2", "dst-ip": "10.0.0.1", "proto": 17, "src-port": 7, "dst-port": 9.*' "$flows"
expect_ok teach flow-forget "$flow"
refused "No such file or directory" flow-forget "$flow"
expect_ok teach flow-learn "$flow, \"action\": \"drop\", \"seconds\": 60"
expect_ok teach flow-forget '"all": true'
expect_equal 0 "$(count "$(list flow-get)" '"action"')"

it "what no packet is of is not learned"
learned='"action": "accept", "seconds": 60'
refused "$wrong: Invalid argument" flow-learn "$flow, $learned, \"icmp-type\": 8"
refused "$wrong: Invalid argument" flow-learn "${flow/10.0.0.1/fe80::1}, $learned"
refused "accept or drop: Invalid argument" flow-learn "$flow, \"action\": \"bounce\", \"seconds\": 60"
refused "1 to 86400: Numerical result out of range" flow-learn "$flow, \"action\": \"drop\", \"seconds\": 86401"
refused "0 to 4095: Numerical result out of range" flow-learn "$flow, $learned, \"vid\": 4096"
refused "Invalid argument" flow-learn "$flow"

it "a filter that is not there has no rules"
expect_match '.*No such file or directory.*' "$("$tool" --spec "$spec" --dump rule-get --json '{"filter": "other"}' 2>&1)"
expect_match '.*no name of a filter: Invalid argument.*' "$("$tool" --spec "$spec" --dump rule-get --json '{"filter": "a/b"}' 2>&1)"

it "another network namespace has no such family"
expect_match '.*not supported.*|.*No such file.*' "$(unshare -n "$tool" --spec "$spec" --dump rule-get --json '{"filter": "port0"}' 2>&1 | tail -1)"

it "listeners are told that the device has gone"
"$tool" --spec "$spec" --output-json --subscribe events --duration 8 >"$ktest_dir/events" 2>&1 &
listener=$!
sleep 5
ip link del port0
wait $listener
expect_match '.*"filter": "port0", "event-kind": "state", "state": "waiting".*' "$(tr '\n' ' ' <"$ktest_dir/events")"

it "nothing was logged" expect_quiet_kernel
finish

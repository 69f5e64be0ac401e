#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# profile: oracles
# cpus: 2
# timeout: 300
# The same and the same packets through this module, an nft chain and tc flower, each in front of a device of its own:
# the same verdict for each packet, and the same packets for each rule. Where the three are known to differ, each must do
# what it is known for: see selftests/lib/oracle.c.
. "$(dirname "$0")/lib.sh"

oracle=$ktest_top/build/bin/oracle
nft=$ktest_top/build/nft/nft
packets=5000
seeds=("${RVM_SEED:-$SRANDOM}" 1 2 3)
counts=(120 40 300 20)
[ -z "${RVM_LONG:-}" ] || packets=20000

[ -x "$nft" ] || bail "build/nft is missing: run scripts/nft"
for module in veth dummy; do modprobe $module || bail "there is no $module"; done
need_module nic_sidebounce

# Each has a device `tap`, whose other end is `vm`, and one for what bounces.
for each in sb nft tc; do
	ip link add tap_$each type veth peer name vm_$each || bail "no veth"
	at_end ip link del tap_$each
	for device in tap_$each vm_$each; do
		quiet host "$device"
		ip link set "$device" up
	done
done
for each in nft tc; do
	ip link add bounce_$each type dummy || bail "no dummy"
	at_end ip link del bounce_$each
	quiet host bounce_$each
	ip link set bounce_$each up
done
need_write $sidebounce/add_filter "f dev:tap_sb"
at_end filters_clear
read -r up bounce_sb <$filters/f/ports
for device in "$up" "$bounce_sb"; do
	quiet host "$device"
	ip link set "$device" up
done
need_write $filters/f/bounce_per_s unlimited

# What the rules of each say they have seen, as the oracle writes it.
counted_sb() { awk '{sub("r", "", $4); print "rule", $4, $2}' $filters/f/rule_stats | sort -k 2n; }
counted_nft() {
	"$nft" list chain netdev oracle tx |
		awk '/[^\t]+ counter packets /{for (i = 1; i < NF; i++) if ($i == "packets") print "rule", number++, $(i + 1)}'
}
# Four filters for each rule.
counted_tc() {
	tc -s filter show dev tap_tc ingress | awk -v rules="$1" '
		/ pref / {for (i = 1; i < NF; i++) if ($i == "pref") pref = $(i + 1)}
		/Sent /{sum[int((pref - 1) / 4)] += $4}
		END {for (i = 0; i < rules; i++) print "rule", i, sum[i] + 0}'
}

load_sb() { "$oracle" rules sidebounce "$@" tap_sb "$bounce_sb" >"$ktest_dir/rules.sb" && cat "$ktest_dir/rules.sb" >$filters/f/rules; }
load_nft() {
	"$nft" destroy table netdev oracle
	"$oracle" rules nft "$@" tap_nft bounce_nft >"$ktest_dir/rules.nft" && "$nft" -f "$ktest_dir/rules.nft"
}
load_tc() {
	tc qdisc del dev tap_tc clsact 2>/dev/null
	tc qdisc add dev tap_tc clsact && "$oracle" rules flower "$@" tap_tc bounce_tc >"$ktest_dir/rules.tc" &&
		tc -batch "$ktest_dir/rules.tc"
}

# run CONTENDER BOUNCE SEED RULES: the verdicts, in a file.
run() { "$oracle" run "$3" "$4" $packets "vm_$1" "tap_$1" "$2" >"$ktest_dir/got.$1"; }

# differing FILE FILE: the lines in which they differ, side by side.
differing() { paste -d ' ' "$1" "$2" | awk '$3 != $6 || $2 != $5'; }

# same FILE FILE: what is expected and what was found, line by line.
same() {
	expect_equal "" "$(differing "$1" "$2" | head -n 5)"
	expect_between 1 $packets "$(wc -l <"$2")"
}

for i in "${!seeds[@]}"; do
	seed=${seeds[i]} rules=${counts[i]}
	what="of set $i"
	note "set $i: RVM_SEED=$seed, $rules rules, $packets packets"
	it "all three take the rules and the packets $what"
	expect_ok load_sb "$seed" "$rules"
	expect_ok load_nft "$seed" "$rules"
	expect_ok load_tc "$seed" "$rules"
	expect_ok run sb "$bounce_sb" "$seed" "$rules"
	expect_ok run nft bounce_nft "$seed" "$rules"
	expect_ok run tc bounce_tc "$seed" "$rules"
	counted_sb >"$ktest_dir/counts.sb"
	counted_nft >"$ktest_dir/counts.nft"
	counted_tc "$rules" >"$ktest_dir/counts.tc"
	for each in sb:sidebounce nft:nft tc:flower; do
		"$oracle" expect ${each#*:} "$seed" "$rules" $packets >"$ktest_dir/expected"
		grep ^packet "$ktest_dir/expected" >"$ktest_dir/expected.${each%:*}"
		grep ^rule "$ktest_dir/expected" >"$ktest_dir/rules.${each%:*}.expected"
	done
	for verdict in A B D; do expect_between 1 $packets "$(grep -c " $verdict$" "$ktest_dir/expected.sb")"; done
	it "each packet $what gets the verdict of the oracle from nic-sidebounce"
	same "$ktest_dir/expected.sb" "$ktest_dir/got.sb"
	it "and each rule counts those $what that it decides about"
	same "$ktest_dir/rules.sb.expected" "$ktest_dir/counts.sb"
	for other in nft tc; do
		it "$other gives the packets $what the verdicts that it is known for"
		same "$ktest_dir/expected.$other" "$ktest_dir/got.$other"
		it "and its rules count those $what"
		same "$ktest_dir/rules.$other.expected" "$ktest_dir/counts.$other"
		it "on the packets $what, $other and nic-sidebounce differ only where they are known to"
		known=$(differing "$ktest_dir/expected.sb" "$ktest_dir/expected.$other" | wc -l)
		expect_equal "$known" "$(differing "$ktest_dir/got.sb" "$ktest_dir/got.$other" | wc -l)"
		note "set $i: of $packets verdicts, $known of $other differ for known reasons; rules hit: $(awk '$3' "$ktest_dir/counts.$other" | wc -l) of $rules"
	done
done

it "flower with one priority for all decides by any rule that matches, and nic-sidebounce by the first"
seed=${seeds[0]}
tc qdisc del dev tap_tc clsact
expect_ok tc qdisc add dev tap_tc clsact
"$oracle" rules flat "$seed" 120 tap_tc bounce_tc >"$ktest_dir/rules.tc"
# It takes the same demand once only.
tc -force -batch "$ktest_dir/rules.tc" 2>/dev/null
expect_ok run tc bounce_tc "$seed" 120
"$oracle" expect flat "$seed" 120 $packets >"$ktest_dir/allowed"
paste -d ' ' "$ktest_dir/allowed" "$ktest_dir/got.tc" >"$ktest_dir/both"
expect_equal "" "$(awk 'index($3, $6) == 0' "$ktest_dir/both" | head -n 3)"
note "$(awk 'length($3) > 1' "$ktest_dir/both" | wc -l) of $packets packets match rules of several verdicts"
it "the kernel has nothing to say about all that" expect_quiet_kernel
finish

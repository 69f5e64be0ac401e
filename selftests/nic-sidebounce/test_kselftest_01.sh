#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# profile: oracles
# cpus: 2
# timeout: 600
# The kernel's own tests of networks (tools/testing/selftests), unmodified, give the same results with filters that accept
# everything between their hosts. Each runs without the module first: what fails there as well says nothing, and is skipped.
# Each pair of devices that they make goes through a bridge of the host (kselftest/ip), whose ports get the filters.
. "$(dirname "$0")/lib.sh"

programs=$ktest_top/build/kselftest
[ -e "$programs/.key" ] || bail "build/kselftest is missing: run scripts/kselftest"
modprobe -q veth && modprobe -q bridge || bail "there is no veth or no bridge"
mkdir -p /var/run
KSELFTEST_IP=$(command -v ip)
KSELFTEST_RULES=$ktest_dir/rules
export KSELFTEST_IP KSELFTEST_RULES
# ip_defrag's fragments overlap each other's headers, which cannot be read then.
for each in rx tx; do printf 'default %s accept\nadd prio 1 dir %s unparsed yes action accept\n' $each $each; done >"$KSELFTEST_RULES"
PATH=$ktest_top/selftests/nic-sidebounce/kselftest:$PATH
only=${1:-}
mac_a=02:00:00:00:01:0a mac_b=02:00:00:00:01:0b

# What the cases of the first pass, without the module, and of the second came to, by their names; in their order.
declare -A before=() after=() passed=() why=()
cases=()
pass=before

# The packets that filters have accepted so far; those that they have not.
accepted() { cat "$filters"/*/stats/[rt]x_accepted 2>/dev/null | awk '{sum += $1} END {print sum + 0}'; }
refused() {
	cat "$filters"/*/stats/{[rt]x_dropped,[rt]x_bounced,lost,no_port} 2>/dev/null |
		awk '{sum += $1} END {print sum + 0}'
}

# came_to CASE ok|failed: so it ended, in this pass.
came_to() {
	local now
	if [ $pass = before ]; then
		cases+=("$1")
		before[$1]=$2
	else
		now=$(accepted)
		passed[$1]=$((now - seen))
		seen=$now
		after[$1]=$2
	fi
	[ "$2" = ok ] || [ -z "$only" ] || note "$pass: $1: $2"
	[ "$2" = ok ] || why[$pass$1]=$(tail -n 1 "$ktest_dir/log" | tr -d '\r' | cut -c1-150)
}

# script NAME [ARGUMENT...]: runs one of net/; its lines tell how its cases came out, or its status does.
script() {
	local line name=net/$1.sh part='' group='' many=0 status file=$ktest_dir/status
	local label="${name#net/}${2:+ ${*:2}}"
	: >"$ktest_dir/log"
	while IFS= read -r line; do
		case $line in
		ipv4 | ipv6) group="$line: " ;;
		' '*' ok' | ' '*' failed') part=$line ;;
		'TEST: '*'[ OK ]' | 'TEST: '*'[FAIL]') part=$line ;;
		'PASS: '* | 'FAIL: '*) part=$line ;;
		ok | failed) part=$line ;;
		*) continue ;;
		esac
		[ -n "$part" ] || continue
		many=$((many + 1))
		case $part in
		*FAIL* | *failed) status=failed ;;
		*) status=ok ;;
		esac
		part=$(sed -E 's/^(TEST|PASS|FAIL): //; s/ *(\[ ?(OK|FAIL) ?\]|ok|failed)$//; s/^ +//' <<<"$part")
		came_to "$label: $group$part" $status
		part=
	done < <(cd "$programs/net" && timeout 60 "./$1.sh" "${@:2}" 2>"$ktest_dir/log" </dev/null; echo $? >"$file")
	[ $many -gt 0 ] || came_to "$label" "$([ "$(cat "$file")" = 0 ] && echo ok || echo failed)"
}

# program CASE COMMAND...: time plays a part in many, hence several attempts with the module, as some have upstream.
program() {
	local name=$1 attempt
	shift
	[ $pass = before ] || [ "${before[$name]}" = ok ] || return 0
	for attempt in 1 2 3; do
		[ $attempt = 1 ] || note "$name: attempt $attempt"
		"$@" >"$ktest_dir/log" 2>&1 </dev/null && break
		[ $pass = after ] && [ $attempt != 3 ] || {
			came_to "$name" failed
			return
		}
	done
	came_to "$name" ok
}

# two_hosts: ka and kb, joined by va and vb.
two_hosts() {
	local host n=1
	ip netns add ka
	ip netns add kb
	ip link add va address $mac_a netns ka type veth peer name vb address $mac_b netns kb
	for host in a b; do
		quiet "k$host" "v$host"
		ip -n "k$host" link set lo up
		ip -n "k$host" address add "10.1.0.$n/24" dev "v$host"
		ip -n "k$host" address add "fd01::$n/64" dev "v$host" nodad
		ip -n "k$host" link set "v$host" up
		n=$((n + 1))
	done
}
no_hosts() { ip netns del ka; ip netns del kb; }

# both RECEIVER SENDER: lines of a command; what the receiver in kb comes to counts, and the sender in ka.
both() {
	local receiver status
	# shellcheck disable=SC2086 # they are commands
	in_ns kb timeout 10 $1 &
	receiver=$!
	sleep 0.15
	# shellcheck disable=SC2086
	in_ns ka timeout 10 $2
	status=$?
	[ -n "${endless:-}" ] && { kill $receiver 2>/dev/null; wait $receiver 2>/dev/null; return $status; }
	wait $receiver || status=1
	return $status
}

# As in net/udpgso_bench.sh, whose receivers are ended.
run_bench() {
	local ip=$1 to=$2 each bench receiver
	shift 2
	bench="$programs/net/udpgso_bench_rx -p 8000"
	for each; do
		case $each in -t*) receiver="$bench -t" ;; *) receiver=$bench ;; esac
		endless=1 program "udpgso_bench.sh: -$ip $each" both "$receiver" \
			"$programs/net/udpgso_bench_tx -p 8000 -l 1 -$ip -D $to $each"
	done
}

# As in drivers/net/hw/csum.py.
run_csum() {
	local each arguments="-$1 -S $2 -D $3 -n 100"
	for each in '-t -r 1' '-t -E -r 1' '-r 1' '-E -r 1' '-U -r 1' '-U -Z'; do
		program "csum.py: -$1 $each" both "$programs/net/lib/csum -i vb -L 1 $arguments -R $each" \
			"$programs/net/lib/csum -i va -L 1 $arguments -T $each"
	done
}

# one_host: ks, which reaches itself by w0 and w1: it has 10.0.0.1 and fd00::1 on w1, and sends to them by w0.
one_host() {
	local device each
	ip netns add ks
	ip -n ks link add w0 address $mac_a type veth peer name w1 address $mac_b
	for device in w0 w1; do
		quiet ks $device
		in_ns ks sysctl -q -w net.ipv4.conf.$device.{accept_local=1,route_localnet=1,rp_filter=0}
		ip -n ks link set $device up
	done
	in_ns ks sysctl -q -w net.ipv4.conf.all.rp_filter=0
	ip -n ks link set lo up
	ip -n ks address add 10.0.0.1/32 dev w1
	ip -n ks address add 10.0.0.9/32 dev w0
	ip -n ks address add fd00::1/128 dev w1 nodad
	ip -n ks address add fd00::9/128 dev w0 nodad
	ip -n ks route add table 100 10.0.0.1 dev w0 src 10.0.0.9
	ip -n ks route add table 100 10.0.0.9 dev w1 src 10.0.0.1
	ip -n ks route add table 100 127.0.0.0/8 dev w0 src 127.0.0.1
	ip -n ks -6 route add table 100 fd00::1 dev w0 src fd00::9
	ip -n ks -6 route add table 100 fd00::9 dev w1 src fd00::1
	for each in -4 -6; do
		ip -n ks $each rule add pref 1 iif lo lookup 100
		ip -n ks $each rule add pref 2 lookup local
		ip -n ks $each rule del pref 0
	done
	for each in 10.0.0.1 127.0.0.1 127.0.0.3 fd00::1; do
		ip -n ks neigh add $each lladdr $mac_b dev w0 nud permanent
	done
	for each in 10.0.0.9 fd00::9; do
		ip -n ks neigh add $each lladdr $mac_a dev w1 nud permanent
	done
}

# As in net/udpgso.sh, without what is sent nowhere.
run_gso() {
	local each
	for each in '-4 -C' '-4 -C -s' '-6 -C' '-6 -C -s' '-4 -c' '-6 -c' '-4 -C -m' '-6 -C -m'; do
		# shellcheck disable=SC2086
		program "udpgso.sh: $each" in_ns ks timeout 20 "$programs/net/udpgso" $each
	done
}

# As in net/ip_defrag.sh.
run_defrag() {
	local each
	# As that of `lo`.
	for each in w0 w1; do ip -n ks link set $each mtu 65535; done
	in_ns ks sysctl -q -w net.ipv4.ipfrag_high_thresh=9000000 net.ipv4.ipfrag_low_thresh=7000000 net.ipv4.ipfrag_time=1 \
		net.ipv6.ip6frag_high_thresh=9000000 net.ipv6.ip6frag_low_thresh=7000000 net.ipv6.ip6frag_time=1
	for each in -4 -4o -6 -6o; do program "ip_defrag.sh: $each" in_ns ks timeout 40 "$programs/net/ip_defrag" $each; done
}

# As in net/udpgro.sh, without network address translation.
run_gro_sockets() {
	local title sent got each size=$(($3 * 10)) four=''
	[ "$1" = -6 ] || four=-4
	ip netns exec kb ethtool -K vb gro on
	while IFS='|' read -r title sent got; do
		program "udpgro.sh: $1 $title" both "$programs/net/udpgso_bench_rx -C 1000 -R 100 -G -r $four $got" \
			"$programs/net/udpgso_bench_tx -l 4 $1 -D $2 $sent"
	done <<-END
		no GRO|-M 10 -s 1400|-n 10 -l 1400
		no GRO chk cmsg|-M 10 -s 1400|-n 10 -l 1400 -S -1
		GRO|-M 1 -s $size -S 0|-n 1 -l $size
		GRO chk cmsg|-M 1 -s $size -S 0|-n 1 -l $size -S $3
		GRO with custom segment size|-M 1 -s $size -S 500|-n 1 -l $size
		GRO with custom segment size cmsg|-M 1 -s $size -S 500|-n 1 -l $size -S 500
	END
}

timed() {
	local begin=$SECONDS
	[[ -z $only || " $only " = *" $1 "* ]] || return 0
	"$@"
	note "$pass: $* $((SECONDS - begin)) s"
}

all() {
	local each
	seen=$(accepted)
	for each in ipv6_force_forwarding fib_nexthop_nongw; do timed script $each; done
	for each in '4 tcp' '6 udp'; do
		# shellcheck disable=SC2086
		timed script msg_zerocopy $each -t 1
	done
	two_hosts
	timed run_gro_sockets -4 10.1.0.2 1472
	timed run_gro_sockets -6 fd01::2 1452
	timed run_bench 4 10.1.0.2 -t '-t -z' '' -m '-S 0' '-S 0 -z' '-S 0 -T' '-S 0 -z -a' '-S 0 -T -a' '-S 0 -T -z -a'
	timed run_bench 6 fd01::2 -t '-S 0' '-S 0 -T -z -a'
	timed run_csum 4 10.1.0.1 10.1.0.2
	timed run_csum 6 fd01::1 fd01::2
	no_hosts
	one_host
	timed run_gso
	timed run_defrag
	ip netns del ks
}

all
pass=after
need_module nic_sidebounce
all

for each in "${cases[@]}"; do
	it "$each"
	if [ "${before[$each]}" != ok ]; then
		skip "it fails without the module, too: ${why[before$each]:-no reason given}"
		continue
	fi
	[ "${after[$each]:-missing}" = ok ] || fail "${after[$each]:-missing}: ${why[after$each]:-}"
	[ "${passed[$each]:-0}" -gt 0 ] || fail "no packet went through a filter"
done
it "nothing was dropped or bounced"
expect_equal 0 "$(refused)" ||
	note "$(grep -v ':0$' "$filters"/*/stats/{[rt]x_dropped,[rt]x_bounced,lost,no_port,unparsed_reasons} /dev/null)"
expect_quiet_kernel
filters_clear
finish

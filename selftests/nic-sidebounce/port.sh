# SPDX-License-Identifier: GPL-2.0
# A filtered device of the host that leads to a VM, for guest scripts: `tap0` is one end of a veth whose other end, `vf0`,
# is in the namespace `vm0`. A bridge joins it with the wire, at whose end is `wire` in the namespace `peer`.
# shellcheck shell=bash
# shellcheck source=selftests/nic-sidebounce/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

peer_mac=02:00:00:00:00:64
# shellcheck disable=SC2034 # for tests
nft=$ktest_top/build/nft/nft

# add_host NAMESPACE IF MAC ADDRESS4 ADDRESS6 HIS_MAC HIS_ADDRESS4 HIS_ADDRESS6: makes it a host that knows the other.
add_host() {
	quiet "$1" "$2"
	in_ns "$1" ip link set "$2" address "$3" up
	in_ns "$1" ip address add "$4/24" dev "$2"
	in_ns "$1" ip address add "$5/64" dev "$2" nodad
	in_ns "$1" ip neighbour add "$7" lladdr "$6" dev "$2" nud permanent
	in_ns "$1" ip neighbour add "$8" lladdr "$6" dev "$2" nud permanent
}

# add_bridge BRIDGE IF...: one that sends nothing itself.
add_bridge() {
	local bridge=$1 member
	shift
	ip link add "$bridge" type bridge mcast_snooping 0
	for member in "$bridge" "$@"; do quiet host "$member"; done
	for member; do
		ip link set "$member" master "$bridge"
		ip link set "$member" up
	done
	ip link set "$bridge" up
}

# need_port: all of that, until the end of the test.
need_port() {
	modprobe -q veth && modprobe -q bridge || bail "there is no veth or no bridge"
	mkdir -p /var/run
	at_end port_down
	ip netns add vm0 && ip netns add peer || bail "no network namespaces"
	ip link add tap0 type veth peer name vf0 netns vm0
	ip link add up0 type veth peer name wire netns peer
	# shellcheck disable=SC2154 # of lib.sh
	add_host vm0 vf0 "$vf0_mac" "$vf0_4" "$vf0_6" $peer_mac "$peer4" "$peer6"
	add_host peer wire $peer_mac "$peer4" "$peer6" "$vf0_mac" "$vf0_4" "$vf0_6"
	add_bridge br0 tap0 up0
	expect_soon 5 carrier host tap0
	expect_soon 5 carrier host up0
}

port_down() {
	local each
	unlisten
	ip link del br1 2>/dev/null
	ip link del br0 2>/dev/null
	for each in vm0 peer; do ip netns del $each 2>/dev/null; done
	ip link del tap0 2>/dev/null
	ip link del up0 2>/dev/null
	true
}

# level2_bridge PORTS: a bridge between the two devices of a filter, which gives back what it gets.
level2_bridge() {
	# shellcheck disable=SC2086 # two of them
	add_bridge br1 $1
}

# The statistics of the filter `$1` that are not 0, in one line.
counts() {
	local file value
	for file in "$filters/$1"/stats/*; do
		value=$(cat "$file")
		[[ ! $value =~ ^[1-9][0-9]*$ ]] || printf '%s=%s ' "${file##*/}" "$value"
	done
}

# since FILTER COUNTER...: by how much these have grown since `mark_counts FILTER`.
mark_counts() {
	local file
	mkdir -p "$ktest_dir/counts"
	for file in "$filters/$1"/stats/*; do cat "$file" >"$ktest_dir/counts/${file##*/}"; done
}
since() {
	local filter=$1 counter text=
	shift
	for counter; do text+="$counter=$(($(cat "$filters/$filter/stats/$counter") - $(cat "$ktest_dir/counts/$counter"))) "; done
	printf '%s' "${text% }"
}

# grown FILTER "COUNTER=N...": whether these have grown by so much; expect_grown: soon.
grown() {
	local each
	local -a counters=()
	for each in $2; do counters+=("${each%%=*}"); done
	[ "$(since "$1" "${counters[@]}")" = "$2" ]
}
expect_grown() { expect_soon 5 grown "$@" || note "$1: $(counts "$1")"; }

# stream ARGUMENT...: as selftests/lib/stream.c; the answer is in `answer`.
stream() {
	answer=$("$ktest_top/build/bin/stream" "$@" 2>&1) || fail "stream $*: $answer"
	note "$*: $answer"
}

# whole COUNT: of the datagrams all came, once and in their order.
whole() { expect_equal "sent=$1 received=$1 lost=0 duplicate=0 reordered=0 damaged=0" "$answer"; }

# SPDX-License-Identifier: GPL-2.0
# Filters, and the network they are tested in, for guest scripts: the first igb card is the PF, whose VFs are in network
# namespaces as if in virtual machines; the second one is in the namespace `peer`, at the other end of the wire.
# shellcheck shell=bash
# shellcheck source=selftests/lib/ktest.sh
[ -n "${ktest_top:-}" ] || . "$(dirname "${BASH_SOURCE[0]}")/../lib/ktest.sh"
# shellcheck source=selftests/lib/sriov.sh
. "$ktest_top/selftests/lib/sriov.sh"

sidebounce=/sys/kernel/nic_sidebounce
filters=$sidebounce/filters
# The VLANs that the module takes for VFs if it is not told otherwise.
service_vids=(3900 4089)

filter_add() { write $sidebounce/add_filter "$*"; }
filter_remove() { write $sidebounce/remove_filter "$1"; }
filter_get() { cat "$filters/$1/$2"; }
filter_set() { write "$filters/$1/$2" "$3"; }
filter_stat() { cat "$filters/$1/stats/$2"; }
filter_in() { [ "$(filter_get "$1" state)" = "$2" ]; }
# expect_filter FILTER STATE: it is so within 5 s.
expect_filter() { expect_soon 5 filter_in "$1" "$2" || note "$1 is $(filter_get "$1" state): $(filter_get "$1" reason)"; }

# rules FILTER <<<TEXT: all rules are those in the text, from one moment to the next.
rules() { write "$filters/$1/rules" "flush"$'\n'"default rx bounce"$'\n'"default tx bounce"$'\n'"$(cat)"; }

filters_clear() {
	local each
	for each in "$filters"/*/; do [ ! -d "$each" ] || filter_remove "$(basename "$each")"; done
}

# What every frame below may be made of.
# shellcheck disable=SC2034
{
	vf0_mac=02:00:00:00:00:01 vf1_mac=02:00:00:00:00:02
	broadcast=ff:ff:ff:ff:ff:ff
	peer4=10.0.0.100 pf4=10.0.0.10 vf0_4=10.0.0.1 vf1_4=10.0.0.2
	peer6=fd00::100 pf6=fd00::10 vf0_6=fd00::1 vf1_6=fd00::2
	# Of nobody, so that nobody answers.
	a4=192.0.2.1 b4=192.0.2.2 a6=2001:db8::1 b6=2001:db8::2
}

# in_ns NAMESPACE COMMAND...; the namespace of the host is `host`.
in_ns() {
	local ns=$1
	shift
	if [ "$ns" = host ]; then "$@"; else nsenter "--net=/run/netns/$ns" "$@"; fi
}

# quiet NAMESPACE IF: the kernel sends nothing on it that a test does not ask for.
quiet() {
	in_ns "$1" sysctl -q -w "net.ipv6.conf.$2.accept_dad=0" "net.ipv6.conf.$2.router_solicitations=0" \
		"net.ipv6.conf.$2.accept_ra=0" "net.ipv6.conf.$2.addr_gen_mode=1" \
		"net.ipv6.conf.$2.mldv2_unsolicited_report_interval=10"
}

# net_add NAMESPACE IF ADDRESS4 ADDRESS6: makes it a host of the test network.
net_add() {
	quiet "$1" "$2"
	in_ns "$1" ip address add "$3/24" dev "$2"
	in_ns "$1" ip address add "$4/64" dev "$2" nodad
	in_ns "$1" ip link set "$2" up
}

# The name of the net device of a PCI function.
net_of() { basename "$(echo "$pci/$1"/net/*)"; }

has_net() { [ -e "$(echo "$pci/$1"/net/*)" ]; }

# vm_add VF: its net device is in the namespace `vm<VF>`, where it is called `vf<VF>`.
vm_add() {
	local bdf
	bdf=$(vf_bdf "$pf_bdf" "$1")
	give_to igbvf "$bdf"
	expect_soon 10 has_net "$bdf"
	ip netns add "vm$1"
	ip link set dev "$(net_of "$bdf")" netns "vm$1" name "vf$1"
	net_add "vm$1" "vf$1" "10.0.0.$(($1 + 1))" "fd00::$(($1 + 1))"
	expect_soon 10 carrier "vm$1" "vf$1"
}

carrier() { in_ns "$1" ip link show dev "$2" | grep -q LOWER_UP; }

# need_network [VFS]: all of that, with 2 VFs, until the end of the test. Sets `pf` and `wire` to the net devices of the
# cards, `pf_mac` and `peer_mac` to their addresses, and `pf_bdf`.
need_network() {
	local vf
	pf_bdf=$(pf_of_igb 0)
	[ -n "$pf_bdf" ] && [ -n "$(pf_of_igb 1)" ] || bail "the two igb cards are missing"
	# shellcheck disable=SC2034 # for the frames of tests
	pf_mac=$(cat "$pci/$pf_bdf"/net/*/address) peer_mac=$(cat "$pci/$(pf_of_igb 1)"/net/*/address)
	pf=$(net_of "$pf_bdf")
	wire=$(net_of "$(pf_of_igb 1)")
	mkdir -p /var/run
	modprobe igbvf || bail "igbvf does not load"
	at_end network_down
	ip netns add peer || bail "no network namespaces"
	ip link set "$wire" netns peer
	net_add host "$pf" "$pf4" "$pf6"
	net_add peer "$wire" "$peer4" "$peer6"
	expect_soon 10 carrier host "$pf"
	expect_soon 10 carrier peer "$wire"
	vf_create "$pf_bdf" "${1:-2}" || bail "there are no VFs"
	for ((vf = 0; vf < ${1:-2}; vf++)); do vm_add "$vf"; done
	# The drivers reset their rings once more after the carrier comes.
	sleep 0.2
}

network_down() {
	local ns
	unlisten
	vf_remove "$pf_bdf"
	echo 1 >"$pci/$pf_bdf/sriov_drivers_autoprobe"
	[ ! -e /run/netns/peer ] || ip -n peer link set "$wire" netns 1
	for ns in /run/netns/*; do [ ! -e "$ns" ] || ip netns del "${ns##*/}"; done
	ip address flush dev "$pf"
	ip link set "$wire" down
	ip link set "$pf" down
}

# Listeners by their process; and by the name of its net device, what each of them hears, a line a frame.
listeners=()
mkdir "$ktest_dir/heard"

# listen NAMESPACE IF [promisc|late]: from now on, what comes in there is known; `late`: what the module has let pass.
listen() {
	local file=$ktest_dir/heard/$2
	local -a enter=()
	# Not by in_ns, which would be the process that is ended.
	[ "$1" = host ] || enter=(nsenter "--net=/run/netns/$1")
	"${enter[@]}" "$ktest_top/build/bin/frames" listen "$2" "${@:3}" >"$file" 2>"$ktest_dir/listen.$2" &
	listeners+=($!)
	expect_soon 10 grep -qx ready "$file" || bail "nobody listens on $2: $(cat "$ktest_dir/listen.$2")"
}

# Nobody listens any more.
unlisten() {
	local pid
	for pid in "${listeners[@]}"; do kill "$pid"; done
	wait "${listeners[@]}" 2>/dev/null
	listeners=()
	rm -f "$ktest_dir"/heard/*
}

# The number by which the frame that was sent last is known.
frame_id=0
# How often each frame is sent.
send_count=1

# send NAMESPACE IF FRAME...: sends frames, described as in selftests/lib/frames.c. Each gets a number at its end.
send() {
	local ns=$1 device=$2 frame text=
	shift 2
	for frame; do
		frame_id=$((frame_id + 1))
		text+="$frame id $frame_id"$'\n'
	done
	in_ns "$ns" "$ktest_top/build/bin/frames" send "$device" "$send_count" <<<"$text" || fail "sending on $device"
}

# Where frames may be heard or not, between blanks.
unheeded=' '

# Where the frames of the numbers `$@` were heard, a line a frame: places `IF`, or `IF/VID` if it had a tag, in the order
# of the alphabet, and how often if not once.
places() {
	awk -v ids="$*" -v unheeded="$unheeded" '
		BEGIN {many = split(ids, id, " ")}
		FNR == 1 {place = FILENAME; sub(".*/", "", place)}
		$1 > 0 && !index(unheeded, " " place " ") {count[$1 " " place ($3 == "-" ? "" : "/" $3)]++}
		END {
			for (each in count) {
				split(each, part, " ")
				heard[part[1]] = heard[part[1]] " " part[2] (count[each] == 1 ? "" : "*" count[each])
			}
			for (i = 1; i <= many; i++) {
				words = split(heard[id[i]], word, " ")
				line = ""
				for (j = 1; j <= words; j++) {
					least = 0
					for (k = 1; k <= words; k++) if (word[k] != "" && (!least || word[k] < word[least])) least = k
					line = line (j == 1 ? "" : " ") word[least]
					word[least] = ""
				}
				print line
			}
		}
	' "$ktest_dir"/heard/*
}

# Places in the order in which they are heard of.
sorted() { printf '%s\n' "$@" | sort | xargs; }

# What is not expected gets that long to come, in seconds.
settle_s=0.1

# expect_heard PLACES [NUMBER...]: the frames of these numbers, or the last one, are heard there and nowhere else.
expect_heard() {
	local wanted=$1 end=$((SECONDS + 4)) id all='' got
	local -a ids
	shift
	ids=("${@:-$frame_id}")
	for id in "${ids[@]}"; do all+=$wanted$'\n'; done
	until [ "$(places "${ids[@]}")" = "${all%$'\n'}" ] || [ $SECONDS -ge $end ]; do sleep 0.02; done
	sleep $settle_s
	mapfile -t got < <(places "${ids[@]}")
	for id in "${!ids[@]}"; do
		[ "${got[id]}" = "$wanted" ] || fail "wanted frame ${ids[id]} at '$wanted', heard it at '${got[id]}'"
	done
}

# The frames that the wire carried with a service VLAN.
leaked() {
	awk -v low="${service_vids[0]}" -v high="${service_vids[1]}" '$3 != "-" && $3 >= low && $3 <= high' "$ktest_dir/heard/$wire"
}

# The wire carries no frame with a service VLAN, so far.
expect_no_leak() { expect_equal "" "$(leaked | head -n 1)"; }

# All listeners forget what they have heard.
forget_heard() {
	local file
	for file in "$ktest_dir"/heard/*; do : >"$file"; done
}

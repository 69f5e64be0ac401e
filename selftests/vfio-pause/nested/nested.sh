# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# A machine inside of the machine, for tests and demos: an unmodified QEMU and kernel, and a guest that owns a network
# card through VFIO. What it is made of lies in build/nested, see scripts/suites.
#
#	nested_boot HOST_ADDRESS     boots it with the PCI device HOST_ADDRESS, and waits until it takes commands
#	guest COMMAND                runs a shell command in it; its output and status are the command's
#	qmp COMMAND [ARGUMENTS]      a monitor command of its QEMU, with arguments in JSON
#	qmp_event NAME               waits for an event since the last qmp command
#	nested_answers               whether its shell does anything
#	nested_state                 notes what its processor does, for one that does not answer any more
#	nested_end                   ends it

nested=${nested_dir:-build/nested}
nested_log=${RVM_OUT:-/tmp}/nested.log
nested_pid=

nested_qemu() {
	exec "$nested/lib/ld-linux-x86-64.so.2" --library-path "$nested/lib" --argv0 qemu-system-x86_64 \
		"$nested/bin/qemu-system-x86_64" -L "$nested/share" "$@"
}

nested_boot() {
	local line tries=0
	[ -e "$nested/.complete" ] || {
		echo "build/nested is missing; run scripts/suites"
		return 1
	}
	nested_qemu -accel kvm -cpu host -machine q35,kernel-irqchip=on -smp 1 -m 192M \
		-nodefaults -no-user-config -display none -no-reboot -bios qboot.rom \
		-kernel "$nested/vmlinux" -initrd "$nested/initrd" \
		-append "console=ttyS0 quiet panic=-1 cryptomgr.notests mitigations=off audit=0 apparmor=0 nowatchdog no_timer_check" \
		-chardev file,id=log,append=on,path="$nested_log" -device isa-serial,chardev=log \
		-chardev socket,id=commands,host=127.0.0.1,port=4001,server=on,wait=off -device isa-serial,chardev=commands \
		-qmp tcp:127.0.0.1:4002,server=on,wait=off \
		-device pcie-root-port,id=root0,chassis=1,slot=1 -device "vfio-pci,host=$1,bus=root0,id=nic" >>"$nested_log" 2>&1 &
	nested_pid=$!
	until { exec 7<>/dev/tcp/127.0.0.1/4001 8<>/dev/tcp/127.0.0.1/4002; } 2>/dev/null; do
		tries=$((tries + 1))
		if [ $tries = 200 ] || ! kill -0 $nested_pid 2>/dev/null; then
			tail -n 3 "$nested_log"
			return 1
		fi
		sleep 0.1
	done
	qmp qmp_capabilities || return 1
	until [ "${line:-}" = "== ready" ]; do
		read -r -t 60 line <&7 || {
			echo "the guest does not boot: $(tail -n 3 "$nested_log")"
			return 1
		}
		line=${line%$'\r'}
	done
}

guest() {
	local line
	echo "$*" >&7
	while read -r -t 60 line <&7; do
		line=${line%$'\r'}
		case $line in "== "*) return "${line#== }" ;; esac
		echo "$line"
	done
	echo "the guest is silent after: $*"
	return 1
}

# nested_answers: whether its shell does anything.
nested_answers() {
	local line
	echo true >&7
	while read -r -t 20 line <&7; do
		case ${line%$'\r'} in "== "*) return 0 ;; esac
	done
	return 1
}

nested_state() {
	local command line
	# shellcheck disable=SC2016 # a register of the guest
	for command in "info registers" 'x /8gx $rbx' 'x /96gx $rsp' "info lapic"; do
		echo "{\"execute\": \"human-monitor-command\", \"arguments\": {\"command-line\": \"$command\"}}" >&8
		read -r -t 10 line <&8 || break
		echo -e "${line//\\r/}" | while read -r line; do note "$line"; done
	done
}

qmp() {
	local line
	echo "{\"execute\": \"$1\"${2:+, \"arguments\": $2}}" >&8
	while read -r -t 30 line <&8; do
		case $line in
		*'"return"'*) return 0 ;;
		*'"error"'*) echo "$line" && return 1 ;;
		esac
	done
	echo "QEMU does not answer to $1"
	return 1
}

qmp_event() {
	local line
	while read -r -t 60 line <&8; do
		case $line in *"\"event\": \"$1\""*) return 0 ;; esac
	done
	echo "no event $1"
	return 1
}

nested_end() {
	[ -n "$nested_pid" ] || return 0
	kill "$nested_pid" 2>/dev/null || true
	wait "$nested_pid" || true
	nested_pid=
	exec 7>&- 8>&-
}

# ping_begin ADDRESS: ten pings a second in the background, until ping_end. That sets `sent`, the number of the last
# one, `last_answer`, the number of the last with an answer, `lost`, those without one before that, and `outage_ms`, the
# longest time from one answer to the next.
ping_begin() {
	: >/tmp/pings
	ping -n -D -O -i 0.1 "$1" >/tmp/pings &
	ping_pid=$!
}

ping_end() {
	kill -INT "$ping_pid"
	wait "$ping_pid" || true
	# shellcheck disable=SC2034 # for the caller
	read -r sent last_answer lost outage_ms < <(sed -n 's/^\[\([0-9.]*\)\] .*icmp_seq=\([0-9]*\)\( ttl\)*.*/\1 \2\3/p' /tmp/pings | awk '
		{if ($2 > sent) sent = $2}
		$3 {answers++; last = $2; if (before && $1 - before > most) most = $1 - before; before = $1}
		END {printf "%d %d %d %d\n", sent, last, last - answers, most * 1000}')
}

# The answers so far.
answered() { grep -c ' ttl=' /tmp/pings || true; }

# answers COUNT: whether the pings have had COUNT more answers, waiting for at most 30 s. If not, the state of the guest
# is noted.
answers() {
	local wanted tries=0
	wanted=$(($(answered) + $1))
	until [ "$(answered)" -ge $wanted ]; do
		tries=$((tries + 1))
		[ $tries -lt 300 ] || {
			nested_state
			return 1
		}
		sleep 0.1
	done
}

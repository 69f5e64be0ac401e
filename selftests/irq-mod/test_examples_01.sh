#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# profile: sriov
# cpus: 2
# timeout: 60
# The examples of the README as they are printed there: commands, modprobe.d and modules-load.d, the systemd unit. The
# function of a card has the address that they name, or is put in its place.
. "$(dirname "$0")/lib.sh"
. "$ktest_top/selftests/lib/net.sh"

readme=$ktest_top/irq-mod/README.md
# The blocks of a language, without their fences.
blocks() { awk -v fence="\`\`\`$1" '$0 == "```" {on = 0} on {print} $0 == fence {on = 1}' "$readme"; }
# The words between backquotes after the words `$1`.
# shellcheck disable=SC2016
quoted_after() { tr '\n' ' ' <"$readme" | grep -o "$1 *\`[^\`]*\`" | head -n 1 | sed 's/`$//; s/.*`//'; }

net_up
card=$(readlink -f "/sys/class/net/$rx/device")
need_write "$card/sriov_numvfs" 1
at_end write "$card/sriov_numvfs" 0
function=$(basename "$(readlink -f "$card/virtfn0")")
modprobe igbvf || bail "igbvf"
sleep 600 &
sleeper=$!
at_end kill $sleeper
at_end clear_all

# In place of what the README takes as an example.
adapt() { sed "s/0000:01:10\.0/$function/g; s/\b4711\b/$sleeper/g"; }

it "the README has each example once"
expect_equal 1 "$(grep -c '^```sh$' "$readme")"
expect_equal 1 "$(grep -c '^```ini$' "$readme")"
expect_match '.*0000:01:10\.0.*4711.*|.*4711.*0000:01:10\.0.*' "$(blocks sh | tr '\n' ' ')"

it "the module is loaded by its line for modules-load.d, with the parameters of the line for modprobe.d"
# A place for modules as make install makes it.
release=$(uname -r)
root=$ktest_dir/root
mkdir -p "$root/lib/modules/$release/updates/rust-virt-modules" "$ktest_dir/modprobe.d"
cp "/lib/modules/$release"/modules.* "$root/lib/modules/$release/"
cp "$ktest_mods/irq_mod.ko" "$root/lib/modules/$release/updates/rust-virt-modules/"
expect_ok depmod -b "$root" "$release"
module=$(quoted_after 'single line')
options=$(quoted_after 'modprobe.d/irq_mod.conf` with')
note "$module; $options"
expect_match 'options [a-z_]+ latency_us=[0-9]+' "$options"
echo "$options" >"$ktest_dir/modprobe.d/irq_mod.conf"
expect_ok modprobe -d "$root" -C "$ktest_dir/modprobe.d" "$module"
ktest_modules+=("$module")
need_attr $irq_mod
expect_ok add_line "new name:no-such-line"
expect_equal "${options##*=}" "$(line_get new latency_us)"
expect_ok remove_line new

it "a configuration that is malformed keeps it from being loaded"
expect_ok rmmod "$module"
echo "options $module latency_us=1001" >"$ktest_dir/modprobe.d/irq_mod.conf"
expect_errno ERANGE modprobe -d "$root" -C "$ktest_dir/modprobe.d" "$module"
echo "$options" >"$ktest_dir/modprobe.d/irq_mod.conf"
expect_ok modprobe -d "$root" -C "$ktest_dir/modprobe.d" "$module"

it "the three commands moderate the function for a machine"
expect_equal 3 "$(blocks sh | wc -l)"
blocks sh | adapt >"$ktest_dir/commands"
expect_ok sh -e "$ktest_dir/commands"
expect_equal "vm:$sleeper" "$(guest_get vm0 target)"
expect_equal vm0 "$(line_get nic0 guest)"
expect_line nic0 attached
expect_equal 3 "$(line_get nic0 irqs | wc -w)"
clear_all
it "a control group may be given instead"
mkdir -p /sys/fs/cgroup
mount -t cgroup2 none /sys/fs/cgroup || bail "no control groups"
at_end umount /sys/fs/cgroup
group=$(quoted_after 'such as')
expect_match 'vm0 cgroup:/[a-z.]+' "$group"
expect_ok mkdir "/sys/fs/cgroup/${group##*/}"
expect_ok add_guest "$group"
expect_ok remove_guest vm0
expect_ok rmdir "/sys/fs/cgroup/${group##*/}"

blocks ini | adapt >"$ktest_dir/irq-mod.service"
# unit SECTION KEY: the values of the key, as systemd reads them.
unit() { awk -v section="[$1]" -v key="$2=" '/^\[/ {on = $0 == section} on && index($0, key) == 1 {print substr($0, length(key) + 1)}' "$ktest_dir/irq-mod.service"; }
it "the unit runs its commands once, when the modules are loaded, and has others for the end"
expect_equal oneshot "$(unit Service Type)"
expect_equal yes "$(unit Service RemainAfterExit)"
expect_equal systemd-modules-load.service "$(unit Unit After)"
expect_equal multi-user.target "$(unit Install WantedBy)"
expect_equal "" "$(grep -Ev '^(\[(Unit|Service|Install)\]|[A-Z][A-Za-z]*=.+|)$' "$ktest_dir/irq-mod.service")"
# What systemd would replace.
expect_equal "" "$(grep -E '[%$\\]' "$ktest_dir/irq-mod.service")"
it "systemd finds nothing wrong with the unit"
if command -v systemd-analyze >/dev/null; then
	expect_ok systemd-analyze verify "$ktest_dir/irq-mod.service"
else
	skip "no systemd-analyze here"
fi

# run_unit KEY: the commands of the key, whose quotes are read like the shell's.
run_unit() {
	local command
	local -a exec_words=()
	while IFS= read -r command; do
		[[ $command = /* ]] || fail "not absolute: $command"
		eval "exec_words=($command)"
		expect_ok "${exec_words[@]}"
	done < <(unit Service "$1")
}
it "its start adds the line"
run_unit ExecStart
expect_line nic0 attached
it "its stop gives it back"
run_unit ExecStop
expect_equal "" "$(ls $lines)"
it "it can be started again"
run_unit ExecStart
expect_line nic0 attached
run_unit ExecStop
it "the kernel has nothing to say about all that" expect_quiet_kernel
finish

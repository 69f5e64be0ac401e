#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# profile: viommu
# cpus: 2
# timeout: 180
# A slot answers its user as vfio-pci would with the same function behind it: a virtual and a physical one.
. "$(dirname "$0")/lib.sh"

modprobe -a vfio-pci vfio_iommu_type1 || skip "this kernel has no vfio-pci"
need_module vfio_pause
pf=$(pf_of_igb)
card=$(pf_of_igb 1)
pf_up
at_end vf_remove "$pf"
at_end take_back "$card"
at_end slots_clear
at_end users_stop
vf_create "$pf" 1 || bail "no VF"
vf=$(vf_bdf "$pf" 0)

# What is asked of each function, by topic. What README.md says that a slot does not have is not among it: I/O ports
# (BAR 2 of the card), and so not the bit of the command register that enables them.
declare -A questions=()
topics=(shape header capabilities bars command notices unused messages msi pin reset)
questions[shape]="info; region 0; region 1; region 3; region 4; region 5; region 6; region 7; region 8; region 9;
	irqinfo 0; irqinfo 1; irqinfo 2; irqinfo 3; irqinfo 4; irqinfo 5"
questions[header]="cfg-read 0 4; cfg-read 6 2; cfg-read 8 4; cfg-read 0xe 1; cfg-read 0x2c 4; cfg-read 0x30 4; cfg-read 0x34 1;
	cfg-read 0x3d 1; cfg-write 0 4 0; cfg-read 0 4; cfg-write 0x3d 1 2; cfg-read 0x3d 1; cfg-write 0x3c 1 7; cfg-read 0x3c 1"
questions[bars]="cfg-write 0x10 4 0xffffffff; cfg-read 0x10 4; cfg-write 0x14 4 0xffffffff; cfg-read 0x14 4;
	cfg-write 0x1c 4 0xffffffff; cfg-read 0x1c 4; cfg-write 0x20 4 0xffffffff; cfg-read 0x20 4;
	cfg-write 0x24 4 0xffffffff; cfg-read 0x24 4; cfg-write 0x30 4 0xffffffff; cfg-read 0x30 4; bar-read 4 0 4"
questions[command]="cfg-write 4 2 6; cfg-read 4 2; cfg-write 4 1 2; cfg-read 4 2; cfg-write 5 1 4; cfg-read 4 2;
	cfg-write 4 4 0xffff0006; cfg-read 4 4"
questions[notices]="irq-none 3 0 1; irq-none 4 0 1; irq-off 3; irq-off 4; irqs 3 0 1; irqs 4 0 1; irq-none 3 0 1; irq-none 4 0 1;
	irq-count 0; irq-bool 4 0 0; irq-bool 4 0 1; irq-count 0; irqs 4 1 1; irqs 5 0 1; irq-off 3; irq-none 3 0 1;
	irq-none 4 0 1; irq-count 0; irq-drop 4 0; irq-none 4 0 1"
questions[unused]="irq-off 0; irq-off 1; irq-off 2; irq-none 0 0 1; irq-none 1 0 1; irq-none 2 0 1; irq-bool 2 0 1"
questions[messages]="irqs 2 1 1; irq-none 2 0 3; irq-count 1; irqs 2 0 3; irq-bool 2 0 101; irq-count 0; irq-count 1; irq-count 2;
	irq-drop 2 1; irq-none 2 0 3; irq-count 0; irq-count 1; irq-count 2; irqs 2 1 1; irqs 1 0 1; irqs 0 0 1; irqs 2 60 1;
	irq-off 1; irq-off 0; irq-none 2 1 1; irq-count 1; irq-off 2; irq-off 2"
questions[msi]="irqs 1 0 1; irq-none 1 0 1; irq-count 0; irqs 2 0 1; irq-drop 1 0; irq-none 1 0 1; irq-count 0; irqs 1 1 1; irq-off 1"
questions[pin]="irqs 0 0 1; irq-none 0 0 1; irq-count 0; irq-bool 0 0 0; irq-bool 0 0 1; irq-count 0; irqs 2 0 1; irqs 1 0 1;
	irq-drop 0 0; irq-none 0 0 1; irqs 0 0 1; irq-none 0 0 1; irq-count 0; irq-off 0; irq-off 0"
questions[reset]="cfg-write 4 2 6; cfg-write 0x10 4 0x7fe00000; reset; cfg-read 4 2; cfg-read 0x10 4"

# The ids in the list of capabilities.
capabilities() {
	local at ids=
	vu cfg-read 0x34 1
	for ((at = ${answer#ok }; at >= 0x40 && ${#ids} < 100; at = ${answer#ok })); do
		vu cfg-read $at 1
		ids+=" ${answer#ok }"
		vu cfg-read $((at + 1)) 1
	done
	echo "ids$ids"
}

# answers DEVICE TOPIC: each question with its answer, without how long it took and which file it was.
answers() {
	local question
	local -a words
	user_start
	vu open "$1"
	[ "$2" != capabilities ] || capabilities
	while read -r -d ';' -a words; do
		question=${words[*]}
		vu "$question"
		printf '%s: %s\n' "$question" "$(sed 's/ ns=.*//; s/ offset=.*caps/ caps/' <<<"$answer")"
	done <<<"${questions[$2]:+${questions[$2]};}"
	user_stop
}

# same_answers NAME DEVICE SLOT...: what vfio-pci says of DEVICE, then what the slot says.
same_answers() {
	local name=$1 device=$2 topic wanted got
	shift 2
	give_to vfio-pci "$device"
	for topic in "${topics[@]}"; do answers "$device" "$topic" >"$ktest_dir/$topic"; done
	take_back "$device"
	expect_ok slot_add "$*"
	for topic in "${topics[@]}"; do
		it "$name: $topic"
		while IFS=$'\t' read -r wanted got; do
			[ "$wanted" = "$got" ] || fail "vfio-pci says '$wanted', the slot '${got#*: }'"
		done < <(answers "$(slot_device "$1")" "$topic" | paste "$ktest_dir/$topic" -)
	done
}

same_answers "a physical function" "$card" card "function:$card"
expect_ok slot_remove card
same_answers "a virtual function" "$vf" one "pf:$pf vf:0"

# As vfio-pci, which has all of the table to itself.
it "what is written to the table of messages has no effect, and nothing of the host is read there"
user_start
user_opens "$(slot_device one)"
expect_vu 'ok 0xffffffff' bar-read 3 0x10 4
for word in 0x10 0x14 0x18 0x1c; do expect_vu ok bar-write 3 $word 4 0x5a5a5a58; done
device_works
it "the next user finds no addresses that the last one wrote"
expect_vu 'ok .*' cfg-read 0x10 4
before=$answer
user_stop
user_start
expect_vu 'ok .*' open "$(slot_device one)"
expect_vu ok cfg-write 0x10 4 0x7fe00000
user_stop
user_start
expect_vu 'ok .*' open "$(slot_device one)"
vu cfg-read 0x10 4
[ "$answer" != "ok 0x7fe0000c" ] || fail "before it was ${before#ok }, now it is the last user's"
it "who waits for it is told that somebody wants to have the device back"
expect_vu ok irqs 4 0 1
front=$(slot_device one)
echo 1 >"$front/remove" &
expect_vu 'ok count=1 .*' irq-wait 0 2000
user_stop
wait "$!"
it "a slot without its front does not claim to run"
expect_equal none "$(cat $slots/one/bdf)"
expect_ok slot_remove one
it "the kernel has nothing to say about all that" expect_quiet_kernel
finish

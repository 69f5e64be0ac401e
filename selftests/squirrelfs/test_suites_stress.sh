#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# profile: pmem
# cpus: 2
# timeout: 300
# stress-ng: its file system class, each member for a number of operations and with its own checks.
. "$(dirname "$0")/suites/suites.sh"

begin stress /dev/pmem0
factor=1
[ -z "${RVM_LONG:-}" ] || factor=20

# Seconds after which a member ends by itself, done or not.
limit_s=100

# stress NAME OPERATIONS [OPTION...]: a member on two workers.
stress() {
	local name=$1 operations=$(($2 * factor)) status=0 start=$SECONDS
	shift 2
	program stress-ng --verify --no-rand-seed --temp-path /mnt --timeout $limit_s "--$name" 2 "--$name-ops" "$operations" "$@" \
		>"$ktest_dir/output" 2>&1 || status=$?
	[ $((SECONDS - start)) -lt $limit_s ] || status="$status: not done after $limit_s s"
	case $status in
	0) grep -Eo 'skipped: [1-9].*|.*, skipping stressor' "$ktest_dir/output" >"$ktest_dir/skipped" || :
		if [ -s "$ktest_dir/skipped" ]; then verdict "$name" skip "$(head -n 1 "$ktest_dir/skipped")"; else verdict "$name" ok; fi ;;
	3 | 4) verdict "$name" skip "$(sed -n 's/^stress-ng: .*\] //p' "$ktest_dir/output" | grep -m 1 skip || echo 'not possible here')" ;;
	*) verdict "$name" FAIL "status $status: $(sed -n 's/^stress-ng: \(fail\|error\): *\[[0-9]*\] //p' "$ktest_dir/output" | head -n 3)" ;;
	esac
}

while read -r name operations options; do
	case $name in '#'*) continue ;; esac
	# shellcheck disable=SC2086 # options are words
	stress "$name" "$operations" $options
done <"$suites/stress-ng.txt"
end

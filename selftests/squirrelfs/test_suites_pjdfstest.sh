#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# profile: pmem
# cpus: 2
# timeout: 180
# pjdfstest: what POSIX says about names, owners, modes, times and errors.
. "$(dirname "$0")/suites/suites.sh"

begin pjdfstest /dev/pmem0
# It becomes these users by their names.
grep -q '^tests:' /etc/passwd || {
	printf 'tests:x:1000:1000:tests:/:/bin/false\n' >>/etc/passwd
	printf 'tests:x:1000:\n' >>/etc/group
}
chmod 755 /mnt

# Prints `NAME<tab>VERDICT<tab>REASON` for every test of the output: a line with both, then the reason after tabs.
results() {
	awk '
		function put() {if (name) printf "%s\t%s\t%s\n", name, result, reason; name = reason = ""}
		/^[a-z_0-9:]+ +(ok|FAILED|skipped)$/ {put(); name = $1; result = $2 == "FAILED" ? "FAIL" : $2 == "skipped" ? "skip" : $2; next}
		/^\t/ {sub(/^\t/, ""); reason = reason (reason ? "; " : "") $0}
		END {put()}
	' "$1"
}

# run REMOUNT [PATTERN]: runs the tests into the file $ktest_dir/REMOUNT, and checks that it is complete.
run() {
	local status=0 remount=$1 output="$ktest_dir/$1"
	shift
	sed "s/^allow_remount = .*/allow_remount = $remount/" "$suites/pjdfstest.toml" >"$ktest_dir/toml"
	NO_COLOR=1 program pjdfstest --configuration-file "$ktest_dir/toml" --path /mnt --secondary-fs /dev/shm "$@" \
		>"$output" 2>&1 || status=$?
	grep -q '^Summary: ' "$output" || fail "status $status: $(tail -n 3 "$output")" || return
	expect_equal "$(sed -n 's/^Summary: .* \([0-9]*\) total$/\1/p' "$output")" "$(results "$output" | wc -l)"
}

# Those that remount read-only run apart: other tests leave files open until the program ends.
it "it runs to its end" run false
it "its tests of read-only mounts run to their end" run true erofs
while IFS=$'\t' read -r name result reason; do
	verdict "$name" "$result" "$reason"
done < <(results "$ktest_dir/false" | grep -v '^[^[:cntrl:]]*erofs'; results "$ktest_dir/true")
end

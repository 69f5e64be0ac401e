#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# profile: pmem
# cpus: 2
# timeout: 180
# fsx: random operations on one file, each read compared with what was written.
. "$(dirname "$0")/suites/suites.sh"

begin fsx /dev/pmem0
operations=1500
[ -z "${RVM_LONG:-}" ] || operations=15000

# The first two agree on seeds, so that what differs is the use of mappings.
for config in calls maps space; do
	for seed in 1 2 3; do
		judged "$config-$seed" program fsx -q -N $operations -S $seed -f "$suites/fsx-$config.toml" -P /tmp "/mnt/$config-$seed"
	done
done
end

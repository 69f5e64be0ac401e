# SPDX-License-Identifier: GPL-2.0
# Start of the guest's benchmarks, which scripts/bench runs from the checkout in a machine that counts instructions.
# shellcheck shell=bash
set -euo pipefail

# result CONTENDER MEASURE VALUE: one value of one round; scripts/bench sums up the rounds.
result() { printf '%s\t%s\t%s\n' "$1" "$2" "$3"; }

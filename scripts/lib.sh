# SPDX-License-Identifier: GPL-2.0
# Shared by the scripts that run before any tool of the build root exists: bash and Debian's essential
# packages only.
# shellcheck shell=bash

# The repository's top, whatever the caller's directory.
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
# One cache for all checkouts of a user; nothing outside it is written.
cache=${RVM_CACHE:-${XDG_CACHE_HOME:-${HOME:?}/.cache}/rust-virt-modules}
export top cache

# Prints a progress line; standard output stays free for results.
say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }

# Ends with one sentence that says what is wrong and what to do about it.
die() {
	printf '%s: error: %s\n' "${0##*/}" "$*" >&2
	exit 1
}

# Needs `$2` megabytes free below the directory `$1`, for the purpose `$3`.
need_space() {
	local free_mb
	mkdir -p "$1" 2>/dev/null || die "cannot create $1; set RVM_CACHE to a writable directory"
	[ -w "$1" ] || die "$1 is not writable; set RVM_CACHE to a writable directory"
	free_mb=$(df -Pm "$1" | awk 'NR==2 {print $4}')
	[ "$free_mb" -ge "$2" ] ||
		die "$3 needs $2 MB below $1, but only $free_mb MB are free; free some or set RVM_CACHE"
}

# Removes what an interrupted run left behind: `<name>.tmp.<pid>` of processes that are gone.
sweep() {
	local dir pid
	for dir in "$1"/*.tmp.*; do
		[ -e "$dir" ] || continue
		pid=${dir##*.}
		[ -d "/proc/$pid" ] || rm -rf "$dir"
	done
}

# SPDX-License-Identifier: GPL-2.0
# Shared by the scripts that run before any tool of the build root exists: bash and Debian's essential
# packages only.
# shellcheck shell=bash

# `cd` must not print or look elsewhere.
unset CDPATH
# The repository's top, whatever the caller's directory.
# shellcheck disable=SC2034 # for those who source this
top=$(cd -P "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
# One cache for all checkouts of a user; setup, build and tests write there and below the checkout only.
if [ -n "${RVM_CACHE:-}" ]; then
	cache=$RVM_CACHE
elif [ -n "${XDG_CACHE_HOME:-}" ]; then
	cache=$XDG_CACHE_HOME/rust-virt-modules
else
	cache=${HOME:+$HOME/.cache/rust-virt-modules}
fi
case $cache in
/*) ;;
'') echo "${0##*/}: error: neither HOME nor RVM_CACHE is set; set RVM_CACHE to a directory for the cache" >&2 && exit 1 ;;
*) echo "${0##*/}: error: RVM_CACHE=$cache is not an absolute path" >&2 && exit 1 ;;
esac
export RVM_CACHE_DIR=$cache

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

# Shows guests, which see the checkout only, the directory `$1` of the cache as `$2`, unless they see it already: without
# copying where that is possible.
show_guests() {
	[ "$(cat "$2/.key" 2>/dev/null)" != "${1##*/}" ] || return 0
	rm -rf "$2" "$2".tmp.*
	mkdir -p "${2%/*}"
	cp -al "$1" "$2.tmp.$$" 2>/dev/null || {
		rm -rf "$2.tmp.$$"
		cp -a "$1" "$2.tmp.$$"
	}
	echo "${1##*/}" >"$2.tmp.$$/.key"
	mv "$2.tmp.$$" "$2"
}

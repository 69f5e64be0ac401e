# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Library of the guest tests: KTAP output, module loading, checks with diagnostics.
#
# A test is a bash script that sources this file, states its cases and ends with `finish`:
#
#	. "$(dirname "$0")/../lib/ktest.sh"
#	need_module irq_mod latency_us=50
#	it "an interval out of range is refused" expect_errno ERANGE write "$attr" 99999
#	it "the old interval is kept"
#	expect_equal 50 "$(cat "$attr")"
#	finish
#
# A case is `ok` unless one of its checks fails, the command given to `it` returns non-zero, or it is
# skipped. Checks may run in subshells and background jobs. Exit status: 0 all passed, 1 any failed, 4 all
# skipped. A script that ends without `finish` prints no plan, which its reader takes for a failure.

LC_ALL=C
export LC_ALL
# The checkout and the directory of the modules built from it.
# shellcheck disable=SC2034
ktest_top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
ktest_mods=${RVM_MODS:-$ktest_top/build/mod}
ktest_dir=$(mktemp -d) || exit 1
ktest_count=0
ktest_failed=0
ktest_skipped=0
# The sentence of the open case; empty between cases.
ktest_case=
# Commands of at_end, quoted for eval.
ktest_at_end=()
# Modules to unload at the end, in the order they were loaded.
ktest_modules=()
# Modules whose dependencies are loaded.
declare -A ktest_ready=()
: >"$ktest_dir/failures"
: >"$ktest_dir/skip"

# Messages of strerror(3), and of insmod where it has its own, by the name of their errno.
declare -A ktest_errno=(
	["Operation not permitted"]=EPERM ["No such file or directory"]=ENOENT ["Input/output error"]=EIO
	["No such device or address"]=ENXIO ["No such process"]=ESRCH ["Exec format error"]=ENOEXEC ["Bad file descriptor"]=EBADF
	["Resource temporarily unavailable"]=EAGAIN ["Cannot allocate memory"]=ENOMEM ["Permission denied"]=EACCES
	["Device or resource busy"]=EBUSY ["File exists"]=EEXIST ["No such device"]=ENODEV
	["Not a directory"]=ENOTDIR ["Is a directory"]=EISDIR ["Invalid argument"]=EINVAL
	["No space left on device"]=ENOSPC ["Read-only file system"]=EROFS ["Numerical result out of range"]=ERANGE
	["Broken pipe"]=EPIPE ["File name too long"]=ENAMETOOLONG ["Function not implemented"]=ENOSYS
	["Directory not empty"]=ENOTEMPTY ["Value too large for defined data type"]=EOVERFLOW
	["Operation not supported"]=EOPNOTSUPP ["Address already in use"]=EADDRINUSE
	["Connection timed out"]=ETIMEDOUT ["Stale file handle"]=ESTALE ["Operation canceled"]=ECANCELED ["Structure needs cleaning"]=EUCLEAN
	["Argument list too long"]=E2BIG ["File too large"]=EFBIG ["Required key not available"]=ENOKEY
	["Module already in kernel"]=EEXIST ["Invalid parameters"]=EINVAL ["invalid parameter"]=EINVAL
	["invalid module format"]=ENOEXEC ["Unknown symbol in module, or unknown parameter (see dmesg)"]=ENOENT
)

# Prints a diagnostic line.
note() { printf '# %s\n' "$*"; }

# Where in the test a check was called: `file:line`, seen from `depth` callers above this function.
ktest_where() {
	local depth=1
	while [ "${BASH_SOURCE[depth]:-}" = "${BASH_SOURCE[0]}" ]; do depth=$((depth + 1)); done
	[ -n "${BASH_SOURCE[depth]:-}" ] || depth=$((${#BASH_SOURCE[@]} - 1))
	printf '%s:%s' "${BASH_SOURCE[depth]##*/}" "${BASH_LINENO[depth - 1]}"
}

# Makes the open case fail, with a diagnostic.
fail() {
	printf '%s: %s\n' "$(ktest_where)" "$*" >>"$ktest_dir/failures"
	return 1
}

# The kernel messages since the last mark: of the open case, or, with `begin`, of the script.
ktest_dmesg() {
	dmesg | awk -v mark="ktest-${1:-mark} $$" 'index($0, mark) {text = ""; next} {text = text $0 "\n"} END {printf "%s", text}'
}

ktest_mark() { { printf 'ktest-%s %s\n' "${1:-mark}" "$$" >/dev/kmsg; } 2>/dev/null || true; }

# Ends the open case, if any, and prints its line. Failures recorded outside of any case get one of their own.
ktest_close() {
	local line name=$ktest_case
	if [ -z "$name" ]; then
		[ -s "$ktest_dir/failures" ] || return 0
		name="${0##*/}: outside of any case"
	fi
	ktest_count=$((ktest_count + 1))
	while IFS= read -r line; do note "$line"; done <"$ktest_dir/failures"
	if [ -s "$ktest_dir/failures" ]; then
		ktest_failed=$((ktest_failed + 1))
		printf 'not ok %d - %s\n' "$ktest_count" "$name"
	elif [ -s "$ktest_dir/skip" ]; then
		ktest_skipped=$((ktest_skipped + 1))
		printf 'ok %d - %s # SKIP %s\n' "$ktest_count" "$name" "$(cat "$ktest_dir/skip")"
	else
		printf 'ok %d - %s\n' "$ktest_count" "$name"
	fi
	: >"$ktest_dir/failures"
	: >"$ktest_dir/skip"
	ktest_case=
}

# it SENTENCE [COMMAND...]: begins a case. With a command, runs it and ends the case; without, the case
# lasts until the next `it` or `finish`.
it() {
	local status
	ktest_close
	ktest_case=${1//#/}
	shift
	ktest_mark
	[ $# -gt 0 ] || return 0
	"$@"
	status=$?
	[ $status -eq 0 ] || [ -s "$ktest_dir/failures" ] || fail "'$*' ended with status $status" || true
	ktest_close
}

# skip REASON: the open case counts as skipped, unless it has failed. Outside of a case: the whole test is
# skipped and ends.
skip() {
	printf '%s\n' "${*:-no reason given}" >"$ktest_dir/skip"
	[ -z "$ktest_case" ] || return 0
	ktest_case=${0##*/}
	finish
}

# Unloads what need_module loaded, last first. A module that stays is a failure.
ktest_unload() {
	local i name
	for ((i = ${#ktest_modules[@]} - 1; i >= 0; i--)); do
		name=${ktest_modules[i]}
		[ -d "/sys/module/$name" ] || continue
		rmmod "$name" 2>"$ktest_dir/rmmod" || fail "$name does not unload: $(cat "$ktest_dir/rmmod")" || true
	done
	ktest_modules=()
}

# at_end COMMAND...: runs the command when the test ends, however it ends, before the modules are unloaded;
# the last one given runs first.
at_end() { ktest_at_end+=("${*@Q}"); }

ktest_undo() {
	local i
	for ((i = ${#ktest_at_end[@]} - 1; i >= 0; i--)); do eval "${ktest_at_end[i]}"; done
	ktest_at_end=()
	ktest_unload
}

ktest_exit() {
	local status=$?
	trap - EXIT
	ktest_undo >&2
	rm -rf "$ktest_dir"
	exit "$status"
}

# Ends the test: cleans up, prints the plan, exits with the test's status.
finish() {
	ktest_close
	ktest_undo
	ktest_close
	printf '1..%d\n' "$ktest_count"
	[ "$ktest_failed" -eq 0 ] || exit 1
	[ "$ktest_count" -gt 0 ] || exit 1
	[ "$ktest_skipped" -lt "$ktest_count" ] || exit 4
	exit 0
}

# Ends the test with one failed case: what follows would make no sense.
bail() {
	[ -n "$ktest_case" ] || ktest_case="the test's requirements"
	fail "$*" || true
	finish
}

# load_dependencies NAME: loads what NAME.ko of this checkout depends on; done once a test.
load_dependencies() {
	local dependency
	local -a dependencies
	[ -z "${ktest_ready[$1]:-}" ] || return 0
	IFS=, read -r -a dependencies < <(modinfo -F depends "$ktest_mods/$1.ko" 2>/dev/null)
	for dependency in "${dependencies[@]}"; do
		[ -d "/sys/module/${dependency//-/_}" ] || modprobe "$dependency" || return 1
	done
	ktest_ready[$1]=1
}

# load_module NAME [PARAMETER...]: inserts NAME.ko of this checkout, after what it depends on. Returns the
# status of insmod and leaves its message on standard error.
load_module() {
	local name=$1
	shift
	load_dependencies "$name" && insmod "$ktest_mods/$name.ko" "$@"
}

# need_module NAME [PARAMETER...]: loads NAME.ko until the end of the test, or ends the test as failed.
need_module() {
	local name=${1//-/_} message
	[ -e "$ktest_mods/$1.ko" ] || bail "$1.ko is not built"
	[ ! -d "/sys/module/$name" ] || bail "$name is loaded already"
	message=$(load_module "$@" 2>&1) || bail "$name does not load: $message"
	ktest_modules+=("$name")
}

# need_attr PATH: ends the test as failed unless the file exists.
need_attr() { [ -e "$1" ] || bail "$1 does not exist"; }

# write FILE VALUE: one write(2) of VALUE, exactly as given. Returns non-zero on an error, with the errno's
# message as the end of the last line on standard error. An empty VALUE would cause no write(2) at all: use $'\n'.
write() {
	if [[ ${2%$'\n'} = *$'\n'* || ${#2} -ge 4096 ]]; then
		# printf would write line by line, and 4096 bytes at a time.
		printf '%s' "$2" >"$ktest_dir/value"
		dd if="$ktest_dir/value" of="$1" bs=64k conv=notrunc 2>"$ktest_dir/dd" || {
			cat "$ktest_dir/dd" >&2
			return 1
		}
	else
		printf '%s' "$2" >"$1"
	fi
}

# need_write FILE VALUE: a write that the rest of the test needs to succeed.
need_write() {
	local message
	message=$(write "$1" "$2" 2>&1) || bail "writing '$2' to $1: $message"
}

# The name of the errno whose message ends the text `$1`, apart from the counts that dd prints last.
ktest_errno_of() {
	local text message
	text=$(grep -Ev '^[0-9]+(\+[0-9]+ records| bytes)' <<<"$1")
	text=${text##*$'\n'}
	text=${text%.}
	# What rmmod says after looking at the reference count, before it asks the kernel.
	[[ $text != *"is in use"* ]] || text='Device or resource busy'
	for message in "${!ktest_errno[@]}"; do
		if [ "$text" = "$message" ] || [ "${text%": $message"}" != "$text" ]; then
			printf '%s' "${ktest_errno[$message]}"
			return
		fi
	done
	printf 'an unknown error (%s)' "$text"
}

# expect_errno NAME COMMAND...: the command must fail with that errno; NAME may be a list: 'EINVAL|ERANGE'.
expect_errno() {
	local want=$1 message got
	shift
	if message=$("$@" 2>&1 >/dev/null); then
		got=success
	else
		got=$(ktest_errno_of "$message")
	fi
	[[ "|$want|" = *"|$got|"* ]] || fail "wanted $want, got $got: $*"
}

# expect_ok COMMAND...: the command must succeed; its output is shown only if it does not.
expect_ok() {
	local output
	output=$("$@" 2>&1) || fail "wanted success, got status $? (${output##*$'\n'}): $*"
}

# expect_equal WANT GOT
expect_equal() { [ "$1" = "$2" ] || fail "wanted '$1', got '$2'"; }

# expect_match PATTERN GOT: GOT as a whole must match the extended regular expression.
expect_match() { [[ $2 =~ ^($1)$ ]] || fail "wanted a match of '$1', got '$2'"; }

# expect_between LOW HIGH GOT: a whole number, bounds included.
expect_between() {
	if [[ ! $3 =~ ^-?[0-9]+$ ]] || [ "$3" -lt "$1" ] || [ "$3" -gt "$2" ]; then
		fail "wanted $1..$2, got '$3'"
	fi
}

# expect_soon TIMEOUT_S COMMAND...: the command must succeed within that many seconds; tried every 10 ms.
expect_soon() {
	local timeout_s=$1 end
	shift
	end=$((SECONDS + timeout_s + 1))
	until "$@" >/dev/null 2>&1; do
		[ "$SECONDS" -lt "$end" ] || {
			fail "not within $timeout_s s: $*"
			return
		}
		sleep 0.01
	done
}

# expect_dmesg PATTERN: a kernel message since the case began matches the extended regular expression.
expect_dmesg() { grep -Eq -- "$1" < <(ktest_dmesg) || fail "no kernel message matches '$1'"; }

# What the kernel says when something is wrong with it.
ktest_trouble='BUG|WARNING:|Oops|Call Trace|general protection|refcount_t|list_(add|del) corruption|still has|cannot be removed'

# ktest_unwanted SINCE PATTERN
ktest_unwanted() {
	local found
	found=$(ktest_dmesg "$1" | grep -E -m 1 -- "$2") || return 0
	fail "unwanted kernel message: $found"
}

# expect_no_dmesg [PATTERN]: no message since the case began matches. Default: what says that something is wrong.
expect_no_dmesg() { ktest_unwanted mark "${1:-$ktest_trouble}"; }

# expect_quiet_kernel [PATTERN]: no message since the script began matches. For the last case: a case of its own would
# see none of those before it.
expect_quiet_kernel() { ktest_unwanted begin "${1:-$ktest_trouble}"; }

trap ktest_exit EXIT
printf 'KTAP version 1\n'
ktest_mark begin
ktest_mark

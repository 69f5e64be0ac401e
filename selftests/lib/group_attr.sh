#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Any module: its sysfs files keep their promises about bounds, junk, concurrency and unloading.
#
# usage: selftests/lib/group_attr.sh MODULE
. "$(dirname "$0")/group.sh"

# Writes of each concurrent writer.
rounds=${RVM_LONG:+2000}
rounds=${rounds:-200}
paths=()
# By path; min and max are empty where a file has no bounds.
declare -A kind min max default

attr() {
	local path=$1
	[[ $path = /* ]] || path=$OBJECT/$path
	paths+=("$path")
	kind[$path]=$2
	min[$path]=${3:-}
	max[$path]=${4:-}
	default[$path]=${5:-}
}

# What a file holds; a write-only file holds nothing that could change.
value() { [ "${kind[$1]}" = wo ] || cat "$1"; }

# The value is accepted and read back.
accepts() {
	expect_ok write "$1" "$2" && expect_equal "$2" "$(value "$1")"
}

# refuses PATH ERRNO VALUE: with that errno, and the old value is kept.
refuses() {
	local old
	old=$(value "$1")
	expect_errno "$2" write "$1" "$3"
	expect_equal "$old" "$(value "$1")"
}

refuses_junk() {
	local text
	for text in $'\n' ' ' junk '1x' 'x1' '1 2' '0x' '--1' '1.5' $'1\n2' '+-1' $'\xff\xfe' "$(printf 'x%.0s' {1..3000})"; do
		refuses "$1" EINVAL "$text"
	done
	refuses "$1" 'EINVAL|ERANGE' 99999999999999999999999999999999
}

check_int() {
	local path=$1 name=${1##*/}
	[ -z "${default[$path]}" ] || it "$name is ${default[$path]} at first" expect_equal "${default[$path]}" "$(value "$path")"
	it "$name holds its bounds ${min[$path]} and ${max[$path]}"
	accepts "$path" "${min[$path]}"
	accepts "$path" "${max[$path]}"
	it "$name holds a number written with a line end"
	expect_ok write "$path" "${min[$path]}"$'\n'
	expect_equal "${min[$path]}" "$(value "$path")"
	check_act "$path"
}

# A number that does something when it is written; what can be read is something else.
check_act() {
	local path=$1 name=${1##*/} low=${min[$1]} high=${max[$1]}
	it "$name accepts its bounds $low and $high"
	expect_ok write "$path" "$low"
	expect_ok write "$path" "$high"
	it "$name refuses what lies beyond its bounds"
	refuses "$path" ERANGE "$((high + 1))"
	refuses "$path" ERANGE 9223372036854775807
	if [ "$low" -gt 0 ]; then refuses "$path" ERANGE "$((low - 1))"; fi
	if [ "$low" -lt 0 ]; then
		refuses "$path" ERANGE "$((low - 1))"
	else
		it "$name refuses negative numbers" refuses "$path" EINVAL -1
	fi
	it "$name refuses junk" refuses_junk "$path"
}

check_bool() {
	local path=$1 name=${1##*/}
	[ -z "${default[$path]}" ] || it "$name is ${default[$path]} at first" expect_equal "${default[$path]}" "$(value "$path")"
	it "$name accepts 1 and 0"
	accepts "$path" 1
	accepts "$path" 0
	it "$name refuses other numbers" refuses "$path" 'EINVAL|ERANGE' 2
	it "$name refuses junk" refuses_junk "$path"
}

check_ro() {
	local path=$1 name=${1##*/}
	it "$name can be read and ends in one line end"
	expect_ok value "$path"
	expect_equal 1 "$(value "$path" | tail -c 1 | wc -l)"
	it "$name refuses writes"
	expect_errno 'EACCES|EPERM' write "$path" 1
	expect_equal 444 "$(stat -c %a "$path")"
}

check_wo() {
	local path=$1 name=${1##*/}
	it "$name refuses reads"
	expect_errno 'EACCES|EPERM' cat "$path"
	expect_equal 200 "$(stat -c %a "$path")"
	if [ -n "${max[$path]}" ]; then
		check_act "$path"
		return
	fi
	it "$name refuses junk" expect_errno 'EINVAL|ENODEV|ENOENT' write "$path" 'junk junk'
	it "$name refuses an empty line" expect_errno 'EINVAL|ENODEV|ENOENT' write "$path" $'\n'
}

# Writes each of the given values in turn.
writer() {
	local path=$1 i
	shift
	for ((i = 0; i < rounds; i++)); do
		printf '%s' "${@:i % $# + 1:1}" >"$path" || fail "a write failed in round $i" || return
	done
}

# Every value read must be one of the given ones.
reader() {
	local path=$1 i got
	shift
	for ((i = 0; i < rounds; i++)); do
		read -r got <"$path" || fail "a read failed in round $i" || return
		[[ " $* " = *" $got "* ]] || fail "read '$got', which nobody wrote" || return
	done
}

concurrent() {
	local path=$1 low=${min[$1]:-0} high=${max[$1]:-1} job
	local -a jobs=()
	printf '%s' "$low" >"$path"
	writer "$path" "$low" "$high" & jobs+=($!)
	writer "$path" "$high" "$low" & jobs+=($!)
	reader "$path" "$low" "$high" & jobs+=($!)
	reader "$path" "$low" "$high" & jobs+=($!)
	for job in "${jobs[@]}"; do wait "$job"; done
	expect_match "$low|$high" "$(value "$path")"
}

read_held() { read -r -u "$1"; }

write_held() { printf 1 >&"$1"; }

# Unloads the module while files of it are open; afterwards they only say that the device is gone.
unload_while_open() {
	local path first=${paths[0]} readable='' writable='' reader_fd writer_fd
	for path in "${paths[@]}"; do
		[ "${kind[$path]}" = wo ] || readable=${readable:-$path}
		[ "${kind[$path]}" = ro ] || writable=${writable:-$path}
	done
	exec {reader_fd}<"${readable:-/dev/null}" {writer_fd}>"${writable:-/dev/null}"
	if ! unload 2>/dev/null; then
		note "$MODULE_NAME stays while it has an object"
		teardown
		expect_ok unload
	fi
	[ ! -e "$first" ] || fail "$first is left"
	[ -z "$readable" ] || expect_errno ENODEV read_held "$reader_fd"
	[ -z "$writable" ] || expect_errno ENODEV write_held "$writer_fd"
	exec {reader_fd}<&- {writer_fd}>&-
	expect_no_dmesg
}

reload() {
	expect_ok load_module "$MODULE_KO" "${PARAMS[@]}" && setup && [ -e "${paths[0]}" ] || fail "no ${paths[0]} after loading again"
}

need_object
attributes
[ ${#paths[@]} -gt 0 ] || bail "selftests/$module/config.sh names no attribute"
it "every file is there"
for path in "${paths[@]}"; do [ -e "$path" ] || fail "$path does not exist"; done
places=()
[ -z "$OBJECT" ] || places+=("$OBJECT")
[ ! -d "/sys/kernel/$MODULE_NAME" ] || places+=("/sys/kernel/$MODULE_NAME")
if [ ${#places[@]} -gt 0 ]; then
	it "no file is unknown to the tests"
	while read -r path; do
		[ -n "${kind[$path]:-}" ] || fail "$path is not in attributes() of selftests/$module/config.sh"
	done < <(find "${places[@]}" -type f ! -name uevent ! -path '*/power/*' | sort -u)
fi
for path in "${paths[@]}"; do
	[ -e "$path" ] || continue
	old=
	case ${kind[$path]} in
	int | bool) old=$(value "$path") ;;
	esac
	case ${kind[$path]} in
	int | bool | act | ro | wo) "check_${kind[$path]}" "$path" ;;
	own) ;;
	*) bail "attr ${path##*/}: unknown kind '${kind[$path]}'" ;;
	esac
	[ -z "$old" ] || {
		it "${path##*/} survives concurrent writers and readers" concurrent "$path"
		expect_ok write "$path" "$old"
	}
done
it "the kernel has nothing to say about all that" expect_quiet_kernel
it "unloading while files are open is survived" unload_while_open
it "the module works after that" reload
finish

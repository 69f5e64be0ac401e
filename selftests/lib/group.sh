# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Shared start of the groups that run for every module: reads selftests/<module>/config.sh.
#
# The file sets, for its module:
#
#	MODULE_KO    name of the .ko without suffix (required)
#	PARAMS       array of insmod parameters
#	BAD_PARAMS   array of parameter:ERRNO, each of which insmod must refuse
#	PROFILE      VM profile, CPUS  number of CPUs, TIMEOUT_S  seconds a group may take (read by scripts/test)
#	setup        function, after insmod: makes an object to work on; sets OBJECT to its directory
#	teardown     function: undoes setup; must work after a failed setup
#	attributes   function, after setup: one `attr PATH KIND [MIN MAX [DEFAULT]]` a file; PATH is relative
#	             to OBJECT unless absolute. KIND is one of
#	               int   a number MIN..=MAX that reads back as it was written
#	               bool  0 or 1
#	               act   writing a number MIN..=MAX does something; reading gives something else
#	               ro    read-only
#	               wo    write-only; a number if MIN and MAX are given, otherwise a text
#	               own   anything else: must exist, its values are up to the module's own tests
#	faults       function: the cases (`it ...`) of the fault group

module=${1:?usage: $0 MODULE}
. "${BASH_SOURCE[0]%/*}/ktest.sh"
PARAMS=()
# shellcheck disable=SC2034
BAD_PARAMS=()
# shellcheck disable=SC2034
OBJECT=
setup() { :; }
teardown() { :; }
attributes() { :; }
config="$ktest_top/selftests/$module/config.sh"
[ -r "$config" ] || bail "selftests/$module/config.sh is missing"
# shellcheck source=/dev/null
. "$config"
[ -n "${MODULE_KO:-}" ] || bail "selftests/$module/config.sh does not set MODULE_KO"
# Its name as the kernel shows it.
MODULE_NAME=${MODULE_KO//-/_}
load_dependencies "$MODULE_KO" || bail "what $MODULE_KO depends on does not load"

# The module in place and its object set up, until the end of the test.
need_object() {
	need_module "$MODULE_KO" "${PARAMS[@]}"
	at_end teardown
	setup || bail "the set-up of $module failed"
}

unload() { rmmod "$MODULE_NAME"; }

loaded() { [ -d "/sys/module/$MODULE_NAME" ]; }

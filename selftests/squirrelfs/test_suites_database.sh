#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# profile: pmem
# cpus: 2
# timeout: 180
# SQLite and LMDB: databases hold what was put into them, and their own checks find no fault.
. "$(dirname "$0")/suites/suites.sh"

begin database /dev/pmem0
rounds=20
transactions=300
[ -z "${RVM_LONG:-}" ] || rounds=200 transactions=3000

# Prints transactions without chance or time in them, so that they do the same to every database.
statements() {
	local i
	printf 'CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT UNIQUE, size INTEGER, data BLOB);\nCREATE INDEX sizes ON t (size);\n'
	for ((i = 1; i <= rounds; i++)); do
		cat <<-SQL
			BEGIN;
			WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100)
			INSERT INTO t (name, size, data) SELECT 'name-$i-' || i, i * 7919 * $i % 1009, zeroblob(i * $i % 3000) FROM n;
			UPDATE t SET data = data || hex(name), size = size + 1 WHERE id % 13 = $i % 13;
			DELETE FROM t WHERE size % 17 = $i % 17;
			$([ $((i % 5)) = 0 ] && echo ROLLBACK || echo COMMIT);
		SQL
	done
	[ "$1" = memory ] || echo "VACUUM;"
	echo "SELECT count(*), sum(size), sum(length(data)), sum(id) FROM t;"
}

# sqlite JOURNAL [PRAGMA]: the workload, and a second process that checks the file.
sqlite() {
	local file=/mnt/$1.db got
	got=$({ printf 'PRAGMA journal_mode=%s;\nPRAGMA synchronous=FULL;\n%s\n' "$1" "${2:-}" && statements file; } | program sqlite3 -bail "$file") || return 1
	[ "$(tail -n 1 <<<"$got")" = "$want" ] || { echo "wanted '$want', got '$got'" && return 1; }
	got=$(program sqlite3 "$file" 'PRAGMA integrity_check;') || return 1
	[ "$got" = ok ] || { echo "the integrity check says: $got" && return 1; }
}

want=$(statements memory | program sqlite3 -bail :memory:) || bail "SQLite does not work in memory"
judged sqlite-delete sqlite DELETE
judged sqlite-truncate sqlite TRUNCATE
judged sqlite-wal sqlite WAL
judged sqlite-mmap sqlite PERSIST 'PRAGMA mmap_size=16777216;'
judged lmdb program lmdbwork /mnt/lmdb 1 $transactions
judged lmdb-writemap program lmdbwork /mnt/lmdb-writemap 2 $transactions writemap
end

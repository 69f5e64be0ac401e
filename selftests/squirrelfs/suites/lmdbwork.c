// SPDX-License-Identifier: GPL-2.0
/*
 * A workload for LMDB: transactions of puts and deletes from a fixed seed, each followed by what a table in memory
 * says the database must hold; at the end, and after opening it anew, a scan compares every pair.
 *
 * usage: lmdbwork FILE SEED TRANSACTIONS [writemap]
 */
#include <errno.h>
#include <lmdb.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEYS 2000
#define CHANGES 20
#define VALUE_MAX 3000
#define MAP_BYTES (24u << 20)

/* What a key's value must be: 0 for none, otherwise what it was made from. */
static uint32_t wanted[KEYS];
static uint64_t state;

static uint32_t next(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state >> 16;
}

static void check(int error, const char *what)
{
	if (!error)
		return;
	fprintf(stderr, "lmdbwork: %s: %s\n", what, mdb_strerror(error));
	exit(1);
}

static size_t fill(unsigned char *value, uint32_t from)
{
	size_t len_bytes = from % VALUE_MAX + 1;

	for (size_t i = 0; i < len_bytes; i++) {
		from = from * 1664525 + 1013904223;
		value[i] = from >> 24;
	}
	return len_bytes;
}

static void change(MDB_txn *txn, MDB_dbi dbi, uint32_t *table)
{
	static unsigned char value[VALUE_MAX];
	uint32_t number = next() % KEYS;
	MDB_val key = { sizeof(number), &number };
	MDB_val data = { 0, value };

	if (next() % 4 == 0) {
		int error = mdb_del(txn, dbi, &key, NULL);

		if (error != (table[number] ? 0 : MDB_NOTFOUND))
			check(error ? error : EEXIST, "deleting a key");
		table[number] = 0;
		return;
	}
	table[number] = next() | 1;
	data.mv_size = fill(value, table[number]);
	check(mdb_put(txn, dbi, &key, &data, 0), "putting a key");
}

/* Compares every pair with the table; returns how many there are. */
static unsigned int scan(MDB_env *env)
{
	static unsigned char value[VALUE_MAX];
	unsigned int found = 0;
	MDB_val key, data;
	MDB_cursor *cursor;
	MDB_txn *txn;
	MDB_dbi dbi;
	int error;

	check(mdb_txn_begin(env, NULL, MDB_RDONLY, &txn), "beginning to read");
	check(mdb_dbi_open(txn, NULL, 0, &dbi), "opening the table");
	check(mdb_cursor_open(txn, dbi, &cursor), "opening a cursor");
	while (!(error = mdb_cursor_get(cursor, &key, &data, MDB_NEXT))) {
		uint32_t number;

		memcpy(&number, key.mv_data, sizeof(number));
		if (number >= KEYS || !wanted[number] || data.mv_size != fill(value, wanted[number]) ||
		    memcmp(value, data.mv_data, data.mv_size)) {
			fprintf(stderr, "lmdbwork: key %u does not hold what was put\n", number);
			exit(1);
		}
		found++;
	}
	if (error != MDB_NOTFOUND)
		check(error, "scanning");
	for (unsigned int i = 0; i < KEYS; i++)
		found -= wanted[i] != 0;
	if (found) {
		fprintf(stderr, "lmdbwork: keys are missing\n");
		exit(1);
	}
	mdb_cursor_close(cursor);
	mdb_txn_abort(txn);
	for (unsigned int i = 0; i < KEYS; i++)
		found += wanted[i] != 0;
	return found;
}

static MDB_env *open_env(const char *path, unsigned int flags)
{
	MDB_env *env;

	check(mdb_env_create(&env), "creating an environment");
	check(mdb_env_set_mapsize(env, MAP_BYTES), "setting the size");
	check(mdb_env_open(env, path, MDB_NOSUBDIR | flags, 0644), "opening");
	return env;
}

int main(int argc, char **argv)
{
	static uint32_t table[KEYS];
	unsigned int flags = argc == 5 && !strcmp(argv[4], "writemap") ? MDB_WRITEMAP : 0;
	unsigned int transactions;
	MDB_env *env;

	if (argc < 4 || argc > 5 || (argc == 5 && !flags)) {
		fprintf(stderr, "usage: lmdbwork FILE SEED TRANSACTIONS [writemap]\n");
		return 2;
	}
	state = strtoull(argv[2], NULL, 10) * 2 + 1;
	transactions = strtoul(argv[3], NULL, 10);
	env = open_env(argv[1], flags);
	for (unsigned int i = 0; i < transactions; i++) {
		MDB_txn *txn;
		MDB_dbi dbi;

		check(mdb_txn_begin(env, NULL, 0, &txn), "beginning to write");
		check(mdb_dbi_open(txn, NULL, 0, &dbi), "opening the table");
		memcpy(table, wanted, sizeof(table));
		for (unsigned int j = 0; j < CHANGES; j++)
			change(txn, dbi, table);
		if (next() % 8 == 0) {
			mdb_txn_abort(txn);
			continue;
		}
		check(mdb_txn_commit(txn), "committing");
		memcpy(wanted, table, sizeof(table));
	}
	scan(env);
	mdb_env_close(env);
	env = open_env(argv[1], MDB_RDONLY);
	printf("%u pairs are as they were put\n", scan(env));
	mdb_env_close(env);
	return 0;
}

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The used part of QEMU's plugin interface, version 7 (QEMU 11.1), since Debian does not package its header. QEMU
 * refuses a plugin of a version that it does not support, so that these declarations cannot go stale unnoticed.
 */
#ifndef PMTRACE_QEMU_PLUGIN_H
#define PMTRACE_QEMU_PLUGIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define QEMU_PLUGIN_VERSION 7
#define EXPORTED __attribute__((visibility("default")))

struct qemu_info;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
struct qemu_plugin_hwaddr;
struct qemu_plugin_register;
struct qemu_plugin_scoreboard;

/* GLib's GByteArray and GArray. */
struct byte_array {
	uint8_t *data;
	unsigned int len;
};

struct register_name {
	struct qemu_plugin_register *handle;
	const char *name;
	const char *feature;
	bool is_readonly;
};

struct register_array {
	struct register_name *data;
	unsigned int len;
};

/* A counter in every CPU's entry of a scoreboard. */
struct qemu_plugin_u64 {
	struct qemu_plugin_scoreboard *score;
	size_t offset;
};

struct qemu_plugin_value {
	int type;
	union {
		uint8_t u8;
		uint16_t u16;
		uint32_t u32;
		uint64_t u64[2];
	};
};

enum { CB_NO_REGS, CB_R_REGS };
enum { MEM_W = 2 };
enum { INLINE_ADD_U64 };
enum { DISCON_INTERRUPT = 1 };

/* What a plugin has to offer. */
EXPORTED extern int qemu_plugin_version;
EXPORTED int qemu_plugin_install(uint64_t id, const struct qemu_info *info, int argc, char **argv);

struct byte_array *g_byte_array_new(void);
uint8_t *g_byte_array_free(struct byte_array *array, int content_too);
struct byte_array *g_byte_array_set_size(struct byte_array *array, unsigned int length);

void qemu_plugin_reset(uint64_t id, void (*done)(void *data), void *data);
void qemu_plugin_register_atexit_cb(uint64_t id, void (*cb)(void *data), void *data);
void qemu_plugin_register_vcpu_tb_trans_cb(uint64_t id, void (*cb)(struct qemu_plugin_tb *tb, void *data),
					   void *data);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn, void (*cb)(unsigned int cpu, void *data),
					    int flags, void *data);
void qemu_plugin_register_vcpu_insn_exec_inline_per_vcpu(struct qemu_plugin_insn *insn, int operation,
							 struct qemu_plugin_u64 counter, uint64_t value);
void qemu_plugin_register_vcpu_mem_cb(struct qemu_plugin_insn *insn,
				      void (*cb)(unsigned int cpu, uint32_t info, uint64_t vaddr, void *data),
				      int flags, int direction, void *data);
void qemu_plugin_register_vcpu_discon_cb(uint64_t id, int types,
					 void (*cb)(unsigned int cpu, int type, uint64_t from, uint64_t to, void *data),
					 void *data);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t number);
size_t qemu_plugin_insn_data(const struct qemu_plugin_insn *insn, void *to, size_t len);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);
unsigned int qemu_plugin_mem_size_shift(uint32_t info);
bool qemu_plugin_mem_is_store(uint32_t info);
struct qemu_plugin_value qemu_plugin_mem_get_value(uint32_t info);
struct qemu_plugin_hwaddr *qemu_plugin_get_hwaddr(uint32_t info, uint64_t vaddr);
bool qemu_plugin_hwaddr_is_io(const struct qemu_plugin_hwaddr *address);
uint64_t qemu_plugin_hwaddr_phys_addr(const struct qemu_plugin_hwaddr *address);
bool qemu_plugin_translate_vaddr(uint64_t vaddr, uint64_t *address);
int qemu_plugin_read_memory_hwaddr(uint64_t address, struct byte_array *to, size_t len);
bool qemu_plugin_read_memory_vaddr(uint64_t vaddr, struct byte_array *to, size_t len);
bool qemu_plugin_write_memory_vaddr(uint64_t vaddr, struct byte_array *from);
struct register_array *qemu_plugin_get_registers(void);
bool qemu_plugin_read_register(struct qemu_plugin_register *handle, struct byte_array *to);
struct qemu_plugin_scoreboard *qemu_plugin_scoreboard_new(size_t entry_size);
uint64_t qemu_plugin_u64_sum(struct qemu_plugin_u64 counter);

#endif

/* SPDX-License-Identifier: GPL-2.0 */
/* Finds the instructions of 64-bit code that matter for persistent memory. */
#ifndef PMTRACE_DECODE_H
#define PMTRACE_DECODE_H

#include <stddef.h>
#include <stdint.h>

/* Those below MARK are also the kinds of events in a trace. */
enum kind {
	NOTHING,
	STORE,
	NT_STORE,
	CLWB,
	CLFLUSHOPT,
	CLFLUSH,
	SFENCE,
	MFENCE,
	LOCKED,
	BEGIN,
	END,
	MARK,
};

/* Numbers of registers: as in ModRM, SIB and REX, and then the bases of segments. */
enum { RDI = 7, FS_BASE = 16, GS_BASE = 17, REGISTERS = 18, NO_REGISTER = 31 };

/* An instruction of interest: its kind, and the operand of a write-back or the command of a mark. */
union insn {
	struct {
		uint64_t kind : 5, base : 5, index : 5, scale : 2, segment : 5, command : 8;
		int64_t displacement : 32;
	};
	/* It travels in a callback's data pointer. */
	void *data;
};

/* Decodes an instruction; behind its `len` bytes there must be 16 bytes of zeros. */
union insn decode(const uint8_t *code, size_t len);

#endif

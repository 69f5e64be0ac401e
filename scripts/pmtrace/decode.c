// SPDX-License-Identifier: GPL-2.0
/* Finds the instructions of 64-bit code that matter for persistent memory. */

#define PMARK_NO_CODE
#include "../../selftests/lib/pmark.h"
#include "decode.h"
#include <assert.h>
#include <stdbool.h>
#include <string.h>

static_assert(sizeof(union insn) == sizeof(void *), "an instruction fits into a pointer");

/* Decodes the ModRM byte at `code` as a memory operand; an address relative to the code is not one in the range. */
static bool decode_operand(const uint8_t *code, const uint8_t *end, uint8_t rex, union insn *insn)
{
	uint8_t mod = code[0] >> 6, rm = code[0] & 7, sib;
	int32_t displacement = 0;
	int8_t small;

	code++;
	insn->index = NO_REGISTER;
	insn->base = rm | (rex & 1) << 3;
	if (mod == 3 || (mod == 0 && rm == 5))
		return false;
	if (rm == 4) {
		sib = *code++;
		insn->scale = sib >> 6;
		insn->index = (sib >> 3 & 7) | (rex & 2) << 2;
		insn->base = (sib & 7) | (rex & 1) << 3;
		if (insn->index == 4)
			insn->index = NO_REGISTER;
		if (mod == 0 && (sib & 7) == 5) {
			insn->base = NO_REGISTER;
			mod = 2;
		}
	}
	if (mod == 1) {
		memcpy(&small, code, 1);
		displacement = small;
		code += 1;
	} else if (mod == 2) {
		memcpy(&displacement, code, 4);
		code += 4;
	}
	insn->displacement = displacement;
	return code <= end;
}

union insn decode(const uint8_t *code, size_t len)
{
	const uint8_t *end = code + len;
	union insn insn = { .kind = NOTHING, .segment = NO_REGISTER };
	bool operand16 = false, repeat = false, locked = false;
	uint8_t rex = 0, reg;
	uint32_t displacement;

	if (len == 8 && !memcmp(code, "\x0f\x1f\x84", 4)) {
		memcpy(&displacement, code + 4, 4);
		if ((displacement & ~0xffu) == PMARK_MAGIC) {
			insn.kind = MARK;
			insn.command = displacement & 0xff;
		}
		return insn;
	}
	for (;; code++) {
		if (*code == 0x66)
			operand16 = true;
		else if (*code == 0xf2 || *code == 0xf3)
			repeat = true;
		else if (*code == 0xf0)
			locked = true;
		else if (*code == 0x64 || *code == 0x65)
			insn.segment = *code == 0x64 ? FS_BASE : GS_BASE;
		else if (*code != 0x2e && *code != 0x36 && *code != 0x3e && *code != 0x26 && *code != 0x67)
			break;
	}
	if ((*code & 0xf0) == 0x40)
		rex = *code++;
	if (locked || ((*code & 0xfe) == 0x86 && code[1] < 0xc0)) {
		/* With xchg, the lock is implied. */
		insn.kind = LOCKED;
	} else if (*code == 0xc5 && (code[2] == 0xe7 || code[2] == 0x2b)) {
		insn.kind = NT_STORE;
	} else if (*code == 0xc4 && (code[1] & 0x1f) == 1 && (code[3] == 0xe7 || code[3] == 0x2b)) {
		insn.kind = NT_STORE;
	} else if (*code == 0x0f && (code[1] == 0xc3 || code[1] == 0xe7 || code[1] == 0x2b || code[1] == 0xf7)) {
		/* movnti; movntq, movntdq; movntps, movntpd; maskmovq, maskmovdqu. */
		insn.kind = repeat ? NOTHING : NT_STORE;
	} else if (*code == 0x0f && code[1] == 0xae && !repeat) {
		reg = code[2] >> 3 & 7;
		if (code[2] >= 0xc0 && !operand16)
			insn.kind = reg == 7 ? SFENCE : reg == 6 ? MFENCE : NOTHING;
		else if (reg == 7 && decode_operand(code + 2, end, rex, &insn))
			insn.kind = operand16 ? CLFLUSHOPT : CLFLUSH;
		else if (reg == 6 && operand16 && decode_operand(code + 2, end, rex, &insn))
			insn.kind = CLWB;
	}
	return insn;
}

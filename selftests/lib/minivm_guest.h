/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The guest of minivm: 32 bits without paging, one interrupt handler that logs, and a loop that spins or halts. It
 * needs nothing of its VMM once it runs: the local APIC is in the kernel.
 */

#ifndef MINIVM_GUEST_H
#define MINIVM_GUEST_H

#include <linux/kvm.h>
#include <stdint.h>
#include <string.h>

/* Physical addresses; the numbers are also in the assembly below, which checks nothing. */
#define GUEST_GDT 0x0
#define GUEST_IDT 0x1000
#define GUEST_CODE 0x2000
#define GUEST_STACK 0x4000
#define GUEST_SHARED 0x5000
#define GUEST_LOG 0x10000
#define GUEST_SIZE 0x20000
#define GUEST_VECTOR 0x20
#define LOG_ENTRIES 4096

/* What host and guest share. The host writes `halts` and `raised`, the guest the rest. */
struct shared {
	uint32_t halts;
	/* Events so far, counted before the device is told to raise. */
	uint32_t raised;
	/* Interrupts so far; the entry before this number is complete. */
	uint32_t interrupts;
	/* Rounds of the loop: grows while the guest is on a CPU and spins. */
	uint32_t rounds;
};

/* What the guest saw at each interrupt: the events so far, and when that was. */
struct log {
	uint64_t tsc[LOG_ENTRIES];
	uint32_t raised[LOG_ENTRIES];
};

/*
 * The loop uses no registers, so the handler need not keep any. Each of its instructions up to the end of the interrupt
 * may be executed twice: under QEMU's -icount that was seen to happen, once in some ten thousand interrupts.
 */
asm(".pushsection .rodata\n"
	".code32\n"
	"guest_begin:\n"
	"	sti\n"
	"1:	incl 0x500c\n" /* rounds */
	"	cmpl $0, 0x5000\n" /* halts */
	"	je 1b\n"
	"	hlt\n"
	"	jmp 1b\n"
	"guest_handler:\n"
	"	mov 0x5008, %ebx\n" /* interrupts */
	"	movzwl %bx, %ecx\n"
	"	and $0xfff, %ecx\n"
	"	mov 0x5004, %esi\n" /* raised */
	"	rdtsc\n"
	"	mov %eax, 0x10000(,%ecx,8)\n" /* tsc of the log */
	"	mov %edx, 0x10004(,%ecx,8)\n"
	"	mov %esi, 0x18000(,%ecx,4)\n" /* raised of the log */
	"	lea 1(%ebx), %edi\n"
	"	mov %edi, 0x5008\n"
	"	movl $0, 0xfee000b0\n" /* end of interrupt, to the local APIC */
	"	iret\n"
	"guest_end:\n"
	".code64\n"
	".popsection\n");
extern const char guest_begin[], guest_handler[], guest_end[];

/* Puts code and tables into the memory of a guest. */
static void guest_load(uint8_t *memory)
{
	/* Nothing, code and data: both from 0 to 4 GiB, 32 bits. */
	static const uint64_t gdt[3] = { 0, 0x00cf9b000000ffff, 0x00cf93000000ffff };
	uint32_t handler = GUEST_CODE + (uint32_t)(guest_handler - guest_begin);
	uint64_t gate = 0x00008e0000080000 | (handler & 0xffff) | (uint64_t)(handler >> 16) << 48;

	memcpy(memory + GUEST_GDT, gdt, sizeof(gdt));
	memcpy(memory + GUEST_IDT + GUEST_VECTOR * 8, &gate, sizeof(gate));
	memcpy(memory + GUEST_CODE, guest_begin, (size_t)(guest_end - guest_begin));
}

/* The state in which the guest begins. */
static void guest_registers(struct kvm_sregs *special, struct kvm_regs *general)
{
	struct kvm_segment data = {
		.limit = 0xffffffff,
		.selector = 16,
		.type = 3,
		.present = 1,
		.db = 1,
		.s = 1,
		.g = 1,
	};

	special->cs = data;
	special->cs.selector = 8;
	special->cs.type = 11;
	special->ds = data;
	special->es = data;
	special->fs = data;
	special->gs = data;
	special->ss = data;
	special->gdt = (struct kvm_dtable){ .base = GUEST_GDT, .limit = 3 * 8 - 1 };
	special->idt = (struct kvm_dtable){ .base = GUEST_IDT, .limit = (GUEST_VECTOR + 1) * 8 - 1 };
	special->cr0 |= 1;
	*general = (struct kvm_regs){ .rip = GUEST_CODE, .rsp = GUEST_STACK, .rflags = 2 };
}

#endif

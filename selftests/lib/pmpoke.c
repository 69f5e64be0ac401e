// SPDX-License-Identifier: GPL-2.0
/*
 * Does known things to persistent memory, for the test of the QEMU plugin pmtrace (scripts/pmtrace/selftest.sh).
 *
 * usage: pmpoke DEVICE FILE
 *
 * FILE is made on a file system with DAX on DEVICE, such as pmem0. Leaves poke.image and poke.trace in the output
 * directory of scripts/vm, and then poked.image. Prints the user instructions of an empty loop of 1000 and of 3000
 * rounds.
 *
 * Exit status: 0, 1 if something failed, 2 on wrong usage.
 */

#define _GNU_SOURCE
#include "pmark.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>

#define SIZE 8192

static struct pmark session, mark;

static void patterns(char *at)
{
	register char *base asm("r12") = at + 0x100;
	register long index asm("r13") = -0x18;
	register char *page asm("rdi") = at;
	long one = 1, five = 5;

	asm volatile("movq %1, 0x00(%0)" : : "r"(at), "r"(0x1122334455667788) : "memory");
	asm volatile("movl $0x11223344, 0x10(%0)" : : "r"(at) : "memory");
	asm volatile("movb $0x55, 0x17(%0)" : : "r"(at) : "memory");
	asm volatile("movq %1, %%xmm0; punpcklqdq %%xmm0, %%xmm0; movaps %%xmm0, 0x20(%0)"
		     : : "r"(at), "r"(0x0102030405060708) : "xmm0", "memory");
	asm volatile("movntiq %1, 0x40(%0)" : : "r"(at), "r"(0x42L) : "memory");
	asm volatile("movntil %1, 0x48(%0)" : : "r"(at), "r"(0x43) : "memory");
	asm volatile("movntdq %%xmm0, 0x50(%0)" : : "r"(at) : "memory");
	asm volatile("sfence" : : : "memory");
	/* Each form of an address: base; base, index and displacement; index alone. */
	asm volatile("clwb (%0)" : : "r"(at) : "memory");
	asm volatile("clwb 0x20(%0,%1,4)" : : "r"(base), "r"(index) : "memory");
	asm volatile("clflushopt -0x100(%0)" : : "r"(base) : "memory");
	asm volatile("clflush 0x40(,%0,1)" : : "r"(page) : "memory");
	asm volatile("mfence" : : : "memory");
	/* The first of these orders nothing, the second follows a store. */
	asm volatile("lock orq %1, 0x80(%0)" : : "r"(at), "r"(one) : "memory");
	asm volatile("xchgq %1, 0x88(%0)" : : "r"(at), "r"(one) : "memory");
	asm volatile("lea 0x90(%1), %%rdi; rep stosb" : "+c"(five) : "r"(at), "a"(0x77) : "rdi", "memory");
	/* Over the end of a line, and of a page. */
	asm volatile("movq %1, 0xbc(%0)" : : "r"(at), "r"(0x1122334455667788) : "memory");
	asm volatile("movq %1, 0xffc(%0)" : : "r"(at), "r"(0x1122334455667788) : "memory");
}

static uint64_t loop(long rounds)
{
	pmark_begin(&mark, "loop");
	asm volatile("1: dec %0; jnz 1b" : "+r"(rounds));
	pmark_end(&mark);
	return mark.counts.user_instructions;
}

int main(int argc, char **argv)
{
	static const char zeros[SIZE];
	char *memory;
	int fd;

	if (argc != 3) {
		fprintf(stderr, "usage: pmpoke DEVICE FILE\n");
		return 2;
	}
	fd = open(argv[2], O_CREAT | O_EXCL | O_RDWR, 0600);
	if (fd < 0 || write(fd, zeros, SIZE) != SIZE || fsync(fd))
		goto failed;
	memory = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED_VALIDATE | MAP_SYNC, fd, 0);
	if (memory == MAP_FAILED)
		goto failed;
	/* Faults come before the recording. */
	memory[0] = 0;
	memory[4096] = 0;
	sync();
	memory[0] = 0;
	memory[4096] = 0;
	if (pmark_on(&session, PMARK_TRACE, argv[1], "poke"))
		return 1;
	/* What is recorded last has no interrupt in it. */
	do {
		pmark_begin(&mark, "user");
		patterns(memory);
		pmark_end(&mark);
	} while (mark.counts.interrupts);
	do {
		pmark_begin(&mark, "kernel");
		if (pwrite(fd, "abcdefgh", 8, 0x200) != 8)
			goto failed;
		pmark_end(&mark);
	} while (mark.counts.interrupts);
	if (pmark_off(&session))
		return 1;
	if (pmark_on(&session, PMARK_TRACE, argv[1], "poked"))
		return 1;
	loop(10);
	printf("%llu %llu\n", (unsigned long long)loop(1000), (unsigned long long)loop(3000));
	return pmark_off(&session) ? 1 : 0;
failed:
	fprintf(stderr, "pmpoke: %s: %s\n", argv[2], strerror(errno));
	return 1;
}

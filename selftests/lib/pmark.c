// SPDX-License-Identifier: GPL-2.0
/*
 * Runs a command and prints what it did to persistent memory, as counted by the QEMU plugin pmtrace.
 *
 * usage: pmark [-t] DEVICE LABEL COMMAND [ARGUMENT]...
 *
 * DEVICE is a name such as pmem0. With -t, the content of the memory before the command and the trace of what is done
 * to it are left as LABEL.image and LABEL.trace in the output directory of scripts/vm. The start and the end of the
 * command are included.
 *
 * Exit status: the command's, 126 if it was not run or traced or was ended by a signal, 2 on wrong usage.
 */

#include "pmark.h"
#include <sys/wait.h>

static struct pmark session, section;

int main(int argc, char **argv)
{
	enum pmark_mode mode = PMARK_COUNT;
	int status = 0;
	pid_t child;

	if (argc > 1 && !strcmp(argv[1], "-t")) {
		mode = PMARK_TRACE;
		argv++;
		argc--;
	}
	if (argc < 4) {
		fprintf(stderr, "usage: pmark [-t] DEVICE LABEL COMMAND [ARGUMENT]...\n");
		return 2;
	}
	if (pmark_on(&session, mode, argv[1], argv[2]))
		return 126;
	pmark_begin(&section, argv[2]);
	child = fork();
	if (!child) {
		execvp(argv[3], argv + 3);
		_exit(126);
	}
	if (child < 0 || waitpid(child, &status, 0) != child)
		status = 126 << 8;
	pmark_end(&section);
	if (pmark_off(&session))
		status = 126 << 8;
	printf("kernel_instructions %llu\nuser_instructions %llu\nfences %llu\nlocked %llu\nflushes %llu\nstores %llu\n"
	       "cached_bytes %llu\nnt_bytes %llu\ninterrupts %llu\n",
	       (unsigned long long)section.counts.kernel_instructions,
	       (unsigned long long)section.counts.user_instructions, (unsigned long long)section.counts.fences,
	       (unsigned long long)section.counts.locked, (unsigned long long)section.counts.flushes,
	       (unsigned long long)section.counts.stores, (unsigned long long)section.counts.cached_bytes,
	       (unsigned long long)section.counts.nt_bytes, (unsigned long long)section.counts.interrupts);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 126;
}

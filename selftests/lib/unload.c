// SPDX-License-Identifier: GPL-2.0
/*
 * Removes a module right after some last writes, as a real-time task: where there is one CPU, what the writes have left
 * to kernel threads is still to be done by then.
 *
 * usage: unload MODULE [FILE TEXT]...
 *
 * Whether a write succeeds is of no interest. Exit status: 0; 1 if the module stays, with the reason on standard error;
 * 2 on wrong usage.
 */

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MOST_WRITES 16

int main(int argc, char **argv)
{
	const struct sched_param param = { .sched_priority = 50 };
	int fd[MOST_WRITES], i, writes = argc / 2 - 1;

	if (argc < 2 || argc % 2 || writes > MOST_WRITES) {
		fprintf(stderr, "usage: unload MODULE [FILE TEXT]...\n");
		return 2;
	}
	for (i = 0; i < writes; i++) {
		fd[i] = open(argv[2 + 2 * i], O_WRONLY | O_CLOEXEC);
		if (fd[i] < 0) {
			perror(argv[2 + 2 * i]);
			return 1;
		}
	}
	/* Nothing may be waited for on the way. */
	if (mlockall(MCL_CURRENT | MCL_FUTURE) || sched_setscheduler(0, SCHED_FIFO, &param)) {
		perror("unload");
		return 1;
	}
	for (i = 0; i < writes; i++) {
		const char *text = argv[3 + 2 * i];

		if (write(fd[i], text, strlen(text)) < 0)
			errno = 0;
		close(fd[i]);
	}
	if (syscall(SYS_delete_module, argv[1], O_NONBLOCK)) {
		perror(argv[1]);
		return 1;
	}
	return 0;
}

// SPDX-License-Identifier: GPL-2.0
/*
 * Lets two processes wake each other by turns and prints how long one round took on average.
 *
 * usage: pingpong ROUNDS
 *
 * Prints nanoseconds per round, of CLOCK_MONOTONIC. On one CPU a round has two context switches. In a virtual machine
 * that counts instructions (scripts/vm --icount) a nanosecond is an instruction.
 *
 * Exit status: 0 if all went well, 1 if a call failed, 2 on wrong usage.
 */

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static long long now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000LL + now.tv_nsec;
}

/* Hands a byte on as often as that. */
static void relay(int from, int to, long rounds)
{
	char byte = 0;

	for (; rounds > 0; rounds--) {
		if (read(from, &byte, 1) != 1 || write(to, &byte, 1) != 1)
			err(1, "pipe");
	}
}

int main(int argc, char **argv)
{
	long rounds = argc == 2 ? atol(argv[1]) : 0;
	long long begin_ns;
	int there[2], back[2], status;
	pid_t other;

	if (rounds <= 0)
		errx(2, "usage: pingpong ROUNDS");
	if (pipe(there) || pipe(back))
		err(1, "pipe");
	other = fork();
	if (other < 0)
		err(1, "fork");
	if (!other) {
		relay(there[0], back[1], rounds);
		return 0;
	}
	begin_ns = now_ns();
	if (write(there[1], "", 1) != 1)
		err(1, "pipe");
	relay(back[0], there[1], rounds - 1);
	if (read(back[0], &(char){0}, 1) != 1)
		err(1, "pipe");
	printf("%lld\n", (now_ns() - begin_ns) / rounds);
	waitpid(other, &status, 0);
	return 0;
}

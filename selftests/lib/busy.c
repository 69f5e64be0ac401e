// SPDX-License-Identifier: GPL-2.0
/*
 * Runs a command on the only CPU and prints for how long the CPU was not idle meanwhile.
 *
 * usage: busy COMMAND [ARGUMENT...]
 *
 * The command's output comes first, then a line "busy_ns=N", without what a process that runs only when nothing else
 * wants to has used up. In a virtual machine that counts instructions (scripts/vm --icount) a nanosecond is an
 * instruction.
 *
 * Exit status: that of the command, 1 if it could not be run, 2 on wrong usage.
 */

#define _GNU_SOURCE
#include <err.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Rounds that are timed together, few enough for no interrupt to come in between each time. */
#define ROUNDS 10000
#define TRIES 200

struct shared {
	uint64_t rounds;
	uint64_t ns_of_rounds;
};

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000ULL + (uint64_t)now.tv_nsec;
}

static void spend(struct shared *shared, uint64_t rounds)
{
	while (rounds--)
		__atomic_store_n(&shared->rounds, shared->rounds + 1, __ATOMIC_RELAXED);
}

/* Finds out how long its rounds take, then makes rounds for ever. */
static void idle(struct shared *shared)
{
	const struct sched_param none = { 0 };
	uint64_t best_ns = UINT64_MAX;
	int tries;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (sched_setscheduler(0, SCHED_IDLE, &none))
		err(1, "sched_setscheduler");
	for (tries = 0; tries < TRIES; tries++) {
		uint64_t took_ns, began_ns = now_ns();

		spend(shared, ROUNDS);
		took_ns = now_ns() - began_ns;
		if (took_ns < best_ns)
			best_ns = took_ns;
	}
	__atomic_store_n(&shared->ns_of_rounds, best_ns, __ATOMIC_RELAXED);
	for (;;)
		spend(shared, UINT64_MAX);
}

int main(int argc, char **argv)
{
	struct shared *shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	uint64_t began_ns, took_ns, rounds;
	pid_t spare, command;
	int status;

	if (argc < 2)
		errx(2, "usage: busy COMMAND [ARGUMENT...]");
	if (shared == MAP_FAILED)
		err(1, "mmap");
	spare = fork();
	if (!spare)
		idle(shared);
	while (spare > 0 && !__atomic_load_n(&shared->ns_of_rounds, __ATOMIC_RELAXED))
		usleep(1000);
	command = fork();
	if (spare < 0 || command < 0)
		err(1, "fork");
	rounds = __atomic_load_n(&shared->rounds, __ATOMIC_RELAXED);
	began_ns = now_ns();
	if (!command) {
		execvp(argv[1], argv + 1);
		err(1, "%s", argv[1]);
	}
	if (waitpid(command, &status, 0) < 0)
		err(1, "waitpid");
	took_ns = now_ns() - began_ns;
	rounds = __atomic_load_n(&shared->rounds, __ATOMIC_RELAXED) - rounds;
	kill(spare, SIGKILL);
	printf("busy_ns=%lld\n", (long long)took_ns - (long long)(rounds * shared->ns_of_rounds / ROUNDS));
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

/* SPDX-License-Identifier: GPL-2.0 */
/* The processes of minivm beside the virtual machine: what raises events and measures, and the hog. */

#ifndef MINIVM_HOST_H
#define MINIVM_HOST_H

#include "minivm_guest.h"
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MAX_EVENTS 1000000
#define MAX_WORDS 5
#define LOST_AFTER_NS 5000000000ULL
/* A guest that loses this many is not worth waiting for any longer. */
#define MOST_LOST 10

/* A command and its arguments; those that are numbers are in `number` too. */
struct words {
	char *text[MAX_WORDS];
	uint64_t number[MAX_WORDS];
	int count;
};

/* What a process is asked to do; it answers with a byte, its status. */
struct request {
	uint64_t argument[3];
};

struct worker {
	int pid, requests, answers;
};

/* What the processes share, apart from the guest's memory. */
static struct {
	uint64_t tsc_khz;
	atomic_bool is_hogged;
} *host;
static struct worker raiser, hog;
static uint32_t *raise_at;
static struct shared *raiser_shared;
static struct log *raiser_log;

/* Says something now: whoever answers next is another process. */
#define answer(...) (printf(__VA_ARGS__) < 0 || fflush(stdout))
/* The answer of a command that succeeded: "ok" and what follows it; its status. */
#define ok(format, ...) answer("ok" format "\n", ##__VA_ARGS__)

static int error(const char *text)
{
	printf("error %s\n", text);
	return 1;
}

static void die(const char *what)
{
	fprintf(stderr, "minivm: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ULL + (uint64_t)ts.tv_nsec;
}

static void sleep_until(uint64_t ns)
{
	struct timespec ts = { .tv_sec = (time_t)(ns / 1000000000), .tv_nsec = (long)(ns % 1000000000) };

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL) == EINTR)
		;
}

static void *share(size_t size)
{
	void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED)
		die("memory");
	return at;
}

static int last_cpu(void)
{
	return (int)sysconf(_SC_NPROCESSORS_ONLN) - 1;
}

static void pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set) < 0)
		die("sched_setaffinity");
}

static void be_urgent(int priority)
{
	const struct sched_param param = { .sched_priority = priority };

	if (sched_setscheduler(0, SCHED_FIFO, &param) < 0)
		die("sched_setscheduler");
}

/* Starts a process that ends with this one. */
static void worker_start(struct worker *worker, void (*loop)(int requests, int answers))
{
	int requests[2], answers[2], parent = getpid();

	if (pipe(requests) < 0 || pipe(answers) < 0)
		die("pipe");
	worker->pid = fork();
	if (worker->pid < 0)
		die("fork");
	if (!worker->pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() == parent)
			loop(requests[0], answers[1]);
		_exit(0);
	}
	close(requests[0]);
	close(answers[1]);
	worker->requests = requests[1];
	worker->answers = answers[0];
}

/* Ends a process and waits until it is gone, and with it its hold on the device. */
static void worker_stop(const struct worker *worker)
{
	if (worker->pid > 0 && !kill(worker->pid, SIGKILL))
		waitpid(worker->pid, NULL, 0);
}

/* Asks a process and waits for its answer. */
static int ask(const struct worker *worker, const struct request *request)
{
	char status = 1;

	if (write(worker->requests, request, sizeof(*request)) != sizeof(*request) ||
	    read(worker->answers, &status, 1) != 1) {
		int how = 0;

		waitpid(worker->pid, &how, 0);
		fprintf(stderr, "minivm: the %s has ended with status %d\n", worker == &hog ? "hog" : "raiser", how);
		exit(1);
	}
	return status;
}

/* Busy for argument[0] us, then asleep for argument[1] us, again and again, until there is another request. */
static void hog_loop(int requests, int answers)
{
	struct pollfd poller = { .fd = requests, .events = POLLIN };
	struct request request = { 0 };
	uint64_t at_ns = 0;

	pin(last_cpu());
	be_urgent(10);
	for (;;) {
		if (!request.argument[0] || poll(&poller, 1, 0) > 0) {
			if (read(requests, &request, sizeof(request)) != sizeof(request))
				return;
			at_ns = now_ns();
			if (ok("") || write(answers, "", 1) != 1)
				return;
			continue;
		}
		atomic_store(&host->is_hogged, true);
		at_ns += request.argument[0] * 1000;
		while (now_ns() < at_ns)
			;
		atomic_store(&host->is_hogged, false);
		at_ns += request.argument[1] * 1000;
		sleep_until(at_ns);
	}
}

/* A run: when each event was raised, and how long each interrupt's oldest event had waited. */
static struct {
	uint32_t first, noticed, next_entry;
	uint32_t latencies;
	uint64_t *raised_tsc, *latency;
} run;

static uint64_t read_tsc(void)
{
	uint32_t low, high;

	asm volatile("lfence; rdtsc" : "=a"(low), "=d"(high) : : "memory");
	return (uint64_t)high << 32 | low;
}

/* Reads what the guest has logged. */
static void harvest(void)
{
	while (run.next_entry != __atomic_load_n(&raiser_shared->interrupts, __ATOMIC_ACQUIRE)) {
		uint32_t index = run.next_entry++ % LOG_ENTRIES, raised = raiser_log->raised[index];
		uint64_t tsc = raiser_log->tsc[index], since;

		/* One that found nothing new: the event that it was for had been noticed at the one before. */
		if (raised == run.noticed)
			continue;
		if (raised - run.first > MAX_EVENTS) {
			fprintf(stderr, "minivm: the guest's log is broken\n");
			_exit(1);
		}
		since = run.raised_tsc[run.noticed - run.first];
		run.latency[run.latencies++] = tsc > since ? tsc - since : 0;
		run.noticed = raised;
	}
}

/* Waits until the guest has noticed all events; false if that takes too long. */
static bool all_noticed(void)
{
	uint64_t end_ns = now_ns() + LOST_AFTER_NS;

	for (;;) {
		harvest();
		if (run.noticed == raiser_shared->raised)
			return true;
		if (now_ns() > end_ns)
			return false;
		sleep_until(now_ns() + 100000);
	}
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* The latency that `permille` of them do not exceed, in microseconds. */
static unsigned long long latency_us(uint64_t permille)
{
	uint64_t index = run.latencies * permille / 1000;

	if (!run.latencies)
		return 0;
	return run.latency[index < run.latencies ? index : run.latencies - 1] * 1000 / host->tsc_khz;
}

static int raise_events(uint32_t events, uint64_t rate, uint32_t every)
{
	uint32_t i, lost = 0, away = 0, before;
	uint64_t start_ns = now_ns(), last_ns = 0, gap_ns = rate ? 1000000000 / rate : 0;
	bool last_seen = false;

	before = __atomic_load_n(&raiser_shared->interrupts, __ATOMIC_ACQUIRE);
	run.next_entry = before;
	run.first = raiser_shared->raised;
	run.noticed = run.first;
	run.latencies = 0;
	for (i = 0; i < events && lost < MOST_LOST; i++) {
		bool is_last = i + 1 == events;

		/* The last one is on its own: no interrupt of an earlier one can hide that it was lost. */
		if (is_last && !all_noticed())
			lost++;
		/* From the last one: no two come at once because the host was late. */
		if (gap_ns)
			sleep_until(last_ns + gap_ns);
		last_ns = now_ns();
		harvest();
		away += atomic_load(&host->is_hogged);
		run.raised_tsc[i] = read_tsc();
		__atomic_store_n(&raiser_shared->raised, raiser_shared->raised + 1, __ATOMIC_SEQ_CST);
		__atomic_store_n(raise_at, 1, __ATOMIC_SEQ_CST);
		if (is_last || (every && (i + 1) % every == 0)) {
			last_seen = all_noticed();
			lost += !last_seen;
		}
	}
	qsort(run.latency, run.latencies, sizeof(*run.latency), by_value);
	printf("ok raised=%u seen=%u away=%u last_seen=%d lost=%u", i, run.next_entry - before, away, last_seen, lost);
	return answer(" p50_us=%llu p99_us=%llu p999_us=%llu max_us=%llu duration_ms=%llu\n", latency_us(500),
		      latency_us(990), latency_us(999), latency_us(1000),
		      (unsigned long long)(now_ns() - start_ns) / 1000000);
}

static void raiser_loop(int requests, int answers)
{
	struct request request;

	run.raised_tsc = calloc(MAX_EVENTS, sizeof(*run.raised_tsc));
	run.latency = calloc(MAX_EVENTS, sizeof(*run.latency));
	if (!run.raised_tsc || !run.latency)
		die("memory");
	pin(0);
	be_urgent(20);
	while (read(requests, &request, sizeof(request)) == sizeof(request)) {
		if (raise_events((uint32_t)request.argument[0], request.argument[1], (uint32_t)request.argument[2]) ||
		    write(answers, "", 1) != 1)
			break;
	}
}

#endif

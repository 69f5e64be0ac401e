/* SPDX-License-Identifier: GPL-2.0 */
/* Threads that do one thing to the device again and again, while commands go on. */

#ifndef VFIOUSER_THREAD_H
#define VFIOUSER_THREAD_H

#include "vfiouser.h"

#define MAX_THREADS 16

enum work { WORK_READ, WORK_WRITE, WORK_MAP, WORK_IOCTL };

struct worker {
	pthread_t thread;
	bool started;
	enum work work;
	struct device *device;
	uint32_t *word;
	uint64_t iova;
	size_t size;
	void *memory;
	atomic_ullong rounds, errors, bus_errors, longest_ns, since_ns;
	atomic_uint last;
	atomic_int error;
};

static struct worker workers[MAX_THREADS];
static atomic_bool workers_stop;

static void worker_failed(struct worker *worker)
{
	int expected = 0;

	worker->errors++;
	atomic_compare_exchange_strong(&worker->error, &expected, errno);
}

static void work_on_bar(struct worker *worker)
{
	if (sigsetjmp(bus_error, 1)) {
		worker->bus_errors++;
		sleep_us(1000);
	} else {
		bus_error_expected = true;
		if (worker->work == WORK_READ) {
			worker->last = mmio_read(worker->word);
		} else {
			uint32_t value = (uint32_t)worker->rounds + 1;

			mmio_write(worker->word, value);
			worker->last = value;
			errno = EILSEQ;
			if (mmio_read(worker->word) != value)
				worker_failed(worker);
		}
	}
	bus_error_expected = false;
}

static void work_on_memory(struct worker *worker)
{
	if (map_dma(worker->iova, worker->size, worker->memory) < 0)
		worker_failed(worker);
	else if (unmap_dma(worker->iova, worker->size, false) != (int64_t)worker->size)
		worker_failed(worker);
}

/* All that only asks, one after the other. */
static void work_on_ioctls(struct worker *worker)
{
	struct vfio_device_info info = { .argsz = sizeof(info) };
	struct vfio_region_info region = { .argsz = sizeof(region), .index = VFIO_PCI_CONFIG_REGION_INDEX };
	struct vfio_irq_info irq = { .argsz = sizeof(irq), .index = VFIO_PCI_MSIX_IRQ_INDEX };
	uint32_t ids;

	if (ioctl(worker->device->fd, VFIO_DEVICE_GET_INFO, &info) < 0 ||
	    ioctl(worker->device->fd, VFIO_DEVICE_GET_REGION_INFO, &region) < 0 ||
	    ioctl(worker->device->fd, VFIO_DEVICE_GET_IRQ_INFO, &irq) < 0 ||
	    pread(worker->device->fd, &ids, sizeof(ids), (off_t)region.offset) != sizeof(ids))
		worker_failed(worker);
}

static void *work(void *argument)
{
	struct worker *worker = argument;

	while (!workers_stop) {
		uint64_t start_ns = now_ns(), took_ns;

		worker->since_ns = start_ns;
		switch (worker->work) {
		case WORK_READ:
		case WORK_WRITE:
			work_on_bar(worker);
			break;
		case WORK_MAP:
			work_on_memory(worker);
			break;
		case WORK_IOCTL:
			work_on_ioctls(worker);
			break;
		}
		took_ns = now_ns() - start_ns;
		if (took_ns > worker->longest_ns)
			worker->longest_ns = took_ns;
		worker->rounds++;
		worker->since_ns = 0;
	}
	return NULL;
}

/* Starts a thread on a copy of what `like` says; -1 with errno set if it cannot. */
static int start_worker(const struct worker *like)
{
	struct worker *worker = workers;
	sigset_t signals, old;
	int error;

	while (worker < workers + MAX_THREADS && worker->started)
		worker++;
	if (worker == workers + MAX_THREADS) {
		errno = ENOSPC;
		return -1;
	}
	memcpy((void *)worker, (const void *)like, sizeof(*worker));
	workers_stop = false;
	/* Signals are the main thread's. */
	sigemptyset(&signals);
	sigaddset(&signals, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &signals, &old);
	error = pthread_create(&worker->thread, NULL, work, worker);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	errno = error;
	worker->started = !error;
	return error ? -1 : 0;
}

static int report_workers(void)
{
	uint64_t rounds = 0, errors = 0, bus_errors = 0, longest_ns = 0;
	const struct worker *worker;
	unsigned int threads = 0, last = 0;
	int error = 0;

	for (worker = workers; worker < workers + MAX_THREADS; worker++) {
		uint64_t since_ns = worker->since_ns, at_ns = now_ns();

		if (!worker->started)
			continue;
		threads++;
		rounds += worker->rounds;
		errors += worker->errors;
		bus_errors += worker->bus_errors;
		last = worker->word ? worker->last : last;
		error = error ? error : worker->error;
		if (worker->longest_ns > longest_ns)
			longest_ns = worker->longest_ns;
		/* One that hangs now has a gap too. */
		if (since_ns && at_ns > since_ns && at_ns - since_ns > longest_ns)
			longest_ns = at_ns - since_ns;
	}
	return ok("threads=%u rounds=%llu errors=%llu error=%s sigbus=%llu longest_ns=%llu last=0x%x", threads,
		  (unsigned long long)rounds, (unsigned long long)errors, error ? strerrorname_np(error) : "none",
		  (unsigned long long)bus_errors, (unsigned long long)longest_ns, last);
}

static int stop_workers(void)
{
	struct worker *worker;
	int status;

	workers_stop = true;
	for (worker = workers; worker < workers + MAX_THREADS; worker++) {
		if (worker->started)
			pthread_join(worker->thread, NULL);
	}
	status = report_workers();
	for (worker = workers; worker < workers + MAX_THREADS; worker++) {
		if (worker->started && worker->memory)
			munmap(worker->memory, worker->size);
		worker->started = false;
	}
	return status;
}

static int do_thread(const struct words *words, enum work work_kind)
{
	struct worker like = { .work = work_kind, .device = dev };
	int first = work_kind == WORK_IOCTL ? 0 : 2;
	uint64_t i, threads = words->count > first ? words->number[first] : 1;

	for (i = 0; i < threads; i++) {
		if (work_kind == WORK_READ || work_kind == WORK_WRITE) {
			uint64_t step = work_kind == WORK_WRITE ? 4 * i : 0;

			like.word = bar_word(words->number[0], words->number[1] + step);
			if (!like.word)
				return failed(EINVAL, "not mapped");
		} else if (work_kind == WORK_MAP) {
			like.size = words->number[1];
			like.iova = words->number[0] + i * like.size;
			like.memory = mmap(NULL, like.size, PROT_READ | PROT_WRITE,
					   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
			if (like.memory == MAP_FAILED)
				return failed(errno, "memory");
		}
		if (start_worker(&like) < 0)
			return failed(errno, "thread");
	}
	return done();
}

static int do_thread_read(const struct words *words)
{
	return do_thread(words, WORK_READ);
}

static int do_thread_write(const struct words *words)
{
	return do_thread(words, WORK_WRITE);
}

static int do_thread_map(const struct words *words)
{
	return do_thread(words, WORK_MAP);
}

static int do_thread_ioctl(const struct words *words)
{
	return do_thread(words, WORK_IOCTL);
}

static int do_thread_stat(const struct words *words)
{
	(void)words;
	return report_workers();
}

static int do_thread_stop(const struct words *words)
{
	(void)words;
	return stop_workers();
}

#endif

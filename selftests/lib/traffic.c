// SPDX-License-Identifier: GPL-2.0
/*
 * Sends numbered, time-stamped Ethernet frames out of one interface and receives them at another.
 *
 * usage: traffic TX_IF RX_IF RATE_PPS DURATION_MS [FRAME_BYTES]
 *
 * The sender is an open loop: it keeps to its schedule whether or not frames arrive. The result is one line of
 * KEY=VALUE pairs on standard output: sent, received, lost, duplicate, elapsed_ms, the one-way latency in microseconds
 * as p50_us, p99_us and max_us, and how late the sender was at most as late_us. Times are those of CLOCK_MONOTONIC;
 * sender and receiver share it.
 *
 * A frame is lost if it is not there 300 ms after the last one was sent or received, and as much more as the sender was
 * late: on a busy machine it sends at once what it is behind with, and then the receiver may be just as slow.
 *
 * Exit status: 0 if the traffic ran, whatever was lost; 1 if it could not run; 2 on wrong usage.
 */

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S 1000000000ULL
#define ETHERTYPE 0x88b5 /* IEEE 802 local experimental */
#define MAX_FRAME_BYTES 1514
#define DRAIN_MS 300

struct payload {
	uint64_t run;
	uint64_t seq;
	uint64_t sent_ns;
};

static struct {
	int tx, rx;
	struct sockaddr_ll to;
	uint8_t from_mac[ETH_ALEN];
	uint64_t rate_pps, count, run;
	size_t frame_bytes;
	atomic_bool done;
	/* Valid once `done` is set. */
	uint64_t done_ns, late_ns;
} conf;

static void fail(const char *what)
{
	fprintf(stderr, "traffic: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

static void sleep_until(uint64_t ns)
{
	struct timespec ts = { .tv_sec = (time_t)(ns / NS_PER_S), .tv_nsec = (long)(ns % NS_PER_S) };

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL) == EINTR)
		;
}

/* Opens a packet socket on the interface `name`; returns its index and address in `addr` and `mac`. */
static int open_if(const char *name, struct sockaddr_ll *addr, uint8_t mac[ETH_ALEN])
{
	int fd = socket(AF_PACKET, SOCK_RAW, htons(ETHERTYPE));
	struct ifreq req = { 0 };

	if (fd < 0)
		fail("socket");
	snprintf(req.ifr_name, sizeof(req.ifr_name), "%s", name);
	if (ioctl(fd, SIOCGIFHWADDR, &req) < 0)
		fail(name);
	memcpy(mac, req.ifr_hwaddr.sa_data, ETH_ALEN);
	if (ioctl(fd, SIOCGIFINDEX, &req) < 0)
		fail(name);
	*addr = (struct sockaddr_ll){
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETHERTYPE),
		.sll_ifindex = req.ifr_ifindex,
		.sll_halen = ETH_ALEN,
	};
	if (bind(fd, (struct sockaddr *)addr, sizeof(*addr)) < 0)
		fail("bind");
	return fd;
}

static void *send_all(void *unused)
{
	uint8_t frame[MAX_FRAME_BYTES] = { 0 };
	struct ether_header *eth = (struct ether_header *)frame;
	struct payload load = { .run = conf.run };
	uint64_t start = now_ns(), due_ns;

	memcpy(eth->ether_dhost, conf.to.sll_addr, ETH_ALEN);
	memcpy(eth->ether_shost, conf.from_mac, ETH_ALEN);
	eth->ether_type = htons(ETHERTYPE);
	for (load.seq = 0; load.seq < conf.count; load.seq++) {
		due_ns = start + load.seq * NS_PER_S / conf.rate_pps;
		sleep_until(due_ns);
		load.sent_ns = now_ns();
		if (load.sent_ns > due_ns + conf.late_ns)
			conf.late_ns = load.sent_ns - due_ns;
		memcpy(frame + sizeof(*eth), &load, sizeof(load));
		while (sendto(conf.tx, frame, conf.frame_bytes, 0, (struct sockaddr *)&conf.to,
			      sizeof(conf.to)) < 0) {
			if (errno != ENOBUFS && errno != EAGAIN)
				fail("sendto");
		}
	}
	conf.done_ns = now_ns();
	conf.done = true;
	return unused;
}

/* Whether nothing can come any more that is not lost; `last_ns` is when the last frame came. */
static bool is_over(uint64_t last_ns)
{
	if (!conf.done)
		return false;
	if (last_ns < conf.done_ns)
		last_ns = conf.done_ns;
	return now_ns() > last_ns + DRAIN_MS * 1000000ULL + conf.late_ns;
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static uint64_t number(const char *text, uint64_t min, uint64_t max)
{
	char *end;
	unsigned long long value = strtoull(text, &end, 10);

	if (*text < '0' || *text > '9' || *end || value < min || value > max) {
		fprintf(stderr, "traffic: '%s' is not a number from %llu to %llu\n", text, (unsigned long long)min,
			(unsigned long long)max);
		exit(2);
	}
	return value;
}

int main(int argc, char **argv)
{
	struct timeval timeout = { .tv_usec = 20000 };
	uint64_t received = 0, duplicate = 0, start, end;
	uint64_t *latency_ns;
	uint8_t *seen, to_mac[ETH_ALEN];
	struct sockaddr_ll rx_addr;
	int rcvbuf = 8 << 20;
	pthread_t sender;

	if (argc != 5 && argc != 6) {
		fprintf(stderr, "usage: traffic TX_IF RX_IF RATE_PPS DURATION_MS [FRAME_BYTES]\n");
		return 2;
	}
	conf.rate_pps = number(argv[3], 1, 10000000);
	conf.count = conf.rate_pps * number(argv[4], 1, 600000) / 1000;
	conf.frame_bytes = argc == 6 ? number(argv[5], 64, MAX_FRAME_BYTES) : 64;
	conf.run = now_ns();
	conf.tx = open_if(argv[1], &conf.to, conf.from_mac);
	conf.rx = open_if(argv[2], &rx_addr, to_mac);
	memcpy(conf.to.sll_addr, to_mac, ETH_ALEN);
	setsockopt(conf.rx, SOL_SOCKET, SO_RCVBUFFORCE, &rcvbuf, sizeof(rcvbuf));
	setsockopt(conf.rx, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
	latency_ns = calloc(conf.count + 1, sizeof(*latency_ns));
	seen = calloc(conf.count + 1, 1);
	if (!latency_ns || !seen)
		fail("memory");

	start = now_ns();
	if (pthread_create(&sender, NULL, send_all, NULL))
		fail("pthread_create");
	end = start;
	while (received < conf.count && !is_over(end)) {
		uint8_t frame[MAX_FRAME_BYTES];
		struct payload load;
		ssize_t len = recv(conf.rx, frame, sizeof(frame), 0);

		if (len < (ssize_t)(sizeof(struct ether_header) + sizeof(load)))
			continue;
		memcpy(&load, frame + sizeof(struct ether_header), sizeof(load));
		if (load.run != conf.run || load.seq >= conf.count)
			continue;
		end = now_ns();
		if (seen[load.seq]) {
			duplicate++;
			continue;
		}
		seen[load.seq] = 1;
		latency_ns[received++] = end - load.sent_ns;
	}
	pthread_join(sender, NULL);
	qsort(latency_ns, received, sizeof(*latency_ns), by_value);
	printf("sent=%llu received=%llu lost=%llu duplicate=%llu ", (unsigned long long)conf.count,
	       (unsigned long long)received, (unsigned long long)(conf.count - received),
	       (unsigned long long)duplicate);
	printf("elapsed_ms=%llu p50_us=%llu p99_us=%llu max_us=%llu late_us=%llu\n",
	       (unsigned long long)((end - start) / 1000000),
	       (unsigned long long)(received ? latency_ns[received / 2] / 1000 : 0),
	       (unsigned long long)(received ? latency_ns[received * 99 / 100] / 1000 : 0),
	       (unsigned long long)(received ? latency_ns[received - 1] / 1000 : 0),
	       (unsigned long long)(conf.late_ns / 1000));
	return 0;
}

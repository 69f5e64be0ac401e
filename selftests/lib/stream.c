// SPDX-License-Identifier: GPL-2.0
/*
 * Sends numbered data from one network namespace to another and checks what comes.
 *
 * usage: stream tcp FROM TO ADDRESS PORT BYTES
 *        stream udp FROM TO ADDRESS PORT COUNT PAYLOAD_BYTES RATE_PPS [DRAIN_MS [SEGMENTS]]
 *        stream pairs FROM TO ADDRESS PORT COUNT PAYLOAD_BYTES RATE_PPS [DRAIN_MS]
 *
 * FROM and TO are names of network namespaces, or `host` for the present one; ADDRESS is one of TO. `udp` sends that
 * many datagrams, SEGMENTS of them at a time as one that the kernel or the card cuts (UDP_SEGMENT), and `pairs` sends
 * the ones with an even number to PORT and the others to PORT + 1. Datagrams are waited for as long as DRAIN_MS (300)
 * after the last was sent or received. RATE_PPS is what the sender keeps to, in datagrams.
 *
 * The result is one line of KEY=VALUE pairs. tcp: bytes that came, wrong ones, how many segments came out of order and
 * were sent again. udp: sent, received, lost, duplicate, reordered, damaged. pairs: sent, received, switches: how often
 * the answer to "is it the even ones that come?" changed from one datagram to the next.
 *
 * Exit status: 0 if the traffic ran, whatever was lost; 1 if it could not run; 2 on wrong usage.
 */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#define NS_PER_S 1000000000ULL
#define MAX_DATAGRAM 65536
#define MAX_PORTS 2
#define BUFFER_BYTES (16 << 20)
/* So small that no queue on the way overflows. */
#define WINDOW_BYTES (128 << 10)
/* TCP may wait that long for a connection or for data. */
#define PATIENCE_S 20

static struct {
	const char *from, *to;
	struct sockaddr_storage address;
	socklen_t address_len;
	unsigned int ports;
	uint64_t count, rate_pps, run, drain_ms, segments;
	size_t payload_bytes;
	atomic_bool ready, done;
	/* Of datagrams, by number: how often each came. */
	uint8_t *came;
	uint64_t received, duplicate, reordered, damaged, wrong, out_of_order;
	uint32_t sent_again;
} conf;

static void fail(const char *what)
{
	fprintf(stderr, "stream: %s: %s\n", what, strerror(errno));
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

/* The present thread goes to the namespace `name`. */
static void enter(const char *name)
{
	char path[256];
	int fd;

	if (!strcmp(name, "host"))
		return;
	snprintf(path, sizeof(path), "/run/netns/%s", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || setns(fd, CLONE_NEWNET))
		fail(path);
	close(fd);
}

/* The address with a port `nth` above the first. */
static struct sockaddr_storage address_of(unsigned int nth)
{
	struct sockaddr_storage address = conf.address;
	in_port_t *port = address.ss_family == AF_INET ? &((struct sockaddr_in *)&address)->sin_port :
							 &((struct sockaddr_in6 *)&address)->sin6_port;

	*port = htons((uint16_t)(ntohs(*port) + nth));
	return address;
}

static int open_socket(int type)
{
	struct timeval patience = { .tv_sec = PATIENCE_S };
	int on = 1, size = type == SOCK_STREAM ? WINDOW_BYTES : BUFFER_BYTES;
	int fd = socket(conf.address.ss_family, type | SOCK_CLOEXEC, 0);

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)))
		fail("socket");
	return fd;
}

static int listening_socket(int type, unsigned int nth)
{
	struct sockaddr_storage address = address_of(nth);
	int fd = open_socket(type);

	if (bind(fd, (struct sockaddr *)&address, conf.address_len) || (type == SOCK_STREAM && listen(fd, 1)))
		fail("bind");
	return fd;
}

/* What is at `at` of a TCP stream. */
static uint8_t byte_at(uint64_t at)
{
	uint64_t word = (at / 8 + 1) * 0x9e3779b97f4a7c15ULL + conf.run;

	return (uint8_t)(word >> (at % 8 * 8));
}

static void *serve_tcp(void *unused)
{
	static uint8_t buffer[MAX_DATAGRAM];
	struct tcp_info info;
	socklen_t size = sizeof(info);
	ssize_t got;
	int fd, listener;

	(void)unused;
	enter(conf.to);
	listener = listening_socket(SOCK_STREAM, 0);
	conf.ready = true;
	fd = accept(listener, NULL, NULL);
	if (fd < 0)
		fail("accept");
	while ((got = recv(fd, buffer, sizeof(buffer), 0)) > 0) {
		for (ssize_t i = 0; i < got; i++)
			conf.wrong += buffer[i] != byte_at(conf.received + (uint64_t)i);
		conf.received += (uint64_t)got;
	}
	if (got < 0)
		fail("receive");
	memset(&info, 0, sizeof(info));
	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size))
		fail("TCP_INFO");
	conf.out_of_order = info.tcpi_rcv_ooopack;
	/* The sender waits for this. */
	close(fd);
	return NULL;
}

static void send_tcp(void)
{
	static uint8_t buffer[MAX_DATAGRAM];
	struct tcp_info info;
	socklen_t size = sizeof(info);
	uint64_t at = 0;
	int fd = open_socket(SOCK_STREAM);

	if (connect(fd, (struct sockaddr *)&conf.address, conf.address_len))
		fail("connect");
	while (at < conf.count) {
		size_t len = conf.count - at < sizeof(buffer) ? (size_t)(conf.count - at) : sizeof(buffer);

		for (size_t i = 0; i < len; i++)
			buffer[i] = byte_at(at + i);
		for (size_t sent = 0; sent < len;) {
			ssize_t n = send(fd, buffer + sent, len - sent, MSG_NOSIGNAL);

			if (n < 0)
				fail("send");
			sent += (size_t)n;
		}
		at += len;
	}
	shutdown(fd, SHUT_WR);
	if (recv(fd, buffer, 1, 0) < 0)
		fail("receive the end");
	memset(&info, 0, sizeof(info));
	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size))
		fail("TCP_INFO");
	conf.sent_again = info.tcpi_total_retrans;
}

/* Of the datagram `number`: its number, the run, and bytes that follow from them. */
static void fill(uint8_t *datagram, uint64_t number)
{
	memcpy(datagram, &number, sizeof(number));
	memcpy(datagram + 8, &conf.run, sizeof(conf.run));
	for (size_t i = 16; i < conf.payload_bytes; i++)
		datagram[i] = (uint8_t)(number * 31 + i);
}

static void note_datagram(const uint8_t *datagram, ssize_t len, unsigned int port, uint64_t *last)
{
	static uint8_t wanted[MAX_DATAGRAM];
	uint64_t number;

	if (len < 16 || memcmp(datagram + 8, &conf.run, sizeof(conf.run)))
		return;
	memcpy(&number, datagram, sizeof(number));
	fill(wanted, number);
	if (number >= conf.count || (size_t)len != conf.payload_bytes || memcmp(datagram, wanted, (size_t)len) ||
	    port != number % conf.ports) {
		conf.damaged++;
		return;
	}
	if (conf.came[number]) {
		conf.duplicate++;
		return;
	}
	conf.came[number] = 1;
	conf.received++;
	/* Of each port on its own: two sockets are not read in any order. */
	if (last[port] > number + 1)
		conf.reordered++;
	else
		last[port] = number + 1;
}

static void *serve_udp(void *unused)
{
	static uint8_t datagram[MAX_DATAGRAM];
	struct pollfd fds[MAX_PORTS];
	uint64_t last[MAX_PORTS] = { 0 }, quiet_since = now_ns();

	(void)unused;
	enter(conf.to);
	for (unsigned int i = 0; i < conf.ports; i++)
		fds[i] = (struct pollfd){ .fd = listening_socket(SOCK_DGRAM, i), .events = POLLIN };
	conf.ready = true;
	while (conf.received < conf.count) {
		if (!conf.done)
			quiet_since = now_ns();
		if (poll(fds, conf.ports, 20) < 0 && errno != EINTR)
			fail("poll");
		for (unsigned int i = 0; i < conf.ports; i++) {
			ssize_t len;

			while ((len = recv(fds[i].fd, datagram, sizeof(datagram), MSG_DONTWAIT)) >= 0) {
				note_datagram(datagram, len, i, last);
				quiet_since = now_ns();
			}
		}
		if (conf.done && now_ns() - quiet_since > conf.drain_ms * 1000000)
			break;
	}
	return NULL;
}

static void send_udp(void)
{
	static uint8_t datagram[MAX_DATAGRAM];
	struct sockaddr_storage to[MAX_PORTS];
	uint64_t start_ns, sent;
	int fd = open_socket(SOCK_DGRAM), size = (int)conf.payload_bytes;

	for (unsigned int i = 0; i < conf.ports; i++)
		to[i] = address_of(i);
	if (conf.segments > 1 && setsockopt(fd, IPPROTO_UDP, UDP_SEGMENT, &size, sizeof(size)))
		fail("UDP_SEGMENT");
	start_ns = now_ns();
	for (sent = 0; sent < conf.count; sent += conf.segments) {
		uint64_t segments = conf.count - sent < conf.segments ? conf.count - sent : conf.segments;

		for (uint64_t i = 0; i < segments; i++)
			fill(datagram + i * conf.payload_bytes, sent + i);
		while (sendto(fd, datagram, segments * conf.payload_bytes, 0, (struct sockaddr *)&to[sent % conf.ports],
			      conf.address_len) < 0) {
			/* A verdict of the host's own filters, or what an answer said. */
			if (errno == EPERM || errno == ECONNREFUSED)
				break;
			if (errno != ENOBUFS && errno != EINTR)
				fail("send");
			usleep(1000);
		}
		sleep_until(start_ns + (sent + segments) * NS_PER_S / conf.rate_pps);
	}
}

/* How often the kind of datagrams that come changes. */
static uint64_t switches(void)
{
	uint64_t n = 0;

	for (uint64_t i = 1; i < conf.count; i++)
		n += (conf.came[i] ^ (i & 1)) != (conf.came[i - 1] ^ ((i - 1) & 1));
	return n;
}

static int usage(void)
{
	fprintf(stderr, "usage: stream tcp FROM TO ADDRESS PORT BYTES\n"
			"       stream udp|pairs FROM TO ADDRESS PORT COUNT PAYLOAD_BYTES RATE_PPS [DRAIN_MS [SEGMENTS]]\n");
	return 2;
}

static void read_address(const char *address, const char *port)
{
	struct sockaddr_in *in = (struct sockaddr_in *)&conf.address;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&conf.address;

	if (inet_pton(AF_INET, address, &in->sin_addr) == 1) {
		in->sin_family = AF_INET;
		in->sin_port = htons((uint16_t)atoi(port));
		conf.address_len = sizeof(*in);
	} else if (inet_pton(AF_INET6, address, &in6->sin6_addr) == 1) {
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons((uint16_t)atoi(port));
		conf.address_len = sizeof(*in6);
	}
}

/* Each CPU has a queue of its own for what devices of software receive: who moves to another one overtakes himself. */
static void stay_on_one_cpu(void)
{
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(0, &cpus);
	if (sched_setaffinity(0, sizeof(cpus), &cpus))
		perror("sched_setaffinity");
}

int main(int argc, char **argv)
{
	pthread_t receiver;
	bool is_tcp, is_pairs;

	if (argc < 7 || argc > 11)
		return usage();
	is_tcp = !strcmp(argv[1], "tcp");
	is_pairs = !strcmp(argv[1], "pairs");
	if ((!is_tcp && !is_pairs && strcmp(argv[1], "udp")) || (is_tcp ? argc != 7 : argc < 9))
		return usage();
	stay_on_one_cpu();
	conf.from = argv[2];
	conf.to = argv[3];
	read_address(argv[4], argv[5]);
	conf.count = strtoull(argv[6], NULL, 0);
	conf.run = now_ns();
	conf.ports = is_pairs ? 2 : 1;
	conf.segments = argc > 10 ? strtoull(argv[10], NULL, 0) : 1;
	conf.drain_ms = argc > 9 ? strtoull(argv[9], NULL, 0) : 300;
	conf.rate_pps = is_tcp ? 1 : strtoull(argv[8], NULL, 0);
	conf.payload_bytes = is_tcp ? 0 : strtoull(argv[7], NULL, 0);
	if (!conf.address_len || !conf.count || !conf.rate_pps || !conf.segments || (is_pairs && conf.segments > 1) ||
	    (!is_tcp && (conf.payload_bytes < 16 || conf.payload_bytes > MAX_DATAGRAM / conf.segments)))
		return usage();
	conf.came = calloc(conf.count, is_tcp ? 0 : 1);
	if (!is_tcp && !conf.came)
		fail("memory");
	if (pthread_create(&receiver, NULL, is_tcp ? serve_tcp : serve_udp, NULL))
		fail("thread");
	while (!conf.ready)
		usleep(1000);
	enter(conf.from);
	if (is_tcp)
		send_tcp();
	else
		send_udp();
	conf.done = true;
	pthread_join(receiver, NULL);
	if (is_tcp)
		printf("bytes=%llu wrong=%llu out_of_order=%llu sent_again=%u\n", (unsigned long long)conf.received,
		       (unsigned long long)conf.wrong, (unsigned long long)conf.out_of_order, conf.sent_again);
	else if (is_pairs)
		printf("sent=%llu received=%llu reordered=%llu damaged=%llu switches=%llu\n",
		       (unsigned long long)conf.count, (unsigned long long)conf.received,
		       (unsigned long long)conf.reordered, (unsigned long long)conf.damaged,
		       (unsigned long long)switches());
	else
		printf("sent=%llu received=%llu lost=%llu duplicate=%llu reordered=%llu damaged=%llu\n",
		       (unsigned long long)conf.count, (unsigned long long)conf.received,
		       (unsigned long long)(conf.count - conf.received), (unsigned long long)conf.duplicate,
		       (unsigned long long)conf.reordered, (unsigned long long)conf.damaged);
	return 0;
}

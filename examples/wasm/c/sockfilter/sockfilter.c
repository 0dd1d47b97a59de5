// SPDX-License-Identifier: MIT
/* The IPv4 packets that an interface receives. */
#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include <bpf/libbpf.h>

#include "sockfilter.h"
#include "sockfilter.skel.h"

static volatile sig_atomic_t stop;

static void on_signal(int number)
{
	stop = 1;
}

static int on_event(void *context, void *data, size_t size)
{
	const struct event *event = data;
	const char *name = event->protocol == 1 ? "ICMP" : event->protocol == 6 ? "TCP" : event->protocol == 17 ? "UDP" : "other";
	char from[16], to[16];

	inet_ntop(AF_INET, &event->saddr, from, sizeof(from));
	inet_ntop(AF_INET, &event->daddr, to, sizeof(to));
	printf("%-5s %15s:%-5d -> %15s:%-5d %u bytes\n", name, from, ntohs(event->sport), to, ntohs(event->dport), event->length);
	return 0;
}

int main(int argc, char **argv)
{
	struct sockfilter_bpf *skel;
	struct ring_buffer *ring = NULL;
	char target[64];
	int err = 1;

	if (argc != 2) {
		fprintf(stderr, "usage: %s INTERFACE\n", argv[0]);
		return 2;
	}
	signal(SIGINT, on_signal);
	signal(SIGTERM, on_signal);
	skel = sockfilter_bpf__open_and_load();
	if (!skel)
		return 1;
	/* The host opens the packet socket: a guest has none. */
	snprintf(target, sizeof(target), "socket:%s", argv[1]);
	bpf_set_prog_attach_target(skel->progs.watch, target);
	if (!sockfilter_bpf__attach(skel))
		ring = ring_buffer__new(bpf_map__fd(skel->maps.events), on_event, NULL, NULL);
	if (ring) {
		printf("packets of %s\n", argv[1]);
		do
			err = ring_buffer__poll(ring, -1);
		while (!stop && (err >= 0 || err == -EINTR));
		if (!stop)
			fprintf(stderr, "poll: %s\n", strerror(-err));
	}
	ring_buffer__free(ring);
	sockfilter_bpf__destroy(skel);
	return !ring || !stop;
}

// SPDX-License-Identifier: MIT
/* A plug-in: every execve(2), one line each. It runs until the service stops it. */
#include <stdio.h>

#include <bpf/libbpf.h>

#include "execs.h"
#include "execs.skel.h"

static int on_event(void *context, void *data, size_t size)
{
	const struct event *event = data;

	printf("[%d] %s (%d, uid %u) -> %s\n", event->ppid, event->comm, event->pid, event->uid, event->filename);
	return 0;
}

int main(void)
{
	struct execs_bpf *skel = execs_bpf__open_and_load();
	struct ring_buffer *ring;
	int err;

	if (!skel)
		return 1;
	if (execs_bpf__attach(skel))
		return 1;
	ring = ring_buffer__new(bpf_map__fd(skel->maps.events), on_event, NULL, NULL);
	if (!ring) {
		perror("ring buffer");
		return 1;
	}
	do
		err = ring_buffer__poll(ring, -1);
	while (err >= 0);
	fprintf(stderr, "poll: %s\n", strerror(-err));
	return 1;
}

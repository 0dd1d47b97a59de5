// SPDX-License-Identifier: MIT
/* Shows every execve(2): the least that a guest is. It runs until Ctrl-C, which the host sees to. */
#include <stdio.h>

#include <bpf/libbpf.h>

#include "execve.h"
#include "execve.skel.h"

static int on_event(void *context, void *data, size_t size)
{
	const struct event *event = data;

	printf("[%d] %s (%d, uid %u) -> %s\n", event->ppid, event->comm, event->pid, event->uid, event->filename);
	return 0;
}

int main(void)
{
	struct execve_bpf *skel = execve_bpf__open_and_load();
	struct ring_buffer *ring;
	int err;

	if (!skel)
		return 1;
	if (execve_bpf__attach(skel))
		return 1;
	ring = ring_buffer__new(bpf_map__fd(skel->maps.events), on_event, NULL, NULL);
	if (!ring) {
		perror("ring buffer");
		return 1;
	}
	puts("tracing execve");
	do
		err = ring_buffer__poll(ring, -1);
	while (err >= 0);
	fprintf(stderr, "poll: %s\n", strerror(-err));
	return 1;
}

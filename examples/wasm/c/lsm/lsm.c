// SPDX-License-Identifier: MIT
/* Forbids everybody to remove folders of one name, and tells who tried. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/libbpf.h>

#include "lsm.h"
#include "lsm.skel.h"

static volatile sig_atomic_t stop;

static void on_signal(int number)
{
	stop = 1;
}

static int on_event(void *context, void *data, size_t size)
{
	const struct event *event = data;

	printf("refused: %s (process %d, user %d) may not remove %s\n", event->comm, event->pid, event->uid, event->name);
	return 0;
}

int main(int argc, char **argv)
{
	struct lsm_bpf *skel = lsm_bpf__open();
	struct ring_buffer *ring = NULL;
	int err = 0;

	if (!skel)
		return 1;
	if (argc > 1)
		snprintf((char *)skel->rodata->kept, NAME_LEN, "%s", argv[1]);
	signal(SIGINT, on_signal);
	signal(SIGTERM, on_signal);
	if (!lsm_bpf__load(skel) && !lsm_bpf__attach(skel))
		ring = ring_buffer__new(bpf_map__fd(skel->maps.events), on_event, NULL, NULL);
	if (ring)
		printf("folders named %s stay\n", (const char *)skel->rodata->kept);
	while (ring && !stop && (err >= 0 || err == -EINTR))
		err = ring_buffer__poll(ring, -1);
	if (ring && !stop)
		fprintf(stderr, "poll: %s\n", strerror(-err));
	ring_buffer__free(ring);
	lsm_bpf__destroy(skel);
	return !stop;
}

// SPDX-License-Identifier: GPL-2.0
/* User space as it is written for libbpf, in C that is C++, too. */
#include <stdio.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include "both.skel.h"

static int got;

static int on_event(void *ctx, void *data, size_t size)
{
	const struct event *event = (const struct event *)data;
	int *version = (int *)ctx;

	printf("event %d %d %d %d\n", event->type == BPF_MAP_TYPE_ARRAY, event->action == XDP_TX, event->tristate == TRI_MODULE,
	       size == sizeof(*event));
	printf("values %d %d %u %u\n", (int)event->hits, event->version == *version, event->low, event_get_high(event));
	got = 1;
	return 0;
}

int main(void)
{
	struct both_bpf *skel = both_bpf__open();
	struct ring_buffer *ring;
	int i;

	if (!skel)
		return 1;
	printf("before %d %d\n", skel->data->step, skel->rodata->more);
	skel->data->step = 10;
	skel->rodata->more = 100;
	skel->bss->hits = 1000;
	if (both_bpf__load(skel))
		return 2;
	if (both_bpf__attach(skel))
		return 3;
	ring = ring_buffer__new(bpf_map__fd(skel->maps.events), on_event, &skel->kconfig->LINUX_KERNEL_VERSION, NULL);
	if (!ring)
		return 4;
	for (i = 0; i < 600 && !got; i++)
		ring_buffer__poll(ring, 100);
	printf("after %d %d\n", skel->bss->hits > 1000, skel->data_places->places[7]);
	printf("links %d %d\n", skel->links.on_call != NULL, skel->links.packet != NULL);
	ring_buffer__free(ring);
	both_bpf__destroy(skel);
	return 0;
}

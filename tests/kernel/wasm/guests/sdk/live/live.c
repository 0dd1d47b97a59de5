#include <stdio.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "live.h"
#include "live.skel.h"

static int seen, size_seen, last = 4, is_ordered = 1, stops;

static int on_event(void *context, void *data, size_t size)
{
	const struct event *event = data;

	is_ordered = is_ordered && event->number == last - 1 && event->limit == 8 && event->data == 2000000000000L;
	last = event->number;
	seen++;
	size_seen = size;
	return stops && seen == 1 ? -7 : 0;
}

static void make(struct live_bpf *skel, int count)
{
	last = count + 1;
	seen = 0;
	skel->bss->stop_at = count;
	while (*(volatile long *)&skel->bss->stop_at > 0)
		usleep(1000);
}

int main(void)
{
	struct live_bpf *skel = live_bpf__open();
	struct ring_buffer *ring;
	__u32 key = 5, keys[8], count = 8, next, *before = NULL;
	long value = 42, values[8], counted;
	int nr = 0, fd, i;

	if (!skel)
		return 1;
	printf("before: rodata %d data %ld bss %ld\n", skel->rodata->limit, skel->data->number, skel->bss->written);
	*(int *)&skel->rodata->limit = 8;
	skel->data->number = 2000000000000L;
	skel->bss->written = 1;
	skel->bss->my_pid = getpid();
	bpf_program__set_autoload(skel->progs.off, false);
	if (live_bpf__load(skel) || live_bpf__attach(skel))
		return 2;
	printf("after: rodata %d data %ld bss %ld\n", skel->rodata->limit, skel->data->number, skel->bss->written);
	for (i = 0; i < 1000 && *(volatile long *)&skel->bss->counted <= 2; i++)
		usleep(1000);
	printf("counted: %s\n", skel->bss->counted > 2 ? "more than 2" : "too few");
	printf("written: %ld\n", skel->bss->written);
	ring = ring_buffer__new(bpf_map__fd(skel->maps.events), on_event, NULL, NULL);
	make(skel, 3);
	nr = ring_buffer__poll(ring, 1000);
	printf("records: %d of %d, sizes %d, %s\n", nr, seen, size_seen, is_ordered ? "in order" : "mixed");
	stops = 1;
	make(skel, 3);
	if (ring_buffer__poll(ring, 1000) == -7)
		printf("kept for the next poll: %d\n", ring_buffer__poll(ring, 0));
	fd = bpf_map__fd(skel->maps.table);
	for (key = 5; key < 8; key++)
		bpf_map_update_elem(fd, &key, &value, BPF_NOEXIST);
	key = 5;
	value = 0;
	bpf_map_lookup_elem(fd, &key, &value);
	for (nr = 0; !bpf_map_get_next_key(fd, before, &next); nr++) {
		keys[0] = next;
		before = keys;
	}
	bpf_map_lookup_batch(fd, NULL, &next, keys, values, &count, NULL);
	bpf_map_delete_elem(fd, &key);
	printf("lookup %ld, keys %d, batch %u, deleted %d\n", value, nr, count, bpf_map_delete_elem(fd, &key));
	bpf_object__find_map_by_name(skel->obj, "nothing");
	printf("unknown map: %d\n", errno);
	printf("program: %s %s %d\n", bpf_program__name(skel->progs.on_exec), bpf_program__section_name(skel->progs.on_exec),
	       bpf_program__type(skel->progs.on_exec));
	printf("off: %d\n", skel->links.off != NULL);
	live_bpf__detach(skel);
	counted = *(volatile long *)&skel->bss->counted;
	usleep(20000);
	printf("detached: %ld more\n", *(volatile long *)&skel->bss->counted - counted);
	ring_buffer__free(ring);
	live_bpf__destroy(skel);
	return 0;
}

/* Names of libbpf that few programs use: those that work, and those that a guest is not given. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <linux/netfilter.h>
#include <linux/perf_event.h>

#include "libbpf.skel.h"

static int lines, records[2], raw, raw_size;

static int on_print(enum libbpf_print_level level, const char *format, va_list words)
{
	char line[256];

	if (level != LIBBPF_WARN)
		return 0;
	vsnprintf(line, sizeof(line), format, words);
	if (!lines++)
		fputs(line, stdout);
	return 0;
}

static int on_event(void *context, void *data, size_t size)
{
	++*(int *)context;
	return 0;
}

static enum bpf_perf_event_ret on_raw(void *context, int cpu, struct perf_event_header *event)
{
	if (event->type == PERF_RECORD_SAMPLE) {
		raw++;
		raw_size = event->size - sizeof(*event) - *(__u32 *)(event + 1);
	}
	return LIBBPF_PERF_EVENT_CONT;
}

static void make(struct libbpf_bpf *skel, int count)
{
	skel->bss->left = count;
	while (*(volatile long *)&skel->bss->left > 0)
		usleep(1000);
}

static void show_rings(struct libbpf_bpf *skel)
{
	struct ring_buffer *rb = ring_buffer__new(bpf_map__fd(skel->maps.events), on_event, &records[0], NULL);
	struct ring *ring, *other;
	size_t avail;
	int first, rest, none, untouched, consumed;

	ring_buffer__add(rb, bpf_map__fd(skel->maps.others), on_event, &records[1]);
	ring = ring_buffer__ring(rb, 0);
	other = ring_buffer__ring(rb, 1);
	make(skel, 3);
	avail = ring__avail_data_size(ring);
	first = ring__consume_n(ring, 1);
	rest = ring__consume(ring);
	none = ring__consume(ring);
	untouched = records[1];
	consumed = ring__consume(other);
	printf("ring: size %d fd %d, %d available, %d then %d then %d\n", ring__size(ring) == bpf_map__max_entries(skel->maps.events),
	       ring__map_fd(ring) == bpf_map__fd(skel->maps.events), avail >= 3 * 16 && avail % 16 == 0, first, rest >= 2, none);
	printf("other: before %d, all %d, again %d, none of that number %d\n", untouched, consumed >= 3 && consumed == records[1],
	       ring_buffer__consume_n(rb, 10), !ring_buffer__ring(rb, 2) && errno == ERANGE);
	ring_buffer__free(rb);
}

static void show_perf(struct libbpf_bpf *skel)
{
	struct perf_event_attr attr = {.type = PERF_TYPE_SOFTWARE, .config = PERF_COUNT_SW_BPF_OUTPUT, .sample_type = PERF_SAMPLE_RAW};
	struct perf_buffer *pb = perf_buffer__new_raw(bpf_map__fd(skel->maps.samples), 8, &attr, on_raw, NULL, NULL);
	int polls = 0;

	if (!pb)
		return;
	make(skel, 3);
	while (raw < 3 && polls++ < 600)
		perf_buffer__consume_buffer(pb, 0) || perf_buffer__poll(pb, 50);
	printf("perf: %zu buffer, no second %d, records %d, bytes %d\n", perf_buffer__buffer_cnt(pb), perf_buffer__consume_buffer(pb, 1),
	       raw >= 3, raw_size);
	perf_buffer__free(pb);
}

static void show_netfilter(struct bpf_program *program)
{
	LIBBPF_OPTS(bpf_netfilter_opts, opts, .pf = NFPROTO_IPV4, .hooknum = NF_INET_LOCAL_OUT, .priority = -4711);
	LIBBPF_OPTS(bpf_link_create_opts, raw_opts);
	struct bpf_link *link = bpf_program__attach_netfilter(program, &opts);
	int fd, again;

	raw_opts.netfilter.pf = NFPROTO_IPV6;
	raw_opts.netfilter.hooknum = NF_INET_LOCAL_IN;
	raw_opts.netfilter.priority = 4711;
	fd = bpf_link_create(bpf_program__fd(program), 0, BPF_NETFILTER, &raw_opts);
	again = bpf_link_create(bpf_program__fd(program), 0, BPF_NETFILTER, &raw_opts);
	printf("netfilter: %d %d, again %d", link != NULL, fd > 0, again);
	printf(", detach %d", bpf_link__destroy(link));
	printf(" %d %d", bpf_link_detach(fd), bpf_link_detach(fd));
	opts.pf = 1;
	printf(", bad %d %d\n", !bpf_program__attach_netfilter(program, &opts), errno);
}

static void show_types(struct libbpf_bpf *skel, const char *path)
{
	struct btf *own = bpf_object__btf(skel->obj), *file;
	int id = btf__find_by_name_kind(own, "shown", BTF_KIND_STRUCT);

	printf("types: %s has %lld bytes, kept %d", btf__name_by_offset(own, btf__type_by_id(own, id)->name_off), btf__resolve_size(own, id),
	       own == bpf_object__btf(skel->obj));
	file = btf__parse_elf(path, NULL);
	printf(", of a file %d", btf__find_by_name_kind(file, "shown", BTF_KIND_STRUCT) > 0);
	id = btf__type_cnt(file);
	btf__free(file);
	file = btf__parse(path, NULL);
	printf(" %d", (int)btf__type_cnt(file) == id);
	btf__free(file);
	printf(", none %d %d\n", btf__parse_elf("/objects/none", NULL) != NULL, errno);
	printf("names: %s %s %s %s %d\n", libbpf_bpf_prog_type_str(BPF_PROG_TYPE_NETFILTER), libbpf_bpf_map_type_str(BPF_MAP_TYPE_ARENA),
	       libbpf_bpf_attach_type_str(BPF_TRACE_UPROBE_SESSION), libbpf_bpf_link_type_str(BPF_LINK_TYPE_SOCKMAP),
	       libbpf_bpf_map_type_str(1000) == NULL);
}

static void show_denied(struct libbpf_bpf *skel)
{
	struct bpf_map *map = skel->maps.events;
	struct bpf_program *program = skel->progs.pass;
	__u32 id = 0;
	int results[] = {
		bpf_object__pin_maps(skel->obj, "/sys/fs/bpf/x"), bpf_object__pin(skel->obj, "/sys/fs/bpf/x"), bpf_map__pin(map, "/x"),
		bpf_map__unpin(map, "/x"), bpf_program__pin(program, "/x"), bpf_obj_pin(3, "/x"), bpf_obj_get("/sys/fs/bpf/x"),
		bpf_map_get_fd_by_id(1), bpf_prog_get_fd_by_id(1), bpf_map_get_next_id(0, &id), bpf_map__reuse_fd(map, 3),
		bpf_map_create(BPF_MAP_TYPE_HASH, "x", 4, 4, 1, NULL), bpf_prog_load(BPF_PROG_TYPE_XDP, "x", "GPL", NULL, 0, NULL),
		bpf_xdp_query_id(1, 0, &id), bpf_get_link_xdp_id(1, &id, 0),
	};
	int i, count = sizeof(results) / sizeof(*results), denied = 0;

	for (i = 0; i < count; i++)
		denied += results[i] == -ENOTSUP;
	denied += !bpf_program__insns(program) && errno == ENOTSUP;
	denied += !user_ring_buffer__new(bpf_map__fd(map), NULL) && errno == ENOTSUP;
	printf("denied: %d of %d, lines %d, autoattach %d %d\n", denied, count + 2, lines, bpf_map__autoattach(map),
	       bpf_map__set_autoattach(map, true));
}

int main(int argc, char **argv)
{
	struct libbpf_bpf *skel = libbpf_bpf__open();

	libbpf_set_print(on_print);
	if (!skel)
		return 1;
	skel->bss->my_pid = getpid();
	if (libbpf_bpf__load(skel) || libbpf_bpf__attach(skel))
		return 1;
	show_rings(skel);
	show_perf(skel);
	show_netfilter(skel->progs.pass);
	show_types(skel, argv[1]);
	show_denied(skel);
	libbpf_bpf__destroy(skel);
	return 0;
}

// SPDX-License-Identifier: GPL-2.0
/* One kernel side for a native program and a guest. Its event holds types that the headers of both have, too. */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "GPL";

struct event {
	enum bpf_map_type type;
	enum xdp_action action;
	enum libbpf_tristate tristate;
	struct bpf_map_info info;
	struct in6_addr address;
	struct sockaddr_in from;
	struct iovec part;
	struct perf_event_header header;
	u64 hits;
	long version;
	union bpf_attr attr;
	u32 low : 5, high : 27;
};

struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 4096); } events SEC(".maps");
u64 hits;
int step = 5;
const volatile int more = 3;
int places[1000] SEC(".data.places");
extern int LINUX_KERNEL_VERSION __kconfig;

SEC("raw_tp/sys_enter")
int on_call(void *ctx)
{
	u64 before = __sync_fetch_and_add(&hits, step + more);
	struct event *event;

	if (before != 1000)
		return 0;
	places[7] = 9;
	event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
	if (!event)
		return 0;
	event->type = BPF_MAP_TYPE_ARRAY;
	event->action = XDP_TX;
	event->tristate = TRI_MODULE;
	event->hits = before;
	event->version = LINUX_KERNEL_VERSION;
	event->low = 21;
	event->high = 1 << 26;
	bpf_ringbuf_submit(event, 0);
	return 0;
}

SEC("xdp")
int packet(struct xdp_md *ctx)
{
	return XDP_PASS;
}

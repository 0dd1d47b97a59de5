/* The types stand behind void * and static inline helpers, as in bcc's compat.bpf.h. */
#include <vmlinux.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "GPL";

struct event { __u64 ts; __u32 pid; char comm[16]; };
struct other { __u32 kind; };

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, 1024);
} heap SEC(".maps");
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} events SEC(".maps"), others SEC(".maps");

static __always_inline void *reserve_buf(__u64 size)
{
	static const int zero = 0;

	if (bpf_core_type_exists(struct bpf_ringbuf))
		return bpf_ringbuf_reserve(&events, size, 0);
	return bpf_map_lookup_elem(&heap, &zero);
}

static __always_inline long submit_buf(void *ctx, void *buf, __u64 size)
{
	if (bpf_core_type_exists(struct bpf_ringbuf)) {
		bpf_ringbuf_submit(buf, 0);
		return 0;
	}
	return bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, buf, size);
}

static __always_inline void send(void *map, const void *data, __u64 size)
{
	bpf_ringbuf_output(map, (void *)data, size, 0);
}

SEC("tracepoint/syscalls/sys_enter_kill")
int on_kill(void *ctx)
{
	struct event *event = reserve_buf(sizeof(*event));
	struct other other = {3};

	if (event) {
		event->pid = bpf_get_current_pid_tgid() >> 32;
		submit_buf(ctx, event, sizeof(*event));
	}
	send(&others, &other, sizeof(other));
	return 0;
}

/* Every way into a buffer or map that can lose something, chosen by `mode`: one step for each kill(target, 0). */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "GPL";

/** @cmdarg {"long": "target", "help": "process that is sent signal 0"} */
const volatile int target = 0;
enum mode { RESERVE, OUTPUT, DYNPTR, DISCARD, SHORT, PERF, SKIP_PERF, HASH, QUEUE, STACK };
/** what each call does */
const volatile enum mode mode = RESERVE;

struct event {
	__u64 number;
	__u32 cpu, pid;
};
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} events SEC(".maps");
struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(key_size, sizeof(int));
	__uint(value_size, sizeof(int));
} samples SEC(".maps");
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 100);
	__type(key, __u64);
	__type(value, __u64);
} starts_of_very_long_name_one SEC(".maps"), starts_of_very_long_name_two SEC(".maps");
struct {
	__uint(type, BPF_MAP_TYPE_QUEUE);
	__uint(max_entries, 7);
	__type(value, __u64);
} waiting SEC(".maps");
struct {
	__uint(type, BPF_MAP_TYPE_STACK_TRACE);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, 127 * sizeof(__u64));
} stacks SEC(".maps");

/* the program's own count, to compare with */
__u64 calls = 0, given_back = 0;

static __always_inline void reserve(const struct event *event)
{
	struct event *e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);

	if (!e)
		return;
	*e = *event;
	if (mode == DISCARD && event->number % 3 == 0) {
		__atomic_fetch_add(&given_back, 1, __ATOMIC_RELAXED);
		bpf_ringbuf_discard(e, 0);
	} else {
		bpf_ringbuf_submit(e, 0);
	}
}

static __always_inline void dynptr(struct event *event)
{
	struct bpf_dynptr record;

	if (!bpf_ringbuf_reserve_dynptr(&events, sizeof(*event), 0, &record))
		bpf_dynptr_write(&record, 0, event, sizeof(*event), 0);
	else
		event->number = 0;
	if (event->number % 2) {
		__atomic_fetch_add(&given_back, 1, __ATOMIC_RELAXED);
		bpf_ringbuf_discard_dynptr(&record, 0);
	} else {
		bpf_ringbuf_submit_dynptr(&record, 0);
	}
}

SEC("raw_tp/sys_enter")
int on_kill(struct bpf_raw_tracepoint_args *ctx)
{
	struct pt_regs *regs = (void *)ctx->args[0];
	struct event event = {.pid = bpf_get_current_pid_tgid() >> 32, .cpu = bpf_get_smp_processor_id()};
	unsigned long to = 0, signal = 1, key = event.pid;

	if (ctx->args[1] != 62)
		return 0;
	bpf_probe_read_kernel(&to, sizeof(to), &regs->di);
	bpf_probe_read_kernel(&signal, sizeof(signal), &regs->si);
	if ((int)to != target || signal)
		return 0;
	__atomic_fetch_add(&calls, 1, __ATOMIC_RELAXED);
	event.number = *(volatile __u64 *)&calls;
	if (mode == RESERVE || mode == DISCARD)
		reserve(&event);
	else if (mode == OUTPUT)
		bpf_ringbuf_output(&events, &event, sizeof(event), 0);
	else if (mode == DYNPTR)
		dynptr(&event);
	else if (mode == SHORT)
		bpf_ringbuf_output(&events, &event, event.number % 2 ? 3 : sizeof(event), 0);
	else if (mode == PERF)
		bpf_perf_event_output(ctx, &samples, BPF_F_CURRENT_CPU, &event, sizeof(event));
	else if (mode == SKIP_PERF) /* no such CPU */
		bpf_perf_event_output(ctx, &samples, 0x7fffffff, &event, sizeof(event));
	else if (mode == HASH)
		bpf_map_update_elem(&starts_of_very_long_name_two, &event.number, &event.number, BPF_ANY);
	else if (mode == QUEUE)
		bpf_map_push_elem(&waiting, &event.number, 0);
	else if (mode == STACK)
		bpf_get_stackid(ctx, &stacks, event.number % 2 ? BPF_F_USER_STACK : 0);
	/* answers, no losses */
	bpf_map_update_elem(&starts_of_very_long_name_one, &key, &event.number, BPF_NOEXIST);
	return 0;
}

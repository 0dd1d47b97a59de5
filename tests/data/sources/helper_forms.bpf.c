/* Helpers that the forced headers wrap, in every form that C allows: nothing may change but what is counted. */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "GPL";

struct event { __u64 number; __u32 kind, pid; };
struct pair { int a, b; };

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} events SEC(".maps"), others SEC(".maps");
struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(key_size, sizeof(int));
	__uint(value_size, sizeof(int));
} samples SEC(".maps");
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 100);
	__type(key, struct pair);
	__type(value, __u64);
} starts SEC(".maps");
struct inner {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4);
	__type(key, struct pair);
	__type(value, __u64);
} first SEC(".maps");
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 1);
	__type(key, int);
	__array(values, struct inner);
} tables SEC(".maps") = {.values = {(void *)&first}};
struct {
	__uint(type, BPF_MAP_TYPE_STACK_TRACE);
	__uint(max_entries, 64);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, 127 * sizeof(__u64));
} stacks SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct pair);
} storage SEC(".maps");

#define EVENTS (&events)
#define SEND(map, what) bpf_ringbuf_output(map, &(what), sizeof(what), 0)
#define TRY(call) do { if ((call) < 0) failed++; } while (0)
#define BOTH(first, second) ((first), (second))

const volatile __u32 only = 0;
__u64 failed = 0, key_of = 0;

/* pointer to the helper, and a call that no macro sees */
static long (*const update)(void *, const void *, const void *, __u64) = (void *)BPF_FUNC_map_update_elem;

static __always_inline long send(void *map, const void *data, __u64 size)
{
	return bpf_ringbuf_output(map, (void *)data, size, 0);
}

/* inline, and neither static nor extern */
__always_inline int shared(struct event *event)
{
	return bpf_ringbuf_output(&events, event, sizeof(*event), 0);
}

static __noinline int apart(struct event *event)
{
	if (!event)
		return 0;
	return bpf_ringbuf_output (&events, event, sizeof *event, 0) ? 1 : 2;
}

static __always_inline struct event *reserved(void)
{
	return bpf_ringbuf_reserve(EVENTS, sizeof(struct event), 0);
}

SEC("raw_tp/sys_enter")
int first_program(struct bpf_raw_tracepoint_args *ctx)
{
	const struct event constant = {1, 2, 3};
	struct event event = {.number = ctx->args[1]};
	struct pair key = {1, 2};
	struct event *e;
	__u64 value = 5;
	void *inner;
	int zero = 0;

	if (ctx->args[1] != 62 || bpf_get_current_pid_tgid() >> 32 != only)
		return 0;
	/* statements, conditions, loops, commas, conditionals */
	bpf_map_update_elem(&starts, &key, &value, BPF_ANY);
	(void)bpf_map_update_elem(&starts, &(struct pair){1, 2}, &(__u64){3}, BPF_NOEXIST);
	if (bpf_map_update_elem(&starts, &key, &value, BPF_EXIST) || !bpf_map_update_elem(&starts, &key, &value, 0))
		failed += bpf_map_update_elem(&starts, &key, &value, BPF_NOEXIST) == -17;
	TRY(bpf_map_update_elem(&starts, &key, &value, 0));
	BOTH(bpf_map_update_elem(&starts, &key, &value, 0), SEND(&events, event));
	for (int i = 0; i < 2; i++, SEND(&others, event))
		;
	update(&starts, &key, &value, 0);
	(bpf_map_update_elem)(&starts, &key, &value, 0);
	inner = bpf_map_lookup_elem(&tables, &zero);
	if (inner)
		bpf_map_update_elem(inner, &key, &value, 0);
	/* records: constant, literal, text, conditional, through functions */
	bpf_ringbuf_output(&events, (void *)&constant, sizeof(constant), 0);
	bpf_ringbuf_output(&events, &(struct event){1, 2, 3}, sizeof(struct event), 0);
	bpf_ringbuf_output(&others, "text", 5, BPF_RB_NO_WAKEUP);
	send(&events, &event, sizeof(event));
	shared(&event);
	apart(&event);
	value = bpf_ringbuf_output(&events, &event, sizeof(event), 0) ? bpf_ringbuf_output(&others, &event, sizeof(event), 0) : 0;
	/* inside each other */
	key_of = bpf_map_update_elem(&starts, &key, &(__u64){bpf_ringbuf_output(&events, &event, sizeof(event), 0)}, 0);
	e = reserved();
	if (e) {
		*e = event;
		if (event.kind)
			bpf_ringbuf_discard(e, 0);
		else
			bpf_ringbuf_submit(e, event.kind ? BPF_RB_FORCE_WAKEUP : 0);
	}
	if ((e = bpf_ringbuf_reserve(&others, sizeof(*e), 0)) != NULL)
		bpf_ringbuf_submit(e, 0);
	else
		return 1;
	return bpf_ringbuf_output(&events, &event, sizeof(event), 0), 0;
}

SEC("?tp_btf/sched_switch")
int third_program(__u64 *ctx)
{
	struct task_struct *task = (void *)ctx[1];
	struct pair *kept = bpf_task_storage_get(&storage, task, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);

	if (kept)
		kept->a++;
	kept = bpf_task_storage_get(&storage, task, &(struct pair){1, 2}, 1);
	return kept && bpf_task_storage_get(&storage, task, NULL, 0) ? 0 : 1;
}

SEC("raw_tp/sys_exit")
int second_program(struct bpf_raw_tracepoint_args *ctx)
{
	struct event event = {.number = bpf_get_stackid(ctx, &stacks, 0) < 0};

	if (ctx->args[1] != (unsigned long)-3 || bpf_get_stackid(ctx, &stacks, BPF_F_USER_STACK) == -14)
		return 0;
	bpf_perf_event_output(ctx, &samples, BPF_F_CURRENT_CPU, &(struct event){4, 5, 6}, sizeof(struct event));
	return bpf_perf_event_output(ctx, &samples, BPF_F_CURRENT_CPU, &event, sizeof(event)) < 0 ? 1 : 0;
}

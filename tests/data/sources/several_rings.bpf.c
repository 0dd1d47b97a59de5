/* Several buffers, several types each, no header argument: by reserve, by output, by dynptr. */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "GPL";

struct exec_event { int pid; char comm[16]; };
struct exit_event { int pid; int code; long x; };
typedef struct { int a; __u64 b; } nameless_t;
struct head { __u32 length; };

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} execs SEC(".maps"), exits SEC(".maps"), written SEC(".maps"), taken SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(key_size, sizeof(int));
	__uint(value_size, sizeof(int));
} perf SEC(".maps");

SEC("tracepoint/syscalls/sys_enter_kill")
int on_kill(void *ctx)
{
	struct exec_event *exec = bpf_ringbuf_reserve(&execs, sizeof(*exec), 0);
	struct exit_event *leave;
	const nameless_t pair = {1, 2};

	if (exec) {
		exec->pid = 1;
		bpf_ringbuf_submit(exec, 0);
	}
	leave = bpf_ringbuf_reserve(&exits, sizeof(*leave), 0);
	if (leave) {
		leave->pid = 2;
		bpf_ringbuf_submit(leave, 0);
	}
	bpf_ringbuf_output(&exits, (nameless_t *)&pair, sizeof(pair), 0);
	bpf_perf_event_output(ctx, &perf, BPF_F_CURRENT_CPU, (void *)&pair, sizeof(pair));
	return 0;
}

SEC("tracepoint/syscalls/sys_enter_tkill")
int on_tkill(void *ctx)
{
	struct bpf_dynptr record;
	struct exec_event event = {};
	struct head *head;
	char rest[3] = {};

	if (!bpf_ringbuf_reserve_dynptr(&written, sizeof(event) + sizeof(rest), 0, &record)) {
		bpf_dynptr_write(&record, 0, &event, sizeof(event), 0);
		bpf_dynptr_write(&record, sizeof(event), rest, sizeof(rest), 0);
	}
	bpf_ringbuf_submit_dynptr(&record, 0);
	if (!bpf_ringbuf_reserve_dynptr(&taken, sizeof(*head), 0, &record)) {
		head = bpf_dynptr_data(&record, 0, sizeof(*head));
		if (head)
			head->length = 5;
	}
	bpf_ringbuf_submit_dynptr(&record, 0);
	return 0;
}

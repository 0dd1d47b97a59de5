#include "vmlinux.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "Dual MIT/GPL";
/* What the driver provokes: kill(BASE + sequence number, channel). No process has such a number, so that nobody gets a signal. */
#define BASE 0x40000000
const volatile int channel = 0x47114711; /* guests write theirs here */

struct kill {
	struct trace_entry entry;
	int number;
	long pid;
	long sig;
};
#define SEQUENCE(ctx) ((__u32)(ctx)->pid & ~BASE)
#define OURS(ctx) ((ctx)->sig == channel && ((ctx)->pid & BASE))

struct record { /* 64 bytes */
	__u32 sequence, complement;
	__u64 filler[7];
};

struct ring {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1024 * 1024);
};
struct ring first SEC(".maps"), second SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
} perf SEC(".maps");

/* How often the program ran: who is detached counts no more. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} runs SEC(".maps");

SEC("tp/syscalls/sys_enter_kill")
int on_kill(struct kill *ctx)
{
	__u32 sequence, zero = 0;
	struct record record = {};
	__u64 *ran;

	if (!OURS(ctx))
		return 0;
	/* First: who has got a record may look at once. */
	ran = bpf_map_lookup_elem(&runs, &zero);
	if (ran)
		__sync_fetch_and_add(ran, 1);
	sequence = SEQUENCE(ctx);
	record.sequence = sequence;
	record.complement = ~sequence;
	bpf_ringbuf_output(&first, &record, sizeof(record), 0);
	record.filler[0] = 2;
	bpf_ringbuf_output(&second, &record, sizeof(record), 0);
	return 0;
}

SEC("tp/syscalls/sys_enter_kill")
int on_kill_perf(struct kill *ctx)
{
	struct record record = {};

	if (!OURS(ctx))
		return 0;
	record.sequence = SEQUENCE(ctx);
	record.complement = ~record.sequence;
	bpf_perf_event_output(ctx, &perf, BPF_F_CURRENT_CPU, &record, sizeof(record));
	return 0;
}

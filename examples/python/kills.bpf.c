// The kernel side of the Python examples: who sends which signal to whom, as events and counted by sender.
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

struct kill_event {
    u64 ts;
    u32 pid;
    u32 target;
    int sig;
    char comm[16];
};

/// Trace only this process, 0: all
const volatile u32 only = 0;

struct {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, 256 * 1024);
} kills SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 10240);
    __type(key, u32);
    __type(value, u64);
} counts SEC(".maps");

SEC("tracepoint/syscalls/sys_enter_kill")
int on_kill(struct trace_event_raw_sys_enter *ctx) {
    u32 pid = bpf_get_current_pid_tgid() >> 32;
    struct kill_event *event;
    u64 one = 1, *count;

    if (only && pid != only)
        return 0;
    count = bpf_map_lookup_elem(&counts, &pid);
    if (count)
        __sync_fetch_and_add(count, 1);
    else
        bpf_map_update_elem(&counts, &pid, &one, BPF_NOEXIST);
    event = bpf_ringbuf_reserve(&kills, sizeof(*event), 0);
    if (!event)
        return 0;
    event->ts = bpf_ktime_get_ns();
    event->pid = pid;
    event->target = ctx->args[0];
    event->sig = ctx->args[1];
    bpf_get_current_comm(event->comm, sizeof(event->comm));
    bpf_ringbuf_submit(event, 0);
    return 0;
}

char LICENSE[] SEC("license") = "GPL";

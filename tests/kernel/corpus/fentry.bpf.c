// fentry and fexit, two perf buffers, the event on the stack.
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

struct opened {
    u32 pid;
    char comm[16];
};

struct closed {
    u64 ts;
    u32 pid;
    s64 ret;
};

struct {
    __uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
    __uint(key_size, sizeof(u32));
    __uint(value_size, sizeof(u32));
} entries SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
    __uint(key_size, sizeof(int));
    __uint(value_size, sizeof(int));
} exits SEC(".maps");

SEC("fentry/do_unlinkat")
int BPF_PROG(on_entry, int dfd, struct filename *name) {
    struct opened e = {};

    e.pid = bpf_get_current_pid_tgid() >> 32;
    bpf_get_current_comm(&e.comm, sizeof(e.comm));
    bpf_perf_event_output(ctx, &entries, BPF_F_CURRENT_CPU, &e, sizeof(e));
    return 0;
}

SEC("fexit/do_unlinkat")
int BPF_PROG(on_exit, int dfd, struct filename *name, long ret) {
    struct closed e = {.ts = bpf_ktime_get_ns(), .pid = bpf_get_current_pid_tgid() >> 32, .ret = ret};

    bpf_perf_event_output(ctx, &exits, BPF_F_CURRENT_CPU, &e, sizeof(e));
    return 0;
}

char LICENSE[] SEC("license") = "GPL";

// uprobe and uretprobe by library and function; two ring buffers of different types; a static helper with a void pointer.
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

struct call {
    u32 pid;
    u64 size;
};

struct result {
    u32 pid;
    void *pointer;
};

struct {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, 1 << 16);
} calls SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, 1 << 16);
} results SEC(".maps");

const volatile int target = 0;

static __always_inline int emit(void *map, void *data, u64 size) { return bpf_ringbuf_output(map, data, size, 0); }

SEC("uprobe/libc.so.6:malloc")
int BPF_KPROBE(on_malloc, size_t size) {
    struct call e = {};

    e.pid = bpf_get_current_pid_tgid() >> 32;
    e.size = size;
    if (target && e.pid != target)
        return 0;
    emit(&calls, &e, sizeof(e));
    return 0;
}

SEC("uretprobe/libc.so.6:malloc")
int BPF_KRETPROBE(on_malloc_return, void *pointer) {
    struct result e = {};

    e.pid = bpf_get_current_pid_tgid() >> 32;
    e.pointer = pointer;
    if (target && e.pid != target)
        return 0;
    emit(&results, &e, sizeof(e));
    return 0;
}

char _license[] SEC("license") = "GPL";

// usdt with arguments.
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/usdt.bpf.h>

struct jump {
    int pid;
    long a1, a2, a3;
};

struct {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, 4096 * 16);
} jumps SEC(".maps");

SEC("usdt/libc.so.6:libc:setjmp")
int BPF_USDT(on_setjmp, void *arg1, int arg2, void *arg3) {
    struct jump *e = bpf_ringbuf_reserve(&jumps, sizeof(struct jump), 0);

    if (!e)
        return 1;
    *e = (struct jump){bpf_get_current_pid_tgid() >> 32, (long)arg1, arg2, (long)arg3};
    bpf_ringbuf_submit(e, 0);
    return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";

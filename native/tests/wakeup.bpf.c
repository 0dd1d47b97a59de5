/* Events of wakeup.c: kill(2) of its first process with a signal number that no signal has. */
#include <linux/types.h>

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#ifndef RING_BYTES
#define RING_BYTES (1 << 20)
#endif
enum { SUBMIT = 1000, OUTPUT, DISCARD };

struct enter_kill {
    unsigned long long common;
    long long nr, pid, sig;
};
struct event {
    unsigned long long ts;
};

const volatile int target = 0;

struct {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, RING_BYTES);
} events SEC(".maps");

SEC("tracepoint/syscalls/sys_enter_kill")
int on_kill(struct enter_kill *ctx) {
    struct event *event, one;

    if (ctx->pid != target)
        return 0;
    if (ctx->sig == OUTPUT) {
        one.ts = bpf_ktime_get_ns();
        bpf_ringbuf_output(&events, &one, sizeof(one), 0);
        return 0;
    }
    if (ctx->sig != SUBMIT && ctx->sig != DISCARD)
        return 0;
    event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
    if (!event)
        return 0;
    event->ts = bpf_ktime_get_ns();
    if (ctx->sig == DISCARD)
        bpf_ringbuf_discard(event, 0);
    else
        bpf_ringbuf_submit(event, 0);
    return 0;
}

char LICENSE[] SEC("license") = "GPL";

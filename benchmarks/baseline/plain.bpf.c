/* Start without CO-RE: a tracepoint, nothing of the kernel's types. */
#include <linux/types.h>
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "fill.h"

struct enter_kill {
    unsigned long long common;
    long long nr, pid, sig;
};

SEC("tracepoint/syscalls/sys_enter_kill")
int on_kill(struct enter_kill *ctx) { return report(0, ctx->sig); }

char LICENSE[] SEC("license") = "GPL";

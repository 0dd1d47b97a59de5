#include "vmlinux.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "GPL";

struct {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, 4096);
} records SEC(".maps");


SEC("raw_tp/sched_switch")
int forgets_a_record(void *ctx) {
    u64 *record = bpf_ringbuf_reserve(&records, sizeof(*record), 0);
    if (!record)
        return 0;
    if (bpf_get_prandom_u32() & 1)
        return 0;
    bpf_ringbuf_submit(record, 0);
    return 0;
}

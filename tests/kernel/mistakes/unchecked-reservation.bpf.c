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
int writes_to_a_full_buffer(void *ctx) {
    u64 *record = bpf_ringbuf_reserve(&records, sizeof(*record), 0);
    *record = 1; /* here */
    bpf_ringbuf_submit(record, 0);
    return 0;
}

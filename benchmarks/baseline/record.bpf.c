/* A record of 64 bytes for each kill(2) of one process, in a ring with room for 900,000 that wait. */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "GPL";
const volatile int target_pid = 0;

struct record {
    __u64 number, filler[7];
};
struct {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, 64 << 20);
} records SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 1024);
    __type(key, __u64);
    __type(value, __u64);
} numbers SEC(".maps");

SEC("tp/syscalls/sys_enter_kill")
int on_kill(void *ctx) {
    struct record *record;

    if (bpf_get_current_pid_tgid() >> 32 != target_pid)
        return 0;
    record = bpf_ringbuf_reserve(&records, sizeof(*record), 0);
    if (!record)
        return 0;
    record->number = 1;
    __builtin_memset(record->filler, 0, sizeof(record->filler));
    bpf_ringbuf_submit(record, 0);
    return 0;
}

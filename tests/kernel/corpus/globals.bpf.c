// Every section of globals, and several maps: .rodata, .data, .bss, a custom section, an array, an enum, 64-bit, kconfig.
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

enum mode { MODE_OFF, MODE_COUNT, MODE_LOG = 7 };

extern int LINUX_KERNEL_VERSION __kconfig;
extern bool CONFIG_BPF_SYSCALL __kconfig __weak;

const volatile enum mode mode = MODE_COUNT;
const volatile bool loud = true;
const volatile char prefix[16] = "hello";
const volatile u64 big = 0x1234567890abcdefULL;
const volatile int list[4] = {1, 2, 3, 4};
int writable = 5;
u64 total;
u32 custom SEC(".data.custom") = 9;
static u32 hidden;

struct count_key {
    u32 pid;
    enum mode mode;
};

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 128);
    __type(key, struct count_key);
    __type(value, u64);
} counts SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_LRU_PERCPU_HASH);
    __uint(max_entries, 64);
    __type(key, u32);
    __type(value, u64);
} per_cpu SEC(".maps");

struct record {
    enum mode mode;
    bool loud;
    char prefix[16];
    u64 big;
    int list[4];
    int writable;
    u32 custom;
    int version;
    bool syscalls;
    struct {
        u8 low : 4;
        u8 high : 4;
    } bits;
};

struct {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, 64 * 1024);
} records SEC(".maps");

const volatile u32 only = 0;

SEC("tracepoint/syscalls/sys_enter_kill")
int on_kill(void *ctx) {
    struct count_key key = {.pid = bpf_get_current_pid_tgid() >> 32, .mode = mode};
    u64 one = 1, *count;
    struct record *r;

    if (only && key.pid != only)
        return 0;
    hidden++;
    __sync_fetch_and_add(&total, 1);
    count = bpf_map_lookup_elem(&counts, &key);
    if (count)
        __sync_fetch_and_add(count, 1);
    else
        bpf_map_update_elem(&counts, &key, &one, BPF_NOEXIST);
    bpf_map_update_elem(&per_cpu, &key.pid, &one, BPF_ANY);
    r = bpf_ringbuf_reserve(&records, sizeof(*r), 0);
    if (!r)
        return 0;
    r->mode = mode;
    r->loud = loud;
    for (int i = 0; i < 16; i++)
        r->prefix[i] = prefix[i];
    r->big = big;
    for (int i = 0; i < 4; i++)
        r->list[i] = list[i];
    r->writable = writable;
    r->custom = custom;
    r->version = LINUX_KERNEL_VERSION;
    r->syscalls = CONFIG_BPF_SYSCALL;
    r->bits.low = 5;
    r->bits.high = 10;
    bpf_ringbuf_submit(r, 0);
    return 0;
}

char LICENSE[] SEC("license") = "GPL";

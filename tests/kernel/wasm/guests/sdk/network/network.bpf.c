// SPDX-License-Identifier: GPL-2.0
#include "vmlinux.h"
#include "network.h"
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "GPL";
int my_pid;
__u64 on_tc_seen, on_socket_seen;

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 64);
    __type(key, struct key);
    __type(value, struct value);
} tasks SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 64);
    __type(key, __u32);
    __type(value, __u64);
} numbers SEC(".maps");

SEC("tc")
int on_tc(struct __sk_buff *skb) {
    __sync_fetch_and_add(&on_tc_seen, 1);
    return 0;
}

SEC("socket")
int on_socket(struct __sk_buff *skb) {
    __sync_fetch_and_add(&on_socket_seen, 1);
    return 0;
}

SEC("tp/raw_syscalls/sys_enter")
int on_call(void *ctx) {
    struct key key = {};
    struct value value = {};
    __u64 one = 1;
    if (bpf_get_current_pid_tgid() >> 32 != my_pid)
        return 0;
    key.task = (void *)bpf_get_current_task();
    value.size = 0x123456789ab;
    value.below = -5;
    value.first = 'x';
    value.last = 7;
    bpf_map_update_elem(&tasks, &key, &value, BPF_ANY);
    for (int i = 0; i < 10; i++) {
        __u32 number = i;
        bpf_map_update_elem(&numbers, &number, &one, BPF_ANY);
    }
    return 0;
}

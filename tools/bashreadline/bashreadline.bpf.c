// SPDX-License-Identifier: MIT
#include "../include/eunomia/uprobe.h"

#define COMMAND_LEN 4096

struct event {
    __u32 pid;
    __u32 uid;
    char command[]; /* only the bytes it has are sent */
};

struct whole_event {
    char bytes[sizeof(struct event) + COMMAND_LEN];
};
struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct whole_event);
} scratch SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, 256 * 1024);
} events SEC(".maps");

SEC("uretprobe//bin/bash:readline")
int readline_returns(void *ctx) {
    const char *text = (const char *)uprobe_return_value(ctx);
    struct event *event;
    __u32 zero = 0;
    long len;

    event = bpf_map_lookup_elem(&scratch, &zero);
    if (!event || !text) /* NULL: end of input */
        return 0;
    len = bpf_probe_read_user_str(event->command, COMMAND_LEN, text);
    if (len < 1)
        return 0;
    event->pid = bpf_get_current_pid_tgid() >> 32;
    event->uid = bpf_get_current_uid_gid();
    bpf_ringbuf_output(&events, event, sizeof(*event) + (len & (2 * COMMAND_LEN - 1)), 0);
    return 0;
}

/// @brief Trace the commands typed into interactive bash shells, of everybody
/// @version 0.1.0
char LICENSE[] SEC("license") = "Dual MIT/GPL";

// SPDX-License-Identifier: MIT
/* Not a tool: loaded beside one for `ecli run --follow`, `--cgroup` and `--container` where events carry a process id only. It keeps
 * one byte for each thread id, which user space looks at in mapped memory: is the thread one of those that are wanted? Bytes, not
 * bits: they can be set without atomic operations, which kernels before 5.12 do not have for bits.
 *
 * A new thread gets its byte when it is made, so that a thread id that is used again means the new one. */
#include "../include/eunomia/kernel.h"

#define BPF_F_MMAPABLE (1U << 10)
#define PID_LIMIT (4 << 20) /* include/linux/threads.h: PID_MAX_LIMIT */
#define LEVELS 64
#define THREADS 1024 /* of a process that is moved; more would be too much for the verifier */

/// the control group whose threads are wanted, 0: those of processes that user space chose
const volatile __u64 group = 0;
/// children of wanted processes are wanted too
const volatile bool children = false;

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(max_entries, PID_LIMIT / 8);
    __type(key, __u32);
    __type(value, __u64);
} wanted SEC(".maps");

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct list_head {
    struct list_head *next;
};
struct kernfs_node {
    __u64 id;
};
struct cgroup_root {
    int hierarchy_id;
};
struct cgroup_subsys_state {
    struct cgroup_subsys_state *parent;
};
struct cgroup { /* begins with `self`, its own state without a controller */
    struct cgroup_subsys_state self;
    struct kernfs_node *kn;
    struct cgroup_root *root;
};
struct css_set {
    struct cgroup *dfl_cgrp;
};
struct signal_struct {
    struct list_head thread_head;
};
struct task_struct___groups {
    pid_t pid, tgid;
    struct css_set *cgroups;
    struct signal_struct *signal;
    struct list_head thread_node;
};
#pragma clang attribute pop

static __always_inline __u8 *byte_of(__u32 tid) {
    __u32 index = tid / 8;
    __u8 *bytes = bpf_map_lookup_elem(&wanted, &index);

    return bytes ? bytes + (tid & 7) : NULL;
}

static __always_inline void set(__u32 tid, bool on) {
    __u8 *byte = byte_of(tid);

    if (byte)
        *byte = on;
}

static __always_inline bool is_wanted(__u32 tid) {
    __u8 *byte = byte_of(tid);

    return byte && *byte;
}

static __always_inline bool in_group(struct cgroup *cgroup) {
#pragma clang loop unroll(disable)
    for (int i = 0; i < LEVELS && cgroup; i++) {
        if (BPF_CORE_READ(cgroup, kn, id) == group)
            return true;
        cgroup = (struct cgroup *)BPF_CORE_READ(cgroup, self.parent);
    }
    return false;
}

SEC("raw_tp/sched_process_fork")
int process_fork(__u64 *ctx) {
    struct task_struct___groups *parent = (void *)ctx[0], *child = (void *)ctx[1];
    __u32 tid = BPF_CORE_READ(child, pid);
    bool on;

    if (group) /* clone3(2) may put it into another one than its parent's */
        on = in_group(BPF_CORE_READ(child, cgroups, dfl_cgrp));
    else
        on = (children || BPF_CORE_READ(child, tgid) == BPF_CORE_READ(parent, tgid)) && is_wanted(BPF_CORE_READ(parent, pid));
    set(tid, on);
    return 0;
}

/* void (struct cgroup *dst, const char *path, struct task_struct *task, bool threadgroup) */
SEC("raw_tp/cgroup_attach_task")
int attach_task(__u64 *ctx) {
    struct cgroup *cgroup = (void *)ctx[0];
    struct task_struct___groups *task = (void *)ctx[2];
    struct list_head *head, *at;
    bool on;

    /* hierarchies of version 1 have ids of their own */
    if (!group || BPF_CORE_READ(cgroup, root) != BPF_CORE_READ(task, cgroups, dfl_cgrp, root))
        return 0;
    on = in_group(cgroup);
    set(BPF_CORE_READ(task, pid), on);
    if (!ctx[3])
        return 0;
    head = (void *)BPF_CORE_READ(task, signal) + bpf_core_field_offset(struct signal_struct, thread_head);
    at = BPF_CORE_READ(head, next);
#pragma clang loop unroll(disable)
    for (int i = 0; i < THREADS && at && at != head; i++) {
        struct task_struct___groups *thread = (void *)at - bpf_core_field_offset(struct task_struct___groups, thread_node);

        set(BPF_CORE_READ(thread, pid), on);
        at = BPF_CORE_READ(at, next);
    }
    return 0;
}

/// @brief Keep track of the threads of processes or of a control group
/// @version 0.1.0
char LICENSE[] SEC("license") = "Dual MIT/GPL";

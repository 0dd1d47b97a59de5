/* SPDX-License-Identifier: MIT
 *
 * The kernel types and constants that the built-in tools use, and nothing else: with these declarations a tool compiles where
 * there is neither kernel BTF nor kernel headers, and for any architecture. Structures are declared with preserve_access_index,
 * so what stands here are names and types of members; their offsets are found at load time (CO-RE). A structure whose member
 * was renamed has a second declaration with a ___suffix, which libbpf ignores when it looks for the kernel's type.
 */
#ifndef EUNOMIA_KERNEL_H
#define EUNOMIA_KERNEL_H

typedef signed char __s8;
typedef unsigned char __u8;
typedef short __s16;
typedef unsigned short __u16;
typedef int __s32;
typedef unsigned int __u32;
typedef long long __s64;
typedef unsigned long long __u64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u32 __wsum;
typedef int pid_t;
typedef __u32 uid_t;
typedef _Bool bool;

#define true 1
#define false 0
#define NULL ((void *)0)

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

/* include/uapi/linux/bpf.h */
enum {
    BPF_MAP_TYPE_HASH = 1,
    BPF_MAP_TYPE_ARRAY = 2,
    BPF_MAP_TYPE_PERCPU_HASH = 5,
    BPF_MAP_TYPE_PERCPU_ARRAY = 6,
    BPF_MAP_TYPE_STACK_TRACE = 7,
    BPF_MAP_TYPE_LRU_HASH = 9,
    BPF_MAP_TYPE_LPM_TRIE = 11,
    BPF_MAP_TYPE_RINGBUF = 27,
};
enum {
    BPF_ANY = 0,
    BPF_NOEXIST = 1,
    BPF_F_NO_PREALLOC = 1 << 0,
    BPF_F_USER_STACK = 1 << 8,
};

#define TASK_COMM_LEN 16
#define DISK_NAME_LEN 32

/* Tracepoints of system calls and of raw_syscalls: the record's layout has not changed since they exist. */
struct syscall_enter {
    __u64 common;
    long id;
    unsigned long args[6];
};
struct syscall_exit {
    __u64 common;
    long id;
    long ret;
};

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

/* kernel tasks */
struct ns_common {
    unsigned int inum;
};
struct pid_namespace {
    unsigned int level;
    struct ns_common ns;
};
struct mnt_namespace {
    struct ns_common ns;
};
struct nsproxy {
    struct mnt_namespace *mnt_ns;
    struct pid_namespace *pid_ns_for_children;
};
struct upid {
    int nr;
    struct pid_namespace *ns;
};
struct pid {
    unsigned int level;
    struct upid numbers[1];
};
struct mm_struct {
    unsigned long arg_start, arg_end;
};
struct task_struct {
    unsigned int __state;
    unsigned int flags;
    int exit_code;
    pid_t pid, tgid;
    struct task_struct *real_parent;
    struct task_struct *group_leader;
    struct mm_struct *mm;
    struct nsproxy *nsproxy;
    struct pid *thread_pid;
    __u64 start_time;
    char comm[TASK_COMM_LEN];
};
struct task_struct___before_5_14 {
    long state;
};

/* block layer */
struct gendisk {
    int major, first_minor;
    char disk_name[DISK_NAME_LEN];
};
struct request_queue {
    struct gendisk *disk;
};
struct request {
    struct request_queue *q;
    unsigned int cmd_flags;
    unsigned int __data_len;
    __u64 __sector;
};
struct request___before_5_17 {
    struct gendisk *rq_disk;
};

/* interrupts */
struct irqaction {
    const char *name;
};

/* Registers of a user process at a uprobe, see uprobe.h. */
struct pt_regs___x86_64 {
    unsigned long di, si, dx, ax;
};
struct user_pt_regs___arm64 {
    __u64 regs[31];
};

#pragma clang attribute pop

/* TASK_RUNNING is 0 since the first kernel; the member was renamed in 5.14 (commit 2f064a59a11f). */
static __always_inline unsigned int task_state(const struct task_struct *task) {
    if (bpf_core_field_exists(task->__state))
        return BPF_CORE_READ(task, __state);
    return BPF_CORE_READ((const struct task_struct___before_5_14 *)task, state);
}

/* Inode number of a task's pid namespace, as /proc/PID/ns/pid shows it. */
static __always_inline __u32 task_pid_namespace(const struct task_struct *task) {
    const struct pid *pid = BPF_CORE_READ(task, thread_pid);
    unsigned int level = BPF_CORE_READ(pid, level);
    struct upid upid;

    bpf_core_read(&upid, sizeof(upid), &pid->numbers[level]);
    return BPF_CORE_READ(upid.ns, ns.inum);
}

static __always_inline __u32 current_mount_namespace(void) {
    const struct task_struct *task = (const struct task_struct *)bpf_get_current_task();

    return BPF_CORE_READ(task, nsproxy, mnt_ns, ns.inum);
}

#endif

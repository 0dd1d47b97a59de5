// SPDX-License-Identifier: MIT
/* An object with CO-RE records of several kinds; its own types stand for the kernel's in tests/unit/kernel/test_minimal_btf.py. */
typedef unsigned int u32;
typedef int pid_t;
#define SEC(name) __attribute__((section(name), used))
#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
enum state { RUNNING, SLEEPING = 4 };
struct inner {
    u32 first, second[3];
};
struct unrelated {
    long alone;
};
struct task_struct {
    pid_t pid;
    struct inner inner;
    union {
        long count;
        void *pointer;
    };
    struct task_struct *parent;
    struct unrelated *other;
    u32 bits : 3;
};
struct task_struct___old {
    long state;
};
#pragma clang attribute pop
struct unrelated mentioned;

SEC("tracepoint/syscalls/sys_enter_kill") int core(void *ctx) {
    struct task_struct *task = ctx;
    struct task_struct___old *old = ctx;
    int sum = task->pid + task->inner.second[2] + task->count;
    sum += __builtin_preserve_enum_value(*(enum state *)SLEEPING, 1);
    sum += __builtin_preserve_field_info(old->state, 2);
    return sum + __builtin_preserve_field_info(task->bits, 4);
}
char LICENSE[] SEC("license") = "GPL";

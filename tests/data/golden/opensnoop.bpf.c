#include "shapes.h"
struct event { unsigned long long ts; int pid; int uid; int ret; int flags; char comm[16]; char fname[255]; };
struct args_t { const char *fname; int flags; };
const volatile int pid_target = 0;
const volatile int tgid_target = 0;
const volatile int uid_target = 0;
const volatile bool targ_failed = 0;
HASH_MAP(start, __u32, struct args_t);
PERF_MAP(events);
EXPORT(event);
PROG("tracepoint/syscalls/sys_enter_open", tracepoint__syscalls__sys_enter_open) { return pid_target + tgid_target; }
PROG("tracepoint/syscalls/sys_enter_openat", tracepoint__syscalls__sys_enter_openat) { return uid_target + targ_failed; }
PROG("tracepoint/syscalls/sys_exit_open", tracepoint__syscalls__sys_exit_open) { return 0; }
PROG("tracepoint/syscalls/sys_exit_openat", tracepoint__syscalls__sys_exit_openat) { return 0; }

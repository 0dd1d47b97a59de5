#include "shapes.h"
struct event { unsigned int pid; unsigned int tpid; int sig; int ret; char comm[16]; };
const volatile pid_t filtered_pid = 0;
const volatile int target_signal = 0;
const volatile bool failed_only = 0;
PERF_MAP(events);
HASH_MAP(values, __u32, struct event);
EXPORT(event);
PROG("tracepoint/syscalls/sys_enter_kill", kill_entry) { return filtered_pid + target_signal + failed_only; }
PROG("tracepoint/syscalls/sys_exit_kill", kill_exit) { return 0; }
PROG("tracepoint/syscalls/sys_enter_tkill", tkill_entry) { return 0; }
PROG("tracepoint/syscalls/sys_exit_tkill", tkill_exit) { return 0; }
PROG("tracepoint/syscalls/sys_enter_tgkill", tgkill_entry) { return 0; }
PROG("tracepoint/syscalls/sys_exit_tgkill", tgkill_exit) { return 0; }
PROG("tracepoint/signal/signal_generate", sig_trace) { return 0; }

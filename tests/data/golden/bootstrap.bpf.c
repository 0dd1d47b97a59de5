#include "shapes.h"
struct event { int pid; int ppid; unsigned exit_code; unsigned long long duration_ns; char comm[16]; char filename[127]; unsigned char exit_event; };
HASH_MAP(exec_start, pid_t, __u64);
RING_MAP(rb);
EXPORT(event);
const volatile unsigned long long min_duration_ns = 0;
PROG("tp/sched/sched_process_exec", handle_exec) { return min_duration_ns; }
PROG("tp/sched/sched_process_exit", handle_exit) { return 0; }

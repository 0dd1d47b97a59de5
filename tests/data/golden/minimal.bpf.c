#include "shapes.h"
const volatile pid_t pid_filter = 0;
PROG("tp/syscalls/sys_enter_write", handle_tp) {
    if (pid_filter) bpf_trace_printk("BPF triggered sys_enter_write\n", 30);
    return 0;
}

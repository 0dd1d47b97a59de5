// SPDX-License-Identifier: MIT
#include "../include/eunomia/kernel.h"

/// @cmdarg {"long": "pid", "short": "p", "help": "only signals that this process sends"}
/// @filter pid
const volatile pid_t sender_pid = 0;
/// @cmdarg {"long": "target", "short": "t", "help": "only signals to this process or thread"}
/// @filter tpid
const volatile pid_t target_pid = 0;
/// @cmdarg {"long": "signal", "short": "s", "help": "only this signal: SIGUSR1 or 10"}
/// @choices {"SIGHUP": 1, "SIGINT": 2, "SIGQUIT": 3, "SIGILL": 4, "SIGTRAP": 5, "SIGABRT": 6, "SIGBUS": 7, "SIGFPE": 8, "SIGKILL":
///     9, "SIGUSR1": 10, "SIGSEGV": 11, "SIGUSR2": 12, "SIGPIPE": 13, "SIGALRM": 14, "SIGTERM": 15, "SIGSTKFLT": 16,
///     "SIGCHLD": 17, "SIGCONT": 18, "SIGSTOP": 19, "SIGTSTP": 20, "SIGTTIN": 21, "SIGTTOU": 22, "SIGURG": 23, "SIGXCPU": 24,
///     "SIGXFSZ": 25, "SIGVTALRM": 26, "SIGPROF": 27, "SIGWINCH": 28, "SIGIO": 29, "SIGPWR": 30, "SIGSYS": 31}
/// @range {"min": 0, "max": 64}
/// @filter sig
const volatile int target_signal = 0;
/// @cmdarg {"long": "kill", "short": "k", "help": "only signals sent by kill(2), tkill, tgkill and sigqueue, none of the kernel"}
const volatile bool kill_only = false;
/// @cmdarg {"long": "failed", "short": "x", "help": "only signals that were not delivered"}
const volatile bool failed_only = false;

/* include/trace/events/signal.h */
enum result {
    delivered,
    ignored,
    already_pending,
    queue_full,
    lost_details,
};

struct event {
    __u32 pid;
    char comm[TASK_COMM_LEN];
    int sig;
    __u32 tpid;
    char tcomm[TASK_COMM_LEN];
    enum result result;
};

/// @decode {"sig": "signal"}
struct {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, 256 * 1024);
} events SEC(".maps");

struct signal_generate {
    __u64 common;
    int sig, err, code;
    char comm[TASK_COMM_LEN];
    pid_t pid;
    int group, result;
};

/* Siginfo codes of signals that a process asked for: SI_USER 0, SI_QUEUE -1, SI_TKILL -6. */
static __always_inline bool asked_for(int code) {
    return code == 0 || code == -1 || code == -6;
}

SEC("tp/signal/signal_generate")
int signal_generate(struct signal_generate *ctx) {
    __u32 pid = bpf_get_current_pid_tgid() >> 32;
    struct event *event;

    if (sender_pid && sender_pid != pid)
        return 0;
    if (target_pid && target_pid != ctx->pid)
        return 0;
    if (target_signal && target_signal != ctx->sig)
        return 0;
    if (kill_only && !asked_for(ctx->code))
        return 0;
    if (failed_only && (ctx->result == delivered || ctx->result == lost_details))
        return 0;
    event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
    if (!event)
        return 0;
    event->pid = pid;
    bpf_get_current_comm(event->comm, sizeof(event->comm));
    event->sig = ctx->sig;
    event->tpid = ctx->pid;
    __builtin_memcpy(event->tcomm, ctx->comm, sizeof(event->tcomm));
    event->result = ctx->result;
    bpf_ringbuf_submit(event, 0);
    return 0;
}

/// @brief Trace signals: who sends which to whom, and what became of it
/// @details Every signal of the system, the kernel's own (SIGSEGV, SIGCHLD, SIGPIPE, …) too; -k leaves those out.
/// @version 0.1.0
char LICENSE[] SEC("license") = "Dual MIT/GPL";

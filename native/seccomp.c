/* The system calls that a run makes once everything is attached: reading maps and files, writing output, waiting, detaching.
 * Others fail with EPERM, those newer than this list with ENOSYS, as on a kernel without them, which C libraries expect. */
#define _GNU_SOURCE
#include "error.h"
#include "eunomia.h"
#include "out.h"
#include <errno.h>
#include <linux/audit.h>
#include <linux/bpf.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifdef __x86_64__
#define MACHINE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define MACHINE AUDIT_ARCH_AARCH64
#elif defined(__riscv)
#define MACHINE AUDIT_ARCH_RISCV64
#endif

enum { NEWEST = 462 /* mseal, Linux 6.10 */, MOST = 1024, LARGEST_JUMP = 255 };

/* clang-format off */
static const short allowed[] = {
    /* files and memory */
    SYS_read, SYS_write, SYS_readv, SYS_writev, SYS_pread64, SYS_pwrite64, SYS_preadv, SYS_pwritev, SYS_preadv2, SYS_pwritev2, SYS_close,
    SYS_lseek, SYS_fstat, SYS_newfstatat, SYS_statx, SYS_statfs, SYS_fstatfs, SYS_faccessat, SYS_openat, SYS_readlinkat, SYS_getdents64,
    SYS_getcwd, SYS_dup, SYS_dup3, SYS_fcntl, SYS_flock, SYS_ftruncate, SYS_fallocate, SYS_fsync, SYS_fdatasync, SYS_fadvise64,
    SYS_sync_file_range, SYS_renameat2, SYS_unlinkat, SYS_mkdirat, SYS_umask, SYS_name_to_handle_at, SYS_open_by_handle_at,
    SYS_pipe2, SYS_splice, SYS_mmap, SYS_munmap, SYS_mremap, SYS_mprotect, SYS_madvise, SYS_brk, SYS_msync, SYS_mincore, SYS_membarrier,
    SYS_copy_file_range, SYS_sendfile, SYS_memfd_create, SYS_fchmod,
    /* waiting, time, signals */
    SYS_epoll_create1, SYS_epoll_ctl, SYS_epoll_pwait, SYS_ppoll, SYS_pselect6, SYS_timerfd_create, SYS_timerfd_settime,
    SYS_timerfd_gettime, SYS_eventfd2, SYS_signalfd4, SYS_clock_gettime, SYS_clock_getres, SYS_clock_nanosleep, SYS_nanosleep,
    SYS_gettimeofday, SYS_times, SYS_getitimer, SYS_setitimer, SYS_rt_sigaction, SYS_rt_sigprocmask, SYS_rt_sigreturn, SYS_rt_sigpending,
    SYS_rt_sigtimedwait, SYS_rt_sigsuspend, SYS_sigaltstack, SYS_restart_syscall, SYS_kill, SYS_tgkill, SYS_tkill,
    /* this process and its threads */
    SYS_exit, SYS_exit_group, SYS_getpid, SYS_gettid, SYS_getppid, SYS_getuid, SYS_geteuid, SYS_getgid, SYS_getegid, SYS_getresuid,
    SYS_getresgid, SYS_getgroups, SYS_getpgid, SYS_getsid, SYS_getrusage, SYS_getrlimit, SYS_prlimit64, SYS_sysinfo, SYS_uname,
    SYS_getcpu, SYS_getrandom, SYS_getpriority, SYS_sched_yield, SYS_sched_getaffinity, SYS_sched_setaffinity, SYS_sched_getparam,
    SYS_sched_getscheduler, SYS_sched_get_priority_max, SYS_sched_get_priority_min, SYS_futex, SYS_set_robust_list, SYS_get_robust_list,
    SYS_set_tid_address, SYS_prctl, SYS_capget, SYS_capset, SYS_wait4, SYS_waitid,
    /* netlink; sockets that are open already */
    SYS_bind, SYS_sendto, SYS_sendmsg, SYS_recvfrom, SYS_recvmsg, SYS_getsockname, SYS_getsockopt, SYS_setsockopt, SYS_shutdown,
    /* of x86-64 alone, from before their successors above */
#ifdef __x86_64__
    SYS_open, SYS_stat, SYS_lstat, SYS_access, SYS_readlink, SYS_getdents, SYS_dup2, SYS_pipe, SYS_poll, SYS_select, SYS_epoll_wait,
    SYS_rename, SYS_unlink, SYS_mkdir, SYS_time, SYS_alarm, SYS_pause, SYS_getpgrp, SYS_arch_prctl,
#endif
#ifdef SYS_renameat /* not on riscv */
    SYS_renameat,
#endif
#ifdef SYS_rseq
    SYS_rseq,
#endif
#ifdef SYS_close_range
    SYS_close_range,
#endif
#ifdef SYS_faccessat2
    SYS_faccessat2,
#endif
#ifdef SYS_epoll_pwait2
    SYS_epoll_pwait2,
#endif
};
/* clang-format on */

/* bpf(2) by its first argument: maps and descriptors, nothing that makes anything but a reader of an iterator. */
static const short commands[] = {BPF_MAP_LOOKUP_ELEM,
                                 BPF_MAP_UPDATE_ELEM,
                                 BPF_MAP_DELETE_ELEM,
                                 BPF_MAP_GET_NEXT_KEY,
                                 BPF_MAP_LOOKUP_AND_DELETE_ELEM,
                                 BPF_MAP_LOOKUP_BATCH,
                                 BPF_MAP_LOOKUP_AND_DELETE_BATCH,
                                 BPF_MAP_UPDATE_BATCH,
                                 BPF_MAP_DELETE_BATCH,
                                 BPF_PROG_DETACH,
                                 BPF_PROG_QUERY,
                                 BPF_OBJ_GET_INFO_BY_FD,
                                 BPF_LINK_DETACH,
                                 BPF_ITER_CREATE};

struct program {
    struct sock_filter code[MOST];
    int size, failed;
};

static void put(struct program *p, unsigned code, uint32_t k, int yes, int no) {
    if (p->size >= MOST || yes > LARGEST_JUMP || no > LARGEST_JUMP)
        p->failed = 1;
    else
        p->code[p->size++] = (struct sock_filter){(uint16_t)code, (uint8_t)yes, (uint8_t)no, k};
}

static void load(struct program *p, size_t offset) {
    put(p, BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset, 0, 0);
}

static void answer(struct program *p, uint32_t action) {
    put(p, BPF_RET | BPF_K, action, 0, 0);
}

/* Go on to `body` only for system call `number`, whose first argument is in the accumulator then. */
static int only(struct program *p, int number) {
    int at = p->size;
    put(p, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)number, 0, 0);
    load(p, offsetof(struct seccomp_data, args[0])); /* its low half: both machines are little endian */
    return at;
}

static void end_only(struct program *p, int at) {
    if (p->size - at - 1 > LARGEST_JUMP)
        p->failed = 1;
    else
        p->code[at].jf = (uint8_t)(p->size - at - 1);
}

/* Answer by the first argument, which is one of `values`: these one way, all others the other way. */
static void by_argument(struct program *p, int number, const short *values, size_t nr, uint32_t these, uint32_t others) {
    int at = only(p, number);
    for (size_t i = 0; i < nr; i++)
        put(p, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)values[i], (int)(nr - i), 0);
    answer(p, others);
    answer(p, these);
    end_only(p, at);
}

/* The numbers at which the answer changes, `is_allowed` first false: a binary search, for kernels before 5.11, which run the filter for
 * every call, and for the others, which run it once for each number when it is installed. */
static void search(struct program *p, const short *changes, int low, int high) {
    if (low > high) {
        answer(p, low & 1 ? SECCOMP_RET_ALLOW : SECCOMP_RET_ERRNO | EPERM);
        return;
    }
    int middle = (low + high) / 2, at = p->size;
    put(p, BPF_JMP | BPF_JGE | BPF_K, (uint32_t)changes[middle], 0, 0);
    search(p, changes, low, middle - 1);
    if (p->size - at - 1 > LARGEST_JUMP)
        p->failed = 1;
    else if (at < p->size)
        p->code[at].jt = (uint8_t)(p->size - at - 1);
    search(p, changes, middle + 1, high);
}

static void by_number(struct program *p) {
    uint8_t is_allowed[NEWEST + 2] = {0};
    short changes[NEWEST + 2];
    int nr = 0;
    for (size_t i = 0; i < sizeof(allowed) / sizeof(*allowed); i++)
        if (allowed[i] <= NEWEST)
            is_allowed[allowed[i]] = 1;
    for (int i = 0, before = 0; i <= NEWEST + 1; before = is_allowed[i++])
        if (is_allowed[i] != before)
            changes[nr++] = (short)i;
    search(p, changes, 0, nr - 1);
}

static void assemble(struct program *p) {
    static const short families[] = {AF_NETLINK, AF_UNIX}, typing[] = {TIOCSTI, TIOCLINUX};
    load(p, offsetof(struct seccomp_data, arch));
    put(p, BPF_JMP | BPF_JEQ | BPF_K, MACHINE, 1, 0);
    answer(p, SECCOMP_RET_ERRNO | EPERM); /* another machine's numbers: a 32-bit call */
    load(p, offsetof(struct seccomp_data, nr));
    put(p, BPF_JMP | BPF_JGT | BPF_K, NEWEST, 0, 1);
    answer(p, SECCOMP_RET_ERRNO | ENOSYS);
#ifdef SYS_clone3
    put(p, BPF_JMP | BPF_JEQ | BPF_K, SYS_clone3, 0, 1); /* its flags are in memory; clone(2) comes next then */
    answer(p, SECCOMP_RET_ERRNO | ENOSYS);
#endif
    by_argument(p, SYS_bpf, commands, sizeof(commands) / sizeof(*commands), SECCOMP_RET_ALLOW, SECCOMP_RET_ERRNO | EPERM);
    by_argument(p, SYS_socket, families, 2, SECCOMP_RET_ALLOW, SECCOMP_RET_ERRNO | EPERM);
    int at = only(p, SYS_clone); /* a thread, no process */
    put(p, BPF_JMP | BPF_JSET | BPF_K, CLONE_THREAD, 0, 1);
    answer(p, SECCOMP_RET_ALLOW);
    answer(p, SECCOMP_RET_ERRNO | EPERM);
    end_only(p, at);
    at = only(p, SYS_ioctl); /* no typing into the terminal */
    load(p, offsetof(struct seccomp_data, args[1]));
    for (int i = 0; i < 2; i++)
        put(p, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)typing[i], 2 - i, 0);
    answer(p, SECCOMP_RET_ALLOW);
    answer(p, SECCOMP_RET_ERRNO | EPERM);
    end_only(p, at);
    by_number(p);
}

int eu_seccomp(void) {
    static struct program p;
    p.size = p.failed = 0;
    assemble(&p);
    if (p.failed)
        return eu_fail(E2BIG, "filter system calls: the filter is too long");
    struct sock_fprog filter = {(unsigned short)p.size, p.code};
    /* speculation is left as it is: kernels before 5.16 would slow the process down, which runs nobody else's code */
    unsigned flags = SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_SPEC_ALLOW;
    long other = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &filter);
    if (!other)
        return 1;
    if (other > 0) /* its number, and errno is not set */
        return eu_fail(ESRCH, "filter system calls: thread %ld of this process has a filter of its own", other);
    /* CONFIG_SECCOMP_FILTER is off; or a filter that is around this process refuses another (systemd's @system-service) */
    if (errno == ENOSYS || errno == EINVAL || errno == EPERM)
        return 0;
    return eu_fail(errno, "filter system calls: %s", eu_strerror(errno));
}

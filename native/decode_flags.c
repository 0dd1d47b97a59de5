/* Numbers whose bits have names. */
#include "decode.h"

/* clang-format off */
#if defined(__aarch64__)
enum { DIRECTORY = 040000, NOFOLLOW = 0100000, DIRECT = 0200000, LARGEFILE = 0400000 };
#else
enum { DIRECTORY = 0200000, NOFOLLOW = 0400000, DIRECT = 040000, LARGEFILE = 0100000 };
#endif
/* Source: include/uapi/asm-generic/fcntl.h, arch/arm64/include/uapi/asm/fcntl.h. What has several bits goes first. */
static const struct eu_number_name open_flags[] = {
    {020000000 | DIRECTORY, "O_TMPFILE"}, {04010000, "O_SYNC"}, {0100, "O_CREAT"}, {0200, "O_EXCL"}, {0400, "O_NOCTTY"},
    {01000, "O_TRUNC"}, {02000, "O_APPEND"}, {04000, "O_NONBLOCK"}, {010000, "O_DSYNC"}, {020000, "FASYNC"}, {DIRECT, "O_DIRECT"},
    {LARGEFILE, "O_LARGEFILE"}, {DIRECTORY, "O_DIRECTORY"}, {NOFOLLOW, "O_NOFOLLOW"}, {01000000, "O_NOATIME"}, {02000000, "O_CLOEXEC"},
    {010000000, "O_PATH"}, {0, NULL},
};
/* Source: include/uapi/linux/sched.h */
static const struct eu_number_name clone_flags[] = {
    {0x80, "CLONE_NEWTIME"}, {0x100, "CLONE_VM"}, {0x200, "CLONE_FS"}, {0x400, "CLONE_FILES"}, {0x800, "CLONE_SIGHAND"},
    {0x1000, "CLONE_PIDFD"}, {0x2000, "CLONE_PTRACE"}, {0x4000, "CLONE_VFORK"}, {0x8000, "CLONE_PARENT"}, {0x10000, "CLONE_THREAD"},
    {0x20000, "CLONE_NEWNS"}, {0x40000, "CLONE_SYSVSEM"}, {0x80000, "CLONE_SETTLS"}, {0x100000, "CLONE_PARENT_SETTID"},
    {0x200000, "CLONE_CHILD_CLEARTID"}, {0x400000, "CLONE_DETACHED"}, {0x800000, "CLONE_UNTRACED"}, {0x1000000, "CLONE_CHILD_SETTID"},
    {0x2000000, "CLONE_NEWCGROUP"}, {0x4000000, "CLONE_NEWUTS"}, {0x8000000, "CLONE_NEWIPC"}, {0x10000000, "CLONE_NEWUSER"},
    {0x20000000, "CLONE_NEWPID"}, {0x40000000, "CLONE_NEWNET"}, {0x80000000, "CLONE_IO"}, {0x100000000, "CLONE_CLEAR_SIGHAND"},
    {0x200000000, "CLONE_INTO_CGROUP"}, {0, NULL},
};
/* Source: include/uapi/asm-generic/mman*.h */
static const struct eu_number_name prot_flags[] = {
    {1, "PROT_READ"}, {2, "PROT_WRITE"}, {4, "PROT_EXEC"}, {8, "PROT_SEM"}, {0x01000000, "PROT_GROWSDOWN"}, {0x02000000, "PROT_GROWSUP"},
    {0, NULL},
};
static const struct eu_number_name map_flags[] = {
    {3, "MAP_SHARED_VALIDATE"}, {1, "MAP_SHARED"}, {2, "MAP_PRIVATE"}, {0x10, "MAP_FIXED"}, {0x20, "MAP_ANONYMOUS"}, {0x40, "MAP_32BIT"},
    {0x100, "MAP_GROWSDOWN"}, {0x800, "MAP_DENYWRITE"}, {0x1000, "MAP_EXECUTABLE"}, {0x2000, "MAP_LOCKED"}, {0x4000, "MAP_NORESERVE"},
    {0x8000, "MAP_POPULATE"}, {0x10000, "MAP_NONBLOCK"}, {0x20000, "MAP_STACK"}, {0x40000, "MAP_HUGETLB"}, {0x80000, "MAP_SYNC"},
    {0x100000, "MAP_FIXED_NOREPLACE"}, {0, NULL},
};
/* Source: include/uapi/linux/mount.h */
static const struct eu_number_name mount_flags[] = {
    {0xc0ed0000, "MS_MGC_VAL"}, {1, "MS_RDONLY"}, {2, "MS_NOSUID"}, {4, "MS_NODEV"}, {8, "MS_NOEXEC"}, {16, "MS_SYNCHRONOUS"},
    {32, "MS_REMOUNT"}, {64, "MS_MANDLOCK"}, {128, "MS_DIRSYNC"}, {256, "MS_NOSYMFOLLOW"}, {1024, "MS_NOATIME"}, {2048, "MS_NODIRATIME"},
    {4096, "MS_BIND"}, {8192, "MS_MOVE"}, {16384, "MS_REC"}, {32768, "MS_SILENT"}, {1 << 16, "MS_POSIXACL"}, {1 << 17, "MS_UNBINDABLE"},
    {1 << 18, "MS_PRIVATE"}, {1 << 19, "MS_SLAVE"}, {1 << 20, "MS_SHARED"}, {1 << 21, "MS_RELATIME"}, {1 << 22, "MS_KERNMOUNT"},
    {1 << 23, "MS_I_VERSION"}, {1 << 24, "MS_STRICTATIME"}, {1 << 25, "MS_LAZYTIME"}, {0, NULL},
};
/* Source: include/trace/events/sched.h, prev_state of sched_switch (4.14 and newer); letters as in /proc/PID/stat. */
static const struct eu_number_name task_states[] = {
    {1, "S"}, {2, "D"}, {4, "T"}, {8, "t"}, {16, "X"}, {32, "Z"}, {64, "P"}, {128, "I"}, {0, NULL},
};
static const struct eu_number_name tcp_flags[] = {
    {2, "SYN"}, {16, "ACK"}, {1, "FIN"}, {4, "RST"}, {8, "PSH"}, {32, "URG"}, {64, "ECE"}, {128, "CWR"}, {256, "AE"}, {0, NULL},
};
/* Source: include/uapi/asm-generic/poll.h, include/uapi/linux/eventpoll.h */
static const struct eu_number_name poll_events[] = {
    {1, "POLLIN"}, {2, "POLLPRI"}, {4, "POLLOUT"}, {8, "POLLERR"}, {16, "POLLHUP"}, {32, "POLLNVAL"}, {64, "POLLRDNORM"},
    {128, "POLLRDBAND"}, {256, "POLLWRNORM"}, {512, "POLLWRBAND"}, {1024, "POLLMSG"}, {0x2000, "POLLRDHUP"}, {1u << 28, "EPOLLEXCLUSIVE"},
    {1u << 29, "EPOLLWAKEUP"}, {1u << 30, "EPOLLONESHOT"}, {1u << 31, "EPOLLET"}, {0, NULL},
};
/* clang-format on */

/* The two lowest bits are a number of their own. */
int eu_decode_open_flags(struct eu_word *word, const struct eu_raw *raw) {
    static const char *const access[] = {"O_RDONLY", "O_WRONLY", "O_RDWR", "O_ACCMODE"};
    uint64_t flags = eu_raw_unsigned(raw);
    eu_word_text(word, access[flags & 3]);
    return flags & ~3ull ? eu_put_flags(word, open_flags, flags & ~3ull) : EU_AS_WORD;
}

/* The lowest byte is the signal sent at the end; with clone3 it is none and CLONE_NEWTIME may be set. */
int eu_decode_clone_flags(struct eu_word *word, const struct eu_raw *raw) {
    uint64_t flags = eu_raw_unsigned(raw);
    struct eu_raw signal = *raw;
    signal.number = (int64_t)(flags & 0x7f);
    if (signal.number && !eu_decode_signal(word, &signal))
        return eu_put_flags(word, clone_flags, flags);
    return flags & ~0x7full || !signal.number ? eu_put_flags(word, clone_flags, flags & ~0x7full) : EU_AS_WORD;
}

int eu_decode_mmap_prot(struct eu_word *word, const struct eu_raw *raw) {
    if (!raw->number) {
        eu_word_text(word, "PROT_NONE");
        return EU_AS_WORD;
    }
    return eu_put_flags(word, prot_flags, eu_raw_unsigned(raw));
}

int eu_decode_mmap_flags(struct eu_word *word, const struct eu_raw *raw) {
    return eu_put_flags(word, map_flags, eu_raw_unsigned(raw));
}

int eu_decode_mount_flags(struct eu_word *word, const struct eu_raw *raw) {
    return eu_put_flags(word, mount_flags, eu_raw_unsigned(raw));
}

int eu_decode_task_state(struct eu_word *word, const struct eu_raw *raw) {
    uint64_t whole = eu_raw_unsigned(raw), state = whole & 0xff; /* above: how it may be woken */
    if (!state || (whole & 0x402) == 0x402) {                    /* uninterruptible, but no load */
        eu_word_text(word, state ? "I" : "R");
        return EU_AS_WORD;
    }
    return eu_put_flags(word, task_states, state);
}

int eu_decode_tcp_flags(struct eu_word *word, const struct eu_raw *raw) {
    return eu_put_flags(word, tcp_flags, eu_raw_unsigned(raw));
}

int eu_decode_poll_events(struct eu_word *word, const struct eu_raw *raw) {
    return eu_put_flags(word, poll_events, eu_raw_unsigned(raw));
}

/* Numbers with names: what the kernel's headers define. Numbers that they do not have stay numbers. */
#include "decode.h"
#include "syscalls.h"

/* clang-format off */
/* Source: include/uapi/asm-generic/signal.h (x86-64 and arm64 have no others) */
static const struct eu_number_name signals[] = {
    {1, "SIGHUP"}, {2, "SIGINT"}, {3, "SIGQUIT"}, {4, "SIGILL"}, {5, "SIGTRAP"}, {6, "SIGABRT"}, {7, "SIGBUS"}, {8, "SIGFPE"},
    {9, "SIGKILL"}, {10, "SIGUSR1"}, {11, "SIGSEGV"}, {12, "SIGUSR2"}, {13, "SIGPIPE"}, {14, "SIGALRM"}, {15, "SIGTERM"}, {16,
    "SIGSTKFLT"}, {17, "SIGCHLD"}, {18, "SIGCONT"}, {19, "SIGSTOP"}, {20, "SIGTSTP"}, {21, "SIGTTIN"}, {22, "SIGTTOU"}, {23,
    "SIGURG"}, {24, "SIGXCPU"}, {25, "SIGXFSZ"}, {26, "SIGVTALRM"}, {27, "SIGPROF"}, {28, "SIGWINCH"}, {29, "SIGIO"}, {30,
    "SIGPWR"}, {31, "SIGSYS"}, {0, NULL},
};
/* Source: include/uapi/asm-generic/errno*.h; include/linux/errno.h for what never reaches user space */
static const struct eu_number_name errors[] = {
    {1, "EPERM"}, {2, "ENOENT"}, {3, "ESRCH"}, {4, "EINTR"}, {5, "EIO"}, {6, "ENXIO"}, {7, "E2BIG"}, {8, "ENOEXEC"}, {9,
    "EBADF"}, {10, "ECHILD"}, {11, "EAGAIN"}, {12, "ENOMEM"}, {13, "EACCES"}, {14, "EFAULT"}, {15, "ENOTBLK"}, {16, "EBUSY"},
    {17, "EEXIST"}, {18, "EXDEV"}, {19, "ENODEV"}, {20, "ENOTDIR"}, {21, "EISDIR"}, {22, "EINVAL"}, {23, "ENFILE"}, {24,
    "EMFILE"}, {25, "ENOTTY"}, {26, "ETXTBSY"}, {27, "EFBIG"}, {28, "ENOSPC"}, {29, "ESPIPE"}, {30, "EROFS"}, {31, "EMLINK"},
    {32, "EPIPE"}, {33, "EDOM"}, {34, "ERANGE"}, {35, "EDEADLK"}, {36, "ENAMETOOLONG"}, {37, "ENOLCK"}, {38, "ENOSYS"}, {39,
    "ENOTEMPTY"}, {40, "ELOOP"}, {42, "ENOMSG"}, {43, "EIDRM"}, {44, "ECHRNG"}, {45, "EL2NSYNC"}, {46, "EL3HLT"}, {47,
    "EL3RST"}, {48, "ELNRNG"}, {49, "EUNATCH"}, {50, "ENOCSI"}, {51, "EL2HLT"}, {52, "EBADE"}, {53, "EBADR"}, {54, "EXFULL"},
    {55, "ENOANO"}, {56, "EBADRQC"}, {57, "EBADSLT"}, {59, "EBFONT"}, {60, "ENOSTR"}, {61, "ENODATA"}, {62, "ETIME"}, {63,
    "ENOSR"}, {64, "ENONET"}, {65, "ENOPKG"}, {66, "EREMOTE"}, {67, "ENOLINK"}, {68, "EADV"}, {69, "ESRMNT"}, {70, "ECOMM"},
    {71, "EPROTO"}, {72, "EMULTIHOP"}, {73, "EDOTDOT"}, {74, "EBADMSG"}, {75, "EOVERFLOW"}, {76, "ENOTUNIQ"}, {77, "EBADFD"},
    {78, "EREMCHG"}, {79, "ELIBACC"}, {80, "ELIBBAD"}, {81, "ELIBSCN"}, {82, "ELIBMAX"}, {83, "ELIBEXEC"}, {84, "EILSEQ"},
    {85, "ERESTART"}, {86, "ESTRPIPE"}, {87, "EUSERS"}, {88, "ENOTSOCK"}, {89, "EDESTADDRREQ"}, {90, "EMSGSIZE"}, {91,
    "EPROTOTYPE"}, {92, "ENOPROTOOPT"}, {93, "EPROTONOSUPPORT"}, {94, "ESOCKTNOSUPPORT"}, {95, "EOPNOTSUPP"}, {96,
    "EPFNOSUPPORT"}, {97, "EAFNOSUPPORT"}, {98, "EADDRINUSE"}, {99, "EADDRNOTAVAIL"}, {100, "ENETDOWN"}, {101, "ENETUNREACH"},
    {102, "ENETRESET"}, {103, "ECONNABORTED"}, {104, "ECONNRESET"}, {105, "ENOBUFS"}, {106, "EISCONN"}, {107, "ENOTCONN"},
    {108, "ESHUTDOWN"}, {109, "ETOOMANYREFS"}, {110, "ETIMEDOUT"}, {111, "ECONNREFUSED"}, {112, "EHOSTDOWN"}, {113,
    "EHOSTUNREACH"}, {114, "EALREADY"}, {115, "EINPROGRESS"}, {116, "ESTALE"}, {117, "EUCLEAN"}, {118, "ENOTNAM"}, {119,
    "ENAVAIL"}, {120, "EISNAM"}, {121, "EREMOTEIO"}, {122, "EDQUOT"}, {123, "ENOMEDIUM"}, {124, "EMEDIUMTYPE"}, {125,
    "ECANCELED"}, {126, "ENOKEY"}, {127, "EKEYEXPIRED"}, {128, "EKEYREVOKED"}, {129, "EKEYREJECTED"}, {130, "EOWNERDEAD"},
    {131, "ENOTRECOVERABLE"}, {132, "ERFKILL"}, {133, "EHWPOISON"}, {512, "ERESTARTSYS"}, {513, "ERESTARTNOINTR"}, {514,
    "ERESTARTNOHAND"}, {515, "ENOIOCTLCMD"}, {516, "ERESTART_RESTARTBLOCK"}, {517, "EPROBE_DEFER"}, {518, "EOPENSTALE"}, {519,
    "ENOPARAM"}, {521, "EBADHANDLE"}, {522, "ENOTSYNC"}, {523, "EBADCOOKIE"}, {524, "ENOTSUPP"}, {525, "ETOOSMALL"}, {526,
    "ESERVERFAULT"}, {527, "EBADTYPE"}, {528, "EJUKEBOX"}, {529, "EIOCBQUEUED"}, {530, "ERECALLCONFLICT"}, {0, NULL},
};
/* Source: include/net/tcp_states.h */
static const struct eu_number_name tcp_states[] = {
    {1, "ESTABLISHED"}, {2, "SYN_SENT"}, {3, "SYN_RECV"}, {4, "FIN_WAIT1"}, {5, "FIN_WAIT2"}, {6, "TIME_WAIT"}, {7, "CLOSE"},
    {8, "CLOSE_WAIT"}, {9, "LAST_ACK"}, {10, "LISTEN"}, {11, "CLOSING"}, {12, "NEW_SYN_RECV"}, {13, "BOUND_INACTIVE"}, {0,
    NULL},
};
/* Source: include/linux/socket.h */
static const struct eu_number_name families[] = {
    {0, "AF_UNSPEC"}, {1, "AF_UNIX"}, {2, "AF_INET"}, {3, "AF_AX25"}, {4, "AF_IPX"}, {6, "AF_NETROM"}, {7, "AF_BRIDGE"}, {9,
    "AF_X25"}, {10, "AF_INET6"}, {11, "AF_ROSE"}, {13, "AF_NETBEUI"}, {14, "AF_SECURITY"}, {15, "AF_KEY"}, {16, "AF_NETLINK"},
    {17, "AF_PACKET"}, {18, "AF_ASH"}, {19, "AF_ECONET"}, {20, "AF_ATMSVC"}, {21, "AF_RDS"}, {22, "AF_SNA"}, {23, "AF_IRDA"},
    {24, "AF_PPPOX"}, {26, "AF_LLC"}, {27, "AF_IB"}, {28, "AF_MPLS"}, {29, "AF_CAN"}, {30, "AF_TIPC"}, {31, "AF_BLUETOOTH"},
    {33, "AF_RXRPC"}, {34, "AF_ISDN"}, {35, "AF_PHONET"}, {36, "AF_IEEE802154"}, {37, "AF_CAIF"}, {38, "AF_ALG"}, {39,
    "AF_NFC"}, {40, "AF_VSOCK"}, {41, "AF_KCM"}, {42, "AF_QIPCRTR"}, {43, "AF_SMC"}, {44, "AF_XDP"}, {45, "AF_MCTP"}, {0,
    NULL},
};
/* Source: include/linux/interrupt.h */
static const struct eu_number_name softirqs[] = {
    {0, "hi"}, {1, "timer"}, {2, "net_tx"}, {3, "net_rx"}, {4, "block"}, {5, "irq_poll"}, {6, "tasklet"}, {7, "sched"}, {8,
    "hrtimer"}, {9, "rcu"}, {0, NULL},
};
/* Source: include/uapi/linux/in.h, in6.h */
static const struct eu_number_name protocols[] = {
    {0, "IP"}, {1, "ICMP"}, {2, "IGMP"}, {4, "IPIP"}, {6, "TCP"}, {8, "EGP"}, {12, "PUP"}, {17, "UDP"}, {22, "IDP"}, {29,
    "TP"}, {33, "DCCP"}, {41, "IPV6"}, {46, "RSVP"}, {47, "GRE"}, {50, "ESP"}, {51, "AH"}, {58, "ICMPV6"}, {59, "NONE"}, {89,
    "OSPF"}, {92, "MTP"}, {94, "BEETPH"}, {98, "ENCAP"}, {103, "PIM"}, {108, "COMP"}, {112, "VRRP"}, {115, "L2TP"}, {132,
    "SCTP"}, {136, "UDPLITE"}, {137, "MPLS"}, {143, "ETHERNET"}, {255, "RAW"}, {256, "SMC"}, {262, "MPTCP"}, {0, NULL},
};
/* Source: include/linux/net.h */
static const struct eu_number_name socket_types[] = {
    {1, "SOCK_STREAM"}, {2, "SOCK_DGRAM"}, {3, "SOCK_RAW"}, {4, "SOCK_RDM"}, {5, "SOCK_SEQPACKET"}, {6, "SOCK_DCCP"}, {10,
    "SOCK_PACKET"}, {0, NULL},
};
/* Source: include/uapi/linux/if_ether.h */
static const struct eu_number_name ether_types[] = {
    {0x800, "IPv4"}, {0x806, "ARP"}, {0x8035, "RARP"}, {0x8100, "802.1Q"}, {0x86dd, "IPv6"}, {0x8847, "MPLS"}, {0x8863,
    "PPPoE_DISC"}, {0x8864, "PPPoE"}, {0x888e, "EAPOL"}, {0x88a8, "802.1AD"}, {0x88cc, "LLDP"}, {0x88e5, "MACsec"}, {0x88f7,
    "PTP"}, {0, NULL},
};
/* Source: include/linux/blk_types.h, enum req_op (6.0 and newer) */
static const struct eu_number_name block_ops[] = {
    {0, "READ"}, {1, "WRITE"}, {2, "FLUSH"}, {3, "DISCARD"}, {5, "SECURE_ERASE"}, {7, "ZONE_APPEND"}, {9, "WRITE_ZEROES"},
    {10, "ZONE_OPEN"}, {11, "ZONE_CLOSE"}, {12, "ZONE_FINISH"}, {13, "ZONE_RESET"}, {15, "ZONE_RESET_ALL"}, {34, "DRV_IN"},
    {35, "DRV_OUT"}, {0, NULL},
};
/* Source: include/uapi/linux/sched.h */
static const struct eu_number_name policies[] = {
    {0, "SCHED_NORMAL"}, {1, "SCHED_FIFO"}, {2, "SCHED_RR"}, {3, "SCHED_BATCH"}, {5, "SCHED_IDLE"}, {6, "SCHED_DEADLINE"}, {7,
    "SCHED_EXT"}, {0, NULL},
};
/* Source: include/linux/proc_ns.h; before 6.18 net and mnt have numbers like the others */
static const struct eu_number_name namespaces[] = {
    {0xefffffff, "init_ipc"}, {0xeffffffe, "init_uts"}, {0xeffffffd, "init_user"}, {0xeffffffc, "init_pid"}, {0xeffffffb,
    "init_cgroup"}, {0xeffffffa, "init_time"}, {0xeffffff9, "init_net"}, {0xeffffff8, "init_mnt"}, {0, NULL},
};
/* Source: include/uapi/linux/capability.h */
static const char *const capabilities[] = {
    "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_SETGID",
    "CAP_SETUID", "CAP_SETPCAP", "CAP_LINUX_IMMUTABLE", "CAP_NET_BIND_SERVICE", "CAP_NET_BROADCAST", "CAP_NET_ADMIN",
    "CAP_NET_RAW", "CAP_IPC_LOCK", "CAP_IPC_OWNER", "CAP_SYS_MODULE", "CAP_SYS_RAWIO", "CAP_SYS_CHROOT", "CAP_SYS_PTRACE",
    "CAP_SYS_PACCT", "CAP_SYS_ADMIN", "CAP_SYS_BOOT", "CAP_SYS_NICE", "CAP_SYS_RESOURCE", "CAP_SYS_TIME",
    "CAP_SYS_TTY_CONFIG", "CAP_MKNOD", "CAP_LEASE", "CAP_AUDIT_WRITE", "CAP_AUDIT_CONTROL", "CAP_SETFCAP", "CAP_MAC_OVERRIDE",
    "CAP_MAC_ADMIN", "CAP_SYSLOG", "CAP_WAKE_ALARM", "CAP_BLOCK_SUSPEND", "CAP_AUDIT_READ", "CAP_PERFMON", "CAP_BPF",
    "CAP_CHECKPOINT_RESTORE",
};
/* Source: include/uapi/linux/bpf.h, enum bpf_prog_type */
static const char *const prog_types[] = {
    "unspec", "socket_filter", "kprobe", "sched_cls", "sched_act", "tracepoint", "xdp", "perf_event", "cgroup_skb",
    "cgroup_sock", "lwt_in", "lwt_out", "lwt_xmit", "sock_ops", "sk_skb", "cgroup_device", "sk_msg", "raw_tracepoint",
    "cgroup_sock_addr", "lwt_seg6local", "lirc_mode2", "sk_reuseport", "flow_dissector", "cgroup_sysctl",
    "raw_tracepoint_writable", "cgroup_sockopt", "tracing", "struct_ops", "ext", "lsm", "sk_lookup", "syscall", "netfilter",
};
/* Source: include/uapi/linux/bpf.h, enum bpf_map_type */
static const char *const map_types[] = {
    "unspec", "hash", "array", "prog_array", "perf_event_array", "percpu_hash", "percpu_array", "stack_trace", "cgroup_array",
    "lru_hash", "lru_percpu_hash", "lpm_trie", "array_of_maps", "hash_of_maps", "devmap", "sockmap", "cpumap", "xskmap",
    "sockhash", "cgroup_storage", "reuseport_sockarray", "percpu_cgroup_storage", "queue", "stack", "sk_storage",
    "devmap_hash", "struct_ops", "ringbuf", "inode_storage", "task_storage", "bloom_filter", "user_ringbuf", "cgrp_storage",
    "arena", "insn_array",
};
/* clang-format on */

static int listed(struct eu_word *word, const char *const *names, size_t count, int64_t number) {
    if (number < 0 || (uint64_t)number >= count)
        return EU_NOT_DECODED;
    eu_word_text(word, names[number]);
    return EU_AS_WORD;
}
#define LISTED(word, names, number) listed(word, names, sizeof(names) / sizeof((names)[0]), number)

int eu_decode_signal(struct eu_word *word, const struct eu_raw *raw) {
    if (raw->number < 32 || raw->number > 64)
        return eu_put_name(word, signals, raw->number);
    eu_word_format(word, raw->number == 34 ? "SIGRTMIN" : "SIGRTMIN%+d", (int)raw->number - 34);
    return EU_AS_WORD;
}

/* Of a signed number positive ones are results: descriptors, counts. Programs often keep a negative one in an unsigned field. */
int eu_decode_errno(struct eu_word *word, const struct eu_raw *raw) {
    int64_t v = raw->number;
    if (raw->type->kind == EU_UINT && raw->type->size == 4 && v > INT32_MAX)
        v = (int32_t)v;
    return v < 0 ? v > INT64_MIN ? eu_put_name(word, errors, -v) : 0 : raw->type->kind == EU_UINT ? eu_put_name(word, errors, v) : 0;
}

/* Of the machine we run on. */
int eu_decode_syscall(struct eu_word *word, const struct eu_raw *raw) {
    const char *name = raw->number >= 0 ? eu_syscall_name((uint64_t)raw->number) : NULL;
    if (!name)
        return EU_NOT_DECODED;
    eu_word_text(word, name);
    return EU_AS_WORD;
}

int eu_decode_tcp_state(struct eu_word *word, const struct eu_raw *raw) {
    return eu_put_name(word, tcp_states, raw->number);
}

int eu_decode_address_family(struct eu_word *word, const struct eu_raw *raw) {
    return eu_put_name(word, families, raw->number);
}

int eu_decode_softirq(struct eu_word *word, const struct eu_raw *raw) {
    return eu_put_name(word, softirqs, raw->number);
}

int eu_decode_ip_protocol(struct eu_word *word, const struct eu_raw *raw) {
    return eu_put_name(word, protocols, raw->number);
}

/* The low bits are the type, SOCK_CLOEXEC and SOCK_NONBLOCK stand above. */
int eu_decode_socket_type(struct eu_word *word, const struct eu_raw *raw) {
    uint64_t v = (uint64_t)raw->number;
    if (v & ~02004017ull || !eu_put_name(word, socket_types, (int64_t)(v & 15)))
        return EU_NOT_DECODED;
    eu_word_text(word, v & 02000000 ? "|SOCK_CLOEXEC" : "");
    eu_word_text(word, v & 04000 ? "|SOCK_NONBLOCK" : "");
    return EU_AS_WORD;
}

/* In either byte order: none of these is another one backwards. */
int eu_decode_ether_type(struct eu_word *word, const struct eu_raw *raw) {
    uint16_t v = (uint16_t)raw->number;
    return eu_put_name(word, ether_types, v) ? EU_AS_WORD : eu_put_name(word, ether_types, __builtin_bswap16(v));
}

/* The operation is in the low 8 bits of what blk_types.h calls cmd_flags. */
int eu_decode_block_op(struct eu_word *word, const struct eu_raw *raw) {
    return eu_put_name(word, block_ops, raw->number & 0xff);
}

int eu_decode_sched_policy(struct eu_word *word, const struct eu_raw *raw) {
    return eu_put_name(word, policies, raw->number & 0xffffff);
}

/* Inodes of the namespaces that the machine started with; others stay numbers, as in /proc/PID/ns. */
int eu_decode_namespace(struct eu_word *word, const struct eu_raw *raw) {
    return eu_put_name(word, namespaces, (int64_t)eu_raw_unsigned(raw));
}

int eu_decode_capability(struct eu_word *word, const struct eu_raw *raw) {
    return LISTED(word, capabilities, raw->number);
}

int eu_decode_prog_type(struct eu_word *word, const struct eu_raw *raw) {
    return LISTED(word, prog_types, raw->number);
}

int eu_decode_map_type(struct eu_word *word, const struct eu_raw *raw) {
    return LISTED(word, map_types, raw->number);
}

#define _GNU_SOURCE
#include "decoders.h"
#include "clock.h"
#include "facts.h"
#include "number.h"
#include "symbols.h"
#include "syscalls.h"
#include "text.h"
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

struct name {
    int number;
    const char *text;
};

static const struct name signals[] = {
    {1, "SIGHUP"},   {2, "SIGINT"},     {3, "SIGQUIT"},  {4, "SIGILL"},   {5, "SIGTRAP"},    {6, "SIGABRT"},  {7, "SIGBUS"},
    {8, "SIGFPE"},   {9, "SIGKILL"},    {10, "SIGUSR1"}, {11, "SIGSEGV"}, {12, "SIGUSR2"},   {13, "SIGPIPE"}, {14, "SIGALRM"},
    {15, "SIGTERM"}, {16, "SIGSTKFLT"}, {17, "SIGCHLD"}, {18, "SIGCONT"}, {19, "SIGSTOP"},   {20, "SIGTSTP"}, {21, "SIGTTIN"},
    {22, "SIGTTOU"}, {23, "SIGURG"},    {24, "SIGXCPU"}, {25, "SIGXFSZ"}, {26, "SIGVTALRM"}, {27, "SIGPROF"}, {28, "SIGWINCH"},
    {29, "SIGIO"},   {30, "SIGPWR"},    {31, "SIGSYS"},  {0, NULL},
};
static const struct name tcp_states[] = {
    {1, "ESTABLISHED"}, {2, "SYN_SENT"}, {3, "SYN_RECV"}, {4, "FIN_WAIT1"}, {5, "FIN_WAIT2"},     {6, "TIME_WAIT"},       {7, "CLOSE"},
    {8, "CLOSE_WAIT"},  {9, "LAST_ACK"}, {10, "LISTEN"},  {11, "CLOSING"},  {12, "NEW_SYN_RECV"}, {13, "BOUND_INACTIVE"}, {0, NULL},
};
static const struct name families[] = {
    {0, "AF_UNSPEC"},     {1, "AF_UNIX"},     {2, "AF_INET"},    {3, "AF_AX25"}, {4, "AF_IPX"},  {10, "AF_INET6"},
    {15, "AF_KEY"},       {16, "AF_NETLINK"}, {17, "AF_PACKET"}, {21, "AF_RDS"}, {29, "AF_CAN"}, {30, "AF_TIPC"},
    {31, "AF_BLUETOOTH"}, {38, "AF_ALG"},     {40, "AF_VSOCK"},  {43, "AF_SMC"}, {44, "AF_XDP"}, {-1, NULL},
};
static const struct name softirqs[] = {
    {0, "hi"},      {1, "timer"}, {2, "net_tx"},  {3, "net_rx"}, {4, "block"}, {5, "irq_poll"},
    {6, "tasklet"}, {7, "sched"}, {8, "hrtimer"}, {9, "rcu"},    {-1, NULL},
};

/* errno values of Linux on x86-64 and arm64 (asm-generic); the kernel's own, which libc cannot name, at the end. */
static const struct name errors[] = {
    {1, "EPERM"},
    {2, "ENOENT"},
    {3, "ESRCH"},
    {4, "EINTR"},
    {5, "EIO"},
    {6, "ENXIO"},
    {7, "E2BIG"},
    {8, "ENOEXEC"},
    {9, "EBADF"},
    {10, "ECHILD"},
    {11, "EAGAIN"},
    {12, "ENOMEM"},
    {13, "EACCES"},
    {14, "EFAULT"},
    {15, "ENOTBLK"},
    {16, "EBUSY"},
    {17, "EEXIST"},
    {18, "EXDEV"},
    {19, "ENODEV"},
    {20, "ENOTDIR"},
    {21, "EISDIR"},
    {22, "EINVAL"},
    {23, "ENFILE"},
    {24, "EMFILE"},
    {25, "ENOTTY"},
    {26, "ETXTBSY"},
    {27, "EFBIG"},
    {28, "ENOSPC"},
    {29, "ESPIPE"},
    {30, "EROFS"},
    {31, "EMLINK"},
    {32, "EPIPE"},
    {33, "EDOM"},
    {34, "ERANGE"},
    {35, "EDEADLK"},
    {36, "ENAMETOOLONG"},
    {37, "ENOLCK"},
    {38, "ENOSYS"},
    {39, "ENOTEMPTY"},
    {40, "ELOOP"},
    {42, "ENOMSG"},
    {43, "EIDRM"},
    {61, "ENODATA"},
    {62, "ETIME"},
    {71, "EPROTO"},
    {74, "EBADMSG"},
    {75, "EOVERFLOW"},
    {84, "EILSEQ"},
    {87, "EUSERS"},
    {88, "ENOTSOCK"},
    {89, "EDESTADDRREQ"},
    {90, "EMSGSIZE"},
    {91, "EPROTOTYPE"},
    {92, "ENOPROTOOPT"},
    {93, "EPROTONOSUPPORT"},
    {94, "ESOCKTNOSUPPORT"},
    {95, "EOPNOTSUPP"},
    {96, "EPFNOSUPPORT"},
    {97, "EAFNOSUPPORT"},
    {98, "EADDRINUSE"},
    {99, "EADDRNOTAVAIL"},
    {100, "ENETDOWN"},
    {101, "ENETUNREACH"},
    {102, "ENETRESET"},
    {103, "ECONNABORTED"},
    {104, "ECONNRESET"},
    {105, "ENOBUFS"},
    {106, "EISCONN"},
    {107, "ENOTCONN"},
    {108, "ESHUTDOWN"},
    {110, "ETIMEDOUT"},
    {111, "ECONNREFUSED"},
    {112, "EHOSTDOWN"},
    {113, "EHOSTUNREACH"},
    {114, "EALREADY"},
    {115, "EINPROGRESS"},
    {116, "ESTALE"},
    {122, "EDQUOT"},
    {123, "ENOMEDIUM"},
    {125, "ECANCELED"},
    {126, "ENOKEY"},
    {127, "EKEYEXPIRED"},
    {128, "EKEYREVOKED"},
    {130, "EOWNERDEAD"},
    {131, "ENOTRECOVERABLE"},
    {133, "EHWPOISON"},
    {512, "ERESTARTSYS"},
    {513, "ERESTARTNOINTR"},
    {514, "ERESTARTNOHAND"},
    {516, "ERESTART_RESTARTBLOCK"},
    {517, "EPROBE_DEFER"},
    {524, "ENOTSUPP"},
    {0, NULL},
};

static const char *find(const struct name *names, int64_t number) {
    for (; names->text; names++)
        if (names->number == number)
            return names->text;
    return NULL;
}

/* A word: quoted in JSON. */
static int word_of(struct eu_out *out, const char *text, size_t size, int bare) {
    if (bare)
        eu_out_put(out, text, size);
    else
        eu_quoted(out, text, size);
    return 1;
}

static int word(struct eu_out *out, const char *text, int bare) {
    return text ? word_of(out, text, strlen(text), bare) : 0;
}

static int ip4(struct eu_out *out, const uint8_t *p, int text) {
    char address[INET_ADDRSTRLEN];
    return word(out, inet_ntop(AF_INET, p, address, sizeof(address)), text);
}

static int ip6(struct eu_out *out, const uint8_t *p, int text) {
    char address[INET6_ADDRSTRLEN];
    return word(out, inet_ntop(AF_INET6, p, address, sizeof(address)), text);
}

/* 16 bytes of either family: IPv4-mapped, or 4 bytes and zeroes as tools leave them in a union. */
static int ip(struct eu_out *out, const uint8_t *p, int text) {
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff}, zero[16];
    if (!memcmp(p, mapped, 12))
        return ip4(out, p + 12, text);
    if (!memcmp(p + 4, zero, 12) && memcmp(p, zero, 4))
        return ip4(out, p, text);
    return ip6(out, p, text);
}

static int bytes(struct eu_out *out, const uint8_t *p, size_t size, char separator, int text) {
    char *w = eu_out_room(out, 3 * size + 3);
    if (!w)
        return 1;
    if (!text)
        *w++ = '"';
    for (size_t i = 0; i < size; i++) {
        if (i && separator)
            *w++ = separator;
        w = eu_put_hex(w, p[i], 2);
    }
    if (!text)
        *w++ = '"';
    out->used = w - out->data;
    return 1;
}

/* CLOCK_MONOTONIC to wall clock. */
static int ktime(struct eu_out *out, uint64_t ns, int text) {
    char line[EU_NUMBER_ROOM], *w = line;
    int64_t at = eu_clock_wall(EU_CLOCK_MONOTONIC, ns);
    if (!ns || at < 0)
        return 0;
    int64_t seconds = at / 1000000000;
    long rest = (long)(at % 1000000000);
    if (text) {
        w = eu_put_clock(w, seconds);
        w += snprintf(w, 8, ".%06ld", rest / 1000 % 1000000);
    } else {
        w = eu_put_iso(w, seconds, rest);
    }
    *w = 0;
    return word(out, line, text);
}

static int duration(struct eu_out *out, uint64_t ns) {
    static const struct {
        double unit;
        const char *name;
    } units[] = {{1e9, "s"}, {1e6, "ms"}, {1e3, "us"}};
    for (size_t i = 0; i < 3; i++)
        if ((double)ns >= units[i].unit) {
            double v = (double)ns / units[i].unit;
            eu_out_format(out, "%.*f%s", v < 10 ? 3 : v < 100 ? 2 : v < 1000 ? 1 : 0, v, units[i].name);
            return 1;
        }
    eu_out_format(out, "%lluns", (unsigned long long)ns);
    return 1;
}

static int error_name(struct eu_out *out, const struct eu_plan_type *type, int64_t v, int text) {
    if (type->kind == EU_UINT && type->size == 4 && v > INT32_MAX)
        v = (int32_t)v;
    /* of a signed number positive ones are results: descriptors, counts */
    return word(out, v < 0 ? find(errors, -v) : type->kind == EU_UINT ? find(errors, v) : NULL, text);
}

static int signal_name(struct eu_out *out, int64_t v, int text) {
    char line[32];
    if (v >= 32 && v <= 64) {
        snprintf(line, sizeof(line), v == 34 ? "SIGRTMIN" : "SIGRTMIN%+d", (int)v - 34);
        return word(out, line, text);
    }
    return word(out, find(signals, v), text);
}

static int kernel_symbol(struct eu_out *out, uint64_t address, int text) {
    char line[1100];
    uint64_t offset;
    if (!eu_kernel_name(address, &offset) || eu_symbol_kernel(address, line, sizeof(line)) < 0)
        return 0;
    return word(out, line, text);
}

/* By the running kernel's architecture, or by the recorded one's. */
static int syscall_name(struct eu_out *out, uint64_t v, int text) {
    struct eu_fact fact = {.kind = EU_FACT_WORD, .owner = EU_SYSCALL, .key = v};
    if (eu_facts_ask(&fact))
        return fact.value ? word_of(out, (const char *)fact.value, fact.size, text) : 0;
    const char *name = eu_syscall_name(v);
    fact.value = (const uint8_t *)name;
    fact.size = name ? strlen(name) : 0;
    eu_facts_tell(&fact);
    return word(out, name, text);
}

static int number(struct eu_out *out, int decoder, const struct eu_plan_type *type, int64_t v, int text) {
    char line[EU_NUMBER_ROOM];
    switch (decoder) {
    case EU_HEX:
        if (type->kind == EU_INT && type->size < 8)
            v &= (1ll << 8 * type->size) - 1;
        snprintf(line, sizeof(line), "0x%llx", (unsigned long long)v);
        return word(out, line, text);
    case EU_SIGNAL:
        return signal_name(out, v, text);
    case EU_ERRNO:
        return error_name(out, type, v, text);
    case EU_SYSCALL:
        return v >= 0 ? syscall_name(out, (uint64_t)v, text) : 0;
    case EU_KTIME_NS:
        return ktime(out, (uint64_t)v, text);
    case EU_DURATION_NS:
        return text && v >= 0 ? duration(out, (uint64_t)v) : 0;
    case EU_DURATION_US:
        return text && v >= 0 && v < INT64_MAX / 1000 ? duration(out, (uint64_t)v * 1000) : 0;
    case EU_DEVICE:
        snprintf(line, sizeof(line), "%u:%u", (unsigned)((uint64_t)v >> 20 & 0xfff), (unsigned)(v & 0xfffff));
        return word(out, line, text);
    case EU_KSYM:
        return kernel_symbol(out, (uint64_t)v, text);
    case EU_MODE:
        snprintf(line, sizeof(line), "0%o", (unsigned)v);
        return word(out, line, text);
    case EU_TCP_STATE:
        return word(out, find(tcp_states, v), text);
    case EU_ADDRESS_FAMILY:
        return word(out, find(families, v), text);
    case EU_SOFTIRQ:
        return word(out, find(softirqs, v), text);
    }
    return 0;
}

int eu_decode(const struct eu_show *show, struct eu_out *out, int decoder, uint32_t index, const uint8_t *p, const uint8_t *end, int text) {
    const struct eu_plan_type *type = &show->plan->types[index];
    size_t size = type->size || type->kind == EU_STRUCT || type->kind == EU_UNION ? type->size : (size_t)(end - p);
    /* elements of these are what a decoder of several bytes means, unless each is as long as it wants */
    int is_bytes = type->kind != EU_ARRAY || show->plan->types[type->first].size < 4 || decoder == EU_IP || decoder == EU_IP6;
    switch (decoder) {
    case EU_IP4:
        return size == 4 && is_bytes && ip4(out, p, text);
    case EU_IP6:
        return size == 16 && is_bytes && ip6(out, p, text);
    case EU_IP:
        return is_bytes && (size == 16 ? ip(out, p, text) : size == 4 && ip4(out, p, text));
    case EU_MAC:
        return size == 6 && bytes(out, p, size, ':', text);
    case EU_BYTES:
        return bytes(out, p, size, 0, text);
    case EU_PORT:
        if (!plan_is_scalar(type) || size < 2)
            return 0;
        eu_out_format(out, "%u", (unsigned)p[0] << 8 | p[1]);
        return 1;
    }
    if (!plan_is_scalar(type) || type->kind == EU_FLOAT || size > 8)
        return 0;
    return number(out, decoder, type, eu_scalar(type, p), text);
}

int eu_decoder_asks(int decoder) {
    return decoder == EU_KSYM || decoder == EU_SYSCALL;
}

int eu_decoder_width(int decoder) {
    static const uint8_t widths[] = {
        [EU_IP4] = 15,   [EU_IP6] = 25,     [EU_IP] = 15,       [EU_PORT] = 5,        [EU_SIGNAL] = 9,
        [EU_ERRNO] = 12, [EU_SYSCALL] = 16, [EU_KTIME_NS] = 15, [EU_DURATION_NS] = 8, [EU_DURATION_US] = 8,
        [EU_DEVICE] = 7, [EU_KSYM] = 32,    [EU_MODE] = 7,      [EU_TCP_STATE] = 12,  [EU_ADDRESS_FAMILY] = 9,
        [EU_MAC] = 17,   [EU_SOFTIRQ] = 8,
    };
    return decoder > 0 && decoder < (int)(sizeof(widths) / sizeof(widths[0])) ? widths[decoder] : 0;
}

/* Targets as text: which kinds there are, what each may carry, which programs take them. */
#define _GNU_SOURCE
#include "target.h"
#include "error.h"
#include "near.h"
#include "object.h"
#include "uapi.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Options are words with a blank around each. */
static const struct kind {
    const char *name, *options, *form;
} kinds[NR_TARGET_KINDS] = {
    [TARGET_IFACE] = {"iface", " native generic offload replace ", "iface:NAME[,native|generic|offload][,replace]"},
    [TARGET_TC] = {"tc", " handle prio ", "tc:NAME[:ingress|egress][,handle=N][,prio=N]"},
    [TARGET_TCX] = {"tcx", " first last ", "tcx:NAME[:ingress|egress][,first|last]"},
    [TARGET_NETKIT] = {"netkit", " first last ", "netkit:NAME[:primary|peer][,first|last]"},
    [TARGET_CGROUP] = {"cgroup", " ingress egress ", "cgroup:PATH"},
    [TARGET_NETNS] = {"netns", " ", "netns:NAME|PID|PATH|self"},
    [TARGET_NETFILTER] = {"netfilter", " prio defrag ", "netfilter:ipv4|ipv6:HOOK[,prio=N][,defrag]"},
    [TARGET_MAP] = {"map", " ", "map:NAME"},
    [TARGET_SOCKET] = {"socket", " fd pid ", "socket:IFACE, or socket:,fd=N[,pid=PID]"},
    [TARGET_PERF] = {"perf", " freq period pid cpu ", "perf:EVENT[,freq=N|period=N][,pid=N][,cpu=N]"},
    [TARGET_KPROBE] = {"kprobe", " ", "kprobe:FUNCTION[+OFFSET]|PATTERN"},
    [TARGET_UPROBE] = {"uprobe", " pid ", "uprobe:BINARY:FUNCTION[+OFFSET]|PATTERN[,pid=N]"},
    [TARGET_USDT] = {"usdt", " pid ", "usdt:BINARY:PROVIDER:NAME[,pid=N]"},
    [TARGET_TP] = {"tp", " ", "tp:CATEGORY/NAME"},
    [TARGET_RAW_TP] = {"raw_tp", " ", "raw_tp:NAME"},
    [TARGET_ITER] = {"iter", " map cgroup pid tid ", "iter:[,map=NAME][,cgroup=PATH][,pid=N][,tid=N]"},
    [TARGET_ROUTE] = {"route", " dev via metric table headroom ", "route:PREFIX,dev=IFACE|via=ADDRESS[,metric=N][,table=N]"},
    [TARGET_PROG] = {"prog", " function ", "prog:NAME|ID|PATH[,function=FUNCTION]"},
};

static int refuse(const char *text, const char *format, const char *word, const char *hint) {
    char why[600];
    snprintf(why, sizeof(why), format, word, hint);
    return eu_fail(EINVAL, "target %.200s: %s", text, why);
}

/* The first of the bytes `ends` that no backslash quotes, or the end; quotes are taken out on the way. */
static char *cut(char *from, char end) {
    char *to = from;
    while (*from && *from != end) {
        if (*from == '\\' && from[1])
            from++;
        *to++ = *from++;
    }
    char *next = *from ? from + 1 : NULL;
    *to = 0;
    return next;
}

static int find_kind(struct eu_target *target, const char *word) {
    struct eu_near near;
    char hint[160];
    eu_near_start(&near, word);
    for (int i = 0; i < NR_TARGET_KINDS; i++) {
        if (!strcmp(kinds[i].name, word)) {
            target->kind = i;
            return 0;
        }
        eu_near_offer(&near, kinds[i].name);
    }
    eu_near_hint(&near, hint, sizeof(hint));
    return refuse(target->whole, "unknown kind %.40s%s", word, *hint ? hint : " [KIND:NAME, as in iface:eth0 or cgroup:/sys/fs/cgroup]");
}

static int take_option(struct eu_target *target, char *word) {
    const struct kind *kind = &kinds[target->kind];
    char wanted[64], *equals = strchr(word, '=');
    if (equals)
        *equals = 0;
    snprintf(wanted, sizeof(wanted), " %.50s ", word);
    if (!*word || strchr(word, ' ') || !strstr(kind->options, wanted))
        return refuse(target->whole, "unknown option %.40s [%s]", word, kind->form);
    if (target->nr_options == TARGET_OPTIONS || eu_target_option(target, word))
        return refuse(target->whole, "option %.40s comes twice%s", word, "");
    target->options[target->nr_options].key = word;
    target->options[target->nr_options++].value = equals ? equals + 1 : NULL;
    return 0;
}

/* What whole numbers options take; others are words. */
static const struct range {
    enum eu_target_kind kind;
    const char *key;
    long long low, high;
} ranges[] = {
    {TARGET_TC, "handle", 1, UINT32_MAX},
    {TARGET_TC, "prio", 1, UINT16_MAX},
    {TARGET_NETFILTER, "prio", INT32_MIN + 1, INT32_MAX - 1},
    {TARGET_SOCKET, "fd", 0, INT32_MAX},
    {TARGET_SOCKET, "pid", 1, INT32_MAX},
    {TARGET_PERF, "freq", 1, INT32_MAX},
    {TARGET_PERF, "period", 1, INT64_MAX},
    {TARGET_PERF, "pid", 1, INT32_MAX},
    {TARGET_PERF, "cpu", 0, INT32_MAX},
    {TARGET_UPROBE, "pid", 1, INT32_MAX},
    {TARGET_USDT, "pid", 1, INT32_MAX},
    {TARGET_ITER, "pid", 1, INT32_MAX},
    {TARGET_ITER, "tid", 1, INT32_MAX},
    {TARGET_ROUTE, "metric", 0, UINT32_MAX},
    {TARGET_ROUTE, "table", 1, UINT32_MAX},
    {TARGET_ROUTE, "headroom", 0, 256},
};

/* What is wrong with its words in every kernel. */
static int check_words(const struct eu_target *target) {
    long long value;
    for (size_t i = 0; i < sizeof(ranges) / sizeof(*ranges); i++)
        if (ranges[i].kind == target->kind && eu_target_number(target, ranges[i].key, ranges[i].low, ranges[i].high, &value) < 0)
            return -EINVAL;
    const char *colon = strrchr(target->name, ':');
    int netkit = target->kind == TARGET_NETKIT;
    if (!colon || (!netkit && target->kind != TARGET_TC && target->kind != TARGET_TCX))
        return 0;
    if (!colon[1] || !strcmp(colon + 1, netkit ? "primary" : "ingress") || !strcmp(colon + 1, netkit ? "peer" : "egress"))
        return 0;
    return refuse(target->whole, "%.40s is neither %s", colon + 1, netkit ? "primary nor peer" : "ingress nor egress");
}

int eu_target_parse(const char *text, struct eu_target *target) {
    memset(target, 0, offsetof(struct eu_target, text));
    target->whole = text;
    if (strlen(text) >= sizeof(target->text))
        return eu_fail(ENAMETOOLONG, "target %.60s…: longer than %d bytes", text, TARGET_ROOM - 1);
    strcpy(target->text, text);
    char *colon = strchr(target->text, ':');
    if (!colon)
        return refuse(text, "no kind in it [KIND:NAME, as in %s or %s]", "iface:eth0", "cgroup:/sys/fs/cgroup");
    *colon = 0;
    int err = find_kind(target, target->text);
    target->name = colon + 1;
    for (char *rest = err ? NULL : cut(target->name, ','); rest && !err;) {
        char *word = rest;
        rest = cut(word, ',');
        err = take_option(target, word);
    }
    if (!err && !*target->name && !target->nr_options && target->kind != TARGET_ITER)
        return refuse(text, "nothing behind the colon%s [%s]", "", kinds[target->kind].form);
    return err ? err : check_words(target);
}

const char *eu_target_option(const struct eu_target *target, const char *key) {
    for (int i = 0; i < target->nr_options; i++)
        if (!strcmp(target->options[i].key, key))
            return target->options[i].value ? target->options[i].value : "";
    return NULL;
}

int eu_target_number(const struct eu_target *target, const char *key, long long low, long long high, long long *value) {
    const char *text = eu_target_option(target, key);
    char *end, range[80];
    if (!text)
        return 0;
    errno = 0;
    *value = strtoll(text, &end, 0);
    snprintf(range, sizeof(range), "%lld to %lld", low, high);
    if (!*text || *end || errno || *value < low || *value > high)
        return refuse(target->whole, "%s= takes a whole number from %s", key, range);
    return 1;
}

static int is_perf_family(enum eu_target_kind kind, const char *section) {
    int usdt = !strncmp(section, "usdt", 4), user = section[0] == 'u';
    switch (kind) {
    case TARGET_USDT:
        return usdt;
    case TARGET_UPROBE:
        return user && !usdt;
    case TARGET_KPROBE:
        return !user;
    default:
        return 0;
    }
}

int eu_target_fits(enum eu_target_kind kind, const struct bpf_program *prog) {
    int type = (int)bpf_program__type(prog), attach = (int)bpf_program__expected_attach_type(prog);
    eu_handlers_types(bpf_program__section_name(prog), &type, &attach); /* before load these are raw tracepoints */
    switch (type) {
    case BPF_PROG_TYPE_XDP:
        return kind == TARGET_IFACE;
    case BPF_PROG_TYPE_SCHED_CLS:
        return kind == TARGET_IFACE || kind == TARGET_TC || kind == TARGET_TCX || kind == TARGET_NETKIT;
    case BPF_PROG_TYPE_CGROUP_SKB:
    case BPF_PROG_TYPE_CGROUP_SOCK:
    case BPF_PROG_TYPE_CGROUP_SOCK_ADDR:
    case BPF_PROG_TYPE_CGROUP_SOCKOPT:
    case BPF_PROG_TYPE_CGROUP_SYSCTL:
    case BPF_PROG_TYPE_CGROUP_DEVICE:
    case BPF_PROG_TYPE_SOCK_OPS:
        return kind == TARGET_CGROUP;
    case BPF_PROG_TYPE_LSM:
        return kind == TARGET_CGROUP && attach == BPF_LSM_CGROUP;
    case BPF_PROG_TYPE_SK_LOOKUP:
    case BPF_PROG_TYPE_FLOW_DISSECTOR:
        return kind == TARGET_NETNS;
    case EU_PROG_TYPE_NETFILTER:
        return kind == TARGET_NETFILTER;
    case BPF_PROG_TYPE_SK_MSG:
    case BPF_PROG_TYPE_SK_SKB:
        return kind == TARGET_MAP;
    case BPF_PROG_TYPE_SOCKET_FILTER:
    case BPF_PROG_TYPE_SK_REUSEPORT:
        return kind == TARGET_SOCKET;
    case BPF_PROG_TYPE_LWT_IN:
    case BPF_PROG_TYPE_LWT_OUT:
    case BPF_PROG_TYPE_LWT_XMIT:
    case BPF_PROG_TYPE_LWT_SEG6LOCAL:
        return kind == TARGET_ROUTE;
    case BPF_PROG_TYPE_PERF_EVENT:
        return kind == TARGET_PERF;
    case BPF_PROG_TYPE_KPROBE:
        return is_perf_family(kind, bpf_program__section_name(prog));
    case BPF_PROG_TYPE_TRACEPOINT:
        return kind == TARGET_TP;
    case BPF_PROG_TYPE_RAW_TRACEPOINT:
    case BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE:
        return kind == TARGET_RAW_TP && !strncmp(bpf_program__section_name(prog), "raw_t", 5);
    case BPF_PROG_TYPE_TRACING:
        return attach == BPF_TRACE_ITER ? kind == TARGET_ITER : attach != BPF_TRACE_RAW_TP && kind == TARGET_PROG;
    case BPF_PROG_TYPE_EXT:
        return kind == TARGET_PROG;
    default:
        return 0;
    }
}

void eu_target_forms(const struct bpf_program *prog, char *text, size_t room) {
    size_t used = 0;
    text[0] = 0;
    for (int i = 0; i < NR_TARGET_KINDS; i++)
        if (eu_target_fits(i, prog) && used < room)
            used += snprintf(text + used, room - used, "%s%s", used ? ", " : "", kinds[i].form);
}

int eu_prog_takes(struct eu_object *object, int index, const char *kind) {
    const struct bpf_program *prog = eu_prog(object, index);
    if (!prog)
        return -EINVAL;
    for (int i = 0; i < NR_TARGET_KINDS; i++)
        if (!strcmp(kinds[i].name, kind))
            return eu_target_fits(i, prog);
    return eu_fail(EINVAL, "target kind %.40s: there is none of this name", kind);
}

const char *eu_target_kind_name(int kind) {
    return kind >= 0 && kind < NR_TARGET_KINDS ? kinds[kind].name : NULL;
}

/* What `--attach PROG=TARGET`, `@target` and Program.attach(target) name: KIND:NAME[,OPTION[=VALUE]]... */
#ifndef EUNOMIA_TARGET_H
#define EUNOMIA_TARGET_H
#include <bpf/libbpf.h>
#include <stddef.h>
#include <stdint.h>

enum { TARGET_ROOM = 4608, TARGET_OPTIONS = 8 };

enum eu_target_kind {
    TARGET_IFACE,
    TARGET_TC,
    TARGET_TCX,
    TARGET_NETKIT,
    TARGET_CGROUP,
    TARGET_NETNS,
    TARGET_NETFILTER,
    TARGET_MAP,
    TARGET_SOCKET,
    TARGET_PERF,
    TARGET_KPROBE,
    TARGET_UPROBE,
    TARGET_USDT,
    TARGET_TP,
    TARGET_RAW_TP,
    TARGET_ITER,
    TARGET_PROG,
    TARGET_ROUTE,
    NR_TARGET_KINDS,
};

struct eu_target {
    enum eu_target_kind kind;
    const char *whole; /* as it was given */
    char *name;        /* between the first colon and the first comma */
    int nr_options;
    struct {
        char *key, *value; /* value NULL: there was no = */
    } options[TARGET_OPTIONS];
    char text[TARGET_ROOM]; /* what the pointers point into */
};

/* 0, or -errno with eu_error() "target TEXT: cause". Bytes of the command line and of packages: anything may be in them. */
int eu_target_parse(const char *text, struct eu_target *target);
/* The value of an option ("" without =), NULL where it was not given. */
const char *eu_target_option(const struct eu_target *target, const char *key);
/* 1 and *value set, 0 where it was not given, -EINVAL with eu_error() where it is no number from low to high. */
int eu_target_number(const struct eu_target *target, const char *key, long long low, long long high, long long *value);
/* Whether a program of this type and section can be attached to such a target. */
int eu_target_fits(enum eu_target_kind kind, const struct bpf_program *prog);
/* How to write the targets that a program takes, as "iface:NAME[,native|generic|offload]"; "" where its section says all there is. */
void eu_target_forms(const struct bpf_program *prog, char *text, size_t room);
#endif

/* Kprobes, uprobes of many functions and USDT probes whose target was chosen for them. */
#define _GNU_SOURCE
#include "attach.h"
#include "binaries.h"
#include "error.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int starts(const char *section, const char *prefix) {
    return !strncmp(section, prefix, strlen(prefix));
}

static int attach_one_kprobe(struct eu_object *object, int index, const char *target) {
    struct bpf_program *prog = object->progs[index];
    LIBBPF_OPTS(bpf_kprobe_opts, options, .retprobe = starts(bpf_program__section_name(prog), "kret"));
    char function[256], why[600];
    size_t length = strcspn(target, "+");
    snprintf(function, sizeof(function), "%.*s", (int)length, target);
    options.offset = target[length] ? strtoul(target + length + 1, NULL, 0) : 0;
    struct bpf_link *link = bpf_program__attach_kprobe_opts(prog, function, &options);
    if (link)
        return eu_attachment_add_link(object, index, link);
    int err = errno;
    eu_kprobe_cause(bpf_program__section_name(prog), function, why, sizeof(why));
    return eu_attach_failed(prog, err, err == ENOENT ? why : NULL);
}

/* Functions by a pattern with * and ?. */
static int attach_many_kprobes(struct eu_object *object, int index, const char *pattern) {
    const struct bpf_program *prog = object->progs[index];
    const char *section = bpf_program__section_name(prog);
    LIBBPF_OPTS(bpf_kprobe_multi_opts, options, .retprobe = starts(section, "kret"), .session = strstr(section, ".session") != NULL);
    struct bpf_link *link = bpf_program__attach_kprobe_multi_opts(prog, pattern, &options);
    if (link)
        return eu_attachment_add_link(object, index, link);
    int err = errno;
    char why[300];
    snprintf(why, sizeof(why), "%.200s: %s", pattern,
             err == ENOENT       ? "no kernel function matches that can be probed"
             : err == EOPNOTSUPP ? "this kernel attaches no programs to many functions [it needs CONFIG_FPROBE, 5.18 or newer]"
                                 : eu_reason(err));
    return eu_attach_failed(prog, err, why);
}

static int attach_syscall(struct eu_object *object, int index, const char *name) {
    const struct bpf_program *prog = object->progs[index];
    LIBBPF_OPTS(bpf_ksyscall_opts, options, .retprobe = starts(bpf_program__section_name(prog), "kret"));
    struct bpf_link *link = bpf_program__attach_ksyscall(prog, name, &options);
    if (link)
        return eu_attachment_add_link(object, index, link);
    int err = errno;
    char why[600];
    eu_kprobe_cause("ksyscall", name, why, sizeof(why));
    return eu_attach_failed(prog, err, err == ENOENT ? why : NULL);
}

int eu_attach_kprobe(struct eu_object *object, int index, const char *target) {
    const char *section = bpf_program__section_name(object->progs[index]);
    if (strstr(section, "syscall"))
        return attach_syscall(object, index, target);
    return strstr(section, ".multi") || strstr(section, ".session") ? attach_many_kprobes(object, index, target)
                                                                    : attach_one_kprobe(object, index, target);
}

int eu_attach_uprobe_multi(struct eu_object *object, int index, char *target, int pid) {
    const struct bpf_program *prog = object->progs[index];
    LIBBPF_OPTS(bpf_uprobe_multi_opts, options, .retprobe = starts(bpf_program__section_name(prog), "uret"));
    char *pattern = strrchr(target, ':'), path[4608], why[400];
    if (!pattern || pattern == target || !pattern[1])
        return eu_attach_failed(prog, EINVAL, "its target is not of the form uprobe:BINARY:PATTERN");
    *pattern++ = 0;
    if (eu_find_binary(target, path, sizeof(path))) /* libbpf knows the library folders of more architectures */
        snprintf(path, sizeof(path), "%s", target);
    struct bpf_link *link = bpf_program__attach_uprobe_multi(prog, pid, path, pattern, &options);
    if (link)
        return eu_attachment_add_link(object, index, link);
    int err = errno;
    snprintf(why, sizeof(why), "%.200s:%.80s: %s", path, pattern,
             err == ENOENT ? "no such binary, or no function in it matches" : eu_reason(err));
    return eu_attach_failed(prog, err, why);
}

int eu_attach_usdt(struct eu_object *object, int index, char *target, int pid) {
    const struct bpf_program *prog = object->progs[index];
    char why[600], *provider = strchr(target, ':'), *name = provider ? strchr(provider + 1, ':') : NULL;
    if (!name)
        return eu_attach_failed(prog, EINVAL, "its target is not of the form usdt:BINARY:PROVIDER:NAME");
    *provider++ = *name++ = 0;
    struct bpf_link *link = bpf_program__attach_usdt(prog, pid, target, provider, name, NULL);
    if (link)
        return eu_attachment_add_link(object, index, link);
    int err = errno;
    snprintf(why, sizeof(why), "%.200s:%.80s:%.80s: %s", target, provider, name,
             err == ENOENT || err == ESRCH ? "no such binary, or no such USDT probe in it" : eu_reason(err));
    return eu_attach_failed(prog, err, why);
}

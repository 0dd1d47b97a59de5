/* Kprobes, uprobes of many functions and USDT probes: the first of a list that there is, all that match a pattern. */
#define _GNU_SOURCE
#include "attach.h"
#include "attach_many.h"
#include "binaries.h"
#include "error.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATH_ROOM = 4608 };

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
    eu_kprobe_cause(bpf_program__section_name(prog), err, function, why, sizeof(why));
    return eu_attach_failed(prog, err, *why ? why : NULL);
}

static struct bpf_link *link_kprobe(const struct bpf_program *prog, const char *name, void *context) {
    LIBBPF_OPTS(bpf_kprobe_opts, options, .retprobe = starts(bpf_program__section_name(prog), "kret"));
    (void)context;
    return bpf_program__attach_kprobe_opts(prog, name, &options);
}

/* Each function that matches has a probe of its own. */
static int attach_kprobes(struct eu_object *object, int index, const char *patterns) {
    char why[600];
    if (!eu_has_kprobes()) {
        eu_kprobe_cause("kprobe", ENOENT, patterns, why, sizeof(why));
        return eu_attach_failed(object->progs[index], ENOENT, why);
    }
    struct eu_names names;
    eu_names_of_kernel(patterns, &names);
    int err = eu_attach_each(object, index, &names, link_kprobe, NULL);
    eu_names_free(&names);
    return err;
}

/* One link to all functions that match. libbpf knows one pattern of * and ?; lists are looked up here. */
static struct bpf_link *link_many(const struct bpf_program *prog, const char *patterns) {
    const char *section = bpf_program__section_name(prog);
    LIBBPF_OPTS(bpf_kprobe_multi_opts, options, .retprobe = starts(section, "kret"), .session = strstr(section, ".session") != NULL);
    if (!strpbrk(patterns, "|[\\"))
        return bpf_program__attach_kprobe_multi_opts(prog, patterns, &options);
    struct eu_names names;
    eu_names_of_kernel(patterns, &names);
    options.syms = names.at;
    options.cnt = names.nr;
    errno = ENOENT;
    struct bpf_link *link = names.nr ? bpf_program__attach_kprobe_multi_opts(prog, NULL, &options) : NULL;
    int err = errno;
    eu_names_free(&names);
    errno = err;
    return link;
}

static int attach_many_kprobes(struct eu_object *object, int index, const char *patterns) {
    const struct bpf_program *prog = object->progs[index];
    struct bpf_link *link = link_many(prog, patterns);
    if (link)
        return eu_attachment_add_link(object, index, link);
    int err = errno, is_session = strstr(bpf_program__section_name(prog), ".session") != NULL;
    char why[300];
    snprintf(why, sizeof(why), "%.200s: %s", patterns,
             err == ENOENT || err == ESRCH ? "no kernel function matches that can be probed"
             : is_session && (err == EINVAL || err == EOPNOTSUPP)
                 ? "this kernel has no kprobe sessions [6.10 or newer with CONFIG_FPROBE; a kprobe.multi and a kretprobe.multi program do]"
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
    eu_kprobe_cause("ksyscall", err, name, why, sizeof(why));
    return eu_attach_failed(prog, err, *why ? why : NULL);
}

int eu_attach_kprobe(struct eu_object *object, int index, const char *target) {
    const struct bpf_program *prog = object->progs[index];
    const char *section = bpf_program__section_name(prog);
    if (strstr(section, "syscall"))
        return attach_syscall(object, index, target);
    if (eu_is_many(prog))
        return attach_many_kprobes(object, index, target);
    return eu_is_kprobe(section) && !eu_is_pattern(target) ? attach_one_kprobe(object, index, target)
                                                           : attach_kprobes(object, index, target);
}

static struct bpf_link *link_uprobe(const struct bpf_program *prog, const char *name, void *context) {
    const struct eu_uprobe_place *place = context;
    LIBBPF_OPTS(bpf_uprobe_opts, options, .func_name = name, .retprobe = starts(bpf_program__section_name(prog), "uret"));
    return bpf_program__attach_uprobe_opts(prog, place->pid, place->path, 0, &options);
}

static int attach_uprobes(struct eu_object *object, int index, struct eu_uprobe_place *place, const char *patterns) {
    struct eu_names names;
    eu_names_of_binary(place->path, patterns, &names);
    int err = eu_attach_each(object, index, &names, link_uprobe, place);
    eu_names_free(&names);
    return err;
}

int eu_attach_uprobe_multi(struct eu_object *object, int index, char *target, int pid) {
    const struct bpf_program *prog = object->progs[index];
    LIBBPF_OPTS(bpf_uprobe_multi_opts, options, .retprobe = starts(bpf_program__section_name(prog), "uret"));
    char *pattern = strrchr(target, ':'), path[PATH_ROOM], why[400];
    struct eu_uprobe_place place = {path, pid};
    if (!pattern || (pattern == target && pid <= 0) || !pattern[1])
        return eu_attach_failed(prog, EINVAL, "its target is not of the form uprobe:BINARY:PATTERN");
    *pattern++ = 0;
    int err = eu_find_for(prog, target, pid, path, sizeof(path));
    if (err)
        return err;
    if (!eu_is_many(prog))
        return attach_uprobes(object, index, &place, pattern);
    struct bpf_link *link = bpf_program__attach_uprobe_multi(prog, pid, path, pattern, &options);
    if (link)
        return eu_attachment_add_link(object, index, link);
    err = errno;
    snprintf(why, sizeof(why), "%.200s:%.80s: %s", path, pattern,
             err == ENOENT  ? "no function in it matches"
             : err == ESRCH ? "no such process"
                            : eu_reason(err));
    return eu_attach_failed(prog, err, why);
}

int eu_attach_usdt(struct eu_object *object, int index, char *target, int pid) {
    const struct bpf_program *prog = object->progs[index];
    char why[600], path[PATH_ROOM], *provider = strchr(target, ':'), *name = provider ? strchr(provider + 1, ':') : NULL;
    if (!name)
        return eu_attach_failed(prog, EINVAL, "its target is not of the form usdt:BINARY:PROVIDER:NAME");
    *provider++ = *name++ = 0;
    int err = eu_find_for(prog, target, pid, path, sizeof(path));
    if (err)
        return err;
    struct bpf_link *link = bpf_program__attach_usdt(prog, pid, path, provider, name, NULL);
    if (link)
        return eu_attachment_add_link(object, index, link);
    err = errno;
    snprintf(why, sizeof(why), "%.200s:%.80s:%.80s: %s", path, provider, name,
             err == ENOENT || (err == ESRCH && pid <= 0) ? "no such USDT probe in it"
             : err == ESRCH                              ? "the process does not have it mapped, or it has no such USDT probe"
             : err == LIBBPF_ERRNO__FORMAT               ? "no ELF file"
             : err == EOPNOTSUPP
                 ? "this kernel attaches to a library's probes only in a process that has it mapped [pid=N; 5.15 or newer: all]"
                 : eu_reason(err));
    return eu_attach_failed(prog, err, why);
}

/* Programs of events: tracepoints, raw tracepoints, performance events, and probes by the same way. */
#define _GNU_SOURCE
#include "attach.h"
#include "attach_many.h"
#include "error.h"
#include "tracefs.h"
#include "vanish.h"
#include <errno.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { DEFAULT_FREQUENCY = 49, NAME_ROOM = 4608 };

/* "tp" matches "tp" and "tp/…", not "tp_btf/…". */
static int is_family(const char *section, const char *family) {
    size_t length = strlen(family);
    return !strncmp(section, family, length) && (!section[length] || section[length] == '/');
}

static int open_perf(struct perf_event_attr *attr, int pid, int cpu) {
    attr->size = sizeof(*attr);
    return syscall(SYS_perf_event_open, attr, pid, cpu, -1, PERF_FLAG_FD_CLOEXEC);
}

static int attach_perf_fd(struct eu_object *object, int index, int fd) {
    struct bpf_link *link = bpf_program__attach_perf_event(object->progs[index], fd);
    if (link) {
        int err = eu_attachment_add_link(object, index, link);
        if (!err)
            object->attachments->perf_fd = fd;
        return err;
    }
    int err = errno;
    close(fd);
    return eu_attach_failed(object->progs[index], err, NULL);
}

int eu_is_tracepoint(const char *section) {
    return is_family(section, "tp") || is_family(section, "tracepoint");
}

static const char *target_of(const struct bpf_program *prog) {
    const char *slash = strchr(bpf_program__section_name(prog), '/');
    return slash ? slash + 1 : "";
}

void eu_tracepoints_resolve(struct eu_object *object) {
    if (!(object->tracepoints = calloc(object->nr_progs + 1, sizeof(*object->tracepoints))))
        return; /* each is read when it attaches */
    for (int i = 0; i < object->nr_progs; i++) {
        const struct bpf_program *prog = object->progs[i];
        if (!eu_is_tracepoint(bpf_program__section_name(prog)) || !bpf_program__autoload(prog))
            continue;
        int id = eu_tracepoint_id(target_of(prog));
        object->tracepoints[i] = id > 0 ? id : 0; /* what is missing is said when it attaches */
    }
    eu_error_clear();
}

static int attach_tracepoint(struct eu_object *object, int index, const char *target) {
    const struct bpf_program *prog = object->progs[index];
    char why[512];
    int known = object->tracepoints && !strcmp(target_of(prog), target) ? object->tracepoints[index] : 0;
    int id = known ? known : eu_tracepoint_id(target);
    if (id < 0) {
        snprintf(why, sizeof(why), "%s", eu_error());
        return eu_fail(-id, "attach program %s: %s", bpf_program__name(prog), why);
    }
    struct perf_event_attr attr = {.type = PERF_TYPE_TRACEPOINT, .config = id, .sample_period = 1};
    int fd = open_perf(&attr, -1, 0);
    return fd < 0 ? eu_attach_failed(prog, errno, NULL) : attach_perf_fd(object, index, fd);
}

/* "0-3,8": call with each. */
static int each_online_cpu(int (*call)(void *context, int cpu), void *context) {
    char text[4096] = "0";
    FILE *file = fopen("/sys/devices/system/cpu/online", "re");
    if (file) {
        if (!fgets(text, sizeof(text), file))
            text[0] = '0';
        fclose(file);
    }
    for (char *at = text; *at >= '0' && *at <= '9';) {
        long from = strtol(at, &at, 10), to = from;
        if (*at == '-')
            to = strtol(at + 1, &at, 10);
        for (long cpu = from; cpu <= to; cpu++) {
            int err = call(context, cpu);
            if (err)
                return err;
        }
        if (*at == ',')
            at++;
    }
    return 0;
}

struct perf_request {
    struct eu_object *object;
    int prog, pid;
    struct perf_event_attr attr;
};

static int attach_perf_cpu(void *context, int cpu) {
    struct perf_request *request = context;
    int fd = open_perf(&request->attr, request->pid, cpu);
    if (fd < 0 && errno == ENODEV && cpu >= 0) /* went offline meanwhile */
        return 0;
    if (fd < 0 && errno == ESRCH) {
        char why[64];
        snprintf(why, sizeof(why), "process %d: no such process", request->pid);
        return eu_attach_failed(request->object->progs[request->prog], ESRCH, why);
    }
    if (fd < 0)
        return eu_attach_failed(request->object->progs[request->prog], errno,
                                errno == ENOENT ? "this machine has no such performance event (no PMU?) [use a software event]" : NULL);
    return attach_perf_fd(request->object, request->prog, fd);
}

int eu_attach_perf_event(struct eu_object *object, int index, const struct eu_attach_options *options) {
    struct perf_request request = {.object = object, .prog = index, .pid = options->pid};
    struct perf_event_attr *attr = &request.attr;
    attr->type = options->perf_type < 0 ? PERF_TYPE_SOFTWARE : options->perf_type;
    attr->config = options->perf_type < 0 ? PERF_COUNT_SW_CPU_CLOCK : options->perf_config;
    attr->freq = !options->perf_sample || options->perf_frequency;
    attr->sample_period = options->perf_sample ? options->perf_sample : DEFAULT_FREQUENCY;
    eu_vanish_process(object, index, options->pid);
    if (options->cpu >= 0 || options->pid > 0)
        return attach_perf_cpu(&request, options->cpu);
    return each_online_cpu(attach_perf_cpu, &request);
}

static int attach_raw_tracepoint(struct eu_object *object, int index, const char *name) {
    struct bpf_link *link = bpf_program__attach_raw_tracepoint(object->progs[index], name);
    if (link)
        return eu_attachment_add_link(object, index, link);
    char why[600];
    int err = errno == EINVAL ? ENOENT : errno;
    eu_raw_tracepoint_cause(name, why, sizeof(why));
    return eu_attach_failed(object->progs[index], err, err == ENOENT ? why : NULL);
}

/* Behind the last colon, as paths may hold anything. */
static int is_for_many(const struct bpf_program *prog, const char *name) {
    const char *section = bpf_program__section_name(prog), *colon = strrchr(name, ':');
    return strstr(section, ".multi") || strstr(section, ".session") || eu_is_pattern(colon ? colon : name);
}

static int attach_named(struct eu_object *object, int index, enum eu_target_kind kind, char *name, int pid) {
    const struct bpf_program *prog = object->progs[index];
    switch (kind) {
    case TARGET_TP:
        return attach_tracepoint(object, index, name);
    case TARGET_RAW_TP:
        return attach_raw_tracepoint(object, index, name);
    case TARGET_KPROBE:
        return eu_attach_kprobe(object, index, name);
    case TARGET_USDT:
        return eu_attach_usdt(object, index, name, pid);
    default:
        return is_for_many(prog, name) ? eu_attach_uprobe_multi(object, index, name, pid) : eu_attach_uprobe(object, index, name, pid);
    }
}

/* `a|b`: the first that there is; behind a uprobe's BINARY: its functions. */
static int attach_first(struct eu_object *object, int index, enum eu_target_kind kind, const char *list, int pid) {
    const struct bpf_program *prog = object->progs[index];
    const char *colon = kind == TARGET_UPROBE ? strrchr(list, ':') : NULL, *at = colon ? colon + 1 : list;
    char name[NAME_ROOM], why[400];
    int err = -ENOENT, prefix = (int)(at - list);
    while (err == -ENOENT && *at) {
        size_t length = strcspn(at, "|");
        snprintf(name, sizeof(name), "%.*s%.*s", prefix, list, (int)length, at);
        err = attach_named(object, index, kind, name, pid);
        at += length + (at[length] == '|');
    }
    if (err != -ENOENT)
        return err;
    snprintf(why, sizeof(why), "none of %.300s is in this %s", list, colon ? "binary" : "kernel");
    return eu_attach_failed(prog, ENOENT, why);
}

int eu_attach_probe(struct eu_object *object, int index, enum eu_target_kind kind, const char *name, int pid) {
    char copy[NAME_ROOM];
    snprintf(copy, sizeof(copy), "%s", name);
    if (kind == TARGET_UPROBE || kind == TARGET_USDT)
        eu_vanish_process(object, index, pid);
    if (strchr(name, '|') && !is_for_many(object->progs[index], name) && kind != TARGET_USDT)
        return attach_first(object, index, kind, name, pid);
    return attach_named(object, index, kind, copy, pid);
}

int eu_attach_probe_of_section(struct eu_object *object, int index, int pid) {
    const char *section = bpf_program__section_name(object->progs[index]), *name = target_of(object->progs[index]);
    enum eu_target_kind kind = eu_is_tracepoint(section)       ? TARGET_TP
                               : !strncmp(section, "raw_t", 5) ? TARGET_RAW_TP
                               : !strncmp(section, "usdt", 4)  ? TARGET_USDT
                               : section[0] == 'u'             ? TARGET_UPROBE
                                                               : TARGET_KPROBE;
    return *name ? eu_attach_probe(object, index, kind, name, pid) : -EDESTADDRREQ;
}

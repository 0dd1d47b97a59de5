/* What libbpf said, as one line: what src/eunomia/kernel/failure.py does. */
#define _GNU_SOURCE
#include "../error.h"
#include "tool.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { RINGBUF = 27 };
#define SUDO " [run with sudo]"
static const char kernel_btf[] = "/sys/kernel/btf/vmlinux";
static const char begin[] = "-- BEGIN PROG LOAD LOG --", end[] = "-- END PROG LOAD LOG --";

static int starts(const char *text, const char *with) {
    return !strncmp(text, with, strlen(with));
}

/* A line of libbpf that only repeats, or frames, what others say. */
static int is_frame(const char *line, size_t size) {
    if (starts(line, "failed to load object") || starts(line, "permission error while ") || starts(line, "Failed to bump RLIMIT_") ||
        starts(line, "-- "))
        return 1;
    const char *found = starts(line, "prog '") ? strstr(line, "': failed to load: ") : NULL;
    return found && found < line + size;
}

const char *eu_last_words(struct eu_tool *tool) {
    static const char prefix[] = "libbpf: ";
    const char *last = "", *line = eu_log();
    size_t last_size = 0;
    while (*line) {
        size_t size = strcspn(line, "\n");
        const char *words = line + strlen(prefix);
        if (size > strlen(prefix) && starts(line, prefix) && !is_frame(words, size - strlen(prefix))) {
            last = words;
            last_size = size - strlen(prefix);
        }
        line += size + (line[size] == '\n');
    }
    while (last_size && (last[last_size - 1] == '.' || last[last_size - 1] == ' '))
        last_size--;
    return eu_pool_copy(&tool->pool, last, last_size);
}

int eu_tool_culprit(const struct eu_tool *tool) {
    static const char prefix[] = "libbpf: prog '";
    const char *line = eu_log(), *last = NULL;
    while (*line) {
        if (starts(line, prefix))
            last = line + strlen(prefix);
        size_t size = strcspn(line, "\n");
        line += size + (line[size] == '\n');
    }
    for (int i = 0; last && i < tool->nr_programs; i++) {
        size_t size = strlen(tool->programs[i].name);
        if (!strncmp(last, tool->programs[i].name, size) && last[size] == '\'')
            return i;
    }
    return -1;
}

int eu_tool_lacks_rings(const struct eu_tool *tool) {
    const char *log = eu_log(), *found = starts(log, "libbpf: map '") ? log : strstr(log, "\nlibbpf: map '");
    return eu_errno() == EINVAL && tool->object && eu_has_rings(tool->object) && found && strstr(found, "': failed to create") &&
           !eu_probe_map_type(RINGBUF);
}

int eu_open_failure(struct eu_tool *tool) {
    int number = eu_errno();
    const char *cause = eu_keep_error(tool), *reason = eu_last_words(tool);
    if (strstr(reason, "unrecognized") || strstr(reason, "missing SEC()") || strstr(reason, "unexpected program type"))
        return eu_fail(number, "open object %s: %s", tool->package.name, reason);
    return eu_fail(number ? number : EINVAL, "%s%s%s", *cause ? cause : "open object", *reason ? ": " : "", reason);
}

static int in_user_namespace(void) {
    unsigned inside, outside, count;
    FILE *file = fopen("/proc/self/uid_map", "re");
    int found = file && fscanf(file, "%u %u %u", &inside, &outside, &count) == 3 && (inside || outside || count != 4294967295u);
    if (file)
        fclose(file);
    return found;
}

static int not_permitted(struct eu_tool *tool, int number, const char *words) {
    const char *needs = eu_lacking(tool, -1);
    int inner = in_user_namespace();
    long long limit = eu_memlock_limit();
    if (strstr(words, "bpf_object__probe_loading")) /* the first thing that libbpf tries; its advice is of other times */
        words = *needs || inner || limit < 0 ? "" : "failed to create a first program";
    if (limit >= 0 && strstr(words, "failed to create"))
        return eu_fail(number,
                       "load object %s: %s: this kernel counts BPF memory against RLIMIT_MEMLOCK, which is %lld bytes here "
                       "[ulimit -l unlimited, or give it CAP_SYS_RESOURCE]",
                       tool->package.name, words, limit);
    return eu_fail(number, "load object %s: %s%s%s%s" SUDO, tool->package.name, *words ? words : "operation not permitted",
                   *needs ? ": needs " : "", needs,
                   inner && !*needs ? ": capabilities of a user namespace are not the machine's, and no BPF token delegates this" : "");
}

/* EPERM without a word of the verifier: what the kernel must have been built with, and what does instead. */
static int silent(struct eu_tool *tool, int program, int number) {
    static const char *const families[] = {"fentry", "fexit", "fmod_ret", "freplace"};
    const struct eu_program *p = &tool->programs[program];
    const char *needs = eu_lacking(tool, program), *option = starts(p->section, "lsm") ? "CONFIG_BPF_LSM" : "it", *instead = "";
    if (*needs)
        return eu_fail(number, "load program %s (%s): operation not permitted: needs %s" SUDO, p->name, p->section, needs);
    for (int i = 0; i < 4; i++)
        if (starts(p->section, families[i])) {
            option = "CONFIG_DYNAMIC_FTRACE_WITH_DIRECT_CALLS";
            instead = " [a kprobe, tracepoint or tp_btf program may do instead]";
        }
    return eu_fail(number,
                   "load program %s (%s): this kernel refuses the program type even to root, without a verifier log (built without %s, "
                   "locked down, or a policy of this machine forbids it)%s",
                   p->name, p->section, option, instead);
}

static int refused(struct eu_tool *tool, int program, int number, const char *words) {
    const struct eu_program *p = &tool->programs[program];
    if (*words && !strstr(words, "BPF program load failed"))
        return eu_fail(number, "load %s", words);
    if (number == EPERM || number == EACCES)
        return silent(tool, program, number);
    return eu_fail(number, "load program %s (%s): %s%s", p->name, p->section,
                   number == EU_ENOTSUPP ? "not supported by this kernel (error 524)" : eu_strerror(number),
                   number == EINVAL ? ": this kernel does not know the program type or its attach type" : "");
}

/* A program that knows no other buffers than rings, where the kernel has none. */
static int knows_rings_only(const char *log) {
    const char *found = strstr(log, "#130");
    for (int number = 130; number <= 135 && !found; number++) {
        char mark[8];
        snprintf(mark, sizeof(mark), "#%d", number);
        found = strstr(log, mark);
    }
    return found && (strstr(log, "func bpf_ringbuf_") || strstr(log, "func unknown#13"));
}

int eu_load_failure(struct eu_tool *tool) {
    const char *log = eu_log(), *line = eu_keep_error(tool), *words = eu_last_words(tool), *name = tool->package.name;
    int number = eu_errno() ? eu_errno() : EINVAL, program = eu_tool_culprit(tool);
    if (tool->no_rings && knows_rings_only(log))
        return eu_fail(number,
                       "load object %s: this kernel has no ring buffers (Linux 5.8 and newer do), and program %s knows no other way "
                       "[compile it with both, as docs/writing-a-tool.md shows]",
                       name, program < 0 ? "" : tool->programs[program].name);
    if (starts(line, "program ")) /* a handler knows what is missing */
        return eu_fail(number, "load %s", line);
    if (strstr(log, "failed to find valid kernel BTF") || strstr(log, "rror loading vmlinux BTF"))
        return eu_fail(number, "load object %s: %s", name,
                       access(kernel_btf, F_OK) ? "it needs the kernel's types (BTF), and this kernel has no /sys/kernel/btf/vmlinux "
                                                  "[--btf FILE: the kernel's BTF]"
                                                : words);
    if (program >= 0 && (strstr(log, begin) || strstr(log, end))) /* of a long log only the end was kept */
        return eu_verifier_failure(tool, program, number);
    if (program >= 0)
        return refused(tool, program, number, words);
    if (number == EPERM || number == EACCES)
        return not_permitted(tool, number, words);
    return eu_fail(number, "load object %s: %s", name, *words ? words : eu_strerror(number));
}

int eu_attach_failure(struct eu_tool *tool, int program, int others) {
    int number = eu_errno();
    const char *cause = eu_keep_error(tool);
    if (!others || number == EDESTADDRREQ) /* it is left to the user where to attach: that is what to say */
        return eu_fail(number, "%s", cause);
    return eu_fail(number, "%s [--skip %s runs without it]", cause, tool->programs[program].name);
}

/* Functions by patterns and lists: `tcp_*`, `first|second`. A kernel that attaches one program to many functions at once does so; elsewhere
 * each function gets a probe of its own. Which of them a program is for decides before it is loaded: helpers differ. */
#define _GNU_SOURCE
#include "attach_many.h"
#include "attach.h"
#include "binaries.h"
#include "error.h"
#include "tracefs.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST = 1024 }; /* probes one by one: each takes a millisecond, and tens of them to be removed */

static int starts(const char *text, const char *prefix) {
    return !strncmp(text, prefix, strlen(prefix));
}

int eu_is_pattern(const char *text) {
    return strpbrk(text, "*?[") != NULL;
}

/* Whether one of `a|b*|c` matches. */
static int matches(const char *patterns, const char *name) {
    for (const char *at = patterns;;) {
        size_t length = strcspn(at, "|");
        if (eu_glob((const uint8_t *)at, length, (const uint8_t *)name, strlen(name)))
            return 1;
        if (!at[length])
            return 0;
        at += length + 1;
    }
}

static void take(void *context, const char *name) {
    struct eu_names *names = context;
    if (!matches(names->patterns, name))
        return;
    if (names->nr == names->room) {
        int room = names->room ? names->room * 2 : 64;
        const char **more = realloc(names->at, room * sizeof(*more));
        if (!more)
            return;
        names->at = more;
        names->room = room;
    }
    if ((names->at[names->nr] = strdup(name)))
        names->nr++;
}

static int compare(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* A name may come twice: static functions, a symbol in two tables. */
static void make_unique(struct eu_names *names) {
    int kept = 0;
    if (names->nr)
        qsort(names->at, names->nr, sizeof(*names->at), compare);
    for (int i = 0; i < names->nr; i++) {
        if (kept && !strcmp(names->at[kept - 1], names->at[i]))
            free((void *)names->at[i]);
        else
            names->at[kept++] = names->at[i];
    }
    names->nr = kept;
}

void eu_names_free(struct eu_names *names) {
    for (int i = 0; i < names->nr; i++)
        free((void *)names->at[i]);
    free(names->at);
}

/* Functions that ftrace can trace, else all of the kernel's. */
static FILE *open_functions(int *is_traceable) {
    int root = eu_tracefs(), fd = root < 0 ? -1 : openat(root, "available_filter_functions", O_RDONLY | O_CLOEXEC);
    *is_traceable = fd >= 0;
    return fd >= 0 ? fdopen(fd, "re") : fopen("/proc/kallsyms", "re");
}

void eu_names_of_kernel(const char *patterns, struct eu_names *names) {
    int is_traceable;
    char line[512], name[400], kind;
    FILE *file = open_functions(&is_traceable);
    *names = (struct eu_names){.patterns = patterns};
    while (file && fgets(line, sizeof(line), file))
        if (is_traceable ? sscanf(line, "%399s", name) == 1
                         : sscanf(line, "%*s %c %399s", &kind, name) == 2 && (kind == 't' || kind == 'T'))
            take(names, name);
    if (file)
        fclose(file);
    make_unique(names);
}

void eu_names_of_binary(const char *path, const char *patterns, struct eu_names *names) {
    *names = (struct eu_names){.patterns = patterns};
    eu_each_function(path, take, names);
    make_unique(names);
}

/* An empty program of this attach type, and whether the kernel knows links of it: it must look at what they name. */
static int knows_link(int attach_type, const struct bpf_link_create_opts *options, int answer, int other) {
    LIBBPF_OPTS(bpf_prog_load_opts, load, .expected_attach_type = attach_type);
    static const struct bpf_insn code[] = {{.code = 0xb7}, {.code = 0x95}}; /* r0 = 0; exit */
    int program = bpf_prog_load(BPF_PROG_TYPE_KPROBE, NULL, "GPL", code, 2, &load);
    int link = program < 0 ? -1 : bpf_link_create(program, -1, attach_type, options), err = errno;
    if (program >= 0)
        close(program);
    if (link >= 0)
        close(link);
    return link >= 0 || (program >= 0 && (err == answer || err == other));
}

static int has_kprobe_multi(void) {
    static int known = -1;
    const char *nobody[] = {"eunomia: no such function"};
    LIBBPF_OPTS(bpf_link_create_opts, options, .kprobe_multi.cnt = 1, .kprobe_multi.syms = nobody);
    if (known < 0)
        known = knows_link(BPF_TRACE_KPROBE_MULTI, &options, ESRCH, ENOENT);
    return known;
}

static int has_uprobe_multi(void) {
    static int known = -1;
    unsigned long offset = 0;
    LIBBPF_OPTS(bpf_link_create_opts, options, .uprobe_multi.path = "/", .uprobe_multi.offsets = &offset, .uprobe_multi.cnt = 1);
    if (known < 0)
        known = knows_link(EU_ATTACH_UPROBE_MULTI, &options, EBADF, EBADF);
    return known;
}

static int is_family(const char *section, const char *family) {
    size_t length = strlen(family);
    return starts(section, family) && (!section[length] || section[length] == '/');
}

int eu_is_kprobe(const char *section) {
    return is_family(section, "kprobe") || is_family(section, "kretprobe");
}

int eu_is_many(const struct bpf_program *prog) {
    int attach = bpf_program__expected_attach_type(prog);
    return attach == BPF_TRACE_KPROBE_MULTI || attach == EU_ATTACH_KPROBE_SESSION || attach == EU_ATTACH_UPROBE_MULTI ||
           attach == EU_ATTACH_UPROBE_SESSION;
}

void eu_many_prepare(struct eu_object *object) {
    for (int i = 0; i < object->nr_progs; i++) {
        struct bpf_program *prog = object->progs[i];
        const char *section = bpf_program__section_name(prog);
        if (bpf_program__type(prog) != BPF_PROG_TYPE_KPROBE || !bpf_program__autoload(prog))
            continue;
        int attach = bpf_program__expected_attach_type(prog);
        if ((attach == BPF_TRACE_KPROBE_MULTI && !has_kprobe_multi()) || (attach == EU_ATTACH_UPROBE_MULTI && !has_uprobe_multi()))
            bpf_program__set_expected_attach_type(prog, 0);
        else if (eu_is_kprobe(section) && eu_is_pattern(section) && has_kprobe_multi())
            bpf_program__set_expected_attach_type(prog, BPF_TRACE_KPROBE_MULTI);
    }
}

/* No property of the function that could not be probed: those after it could not be either. */
static int is_exhausted(int err) {
    return err == ENOMEM || err == EMFILE || err == ENFILE;
}

int eu_attach_each(struct eu_object *object, int index, const struct eu_names *names, eu_link_one *link_one, void *context) {
    const struct bpf_program *prog = object->progs[index];
    char why[400];
    int attached = 0, err = 0;
    if (names->nr > MOST) {
        snprintf(
            why, sizeof(why),
            "%.200s: %d functions match, and this kernel gives each a probe of its own: more than %d take too long [a narrower pattern]",
            names->patterns, names->nr, MOST);
        return eu_attach_failed(prog, E2BIG, why);
    }
    for (int i = 0; i < names->nr && !is_exhausted(err); i++) {
        struct bpf_link *link = link_one(prog, names->at[i], context);
        if (!link)
            err = errno; /* some cannot be probed, or have a name that is not unique */
        else if (eu_attachment_add_link(object, index, link))
            err = ENOMEM;
        else
            attached++;
    }
    if (attached && !is_exhausted(err))
        return 0;
    if (is_exhausted(err))
        snprintf(why, sizeof(why), "%.200s: %s after %d of %d functions%s", names->patterns, eu_reason(err), attached, names->nr,
                 err == EMFILE ? " [ulimit -n 65536, or a narrower pattern]" : "");
    else
        snprintf(why, sizeof(why), "%.200s: %s", names->patterns, names->nr ? eu_reason(err) : "no function matches that can be probed");
    return eu_attach_failed(prog, err ? err : ENOENT, why);
}

/* Opening, loading and closing BPF objects. */
#define _GNU_SOURCE
#include "object.h"
#include "accounting.h"
#include "attach_many.h"
#include "elf_check.h"
#include "error.h"
#include "minimal_btf.h"
#include "rings.h"
#include "user_ring.h"
#include "vanish.h"
#include "wakeup.h"
#include <errno.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

struct bpf_program *eu_prog(struct eu_object *object, int prog) {
    if (prog < 0 || prog >= object->nr_progs)
        return eu_fail_null(EINVAL, "program %d: no such program", prog);
    return object->progs[prog];
}

struct bpf_map *eu_map(struct eu_object *object, int map) {
    if (map < 0 || map >= object->nr_maps)
        return eu_fail_null(EINVAL, "map %d: no such map", map);
    return object->maps[map];
}

/* Kernels before 5.11 charge BPF memory to RLIMIT_MEMLOCK, and tell themselves by not having bpf_ktime_get_coarse_ns() either, which
 * came with them. libbpf lifts the limit there; without CAP_SYS_RESOURCE it cannot, and the soft limit goes as high as it may. */
static int counts_by_group(void) {
    const struct bpf_insn code[] = {
        {.code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_ktime_get_coarse_ns},
        {.code = BPF_JMP | BPF_EXIT},
    };
    int fd = bpf_prog_load(BPF_PROG_TYPE_SOCKET_FILTER, NULL, "GPL", code, sizeof(code) / sizeof(*code), NULL);
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

static void raise_memlock(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_MEMLOCK, &limit) || limit.rlim_cur == limit.rlim_max)
        return;
    if (!counts_by_group()) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_MEMLOCK, &limit);
    }
}

long long eu_memlock_limit(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_MEMLOCK, &limit) || limit.rlim_cur == RLIM_INFINITY || counts_by_group())
        return -1;
    return (long long)limit.rlim_cur;
}

/* The kernel answers a command that it does not know with EINVAL; whatever stands before it knows no commands. */
int eu_bpf_is_refused(void) {
    union bpf_attr attr = {0};
    return syscall(__NR_bpf, 9999, &attr, sizeof(attr)) < 0 && errno == EPERM;
}

static int index_parts(struct eu_object *object) {
    struct bpf_map *map;
    struct bpf_program *prog;
    int maps = 0, progs = 0;
    bpf_object__for_each_map(map, object->bpf) {
        maps++;
        object->has_rings |= bpf_map__type(map) == BPF_MAP_TYPE_RINGBUF;
    }
    bpf_object__for_each_program(prog, object->bpf) progs++;
    object->maps = calloc(maps + 1, sizeof(*object->maps));
    object->progs = calloc(progs + 1, sizeof(*object->progs));
    object->targets = calloc(progs + 1, sizeof(*object->targets));
    object->no_batch = calloc(maps + 1, 1);
    object->sized = calloc(maps + 1, 1);
    object->perf_pages = calloc(maps + 1, sizeof(*object->perf_pages));
    if (!object->maps || !object->progs || !object->targets || !object->no_batch || !object->sized || !object->perf_pages)
        return eu_fail(ENOMEM, "open object: out of memory");
    bpf_object__for_each_map(map, object->bpf) object->maps[object->nr_maps++] = map;
    bpf_object__for_each_program(prog, object->bpf) object->progs[object->nr_progs++] = prog;
    return 0;
}

struct eu_object *eu_open(const void *elf, size_t size, const struct eu_open_options *options) {
    char path[64];
    eu_log_start();
    eu_log_clear();
    if (eu_elf_check(elf, size, options->name))
        return NULL;
    struct eu_object *object = calloc(1, sizeof(*object));
    if (!object)
        return eu_fail_null(ENOMEM, "open object: out of memory");
    object->btf_fd = -1;
    if (!(object->vanish = eu_vanish_new())) {
        eu_close(object);
        return NULL;
    }
    object->plain_btf = options->plain_btf;
    LIBBPF_OPTS(bpf_object_open_opts, open, .object_name = options->name, .kconfig = options->kconfig,
                .btf_custom_path = options->btf_path);
    if (options->verbose_verifier)
        open.kernel_log_level = (uint32_t)options->verbose_verifier;
    if (options->btf_path && !(object->btf_path = strdup(options->btf_path))) {
        eu_close(object);
        return eu_fail_null(ENOMEM, "open object: out of memory");
    }
    if (!options->plain_btf) {
        object->btf_fd = eu_minimal_btf_memfd(elf, size, options->btf_path, options->no_rings ? "bpf_ringbuf" : NULL);
        if (object->btf_fd >= 0) {
            snprintf(path, sizeof(path), "/proc/self/fd/%d", object->btf_fd);
            object->minimal_btf = access(path, R_OK) == 0;
        }
        if (object->minimal_btf) {
            open.btf_custom_path = path;
        } else if (object->btf_fd >= 0) { /* no /proc here, and libbpf takes a path: it reads the kernel's types itself, in 20 ms */
            close(object->btf_fd);
            object->btf_fd = -1;
        }
    }
    eu_handlers_register();
    object->bpf = bpf_object__open_mem(elf, size, &open);
    if ((intptr_t)object->bpf < 0) { /* an error that libbpf took for a pointer: no errno, but the size of a type */
        object->bpf = NULL;
        errno = EINVAL;
    }
    if (!object->bpf) {
        int err = errno;
        eu_fail(err, "open object %s: %s", options->name ? options->name : "", eu_reason(err));
        eu_close(object);
        return NULL;
    }
    if (index_parts(object) || eu_maps_check(object)) {
        eu_close(object);
        return NULL;
    }
    if (options->no_rings)
        eu_rings_replace(object);
    return object;
}

int eu_load(struct eu_object *object) {
    eu_log_start();
    raise_memlock();
    int unbound = eu_progs_bound(object);
    if (unbound)
        return unbound;
    eu_handlers_resolve(object);
    eu_many_prepare(object);
    eu_rings_grow(object);
    eu_wakeup_prepare(object);
    eu_error_clear();
    int err = -bpf_object__load(object->bpf);
    if (err && eu_errno()) /* a handler said what is missing */
        return -eu_errno();
    if (err)
        return eu_fail(err, "load object %s: %s", bpf_object__name(object->bpf), eu_reason(err));
    object->loaded = 1;
    eu_tracepoints_resolve(object);
    return 0;
}

void eu_close(struct eu_object *object) {
    if (!object)
        return;
    eu_detach_all(object);
    eu_vanish_free(object->vanish);
    eu_accounting_close(object->accounting);
    eu_wakeup_free(object);
    eu_user_rings_free(object);
    eu_prog_fds_close(object);
    for (int i = 0; object->functions && i < object->nr_progs; i++)
        free(object->functions[i]);
    free(object->functions);
    if (object->bpf)
        bpf_object__close(object->bpf);
    if (object->btf_fd >= 0)
        close(object->btf_fd);
    free(object->maps);
    free(object->no_batch);
    free(object->sized);
    free(object->perf_pages);
    free(object->progs);
    free(object->targets);
    free(object->tracepoints);
    free(object->btf_path);
    free(object);
}

int eu_used_minimal_btf(struct eu_object *object) {
    return object->minimal_btf;
}

int eu_prog_count(struct eu_object *object) {
    return object->nr_progs;
}

static int is_attached(const struct eu_object *object, int prog) {
    for (const struct eu_attachment *at = object->attachments; at; at = at->next)
        if (at->prog == prog)
            return 1;
    return 0;
}

int eu_prog_get(struct eu_object *object, int prog, struct eu_prog_info *info) {
    const struct bpf_program *program = eu_prog(object, prog);
    if (!program)
        return -EINVAL;
    *info = (struct eu_prog_info){
        .name = bpf_program__name(program),
        .section = bpf_program__section_name(program),
        .type = bpf_program__type(program),
        .expected_attach_type = bpf_program__expected_attach_type(program),
        .insns = bpf_program__insn_cnt(program),
        .autoload = bpf_program__autoload(program),
        .attached = is_attached(object, prog),
        .fd = object->loaded ? bpf_program__fd(program) : -1,
    };
    return 0;
}

int eu_prog_missed(struct eu_object *object, int prog, uint64_t *missed) {
    const struct bpf_program *program = eu_prog(object, prog);
    struct bpf_prog_info info = {0};
    uint32_t size = sizeof(info);
    *missed = 0;
    if (!program)
        return -EINVAL;
    if (!object->loaded || bpf_program__fd(program) < 0)
        return 0;
    if (bpf_prog_get_info_by_fd(bpf_program__fd(program), &info, &size))
        return eu_fail(errno, "program %s: read its state: %s", bpf_program__name(program), eu_reason(errno));
    *missed = info.recursion_misses;
    return 0;
}

int eu_prog_set_autoload(struct eu_object *object, int prog, int on) {
    struct bpf_program *program = eu_prog(object, prog);
    if (!program)
        return -EINVAL;
    int err = bpf_program__set_autoload(program, on);
    return err ? eu_fail(-err, "program %s: autoload: %s", bpf_program__name(program), eu_reason(-err)) : 0;
}

const char *eu_reason(int err) {
    static _Thread_local char words[64];
    if (err == LIBBPF_ERRNO__FORMAT || err == LIBBPF_ERRNO__LIBELF)
        return "not a BPF object (an ELF file)";
    if (err == EU_ENOTSUPP)
        return "not supported by this kernel (error 524)";
#ifdef __GLIBC__ /* GNU's strerror_r returns the text, musl's fills the buffer as POSIX says */
    const char *name = strerror_r(err, words, sizeof(words));
    if (name != words)
        snprintf(words, sizeof(words), "%s", name);
#else
    strerror_r(err, words, sizeof(words));
#endif
    if (words[0] >= 'A' && words[0] <= 'Z' && words[1] >= 'a')
        words[0] |= 0x20;
    return words;
}

/* Programs that attach to a kernel type (tp_btf, fentry, lsm, iter …): their attach_btf_id comes from one pass over raw BTF.
 *
 * libbpf parses all of the kernel's BTF (16-20 ms) as soon as it meets a program of type TRACING or LSM. These handlers open such
 * programs as raw tracepoints and set type, attach type and id when they are loaded. */
#define _GNU_SOURCE
#include "btf_raw.h"
#include "error.h"
#include "near.h"
#include "object.h"
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct eu_family {
    const char *section; /* libbpf's pattern */
    const char *prefix;  /* of the type's name */
    uint32_t kind, type, attach, flags;
    const char *noun;
} families[] = {
    {"tp_btf+", "btf_trace_", BTF_KIND_TYPEDEF, BPF_PROG_TYPE_TRACING, BPF_TRACE_RAW_TP, 0, "tracepoint"},
    {"fentry+", "", BTF_KIND_FUNC, BPF_PROG_TYPE_TRACING, BPF_TRACE_FENTRY, 0, "function"},
    {"fexit+", "", BTF_KIND_FUNC, BPF_PROG_TYPE_TRACING, BPF_TRACE_FEXIT, 0, "function"},
    {"fmod_ret+", "", BTF_KIND_FUNC, BPF_PROG_TYPE_TRACING, BPF_MODIFY_RETURN, 0, "function"},
    {"fentry.s+", "", BTF_KIND_FUNC, BPF_PROG_TYPE_TRACING, BPF_TRACE_FENTRY, BPF_F_SLEEPABLE, "function"},
    {"fexit.s+", "", BTF_KIND_FUNC, BPF_PROG_TYPE_TRACING, BPF_TRACE_FEXIT, BPF_F_SLEEPABLE, "function"},
    {"fmod_ret.s+", "", BTF_KIND_FUNC, BPF_PROG_TYPE_TRACING, BPF_MODIFY_RETURN, BPF_F_SLEEPABLE, "function"},
    {"lsm+", "bpf_lsm_", BTF_KIND_FUNC, BPF_PROG_TYPE_LSM, BPF_LSM_MAC, 0, "LSM hook"},
    {"lsm.s+", "bpf_lsm_", BTF_KIND_FUNC, BPF_PROG_TYPE_LSM, BPF_LSM_MAC, BPF_F_SLEEPABLE, "LSM hook"},
    {"lsm_cgroup+", "bpf_lsm_", BTF_KIND_FUNC, BPF_PROG_TYPE_LSM, BPF_LSM_CGROUP, 0, "LSM hook"},
    {"iter+", "bpf_iter_", BTF_KIND_FUNC, BPF_PROG_TYPE_TRACING, BPF_TRACE_ITER, 0, "iterator"},
    {"iter.s+", "bpf_iter_", BTF_KIND_FUNC, BPF_PROG_TYPE_TRACING, BPF_TRACE_ITER, BPF_F_SLEEPABLE, "iterator"},
};

static _Thread_local struct eu_object *loading; /* whose programs libbpf prepares */

static void offer_all(struct eu_near *near, const struct eu_family *family) {
    struct eu_btf_view view;
    const struct btf_type *type;
    int64_t tail;
    size_t length = strlen(family->prefix);
    if (eu_btf_file(NULL, &view))
        return;
    for (const char *at = view.types; (type = eu_btf_at(&view, at, &tail)); at += sizeof(*type) + tail) {
        const char *name = eu_btf_name(&view, type->name_off);
        if (BTF_INFO_KIND(type->info) == family->kind && !strncmp(name, family->prefix, length))
            eu_near_offer(near, name + length);
    }
}

static const struct eu_family *family_named(const char *section) {
    for (size_t i = 0; i < sizeof(families) / sizeof(*families); i++) {
        size_t length = strlen(families[i].section) - 1;
        if (!strncmp(section, families[i].section, length) && (!section[length] || section[length] == '/'))
            return &families[i];
    }
    return NULL;
}

static const struct eu_family *family_of(const struct bpf_program *prog) {
    return family_named(bpf_program__section_name(prog));
}

/* A section that a handler took from libbpf: once it is registered, libbpf says raw tracepoint. */
int eu_handlers_types(const char *section, int *type, int *attach_type) {
    const struct eu_family *family = family_named(section);
    if (!family)
        return -ESRCH;
    *type = (int)family->type;
    *attach_type = (int)family->attach;
    return 0;
}

/* What was chosen for it, or stands behind the slash of its section, NULL: nothing. */
static const char *target_of(const struct eu_object *object, int index) {
    const char *slash = strchr(bpf_program__section_name(object->progs[index]), '/');
    return object->functions && object->functions[index] ? object->functions[index] : slash && slash[1] ? slash + 1 : NULL;
}

int eu_prog_set_function(struct eu_object *object, int index, const char *function) {
    const struct bpf_program *prog = object->progs[index];
    if (object->loaded)
        return eu_fail(EBUSY, "program %s: what it attaches to is named before it is loaded", bpf_program__name(prog));
    if (!family_of(prog))
        return eu_fail(EINVAL, "program %s (%s): attaches to no type of the kernel", bpf_program__name(prog),
                       bpf_program__section_name(prog));
    char *copy = strdup(function);
    if (copy && !object->functions)
        object->functions = calloc(object->nr_progs, sizeof(*object->functions));
    if (!copy || !object->functions) {
        free(copy);
        return eu_fail(ENOMEM, "program %s: out of memory", bpf_program__name(prog));
    }
    free(object->functions[index]);
    object->functions[index] = copy;
    return 0;
}

/* Where a type's name stands in `first|second`, the first that the kernel has being taken; -1: nowhere. */
static int rank_of(const struct eu_family *family, const char *target, uint32_t kind, const char *name) {
    size_t prefix = strlen(family->prefix);
    if (kind != family->kind || strncmp(name, family->prefix, prefix))
        return -1;
    for (int rank = 0;; rank++) {
        size_t length = strcspn(target, "|");
        if (!strncmp(name + prefix, target, length) && !name[prefix + length])
            return rank;
        if (!target[length])
            return -1;
        target += length + 1;
    }
}

/* One pass over the kernel's types for all programs of the object. */
static void find_ids(struct eu_object *object, int wanted) {
    struct eu_btf_view view;
    const struct btf_type *type;
    int64_t tail;
    uint32_t id = 1;
    if (!wanted || eu_btf_file(NULL, &view))
        return;
    for (const char *at = view.types; wanted && (type = eu_btf_at(&view, at, &tail)); at += sizeof(*type) + tail, id++) {
        uint32_t kind = BTF_INFO_KIND(type->info);
        if (kind != BTF_KIND_FUNC && kind != BTF_KIND_TYPEDEF)
            continue;
        const char *name = eu_btf_name(&view, type->name_off);
        for (int i = 0; i < object->nr_progs; i++) {
            struct eu_kernel_target *target = &object->targets[i];
            int rank = target->family ? rank_of(target->family, target->name, kind, name) : -1;
            if (rank < 0 || (target->id && rank >= target->rank))
                continue;
            target->id = id;
            target->rank = rank;
            wanted -= !rank;
        }
    }
}

static int is_in_module(const char *name, uint32_t kind, void *context) {
    const struct eu_kernel_target *target = context;
    return rank_of(target->family, target->name, kind, name) >= 0;
}

void eu_handlers_release(struct bpf_program *prog) {
    const struct eu_family *family = family_of(prog);
    if (!family)
        return;
    bpf_program__set_type(prog, family->type);
    bpf_program__set_expected_attach_type(prog, family->attach);
    bpf_program__set_flags(prog, bpf_program__flags(prog) | family->flags);
}

/* The way of libbpf, which parses all of the kernel's BTF and knows those of modules. It ends the handler's part: types that change
 * lose it. */
static void let_libbpf_find(struct bpf_program *prog, const char *target) {
    eu_handlers_release(prog);
    bpf_program__set_attach_target(prog, 0, target); /* failed: the kernel refuses a program without a target */
}

void eu_handlers_resolve(struct eu_object *object) {
    int wanted = 0;
    for (int i = 0; i < object->nr_progs; i++) {
        struct bpf_program *prog = object->progs[i];
        int is_bound = object->prog_fds && object->prog_fds[i];
        const struct eu_family *family = bpf_program__autoload(prog) && !is_bound ? family_of(prog) : NULL;
        object->targets[i] = (struct eu_kernel_target){family && target_of(object, i) ? family : NULL, target_of(object, i), 0, 0};
        wanted += object->targets[i].family != NULL;
    }
    find_ids(object, wanted);
    for (int i = 0; i < object->nr_progs; i++) {
        struct eu_kernel_target *target = &object->targets[i];
        if (target->family && (target->id ? object->plain_btf : strchr(target->name, ':') || eu_btf_in_modules(is_in_module, target)))
            let_libbpf_find(object->progs[i], target->name);
    }
    loading = object;
}

static struct eu_kernel_target resolved(const struct bpf_program *prog) {
    for (int i = 0; loading && i < loading->nr_progs; i++)
        if (loading->progs[i] == prog)
            return loading->targets[i];
    return (struct eu_kernel_target){0};
}

/* The attach id is the running kernel's even where types are relocated against a file. */
static int prepare(struct bpf_program *prog, struct bpf_prog_load_opts *options, long cookie) {
    const struct eu_family *family = &families[cookie];
    const char *target = resolved(prog).name;
    struct eu_btf_view view;
    struct eu_near near;
    char hint[160];
    if (!target)
        return eu_fail(EINVAL, "program %s: section %s names no %s [write SEC(\"%.*s/NAME\")]", bpf_program__name(prog),
                       bpf_program__section_name(prog), family->noun, (int)strlen(family->section) - 1, family->section);
    if (eu_btf_file(NULL, &view))
        return eu_fail(EOPNOTSUPP,
                       "program %s: %s %s: sought in the kernel's own BTF, and this kernel has none [a kprobe, raw_tp or tp "
                       "program in its place needs none]",
                       bpf_program__name(prog), family->noun, target);
    uint32_t id = resolved(prog).id;
    if (!id) {
        eu_near_start(&near, target);
        offer_all(&near, family);
        return eu_fail(ENOENT, "program %s: %s %s: not in this kernel's BTF%s", bpf_program__name(prog), family->noun, target,
                       eu_near_hint(&near, hint, sizeof(hint)));
    }
    bpf_program__set_type(prog, family->type);
    bpf_program__set_expected_attach_type(prog, family->attach);
    options->expected_attach_type = family->attach;
    options->attach_btf_id = id;
    options->prog_flags |= family->flags;
    return 0;
}

static void register_all(void) {
    for (size_t i = 0; i < sizeof(families) / sizeof(*families); i++) {
        LIBBPF_OPTS(libbpf_prog_handler_opts, options, .cookie = i, .prog_prepare_load_fn = prepare);
        libbpf_register_prog_handler(families[i].section, BPF_PROG_TYPE_RAW_TRACEPOINT, 0, &options);
    }
}

void eu_handlers_register(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, register_all);
}

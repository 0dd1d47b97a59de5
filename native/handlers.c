/* Programs that attach to a kernel type (tp_btf, fentry, lsm, iter …): their attach_btf_id comes from one pass over raw BTF.
 *
 * libbpf parses all of the kernel's BTF (16-20 ms) as soon as it meets a program of type TRACING or LSM. These handlers open such
 * programs as raw tracepoints and set type, attach type and id when they are loaded. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "btf_raw.h"
#include "error.h"
#include "near.h"
#include "object.h"

static const struct family {
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
    {"iter+", "bpf_iter_", BTF_KIND_FUNC, BPF_PROG_TYPE_TRACING, BPF_TRACE_ITER, 0, "iterator"},
    {"iter.s+", "bpf_iter_", BTF_KIND_FUNC, BPF_PROG_TYPE_TRACING, BPF_TRACE_ITER, BPF_F_SLEEPABLE, "iterator"},
};

static void offer_all(struct eu_near *near, const struct family *family) {
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

/* The attach id is the running kernel's even where types are relocated against a file. */
static int prepare(struct bpf_program *prog, struct bpf_prog_load_opts *options, long cookie) {
    const struct family *family = &families[cookie];
    const char *slash = strchr(bpf_program__section_name(prog), '/');
    char name[256], hint[160];
    struct eu_near near;
    if (!slash || !slash[1])
        return eu_fail(EINVAL, "program %s: section %s names no %s [write SEC(\"%.*s/NAME\")]", bpf_program__name(prog),
                       bpf_program__section_name(prog), family->noun, (int)strlen(family->section) - 1, family->section);
    snprintf(name, sizeof(name), "%s%s", family->prefix, slash + 1);
    int id = eu_btf_find(NULL, name, family->kind);
    if (id == -ENOENT) {
        eu_near_start(&near, slash + 1);
        offer_all(&near, family);
        return eu_fail(ENOENT, "program %s: %s %s: not in this kernel's BTF%s", bpf_program__name(prog), family->noun, slash + 1,
                       eu_near_hint(&near, hint, sizeof(hint)));
    }
    if (id < 0)
        return id;
    bpf_program__set_type(prog, family->type);
    bpf_program__set_expected_attach_type(prog, family->attach);
    options->expected_attach_type = family->attach;
    options->attach_btf_id = id;
    options->prog_flags |= family->flags;
    return 0;
}

int eu_handlers_register(void) {
    static int done;
    for (size_t i = 0; !done && i < sizeof(families) / sizeof(*families); i++) {
        LIBBPF_OPTS(libbpf_prog_handler_opts, options, .cookie = i, .prog_prepare_load_fn = prepare);
        libbpf_register_prog_handler(families[i].section, BPF_PROG_TYPE_RAW_TRACEPOINT, 0, &options);
    }
    done = 1;
    return 0;
}

/* vmlinux.h from BTF, as bpftool's `btf dump file F format c` prints it, with the kfuncs' prototypes that newer ones add. */
#define _GNU_SOURCE
#include "error.h"
#include "eunomia.h"
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char head[] = "#ifndef __VMLINUX_H__\n"
                           "#define __VMLINUX_H__\n\n"
                           "#ifndef BPF_NO_PRESERVE_ACCESS_INDEX\n"
                           "#pragma clang attribute push (__attribute__((preserve_access_index)), apply_to = record)\n"
                           "#endif\n\n"
                           "#ifndef BPF_NO_KFUNC_PROTOTYPES\n"
                           "#ifndef __ksym\n"
                           "#define __ksym __attribute__((section(\".ksyms\")))\n"
                           "#endif\n\n"
                           "#ifndef __weak\n"
                           "#define __weak __attribute__((weak))\n"
                           "#endif\n\n"
                           "#ifndef __bpf_fastcall\n"
                           "#if __has_attribute(bpf_fastcall)\n"
                           "#define __bpf_fastcall __attribute__((bpf_fastcall))\n"
                           "#else\n"
                           "#define __bpf_fastcall\n"
                           "#endif\n"
                           "#endif\n"
                           "#endif\n\n";
static const char tail[] = "#ifndef BPF_NO_PRESERVE_ACCESS_INDEX\n"
                           "#pragma clang attribute pop\n"
                           "#endif\n\n"
                           "#endif /* __VMLINUX_H__ */\n";

static void print_to_file(void *file, const char *format, va_list args) {
    vfprintf(file, format, args);
}

enum { KFUNC = 1, FASTCALL = 2 };

/* What the declaration tags say of each type, a byte each; NULL when there is no memory. */
static unsigned char *tags_of_types(const struct btf *btf, __u32 count) {
    unsigned char *tags = calloc(count, 1);
    for (__u32 id = 1; tags && id < count; id++) {
        const struct btf_type *type = btf__type_by_id(btf, id);
        if (!btf_is_decl_tag(type) || btf_decl_tag(type)->component_idx != -1 || type->type >= count)
            continue;
        const char *name = btf__name_by_offset(btf, type->name_off);
        if (name && !strcmp(name, "bpf_kfunc"))
            tags[type->type] |= KFUNC;
        else if (name && !strcmp(name, "bpf_fastcall"))
            tags[type->type] |= FASTCALL;
    }
    return tags;
}

/* Source: bpftool's dump_btf_kfuncs() (Linux 6.11). */
static int dump_kfuncs(struct btf_dump *dump, const struct btf *btf, __u32 count, FILE *file) {
    unsigned char *tags = tags_of_types(btf, count);
    if (!tags)
        return -ENOMEM;
    int err = 0;
    fputs("\n/* BPF kfuncs */\n#ifndef BPF_NO_KFUNC_PROTOTYPES\n", file);
    for (__u32 id = 1; id < count && !err; id++) {
        const struct btf_type *type = btf__type_by_id(btf, id);
        if (!(tags[id] & KFUNC) || !btf_is_func(type))
            continue;
        LIBBPF_OPTS(btf_dump_emit_type_decl_opts, opts, .field_name = btf__name_by_offset(btf, type->name_off));
        fputs(tags[id] & FASTCALL ? "__bpf_fastcall extern " : "extern ", file);
        err = btf_dump__emit_type_decl(dump, type->type, &opts);
        fputs(" __weak __ksym;\n", file);
    }
    fputs("#endif\n\n", file);
    free(tags);
    return err;
}

static int dump_header(const struct btf *btf, FILE *file) {
    __u32 count = btf__type_cnt(btf);
    struct btf_dump *dump = btf_dump__new(btf, print_to_file, file, NULL);
    if (!dump)
        return -errno;
    int err = 0;
    fputs(head, file);
    for (__u32 id = 1; id < count && !err; id++)
        err = btf_dump__dump_type(dump, id);
    if (!err)
        err = dump_kfuncs(dump, btf, count, file);
    fputs(tail, file);
    btf_dump__free(dump);
    if (!err && ferror(file))
        err = -EIO;
    return err;
}

int eu_dump_vmlinux(const char *path, const char *output) {
    eu_log_start();
    const char *from = path ? path : "/sys/kernel/btf/vmlinux";
    struct btf *btf = btf__parse(from, NULL);
    if (!btf)
        return eu_fail(errno, "read BTF %s: %s", from, strerror(errno));
    FILE *file = fopen(output, "we");
    if (!file) {
        int err = errno;
        btf__free(btf);
        return eu_fail(err, "write %s: %s", output, strerror(err));
    }
    int err = dump_header(btf, file);
    btf__free(btf);
    if (fclose(file) && !err)
        err = -errno;
    if (!err)
        return 0;
    unlink(output);
    return eu_fail(-err, "write C header %s from BTF %s: %s", output, from, strerror(-err));
}

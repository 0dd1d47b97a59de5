/* What the files of the loader share about an opened object. */
#ifndef EUNOMIA_OBJECT_H
#define EUNOMIA_OBJECT_H
#include <stddef.h>
#include <stdint.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include "eunomia.h"

/* How one attachment is undone, newest first. */
struct eu_attachment {
    struct eu_attachment *next;
    int prog;
    struct bpf_link *link; /* NULL where the kernel has no link for it */
    int fd;                /* perf event or raw tracepoint descriptor, -1: none */
    void (*undo)(struct eu_attachment *attachment); /* extra work, may be NULL */
    int ifindex;
    uint32_t flags, handle, priority;
    int tc_point, made_qdisc;
};

struct eu_object {
    struct bpf_object *bpf;
    struct bpf_map **maps;
    struct bpf_program **progs;
    uint8_t *no_batch; /* per map: the kernel has no batch operation for it */
    int nr_maps, nr_progs;
    int loaded, minimal_btf;
    int btf_fd;       /* memfd with the minimal BTF, -1: none */
    char *btf_path;   /* BTF file the user gave, NULL: the running kernel's */
    struct eu_attachment *attachments;
};

/* A program by index, or NULL with eu_error() set. */
struct bpf_program *eu_prog(struct eu_object *object, int prog);
struct bpf_map *eu_map(struct eu_object *object, int map);
/* attach.c */
void eu_detach_all(struct eu_object *object);
/* Register the handlers that set attach_btf_id for tp_btf, fentry and their like; once per process. */
int eu_handlers_register(void);
#endif

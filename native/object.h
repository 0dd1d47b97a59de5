/* What the files of the loader share about an opened object. */
#ifndef EUNOMIA_OBJECT_H
#define EUNOMIA_OBJECT_H
#include "eunomia.h"
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <stddef.h>
#include <stdint.h>

/* How one attachment is undone, newest first. */
struct eu_attachment {
    struct eu_attachment *next;
    int prog;
    struct bpf_link *link;                          /* NULL where the kernel has no link for it */
    int fd;                                         /* link, perf event, raw tracepoint or socket descriptor, -1: none */
    void (*undo)(struct eu_attachment *attachment); /* extra work, may be NULL */
    struct eu_undo *undoing;                        /* guard.c: of what the kernel ties to no descriptor, else NULL */
    uint32_t guard;                                 /* its number with the guardian, 0: it has none */
    int owner;                                      /* the process that attached it */
    int perf_fd; /* the perf event that the link is to, where we opened it; 0: none. The link's to close */
    int pinned;  /* its link: it stays when this ends */
    uint32_t flags;
    int other_fd;               /* what else the undoing needs, closed by it; 0: none */
    uint32_t number;            /* of the guest's link that it belongs to, 0: none */
    struct eu_watched *watched; /* vanish.c: its target, NULL: that stays, or cannot be watched */
};

/* The kernel type that a program attaches to. */
struct eu_kernel_target {
    const struct eu_family *family; /* NULL: none */
    const char *name;
    uint32_t id; /* 0: not in the kernel's own BTF */
    int rank;    /* of what was found among several names */
};

struct eu_object {
    struct bpf_object *bpf;
    struct bpf_map **maps;
    struct bpf_program **progs;
    uint8_t *no_batch; /* per map: the kernel has no batch operation for it */
    uint8_t *sized;    /* per map: somebody chose its size */
    int *perf_pages;   /* per map: of a perf buffer for each CPU, 0: nobody chose */
    int nr_maps, nr_progs;
    struct eu_kernel_target *targets; /* per program */
    int *tracepoints;                 /* per program: the id of its section's tracepoint, 0: none or not read */
    int loaded, minimal_btf, plain_btf, has_rings;
    int btf_fd;     /* memfd with the minimal BTF, -1: none */
    char *btf_path; /* BTF file the user gave, NULL: the running kernel's */
    struct eu_attachment *attachments;
    struct eu_vanish *vanish;             /* what goes away of what is attached to */
    struct eu_accounting *accounting;     /* made on first use */
    struct eu_wakeup *wakeup;             /* wakeup.c; NULL: nobody has read yet */
    int *prog_fds;                        /* per program: the program that it attaches to, 0: none; NULL: none has any */
    char **functions;                     /* per program: the kernel's, chosen in place of its section's; NULL: none has any */
    struct user_ring_buffer **user_rings; /* per map, user_ring.c; NULL: nothing was submitted yet */
};

/* A program by index, or NULL with eu_error() set. */
struct bpf_program *eu_prog(struct eu_object *object, int prog);
struct bpf_map *eu_map(struct eu_object *object, int map);
/* attach.c */
void eu_detach_all(struct eu_object *object);
/* Undo what has this number; how many that were. */
int eu_detach_number(struct eu_object *object, uint32_t number);
/* Read the ids of all tracepoints before the first program attaches: tools that watch open(2) would begin with these files. */
void eu_tracepoints_resolve(struct eu_object *object);
/* Register the handlers that set attach_btf_id for tp_btf, fentry and their like; once per process. */
void eu_handlers_register(void);
/* The types of a section that a handler took from libbpf; -ESRCH for others. */
int eu_handlers_types(const char *section, int *type, int *attach_type);
/* Give a program back to libbpf, of the type that its section says: it attaches to another program, not to the kernel. */
void eu_handlers_release(struct bpf_program *prog);
/* Before load: the function, hook or tracepoint of the kernel that a program attaches to, in place of its section's. */
int eu_prog_set_function(struct eu_object *object, int prog, const char *function);
/* attach_prog.c: -errno with the error kept where a program lacks the one that it attaches to. */
int eu_progs_bound(struct eu_object *object);
void eu_prog_fds_close(struct eu_object *object);
/* Find what those programs attach to; before libbpf loads the object. */
void eu_handlers_resolve(struct eu_object *object);
#endif

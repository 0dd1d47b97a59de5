/* Programs for many functions: names that match patterns, and whether the kernel links them at once or one by one. */
#ifndef EUNOMIA_ATTACH_MANY_H
#define EUNOMIA_ATTACH_MANY_H
#include "object.h"
#include "uapi.h"

struct eu_names {
    const char *patterns; /* `a|b*` */
    const char **at;      /* sorted, each once; owned */
    int nr, room;
};

/* * ? [ are in it. */
int eu_is_pattern(const char *text);
/* Section kprobe or kretprobe, neither .multi nor .session. */
int eu_is_kprobe(const char *section);
/* The program was loaded to be linked to many functions at once. */
int eu_is_many(const struct bpf_program *prog);
/* Before load: programs for many functions become such for one where the kernel has no links to many; kprobes with a pattern in their
 * section become such for many where it has. */
void eu_many_prepare(struct eu_object *object);
void eu_names_of_kernel(const char *patterns, struct eu_names *names);
void eu_names_of_binary(const char *path, const char *patterns, struct eu_names *names);
void eu_names_free(struct eu_names *names);

typedef struct bpf_link *eu_link_one(const struct bpf_program *prog, const char *name, void *context);
/* One link for each name; what cannot be probed is passed over, as long as something remains. */
int eu_attach_each(struct eu_object *object, int index, const struct eu_names *names, eu_link_one *link_one, void *context);
#endif

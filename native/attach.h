/* Parts of attaching: each returns a link, or NULL with errno and the cause in `why`. */
#ifndef EUNOMIA_ATTACH_H
#define EUNOMIA_ATTACH_H
#include <bpf/libbpf.h>
#include <stddef.h>

int eu_is_uprobe(const char *section);
struct bpf_link *eu_attach_uprobe(const struct bpf_program *prog, const char *target, int pid, char *why, size_t room);
/* Why libbpf could not attach a program by its section; "" where its errno says all. */
void eu_attach_cause(const struct bpf_program *prog, int err, char *why, size_t room);
#endif

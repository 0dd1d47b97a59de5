/* One object through libbpf's linker: DWARF goes, BTF stays and is deduplicated, static offsets are filled in. */
#define _GNU_SOURCE
#include "error.h"
#include "eunomia.h"
#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

int eu_link_object(const char *input, const char *output) {
    eu_log_start();
    struct bpf_linker *linker = bpf_linker__new(output, NULL);
    if (!linker)
        return eu_fail(errno, "write object %s: %s", output, strerror(errno));
    int err = bpf_linker__add_file(linker, input, NULL);
    if (!err)
        err = bpf_linker__finalize(linker);
    bpf_linker__free(linker);
    if (!err)
        return 0;
    unlink(output);
    return eu_fail(-err, "link object %s: %s", input, strerror(-err));
}

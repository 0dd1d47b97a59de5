/* Waiting for programs that were detached while they ran. */
#define _GNU_SOURCE
#include "error.h"
#include "eunomia.h"
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

/* A map of maps lets an update return only when no program uses the old inner map.
 * Source: maybe_wait_bpf_programs(), kernel/bpf/syscall.c (4.20+) */
static int wait_by_map(void) {
    uint32_t zero = 0;
    int inner = bpf_map_create(BPF_MAP_TYPE_ARRAY, NULL, 4, 4, 1, NULL);
    LIBBPF_OPTS(bpf_map_create_opts, options, .inner_map_fd = (uint32_t)inner);
    int outer = inner < 0 ? -1 : bpf_map_create(BPF_MAP_TYPE_ARRAY_OF_MAPS, NULL, 4, 4, 1, &options);
    int err = outer < 0 || bpf_map_update_elem(outer, &zero, &inner, 0) ? errno : 0;
    if (outer >= 0)
        close(outer);
    if (inner >= 0)
        close(inner);
    return err ? eu_fail(err, "wait for programs: %s", eu_reason(err)) : 0;
}

int eu_programs_wait(int by_map) {
    if (!by_map && !syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0)) /* synchronize_rcu(); nohz_full kernels refuse it */
        return 0;
    return wait_by_map();
}

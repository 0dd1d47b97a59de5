/* Waiting for programs that were detached while they ran. */
#define _GNU_SOURCE
#include "quiesce.h"
#include "error.h"
#include "eunomia.h"
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

/* A map of maps lets an update return only when no program uses the old inner map.
 * Source: maybe_wait_bpf_programs(), kernel/bpf/syscall.c (4.20+) */
static __thread int outer = -1, inner = -1; /* made ahead by eu_programs_prepare() */

static int make_maps(void) {
    if (outer >= 0)
        return 0;
    if (inner < 0)
        inner = bpf_map_create(BPF_MAP_TYPE_ARRAY, NULL, 4, 4, 1, NULL);
    LIBBPF_OPTS(bpf_map_create_opts, options, .inner_map_fd = (uint32_t)inner);
    if (inner >= 0)
        outer = bpf_map_create(BPF_MAP_TYPE_ARRAY_OF_MAPS, NULL, 4, 4, 1, &options);
    return outer < 0 ? -errno : 0;
}

static void close_maps(void) {
    if (outer >= 0)
        close(outer);
    if (inner >= 0)
        close(inner);
    outer = inner = -1;
}

static int wait_by_map(void) {
    uint32_t zero = 0;
    int err = make_maps() || bpf_map_update_elem(outer, &zero, &inner, 0) ? errno : 0;
    close_maps();
    return err ? eu_fail(err, "wait for programs: %s", eu_reason(err)) : 0;
}

/* Kernels with nohz_full processors refuse the barrier. */
void eu_programs_prepare(void) {
    long known = syscall(SYS_membarrier, MEMBARRIER_CMD_QUERY, 0, 0);
    if (known < 0 || !(known & MEMBARRIER_CMD_GLOBAL))
        make_maps();
}

int eu_programs_wait(int by_map) {
    if (!by_map && !syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0)) /* synchronize_rcu() */
        return 0;
    return wait_by_map();
}

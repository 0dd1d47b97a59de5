/* Clocks. The monotonic one is the host's own, not counted from the guest's start: bpf_ktime_get_ns() shows the same. */
#include "wasi.h"
#include <time.h>

static const clockid_t clocks[] = {CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_PROCESS_CPUTIME_ID, CLOCK_THREAD_CPUTIME_ID};

static int put_time(struct eu_wasi *wasi, uint32_t at, int (*read)(clockid_t, struct timespec *), uint32_t clock) {
    struct timespec now;
    if (clock >= sizeof(clocks) / sizeof(*clocks))
        return -EINVAL;
    if (read(clocks[clock], &now))
        return -errno;
    return wasi_put64(wasi, at, now.tv_sec * 1000000000ull + now.tv_nsec);
}

int eu_wasi_clock_res_get(struct eu_wasi *wasi, const union eu_slot *in) {
    return put_time(wasi, in[1].u32, clock_getres, in[0].u32);
}

int eu_wasi_clock_time_get(struct eu_wasi *wasi, const union eu_slot *in) {
    return put_time(wasi, in[2].u32, clock_gettime, in[0].u32);
}

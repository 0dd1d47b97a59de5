/* What the three variants of the measured tool have in common: the ring, the filter and filling a record. */
#ifndef FILL_H
#define FILL_H
#include "sig.h"

#ifndef RING_BYTES
#define RING_BYTES (256 << 10) /* what most tools use */
#endif

struct {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, RING_BYTES);
} events SEC(".maps");

/// Trace only this process, 0: all
const volatile int target_pid = 0;

/* The variants differ in where ppid and sig come from, so that they cost the same per record. */
static __always_inline int report(unsigned int ppid, int sig) {
    unsigned int pid = bpf_get_current_pid_tgid() >> 32;
    struct event *event;

    if (target_pid && pid != target_pid)
        return 0;
    event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
    if (!event)
        return 0;
    event->ts = bpf_ktime_get_ns();
    event->cgroup = bpf_get_current_cgroup_id();
    event->pid = pid;
    event->ppid = ppid;
    event->uid = bpf_get_current_uid_gid();
    event->sig = sig;
    bpf_get_current_comm(event->comm, sizeof(event->comm));
    bpf_ringbuf_submit(event, 0);
    return 0;
}
#endif

"""The same tool on bcc: one JSON line for each signal that process PID sends.

`--probe` after PID only says whether bcc works here.
"""

from __future__ import annotations

import sys

from bcc import BPF

SOURCE = """
struct event { u64 ts; u64 cgroup; u32 pid; u32 uid; int sig; char comm[16]; };
BPF_RINGBUF_OUTPUT(events, 64);
TRACEPOINT_PROBE(syscalls, sys_enter_kill) {
    struct event event = {};
    event.pid = bpf_get_current_pid_tgid() >> 32;
    if (event.pid != TARGET_PID)
        return 0;
    event.ts = bpf_ktime_get_ns();
    event.cgroup = bpf_get_current_cgroup_id();
    event.uid = bpf_get_current_uid_gid();
    event.sig = args->sig;
    bpf_get_current_comm(&event.comm, sizeof(event.comm));
    events.ringbuf_output(&event, sizeof(event), 0);
    return 0;
}
"""


def main() -> None:
    """Trace until interrupted."""
    bpf = BPF(text=SOURCE.replace("TARGET_PID", sys.argv[1]))
    if "--probe" in sys.argv:
        return

    def show(_context: object, data: object, _size: int) -> None:
        event = bpf["events"].event(data)
        line = '{"ts":%d,"cgroup":%d,"pid":%d,"uid":%d,"sig":%d,"comm":"%s"}'  # printf as the C tool has it
        print(line % (event.ts, event.cgroup, event.pid, event.uid, event.sig, event.comm.decode()), flush=True)

    bpf["events"].open_ring_buffer(show)
    try:
        while True:
            bpf.ring_buffer_poll()
    except KeyboardInterrupt:
        pass


main()

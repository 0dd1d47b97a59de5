"""Guests in the style of the first system's examples, with objects of our own: compiled once a session."""

from __future__ import annotations

from pathlib import Path

from support.bpf_guests import compile_guest, compile_object

EVENTS = """
struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 65536); } rb SEC(".maps");
SEC("tp/syscalls/sys_enter_getpgid") int on(void *ctx)
{
    u64 *e = bpf_ringbuf_reserve(&rb, 8, 0);
    if (!e)
        return 0;
    *e = bpf_get_current_pid_tgid() >> 32;
    bpf_ringbuf_submit(e, 0);
    return 0;
}
"""
XDP = 'SEC("xdp") int on(struct xdp_md *ctx) { return XDP_PASS; }\n'
UNSAFE = """
SEC("tp/syscalls/sys_enter_getpgid")
int on(void *ctx)
{
    return *(volatile int *)8;
}
"""
SIGNAL = 'SEC("tp/syscalls/sys_enter_getpgid") int on(void *ctx) { bpf_send_signal(9); return 0; }\n'
GROUP = 'SEC("cgroup/sock_create") int on(void *ctx) { return 1; }\n'
LOCKED = 'SEC("fentry/do_sys_openat2") int on(void *ctx) { return 0; }\n'
# argv: how many events, target, what max_size is for. It exits with 3 when loading fails, 4 attaching, 5 polling.
MAIN = """
static int got;
static int on(void *context, void *data, int size)
{
    printf("event %llu\\n", *(unsigned long long *)data);
    got++;
    return 0;
}
int main(int argc, char **argv)
{
    static char data[64];
    int want = argc > 1 ? atoi(argv[1]) : 1, fd, result, size = argc > 3 ? atoi(argv[3]) : sizeof(data);
    object obj = load(elf, sizeof(elf));
    if (!obj)
        return 3;
    if (attach(obj, "on", argc > 2 ? argv[2] : "") < 0)
        return 4;
    printf("attached\\n");
    fd = want ? map_fd(obj, "rb") : -1;
    while (got < want)
        if ((result = poll_buffer(obj, fd, on, 0, data, size, 100)) < 0)
            return printf("poll %d\\n", result), 5;
    return 0;
}
"""
SOURCES = {"events": EVENTS, "xdp": XDP, "unsafe": UNSAFE, "signal": SIGNAL, "group": GROUP, "locked": LOCKED}


def compile_all(folder: Path) -> dict[str, Path]:
    """Compile the guests; return their paths by name."""
    return {
        name: compile_guest(folder, MAIN, compile_object(folder, source), name, ("-s",))
        for name, source in SOURCES.items()
    }

/* Who opens what, through a perf buffer. */
#include "opensnoop.skel.h"

struct event {
    uint64_t ts;
    int32_t pid;
    uint32_t uid;
    int32_t ret, flags;
    char comm[16];
    char name[255], pad;
    uint64_t callers[2];
};
_Static_assert(sizeof(struct event) == 312, "");

static size_t last_size;

static int handle_event(void *ctx, void *data, size_t size)
{
    const struct event *event = data;

    (void)ctx;
    if (size < sizeof(*event))
        return printf("error: packet too small\n"), 0;
    if (size != last_size)
        printf("records of %zu bytes\n", last_size = size);
    printf("%-6d %-16s %3d %3d %s\n", event->pid, event->comm, event->ret >= 0 ? event->ret : -1, event->ret < 0 ? -event->ret : 0,
           event->name);
    return 0;
}

int main(void)
{
    struct opensnoop_bpf *skel = opensnoop_bpf__open();
    struct bpf_buffer *buffer;
    int err;

    if (!skel || opensnoop_bpf__load(skel) || opensnoop_bpf__attach(skel))
        return -1;
    buffer = bpf_buffer__new(skel->maps.events);
    if (bpf_buffer__open(buffer, handle_event, NULL))
        return -1;
    printf("%-6s %-16s %3s %3s %s\n", "PID", "COMM", "FD", "ERR", "PATH");
    while ((err = bpf_buffer__poll(buffer, 100)) >= 0)
        ;
    return printf("poll: %d\n", err), 1;
}

/* Who executes what. */
#include "execve.skel.h"

struct comm_event {
    int32_t pid;
    char parent[16];
    char command[352];
};
_Static_assert(sizeof(struct comm_event) == 372, "");

static int on_event(void *ctx, void *data, size_t size)
{
    const struct comm_event *event = data;

    (void)ctx;
    if (size != sizeof(*event))
        printf("bad size: %zu\n", size);
    printf("[%d] %s -> %s\n", event->pid, event->parent, event->command);
    return 0;
}

int main(void)
{
    struct execve_bpf *skel = execve_bpf__open();
    struct bpf_buffer *buffer;

    if (!skel || execve_bpf__load(skel) || execve_bpf__attach(skel))
        return -1;
    buffer = bpf_buffer__new(skel->maps.comm_event);
    if (bpf_buffer__open(buffer, on_event, NULL))
        return -1;
    printf("ready\n");
    while (bpf_buffer__poll(buffer, 100) >= 0)
        ;
    return -1;
}

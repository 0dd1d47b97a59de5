/* Ended while a callback sleeps: five seconds for each event. */
#include "execve.skel.h"
#include <unistd.h>

static int on_event(void *ctx, void *data, size_t size)
{
    (void)ctx, (void)data;
    printf("callback %zu\n", size);
    sleep(5);
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

/* TinyGo's form: no table is exported, records come to the export go-callback. */
#define WRAPPED
#include "execve.skel.h"
__attribute__((import_module("callback-wrapper"), import_name("wasm_bpf_buffer_poll"))) extern int
wrapped_poll(bpf_object_skel object, int fd, void *ctx, void *data, int size, int timeout_ms);

static int context = 4711;

__attribute__((export_name("go-callback"))) int callback(int *ctx, char *data, int size)
{
    printf("[%d] %s -> %s (%d, %d)\n", *(int *)data, data + 4, data + 20, size, *ctx);
    return -5; /* nobody looks at it */
}

int main(void)
{
    struct execve_bpf *skel = execve_bpf__open();
    char data[512];
    int result = 0;

    if (!skel || execve_bpf__load(skel) || execve_bpf__attach(skel))
        return 1;
    printf("ready\n");
    while (result >= 0)
        result = wrapped_poll(skel->skeleton->obj, bpf_map__fd(skel->maps.comm_event), &context, data, sizeof(data), 100);
    printf("poll: %d\n", result);
    return 1;
}

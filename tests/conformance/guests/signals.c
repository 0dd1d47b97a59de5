/* A guest that hears signals: the first SIGINT ends its wait with EINTR, it finishes its work, and exits with a code of its own.
 * signals poll|sleep */
#include "check.h"
#include "rings.skel.h"
#include <unistd.h>
HOST(wasm_bpf_take_signal) int wasm_bpf_take_signal(void);

static int ignore(void *ctx, void *data, size_t size)
{
    (void)ctx, (void)data, (void)size;
    return 0;
}

int main(int argc, char **argv)
{
    struct rings_bpf *skel = rings_bpf__open();
    char data[64];

    if (!skel || argc < 2 || rings_bpf__load(skel))
        return 1;
    check("no signal yet", wasm_bpf_take_signal(), 0);
    printf("ready\n");
    if (argv[1][0] == 'p')
        check("poll", wasm_bpf_buffer_poll(skel->skeleton->obj, bpf_map__fd(skel->maps.first), ignore, NULL, data, 64, 60000), -4);
    else
        check("sleep", usleep(60000000) != 0, 1);
    check("the signal", wasm_bpf_take_signal(), 2);
    check("once", wasm_bpf_take_signal(), 0);
    check("poll again", wasm_bpf_buffer_poll(skel->skeleton->obj, bpf_map__fd(skel->maps.first), ignore, NULL, data, 64, 0), 0);
    return checked() ? 1 : 5;
}

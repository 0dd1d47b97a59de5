/* Ends with a code: exits CODE main|exit|callback|trap [CHANNEL]. */
#include "rings.skel.h"

static int code, trap;

static int on_record(void *ctx, void *data, size_t size)
{
    (void)ctx, (void)data, (void)size;
    printf("in a callback\n");
    if (trap)
        __builtin_trap();
    exit(code);
}

int main(int argc, char **argv)
{
    struct rings_bpf *skel;
    char data[64];
    int result = 0;

    if (argc < 3)
        return 2;
    code = atoi(argv[1]);
    if (strcmp(argv[2], "main") == 0)
        return code;
    if (strcmp(argv[2], "exit") == 0)
        exit(code);
    trap = strcmp(argv[2], "trap") == 0;
    skel = rings_bpf__open();
    skel->rodata->channel = (uint32_t)atoi(argv[3]);
    if (rings_bpf__load(skel) || wasm_attach_bpf_program(skel->skeleton->obj, "on_kill", NULL) < 0)
        return 99;
    printf("ready\n");
    for (int i = 0; i < 600 && result >= 0; i++)
        result = wasm_bpf_buffer_poll(skel->skeleton->obj, bpf_map__fd(skel->maps.first), on_record, NULL, data, 64, 100);
    printf("went on: %d\n", result);
    return 98;
}

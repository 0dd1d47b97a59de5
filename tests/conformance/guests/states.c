/* A guest in one of four states, for ever: states loop|sleep|poll|callback long|short [CHANNEL]. short: a line now and then. */
#include "rings.skel.h"
#include <unistd.h>

static int lines, is_long;
static volatile unsigned work;

static void line(void) { printf("line %d\n", ++lines); }

static void loop(void)
{
    for (;;) {
        for (unsigned i = 0; i < 20000000; i++)
            work += i;
        if (!is_long)
            line();
    }
}

static int on_record(void *ctx, void *data, size_t size)
{
    (void)ctx, (void)data, (void)size;
    printf("in a callback\n");
    loop();
    return 0;
}

int main(int argc, char **argv)
{
    struct rings_bpf *skel;
    char data[64];
    int fd;

    if (argc < 3)
        return 2;
    is_long = strcmp(argv[2], "long") == 0;
    if (strcmp(argv[1], "loop") == 0 || strcmp(argv[1], "sleep") == 0) {
        printf("ready\n");
        if (argv[1][0] == 'l')
            loop();
        for (;; line())
            usleep(is_long ? 60000000 : 30000);
    }
    skel = rings_bpf__open();
    if (argc > 3)
        skel->rodata->channel = (uint32_t)atoi(argv[3]);
    if (rings_bpf__load(skel) || wasm_attach_bpf_program(skel->skeleton->obj, "on_kill", NULL) < 0)
        return 1;
    fd = bpf_map__fd(skel->maps.first);
    printf("ready\n");
    while (wasm_bpf_buffer_poll(skel->skeleton->obj, fd, on_record, NULL, data, sizeof(data), is_long ? -1 : 30) >= 0)
        line();
    printf("poll failed\n");
    return 1;
}

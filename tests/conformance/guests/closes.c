/* Closing detaches: attached until a line comes on standard input, closed until the next one. closes CHANNEL */
#include "rings.skel.h"

int main(int argc, char **argv)
{
    struct rings_bpf *skel = rings_bpf__open();
    char line[16];

    if (!skel || argc < 2)
        return 2;
    skel->rodata->channel = (uint32_t)atoi(argv[1]);
    if (rings_bpf__load(skel) || rings_bpf__attach(skel))
        return 1;
    printf("attached\n");
    fgets(line, sizeof(line), stdin);
    printf("closed: %d\n", wasm_close_bpf_object(skel->skeleton->obj));
    fgets(line, sizeof(line), stdin);
    printf("end\n");
    return 0;
}

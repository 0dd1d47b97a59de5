/* Forbids to remove a directory, where the kernel has BPF as a security module: else -1, which is exit code 255. */
#include "lsm.skel.h"
#include <unistd.h>

int main(void)
{
    struct lsm_bpf *skel = lsm_bpf__open();

    if (!skel || lsm_bpf__load(skel) || lsm_bpf__attach(skel))
        return -1;
    printf("ready\n");
    for (;;)
        sleep(10);
}

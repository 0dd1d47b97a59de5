/* Loads a socket filter, which nobody attaches here, and sleeps. */
#include "sockfilter.skel.h"
#include <unistd.h>

int main(void)
{
    struct sockfilter_bpf *skel = sockfilter_bpf__open();

    if (!skel || sockfilter_bpf__load(skel))
        return -1;
    printf("loaded\n");
    sleep(10);
    printf("done\n");
    sockfilter_bpf__destroy(skel);
    return 0;
}

/* An object that the verifier refuses: the guest says so by its exit code alone. */
#include "refused.skel.h"

int main(void)
{
    struct refused_bpf *skel = refused_bpf__open();

    return refused_bpf__load(skel) ? -1 : 0;
}

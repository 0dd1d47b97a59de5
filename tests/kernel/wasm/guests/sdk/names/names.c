// SPDX-License-Identifier: GPL-2.0
/* Programs, maps and variables with the names of functions of the C library. */
#include "names.skel.h"
#include <fcntl.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static int bump_memlock_rlimit(void) {
    return 0;
}

int main(void) {
    struct names_bpf *skel = bump_memlock_rlimit() ? NULL : names_bpf__open_and_load();
    if (!skel)
        return 1;
    skel->bss->system = 1;
    skel->bss->wait = 2;
    skel->links.execve = bpf_program__attach(skel->progs.execve);
    skel->links.open = bpf_program__attach(skel->progs.open);
    printf("%s %s %s %d\n", bpf_program__name(skel->progs.execve), bpf_program__name(skel->progs.open),
           bpf_map__name(skel->maps.openat), skel->links.execve && skel->links.open);
    names_bpf__destroy(skel);
    return 0;
}

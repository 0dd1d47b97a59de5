// SPDX-License-Identifier: MIT
/* Marks the SYN of each TCP connection that processes of a control group make. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <bpf/libbpf.h>

#include "sockops.skel.h"

static volatile sig_atomic_t stop;

static void on_signal(int number)
{
	stop = 1;
}

int main(int argc, char **argv)
{
	struct sockops_bpf *skel;
	int group;

	if (argc != 3) {
		fprintf(stderr, "usage: %s CGROUP MARK\n", argv[0]);
		return 2;
	}
	signal(SIGINT, on_signal);
	signal(SIGTERM, on_signal);
	skel = sockops_bpf__open();
	if (!skel)
		return 1;
	skel->rodata->mark = htonl(strtoul(argv[2], NULL, 0));
	group = open(argv[1], O_RDONLY | O_DIRECTORY);
	if (group < 0)
		perror(argv[1]);
	if (group < 0 || sockops_bpf__load(skel) || !(skel->links.mark_syn = bpf_program__attach_cgroup(skel->progs.mark_syn, group))) {
		sockops_bpf__destroy(skel);
		return 1;
	}
	printf("marking connections of %s\n", argv[1]);
	while (!stop)
		sleep(1);
	printf("%llu SYNs marked\n", (unsigned long long)skel->bss->nr_marked);
	sockops_bpf__destroy(skel);
	return 0;
}

// SPDX-License-Identifier: MIT
/* Counts what comes in at an interface, and drops UDP packets to a port. */
#include <net/if.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "xdp.skel.h"

struct count {
	__u64 passed, dropped;
};
static volatile sig_atomic_t stop;

static void on_signal(int number)
{
	stop = 1;
}

int main(int argc, char **argv)
{
	int cpus = libbpf_num_possible_cpus(), ifindex, cpu;
	struct count *values = calloc(cpus > 0 ? cpus : 1, sizeof(*values));
	struct xdp_bpf *skel;
	__u32 protocol;

	if (argc < 2 || argc > 3) {
		fprintf(stderr, "usage: %s INTERFACE [PORT]\n", argv[0]);
		return 2;
	}
	signal(SIGINT, on_signal);
	signal(SIGTERM, on_signal);
	ifindex = if_nametoindex(argv[1]);
	if (!ifindex)
		perror(argv[1]);
	skel = ifindex && values ? xdp_bpf__open() : NULL;
	if (!skel)
		return 1;
	skel->rodata->dropped_port = argc > 2 ? atoi(argv[2]) : 0;
	if (xdp_bpf__load(skel) || !(skel->links.count_packets = bpf_program__attach_xdp(skel->progs.count_packets, ifindex))) {
		xdp_bpf__destroy(skel);
		return 1;
	}
	printf("counting packets of %s\n", argv[1]);
	while (!stop)
		sleep(1);
	printf("%8s %8s %8s\n", "PROTOCOL", "PASSED", "DROPPED");
	for (protocol = 0; protocol < 256; protocol++) {
		struct count all = {};

		if (bpf_map_lookup_elem(bpf_map__fd(skel->maps.counts), &protocol, values))
			break;
		for (cpu = 0; cpu < cpus; cpu++) {
			all.passed += values[cpu].passed;
			all.dropped += values[cpu].dropped;
		}
		if (all.passed || all.dropped)
			printf("%8u %8llu %8llu\n", protocol, all.passed, all.dropped);
	}
	xdp_bpf__destroy(skel);
	return 0;
}

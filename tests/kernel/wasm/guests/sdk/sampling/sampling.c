#include <errno.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <asm/unistd.h>
#include <unistd.h>

#include <bpf/libbpf.h>

#include "sampling.skel.h"

int main(void)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.freq = 1,
		.sample_freq = 199,
		.config = PERF_COUNT_SW_CPU_CLOCK,
	};
	int cpus = libbpf_num_possible_cpus(), cpu, opened = 0, waited;
	struct sampling_bpf *skel = sampling_bpf__open_and_load();
	struct bpf_link **links = calloc(cpus, sizeof(*links));

	if (!skel)
		return 1;
	for (cpu = 0; cpu < cpus; cpu++) {
		int fd = syscall(__NR_perf_event_open, &attr, -1, cpu, -1, 0UL);

		links[cpu] = fd < 0 ? NULL : bpf_program__attach_perf_event(skel->progs.sample, fd);
		opened += links[cpu] || errno == ENODEV;
	}
	printf("opened: %s\n", opened == cpus ? "all" : "not all");
	for (waited = 0; waited < 1000 && !*(volatile long *)&skel->bss->samples; waited++) {
		volatile unsigned long work;

		for (work = 0; work < 1000000; work++)
			;
		usleep(1000);
	}
	printf("samples: %s\n", skel->bss->samples > 0 ? "some" : "none");
	attr.config = 99;
	syscall(__NR_perf_event_open, &attr, -1, 0, -1, 0UL);
	printf("unknown event: %d\n", errno);
	attr.config = PERF_COUNT_SW_CPU_CLOCK;
	syscall(__NR_perf_event_open, &attr, -1, 100000, -1, 0UL);
	printf("bad cpu: %d\n", errno);
	for (cpu = 0; cpu < cpus; cpu++)
		bpf_link__destroy(links[cpu]);
	sampling_bpf__destroy(skel);
	return 0;
}

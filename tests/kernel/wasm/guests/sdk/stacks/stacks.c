/* Stacks with symbols, as profilers show them, in a folder that has helpers of libbpf-tools' names. */
#include <argp.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "map_helpers.h"
#include "stacks.h"
#include "stacks.skel.h"
#include "trace_helpers.h"

enum { MOST = 1024, DEPTH = 127 };
static struct key keys[MOST];
static __u64 counts[MOST];

int main(void)
{
	struct stacks_bpf *skel = stacks_bpf__open();
	unsigned long *ip = calloc(DEPTH, sizeof(unsigned long));
	struct syms_cache *cache = syms_cache__new(0);
	struct syms *syms = NULL;
	struct ksyms *ksyms = ksyms__load();
	int switched = 0, user = 0, efault = 0, i, fd;
	__u32 nr = MOST, key_size = sizeof(struct key);
	const struct ksym *ksym;
	struct key none = {};

	if (!skel || !ip)
		return 1;
	skel->rodata->address = 0xffffffff81000000UL;
	skel->rodata->lock = (unsigned long)16;
	bpf_map__set_value_size(skel->maps.stacks, DEPTH * sizeof(unsigned long));
	bpf_map__set_max_entries(skel->maps.stacks, 1024);
	if (stacks_bpf__load(skel) || stacks_bpf__attach(skel))
		return 2;
	sleep(1);
	stacks_bpf__detach(skel);
	if (dump_hash(bpf_map__fd(skel->maps.counts), keys, key_size, counts, sizeof(*counts), &nr, &none))
		return 3;
	fd = bpf_map__fd(skel->maps.stacks);
	for (i = 0; i < nr; i++) {
		efault += keys[i].user == -EFAULT; /* kernel threads have none */
		if (keys[i].kernel >= 0 && !bpf_map_lookup_elem(fd, &keys[i].kernel, ip)) {
			int at;

			for (at = 0; at < DEPTH && ip[at]; at++) {
				ksym = ksyms__map_addr(ksyms, ip[at]);
				switched += ksym && strstr(ksym->name, "schedule") && ip[at] - ksym->addr < 0x10000;
			}
		}
		if (keys[i].user >= 0 && !bpf_map_lookup_elem(fd, &keys[i].user, ip)) {
			syms = syms_cache__get_syms(cache, keys[i].pid);

			user += ip[0] > 0xffffffffUL && syms;
		}
	}
	printf("stacks: %s\n", nr > 0 ? "some" : "none");
	printf("schedule: %s\n", switched ? "yes" : "no");
	printf("user addresses above 4 GiB: %s\n", user ? "yes" : "no");
	printf("no user stack: %s\n", efault ? "-EFAULT" : "none");
	ksyms__free(ksyms);
	syms_cache__free(cache);
	stacks_bpf__destroy(skel);
	return 0;
}

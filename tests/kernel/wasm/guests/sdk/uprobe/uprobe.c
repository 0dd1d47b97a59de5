#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <bpf/libbpf.h>

#include "uprobe.skel.h"
#include "uprobe_helpers.h"

static int quiet(enum libbpf_print_level level, const char *format, va_list words)
{
	return 0;
}

static void tell(const char *how, struct bpf_link *link)
{
	if (link)
		printf("%s: attached\n", how);
	else
		printf("%s: %d\n", how, errno);
	bpf_link__destroy(link);
}

int main(int argc, char **argv)
{
	struct uprobe_bpf *skel = uprobe_bpf__open_and_load();
	LIBBPF_OPTS(bpf_uprobe_opts, opts, .func_name = "no_such_function");
	char path[4096];

	if (!skel || uprobe_bpf__attach(skel) || resolve_binary_path("c", 0, path, sizeof(path)))
		return 1;
	libbpf_set_print(quiet);
	tell("function", bpf_program__attach_uprobe(skel->progs.probe, false, -1, path, get_elf_func_offset(path, "getpriority")));
	tell("offset", bpf_program__attach_uprobe(skel->progs.probe, false, -1, path, strtoul(argv[1], NULL, 10)));
	tell("nothing", bpf_program__attach_uprobe_opts(skel->progs.probe, -1, path, 0, &opts));
	uprobe_bpf__destroy(skel);
	return 0;
}

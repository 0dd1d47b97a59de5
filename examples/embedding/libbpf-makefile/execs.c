// SPDX-License-Identifier: GPL-2.0
/* A program for libbpf as it always was: its skeleton comes from `ecc` in place of clang and bpftool. */
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <bpf/libbpf.h>
#include "execs.h"
#include "execs.skel.h"

static volatile sig_atomic_t ending;

static void on_signal(int number)
{
	(void)number;
	ending = 1;
}

/* Warnings alone: of a section with notes of ecc libbpf tells that it skips it. */
static int print(enum libbpf_print_level level, const char *format, va_list arguments)
{
	return level == LIBBPF_WARN ? vfprintf(stderr, format, arguments) : 0;
}

static int on_event(void *context, void *data, size_t size)
{
	const struct event *event = data;

	(void)context;
	(void)size;
	printf("%-7d %-6d %-16s %s\n", event->pid, event->uid, event->comm, event->path);
	fflush(stdout);
	return 0;
}

int main(int argc, char **argv)
{
	struct ring_buffer *ring = NULL;
	struct execs_bpf *skel;
	int err = -1;

	libbpf_set_print(print);
	skel = execs_bpf__open();
	if (!skel)
		return 1;
	if (argc > 1)
		skel->rodata->only_uid = atoi(argv[1]);
	if (execs_bpf__load(skel) || execs_bpf__attach(skel))
		goto out;
	ring = ring_buffer__new(bpf_map__fd(skel->maps.events), on_event, NULL, NULL);
	if (!ring)
		goto out;
	signal(SIGINT, on_signal);
	signal(SIGTERM, on_signal);
	printf("%-7s %-6s %-16s %s\n", "PID", "UID", "COMM", "PATH");
	fflush(stdout);
	do {
		err = ring_buffer__poll(ring, 100);
	} while (!ending && (err >= 0 || err == -EINTR));
	err = ending ? 0 : err;
out:
	ring_buffer__free(ring);
	execs_bpf__destroy(skel);
	return err ? 1 : 0;
}

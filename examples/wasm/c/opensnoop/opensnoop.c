// SPDX-License-Identifier: MIT
/* The files that processes open, through a perf buffer. */
#include <argp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/libbpf.h>

#include "opensnoop.h"
#include "opensnoop.skel.h"
#include "trace_helpers.h"

static struct {
	int pid;
	bool failed, uid;
	const char *name;
} env;
static volatile sig_atomic_t stop;

static error_t parse(int key, char *arg, struct argp_state *state)
{
	switch (key) {
	case 'p':
		env.pid = atoi(arg);
		return 0;
	case 'n':
		env.name = arg;
		return 0;
	case 'x':
		env.failed = true;
		return 0;
	case 'U':
		env.uid = true;
		return 0;
	case ARGP_KEY_ARG:
		argp_usage(state);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static void on_signal(int number)
{
	stop = 1;
}

static void on_event(void *context, int cpu, void *data, __u32 size)
{
	const struct event *event = data;

	if (env.name && !strstr(event->comm, env.name))
		return;
	if (env.uid)
		printf("%-6d ", event->uid);
	printf("%-7d %-16s %3d %3d %s\n", event->pid, event->comm, event->result < 0 ? -1 : event->result,
	       event->result < 0 ? -event->result : 0, event->path);
}

static void on_lost(void *context, int cpu, __u64 count)
{
	fprintf(stderr, "lost %llu events\n", count);
}

int main(int argc, char **argv)
{
	static const struct argp_option options[] = {
		{"pid", 'p', "PID", 0, "this process alone", 0},
		{"name", 'n', "NAME", 0, "only processes whose names have this in them", 0},
		{"failed", 'x', NULL, 0, "only what could not be opened", 0},
		{"uid", 'U', NULL, 0, "show the user", 0},
		{},
	};
	static const struct argp argp = {.options = options, .parser = parse, .doc = "Show the files that processes open."};
	struct perf_buffer *buffer = NULL;
	struct opensnoop_bpf *skel;
	int err = argp_parse(&argp, argc, argv, 0, NULL, NULL);

	if (err)
		return err;
	skel = opensnoop_bpf__open();
	if (!skel)
		return 1;
	skel->rodata->wanted_pid = env.pid;
	skel->rodata->failed_only = env.failed;
	if (!tracepoint_exists("syscalls", "sys_enter_open")) {
		bpf_program__set_autoload(skel->progs.enter_open, false);
		bpf_program__set_autoload(skel->progs.exit_open, false);
	}
	signal(SIGINT, on_signal);
	signal(SIGTERM, on_signal);
	err = opensnoop_bpf__load(skel) || opensnoop_bpf__attach(skel);
	if (!err)
		buffer = perf_buffer__new(bpf_map__fd(skel->maps.events), 64, on_event, on_lost, NULL, NULL);
	if (buffer)
		printf("%s%-7s %-16s %3s %3s %s\n", env.uid ? "UID    " : "", "PID", "COMM", "FD", "ERR", "PATH");
	while (buffer && !stop && err >= 0) {
		err = perf_buffer__poll(buffer, 100);
		if (err == -EINTR)
			err = 0;
	}
	if (buffer && err < 0)
		fprintf(stderr, "poll: %s\n", strerror(-err));
	perf_buffer__free(buffer);
	opensnoop_bpf__destroy(skel);
	return !buffer || err < 0;
}

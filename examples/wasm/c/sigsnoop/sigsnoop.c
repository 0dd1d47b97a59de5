// SPDX-License-Identifier: MIT
/* Who sends which signal to whom by kill(2), as text or as JSON. */
#include <argp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/libbpf.h>
#include <eunomia/json.h>

#include "sigsnoop.h"
#include "sigsnoop.skel.h"

static struct {
	int signal;
	bool failed, json, names;
} env;
static volatile sig_atomic_t stop;

static error_t parse(int key, char *arg, struct argp_state *state)
{
	switch (key) {
	case 's':
		env.signal = atoi(arg);
		if (env.signal <= 0 || env.signal >= NSIG)
			argp_error(state, "%s: no signal", arg);
		return 0;
	case 'x':
		env.failed = true;
		return 0;
	case 'n':
		env.names = true;
		return 0;
	case 'j':
		env.json = true;
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

static void print_json(const struct event *event)
{
	struct json json = json_open(stdout);

	json_object(&json);
	json_uint(&json, "pid", event->pid);
	json_string(&json, "comm", event->comm);
	json_int(&json, "signal", event->signal);
	json_uint(&json, "target", event->target);
	json_int(&json, "result", event->result);
	if (event->result < 0)
		json_string(&json, "error", strerror(-event->result));
	json_end(&json);
}

static int on_event(void *context, void *data, size_t size)
{
	const struct event *event = data;

	if (env.json)
		print_json(event);
	else if (env.names)
		printf("%-7u %-16s %-16s %-7u %d\n", event->pid, event->comm, strsignal(event->signal), event->target, event->result);
	else
		printf("%-7u %-16s %-6d %-7u %d\n", event->pid, event->comm, event->signal, event->target, event->result);
	return 0;
}

int main(int argc, char **argv)
{
	static const struct argp_option options[] = {
		{"signal", 's', "NUMBER", 0, "this signal alone", 0},
		{"failed", 'x', NULL, 0, "only those that the kernel refused", 0},
		{"name", 'n', NULL, 0, "signals by name", 0},
		{"json", 'j', NULL, 0, "a JSON object a line", 0},
		{},
	};
	static const struct argp argp = {.options = options, .parser = parse, .doc = "Show the signals that processes send."};
	struct ring_buffer *ring = NULL;
	struct sigsnoop_bpf *skel;
	int err = argp_parse(&argp, argc, argv, 0, NULL, NULL);

	if (err)
		return err;
	skel = sigsnoop_bpf__open();
	if (!skel)
		return 1;
	skel->rodata->wanted_signal = env.signal;
	skel->rodata->failed_only = env.failed;
	signal(SIGINT, on_signal);
	signal(SIGTERM, on_signal);
	err = sigsnoop_bpf__load(skel) || sigsnoop_bpf__attach(skel);
	if (!err)
		ring = ring_buffer__new(bpf_map__fd(skel->maps.events), on_event, NULL, NULL);
	if (ring && !env.json)
		printf("%-7s %-16s %-*s %-7s %s\n", "PID", "COMM", env.names ? 16 : 6, "SIGNAL", "TARGET", "RESULT");
	while (ring && !stop && err >= 0) {
		err = ring_buffer__poll(ring, -1);
		if (err == -EINTR)
			err = 0;
	}
	if (ring && err < 0)
		fprintf(stderr, "poll: %s\n", strerror(-err));
	ring_buffer__free(ring);
	sigsnoop_bpf__destroy(skel);
	return !ring || err < 0;
}

// SPDX-License-Identifier: MIT
/* Shows processes as they begin and end. Written for libbpf: it compiles as it is with ecc build-wasm, and with gcc and libbpf. */
#include <argp.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <bpf/libbpf.h>

#include "bootstrap.h"
#include "bootstrap.skel.h"

const char *argp_program_version = "bootstrap 1.0";
static const char doc[] = "Show processes as they begin and end.";
static const struct argp_option options[] = {
	{"duration", 'd', "MS", 0, "only processes that end after MS milliseconds or more", 0},
	{"forks", 'f', NULL, 0, "say at the end how many processes were forked", 0},
	{},
};
static struct {
	long min_duration_ms;
	bool forks;
} env;
static volatile sig_atomic_t stop;

static error_t parse(int key, char *arg, struct argp_state *state)
{
	char *end;

	switch (key) {
	case 'd':
		env.min_duration_ms = strtol(arg, &end, 10);
		if (*end || env.min_duration_ms <= 0)
			argp_error(state, "%s: no number of milliseconds", arg);
		return 0;
	case 'f':
		env.forks = true;
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

static int on_event(void *context, void *data, size_t size)
{
	const struct event *event = data;
	time_t now = time(NULL);
	char text[16];

	strftime(text, sizeof(text), "%H:%M:%S", localtime(&now));
	if (event->what == EXEC)
		printf("%-8s EXEC  %-16s %-7d %-7d %s\n", text, event->comm, event->pid, event->ppid, event->filename);
	else
		printf("%-8s EXIT  %-16s %-7d %-7d [%u] (%lu ms)\n", text, event->comm, event->pid, event->ppid, event->code,
		       event->age / 1000000);
	return 0;
}

int main(int argc, char **argv)
{
	const struct argp argp = {.options = options, .parser = parse, .doc = doc};
	struct ring_buffer *ring = NULL;
	struct bootstrap_bpf *skel;
	int err;

	err = argp_parse(&argp, argc, argv, 0, NULL, NULL);
	if (err)
		return err;
	signal(SIGINT, on_signal);
	signal(SIGTERM, on_signal);
	skel = bootstrap_bpf__open();
	if (!skel)
		return 1;
	skel->rodata->min_duration_ns = env.min_duration_ms * 1000000;
	err = bootstrap_bpf__load(skel);
	if (err)
		goto end;
	err = bootstrap_bpf__attach(skel);
	if (err)
		goto end;
	ring = ring_buffer__new(bpf_map__fd(skel->maps.events), on_event, NULL, NULL);
	if (!ring) {
		err = -errno;
		perror("ring buffer");
		goto end;
	}
	printf("%-8s %-5s %-16s %-7s %-7s %s\n", "TIME", "EVENT", "COMM", "PID", "PPID", "FILENAME/EXIT CODE");
	while (!stop) {
		err = ring_buffer__poll(ring, 100);
		if (err < 0 && err != -EINTR) {
			fprintf(stderr, "poll: %s\n", strerror(-err));
			break;
		}
		err = 0;
	}
	if (env.forks)
		printf("%llu processes were forked\n", (unsigned long long)skel->bss->nr_forks);
end:
	ring_buffer__free(ring);
	bootstrap_bpf__destroy(skel);
	return err < 0 ? 1 : 0;
}

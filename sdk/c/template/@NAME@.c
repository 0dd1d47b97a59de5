// SPDX-License-Identifier: MIT
#include <argp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include <bpf/libbpf.h>

#include "@NAME@.h"
#include "@NAME@.skel.h"

static int wanted_pid;
static volatile sig_atomic_t stop;

static error_t parse(int key, char *arg, struct argp_state *state)
{
	switch (key) {
	case 'p':
		wanted_pid = atoi(arg);
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

	printf("%-7d %-16s %s\n", event->pid, event->comm, event->filename);
	return 0;
}

int main(int argc, char **argv)
{
	static const struct argp_option options[] = {{"pid", 'p', "PID", 0, "this process alone", 0}, {}};
	static const struct argp argp = {.options = options, .parser = parse, .doc = "Show programs that are executed."};
	struct ring_buffer *ring = NULL;
	struct @IDENT@_bpf *skel;
	int err = 1, polled = 0;

	if (argp_parse(&argp, argc, argv, 0, NULL, NULL))
		return 2;
	signal(SIGINT, on_signal);
	signal(SIGTERM, on_signal);
	skel = @IDENT@_bpf__open();
	if (!skel)
		return 1;
	skel->rodata->wanted_pid = wanted_pid;
	if (@IDENT@_bpf__load(skel) || @IDENT@_bpf__attach(skel))
		goto end;
	ring = ring_buffer__new(bpf_map__fd(skel->maps.events), on_event, NULL, NULL);
	if (!ring) {
		perror("ring buffer");
		goto end;
	}
	printf("%-7s %-16s %s\n", "PID", "COMM", "FILENAME");
	while (!stop && (polled >= 0 || polled == -EINTR))
		polled = ring_buffer__poll(ring, -1);
	err = polled < 0 && polled != -EINTR;
	if (err)
		fprintf(stderr, "poll: %s\n", strerror(-polled));
end:
	ring_buffer__free(ring);
	@IDENT@_bpf__destroy(skel);
	return err;
}

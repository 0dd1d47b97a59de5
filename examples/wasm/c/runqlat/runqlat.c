// SPDX-License-Identifier: MIT
/* How long threads wait for a processor, as a histogram that is read from a map. */
#include <argp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "runqlat.h"
#include "runqlat.skel.h"
#include "trace_helpers.h"

static struct {
	int interval, times, pid;
	bool by_process;
} env = {.interval = 99999999, .times = 99999999};
static volatile sig_atomic_t stop;

static error_t parse(int key, char *arg, struct argp_state *state)
{
	switch (key) {
	case 'P':
		env.by_process = true;
		return 0;
	case 'p':
		env.pid = atoi(arg);
		return 0;
	case ARGP_KEY_ARG:
		if (state->arg_num > 1 || atoi(arg) <= 0)
			argp_usage(state);
		*(state->arg_num ? &env.times : &env.interval) = atoi(arg);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static void on_signal(int number)
{
	stop = 1;
}

/* Print what is in the map and empty it. */
static int print_all(int fd)
{
	__u32 before = -2, key;
	struct hist hist;

	while (!bpf_map_get_next_key(fd, &before, &key)) {
		if (bpf_map_lookup_elem(fd, &key, &hist)) {
			perror("hists");
			return -1;
		}
		if (env.by_process)
			printf("\npid = %u %s\n", key, hist.comm);
		print_log2_hist(hist.slots, SLOTS, "usecs");
		before = key;
	}
	before = -2;
	while (!bpf_map_get_next_key(fd, &before, &key))
		bpf_map_delete_elem(fd, &key);
	return 0;
}

int main(int argc, char **argv)
{
	static const struct argp_option options[] = {
		{"processes", 'P', NULL, 0, "a histogram for each process", 0},
		{"pid", 'p', "PID", 0, "this process alone", 0},
		{},
	};
	static const struct argp argp = {options, parse, "[INTERVAL [TIMES]]", "Show how long threads wait for a processor."};
	struct runqlat_bpf *skel;
	char text[16];
	time_t now;
	int err;

	err = argp_parse(&argp, argc, argv, 0, NULL, NULL);
	if (err)
		return err;
	skel = runqlat_bpf__open();
	if (!skel)
		return 1;
	skel->rodata->by_process = env.by_process;
	skel->rodata->wanted_pid = env.pid;
	signal(SIGINT, on_signal);
	signal(SIGTERM, on_signal);
	err = runqlat_bpf__load(skel) || runqlat_bpf__attach(skel);
	while (!err && !stop && env.times-- > 0) {
		sleep(env.interval);
		now = time(NULL);
		strftime(text, sizeof(text), "%H:%M:%S", localtime(&now));
		printf("\n%s\n", text);
		err = print_all(bpf_map__fd(skel->maps.hists));
	}
	runqlat_bpf__destroy(skel);
	return err != 0;
}

/* perf_event_open(2) by numbers that stand for what was asked: the host opens the event when a program attaches to it. */
#ifndef EUNOMIA_PERF_H
#define EUNOMIA_PERF_H
#pragma GCC system_header
#include <asm/unistd.h>
#include <bpf/libbpf.h>
#include <eunomia/perf_event.h>

enum { EU_PERF_FD = 0x20000000, EU_PERF_EVENTS = 1024 };
struct eu_perf_event {
	struct perf_event_attr attr;
	int pid, cpu;
	bool is_used;
};
EU_VAR struct eu_perf_event *eu_perf_events;

EU_API const char *eu_perf_name(const struct perf_event_attr *attr)
{
	static const char *const software[] = {"cpu-clock", "task-clock", "page-faults", "context-switches", "cpu-migrations",
					       "page-faults-min", "page-faults-maj", "alignment-faults", "emulation-faults", "dummy",
					       "bpf-output", "cgroup-switches"};
	static const char *const hardware[] = {"cpu-cycles", "instructions", "cache-references", "cache-misses", "branch-instructions",
					       "branch-misses", "bus-cycles", "stalled-cycles-frontend", "stalled-cycles-backend",
					       "ref-cpu-cycles"};

	if (attr->type == PERF_TYPE_SOFTWARE && attr->config < sizeof(software) / sizeof(*software))
		return software[attr->config];
	if (attr->type == PERF_TYPE_HARDWARE && attr->config < sizeof(hardware) / sizeof(*hardware))
		return hardware[attr->config];
	return NULL;
}

EU_API int eu_perf_open(const struct perf_event_attr *attr, int pid, int cpu)
{
	int i;

	if (!eu_perf_name(attr))
		return eu_err(-ENOENT);
	if (cpu >= wasm_bpf_possible_cpus())
		return eu_err(-ENODEV);
	if (!eu_perf_events)
		eu_perf_events = (struct eu_perf_event *)calloc(EU_PERF_EVENTS, sizeof(*eu_perf_events));
	for (i = 0; eu_perf_events && i < EU_PERF_EVENTS; i++)
		if (!eu_perf_events[i].is_used) {
			eu_perf_events[i].attr = *attr;
			eu_perf_events[i].pid = pid;
			eu_perf_events[i].cpu = cpu;
			eu_perf_events[i].is_used = true;
			return EU_PERF_FD + i;
		}
	return eu_err(-EMFILE);
}

EU_API struct bpf_link *bpf_program__attach_perf_event(const struct bpf_program *program, int fd)
{
	struct eu_perf_event *event = eu_perf_events + (fd - EU_PERF_FD);
	char options[96] = "", number[32];

	if (fd < EU_PERF_FD || fd >= EU_PERF_FD + EU_PERF_EVENTS || !eu_perf_events || !event->is_used)
		return (struct bpf_link *)eu_null(EBADF);
	if (event->attr.sample_freq)
		snprintf(options, sizeof(options), ",%s=%llu", event->attr.freq ? "freq" : "period", event->attr.sample_freq);
	if (event->pid > 0)
		strcat(options, eu_pid_option(event->pid, number, sizeof(number)));
	if (event->cpu >= 0) {
		snprintf(number, sizeof(number), ",cpu=%d", event->cpu);
		strcat(options, number);
	}
	event->is_used = false; /* libbpf, too, closes it with the link */
	return eu_attach_to((struct bpf_program *)program, "perf:%s%s", eu_perf_name(&event->attr), options);
}

EU_API struct bpf_link *bpf_program__attach_perf_event_opts(const struct bpf_program *program, int fd, const struct bpf_perf_event_opts *)
{
	return bpf_program__attach_perf_event(program, fd);
}

/* perf_event_open alone; a guest has no thread of its own to be named. */
EU_API long eunomia_syscall(long number, ...)
{
	const struct perf_event_attr *attr;
	va_list words;
	int pid, cpu;

	if (number == __NR_getpid || number == __NR_gettid)
		return 1;
	if (number != __NR_perf_event_open)
		return errno = ENOSYS, -1;
	va_start(words, number);
	attr = va_arg(words, const struct perf_event_attr *);
	pid = va_arg(words, int);
	cpu = va_arg(words, int);
	va_end(words);
	pid = eu_perf_open(attr, pid, cpu);
	return pid < 0 ? -1 : pid;
}
#define syscall(...) eunomia_syscall(__VA_ARGS__)
#endif

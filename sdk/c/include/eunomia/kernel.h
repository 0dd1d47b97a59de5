/* What the kernel has, and its disks. */
#ifndef EUNOMIA_KERNEL_H
#define EUNOMIA_KERNEL_H
#pragma GCC system_header
#include <eunomia/sleep.h>
#include <time.h>
#include <trace_helpers.h>
#include <unistd.h>

EU_API eu_ulong get_ktime_ns(void)
{
	return eunomia_now();
}

EU_API bool kprobe_exists(const char *name)
{
	return wasm_bpf_probe(EU_PROBE_KPROBE, name) > 0;
}

EU_API bool fentry_can_attach(const char *name, const char *)
{
	return wasm_bpf_probe(EU_PROBE_FENTRY, name) > 0;
}

EU_API bool tracepoint_exists(const char *category, const char *event)
{
	char name[256];

	snprintf(name, sizeof(name), "%s:%s", category, event);
	return wasm_bpf_probe(EU_PROBE_TRACEPOINT, name) > 0;
}

EU_API bool probe_tp_btf(const char *name)
{
	return wasm_bpf_probe(EU_PROBE_TP_BTF, name) > 0;
}

EU_API bool probe_ringbuf(void)
{
	return libbpf_probe_bpf_map_type(BPF_MAP_TYPE_RINGBUF, NULL) > 0;
}

EU_API bool probe_bpf_ns_current_pid_tgid(void)
{
	return libbpf_probe_bpf_helper(BPF_PROG_TYPE_KPROBE, BPF_FUNC_get_ns_current_pid_tgid, NULL) > 0;
}

EU_API bool vmlinux_btf_exists(void)
{
	return wasm_bpf_probe(EU_PROBE_BTF, "") > 0;
}

/* By the files of /sys and /proc, where the host shows them (--dir). */
EU_API bool module_btf_exists(const char *module)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/kernel/btf/%s", module);
	return access(path, R_OK) == 0;
}

EU_API bool is_kernel_module(const char *name)
{
	FILE *file = fopen("/proc/modules", "r");
	char line[512], word[128];
	bool found = false;

	while (file && !found && fgets(line, sizeof(line), file))
		found = sscanf(line, "%127s", word) == 1 && !strcmp(word, name);
	if (file)
		fclose(file);
	return found;
}

struct partitions {
	struct partition *items;
	int count;
};

/* Those of /proc/partitions; none where the host does not show it (--dir /proc). */
EU_API struct partitions *partitions__load(void)
{
	struct partitions *all = (struct partitions *)calloc(1, sizeof(*all));
	FILE *file = fopen("/proc/partitions", "r");
	unsigned major, minor;
	char line[256], name[64];

	while (all && file && fgets(line, sizeof(line), file)) {
		void *more;

		if (sscanf(line, "%u %u %*u %63s", &major, &minor, name) != 3)
			continue;
		more = realloc(all->items, (all->count + 1) * sizeof(*all->items));
		if (!more)
			break;
		all->items = (struct partition *)more;
		all->items[all->count].name = strdup(name);
		all->items[all->count++].dev = major << 20 | minor;
	}
	if (file)
		fclose(file);
	return all;
}

EU_API void partitions__free(struct partitions *all)
{
	int i;

	for (i = 0; all && i < all->count; i++)
		free(all->items[i].name);
	if (all)
		free(all->items);
	free(all);
}

EU_API const struct partition *partitions__get_by_dev(const struct partitions *all, unsigned dev)
{
	int i;

	for (i = 0; i < all->count; i++)
		if (all->items[i].dev == dev)
			return &all->items[i];
	return NULL;
}

EU_API const struct partition *partitions__get_by_name(const struct partitions *all, const char *name)
{
	int i;

	for (i = 0; i < all->count; i++)
		if (!strcmp(all->items[i].name, name))
			return &all->items[i];
	return NULL;
}

/* The words of a list, each turned into an element; it ends at the first that is wrong. */
EU_API int split_convert(char *text, const char *delimiters, void *elements, size_t size, size_t each, convert_fn_t convert)
{
	char *rest = NULL, *word = strtok_r(text, delimiters, &rest);
	size_t at = 0;
	int result;

	for (; word; word = strtok_r(NULL, delimiters, &rest), at += each) {
		if (at + each > size)
			return -ENOBUFS;
		result = convert(word, (char *)elements + at);
		if (result)
			return result;
	}
	return 0;
}

static inline int bump_memlock_rlimit(void)
{
	return 0; /* the host sees to it */
}

EU_API int str_timestamp(const char *format, char *text, size_t size)
{
	time_t now = time(NULL);
	struct tm *local = localtime(&now);

	return format && text && size && local ? (int)strftime(text, size, format, local) : -EINVAL;
}

/* What /proc/loadavg says (--dir /proc): its length. */
EU_API int eu_loadavg(char *text, size_t size, bool has_time)
{
	FILE *file = text && size ? fopen("/proc/loadavg", "r") : NULL;
	char line[64] = "", now[16] = "";
	int length;

	if (!file)
		return text && size ? -errno : -EINVAL;
	length = fgets(line, sizeof(line), file) ? 0 : -EIO;
	fclose(file);
	if (has_time)
		str_timestamp("%H:%M:%S ", now, sizeof(now));
	if (!length)
		length = snprintf(text, size, "%sloadavg: %s", now, line);
	return length >= (int)size ? -ERANGE : length;
}
#define str_loadavg(text, ...) eu_loadavg(text, EU_LOADAVG_SIZE(__VA_ARGS__, false, ), EU_LOADAVG_TIME(__VA_ARGS__, false, ))
#define EU_LOADAVG_SIZE(size, ...) size
#define EU_LOADAVG_TIME(size, has_time, ...) has_time

EU_API int str_to_int(const char *text, void *number)
{
	errno = 0;
	*(int *)number = (int)strtoll(text, NULL, 10);
	return -errno;
}

EU_API int str_to_long(const char *text, void *number)
{
	errno = 0;
	*(long long *)number = strtoll(text, NULL, 10);
	return -errno;
}
#endif

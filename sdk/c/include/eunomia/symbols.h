/* Symbols by address; each is asked of the host once. */
#ifndef EUNOMIA_SYMBOLS_H
#define EUNOMIA_SYMBOLS_H
#pragma GCC system_header
#include <trace_helpers.h>

struct eu_symbol {
	struct eu_symbol *next;
	struct sym sym;
	eu_ulong address;
	char name[];
};
enum { EU_BUCKETS = 256 };
struct syms {
	int pid; /* 0: the kernel's */
	struct eu_symbol *buckets[EU_BUCKETS];
	struct ksym answer;
};

EU_API struct syms *eu_syms_new(int pid)
{
	struct syms *syms = (struct syms *)calloc(1, sizeof(*syms));

	if (syms)
		syms->pid = pid;
	return syms;
}

EU_API void syms__free(struct syms *syms)
{
	int i;

	for (i = 0; syms && i < EU_BUCKETS; i++)
		while (syms->buckets[i]) {
			struct eu_symbol *next = syms->buckets[i]->next;

			free(syms->buckets[i]);
			syms->buckets[i] = next;
		}
	free(syms);
}

EU_API struct eu_symbol *eu_symbol(struct syms *syms, eu_ulong address)
{
	struct eu_symbol **bucket = &syms->buckets[(address >> 4 ^ address >> 12) % EU_BUCKETS], *each;
	char text[512], *plus;
	int length;

	for (each = *bucket; each; each = each->next)
		if (each->address == address)
			return each;
	length = wasm_bpf_symbol(syms->pid, address, text, sizeof(text));
	if (length <= 0)
		return NULL;
	text[sizeof(text) - 1] = '\0';
	plus = strstr(text, "+0x");
	each = (struct eu_symbol *)calloc(1, sizeof(*each) + strlen(text) + 1);
	if (!each)
		return NULL;
	each->address = address;
	each->sym.offset = plus ? strtoull(plus + 1, NULL, 16) : 0;
	each->sym.start = address - each->sym.offset;
	strcpy(each->name, text);
	if (plus)
		each->name[plus - text] = '\0';
	each->sym.name = each->sym.demangled = each->name;
	each->next = *bucket;
	return *bucket = each;
}

struct ksyms {
	struct syms all;
};

EU_API struct ksyms *ksyms__load(void)
{
	return (struct ksyms *)eu_syms_new(0);
}

EU_API void ksyms__free(struct ksyms *kernel)
{
	syms__free((struct syms *)kernel);
}

/* Valid until the next call. */
EU_API const struct ksym *ksyms__map_addr(const struct ksyms *kernel, eu_ulong address)
{
	struct syms *own = (struct syms *)kernel;
	struct eu_symbol *found = own ? eu_symbol(own, address) : NULL;

	if (!found)
		return NULL;
	own->answer.name = found->sym.name;
	own->answer.addr = found->sym.start;
	return &own->answer;
}

/* Its address is 0 where /proc/kallsyms is not to be read (--dir /proc). */
EU_API const struct ksym *ksyms__get_symbol(const struct ksyms *kernel, const char *name)
{
	struct syms *own = (struct syms *)kernel;
	FILE *file = fopen("/proc/kallsyms", "r");
	char line[640], found[512];
	eu_ulong address = 0;
	bool there = false;

	while (file && !there && fgets(line, sizeof(line), file))
		there = sscanf(line, "%llx %*c %511s", &address, found) == 2 && !strcmp(found, name);
	if (file)
		fclose(file);
	else
		there = wasm_bpf_probe(EU_PROBE_KPROBE, name) > 0;
	if (!there)
		return NULL;
	own->answer.name = name;
	own->answer.addr = file ? address : 0;
	return &own->answer;
}

EU_API struct syms *syms__load_pid(int pid)
{
	return pid > 0 ? eu_syms_new(pid) : NULL;
}

EU_API struct syms *syms__load_file(const char *, ...)
{
	errno = ENOTSUP;
	return NULL;
}

EU_API const struct sym *syms__map_addr(const struct syms *syms, eu_ulong address)
{
	struct eu_symbol *found = syms ? eu_symbol((struct syms *)syms, address) : NULL;

	return found ? &found->sym : NULL;
}

EU_API int eu_syms_info(const struct syms *syms, eu_ulong address, struct sym_info *info)
{
	const struct sym *found = syms__map_addr(syms, address);

	if (!found)
		return -1;
	info->dso_name = "";
	info->dso_offset = 0;
	info->sym_name = found->name;
	info->sym_offset = found->offset;
	return 0;
}

EU_API const struct sym *eu_syms_dso(const struct syms *syms, eu_ulong address, char **dso, eu_ulong *offset)
{
	*dso = NULL;
	*offset = 0;
	return syms__map_addr(syms, address);
}
/* It had four arguments until 2023, and has three since. */
#define EU_FIFTH(a, b, c, d, name, ...) name
#define syms__map_addr_dso(...) EU_FIFTH(__VA_ARGS__, eu_syms_dso, eu_syms_info, )(__VA_ARGS__)

struct syms_cache {
	struct syms **all;
	int count;
};

EU_API struct syms_cache *syms_cache__new(int)
{
	return (struct syms_cache *)calloc(1, sizeof(struct syms_cache));
}

EU_API void syms_cache__free(struct syms_cache *cache)
{
	int i;

	for (i = 0; cache && i < cache->count; i++)
		syms__free(cache->all[i]);
	if (cache)
		free(cache->all);
	free(cache);
}

EU_API struct syms *syms_cache__get_syms(struct syms_cache *cache, int pid)
{
	struct syms **more;
	int i;

	for (i = 0; i < cache->count; i++)
		if (cache->all[i]->pid == pid)
			return cache->all[i];
	more = (struct syms **)realloc(cache->all, (cache->count + 1) * sizeof(*more));
	if (!more)
		return NULL;
	cache->all = more;
	more[cache->count] = syms__load_pid(pid);
	return more[cache->count] ? more[cache->count++] : NULL;
}
#endif

/* Attaching: libbpf's functions, each said as a target (KIND:NAME, docs/reference/attaching.md). */
#ifndef EUNOMIA_ATTACH_H
#define EUNOMIA_ATTACH_H
#pragma GCC system_header
#include <eunomia/accessors.h>
#include <eunomia/names.h>

enum { EU_TARGET_ROOM = 4608 };

EU_API struct bpf_link *eu_link_new(struct bpf_program *program, int id)
{
	struct bpf_link *link = (struct bpf_link *)calloc(1, sizeof(*link));

	if (!link)
		return (struct bpf_link *)eu_null(ENOMEM);
	link->id = id;
	link->program = program;
	return link;
}

EU_API struct bpf_link *eu_attach(struct bpf_program *program, const char *target)
{
	int id = wasm_bpf_link_attach(program->object->handle, program->info.name, target);

	eu_pause_point();
	if (id < 0) {
		eu_refused(id);
		return NULL;
	}
	return eu_link_new(program, id);
}

__attribute__((format(printf, 2, 3))) EU_API struct bpf_link *eu_attach_to(struct bpf_program *program, const char *format, ...)
{
	char target[EU_TARGET_ROOM];
	va_list words;
	int length;

	va_start(words, format);
	length = vsnprintf(target, sizeof(target), format, words);
	va_end(words);
	return length < (int)sizeof(target) ? eu_attach(program, target) : (struct bpf_link *)eu_null(ENAMETOOLONG);
}

/* A name within a target: commas and backslashes have a backslash before them. */
EU_API const char *eu_quoted(const char *name, char *out, size_t room)
{
	size_t at = 0;

	for (; *name && at + 3 < room; name++) {
		if (*name == ',' || *name == '\\')
			out[at++] = '\\';
		out[at++] = *name;
	}
	out[at] = '\0';
	return out;
}

EU_API int bpf_link__detach(struct bpf_link *link)
{
	int result = link->id > 0 ? wasm_bpf_link_detach(link->id) : 0;

	link->id = 0;
	return eu_err(result);
}

EU_API void bpf_link__disconnect(struct bpf_link *link)
{
	link->is_disconnected = true;
}

EU_API int bpf_link__destroy(struct bpf_link *link)
{
	int result = 0;

	if (!link)
		return 0;
	if (!link->is_disconnected)
		result = bpf_link__detach(link);
	free(link);
	return result;
}

EU_API void eu_forget_link(struct bpf_link *link)
{
	bpf_link__disconnect(link);
	bpf_link__destroy(link);
}

EU_API int bpf_link__fd(const struct bpf_link *link)
{
	return link ? link->id : eu_err(-EINVAL);
}

/* Does libbpf attach such a program without being told where? */
EU_API bool eu_attaches_itself(const struct bpf_program *program)
{
	const char *section = program->info.section;

	if (program->target[0] || program->target_fd >= 0)
		return true;
	switch (program->info.type) {
	case BPF_PROG_TYPE_KPROBE:
	case BPF_PROG_TYPE_TRACEPOINT:
	case BPF_PROG_TYPE_RAW_TRACEPOINT:
	case BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE:
		return strchr(section, '/') != NULL;
	case BPF_PROG_TYPE_TRACING:
	case BPF_PROG_TYPE_LSM:
	case BPF_PROG_TYPE_EXT:
		return program->info.expected_attach_type != BPF_LSM_CGROUP;
	default:
		return false;
	}
}

EU_API struct bpf_link *bpf_program__attach(const struct bpf_program *given)
{
	struct bpf_program *program = (struct bpf_program *)given;

	if (!eu_attaches_itself(program))
		return (struct bpf_link *)eu_null(EOPNOTSUPP);
	if (program->target_fd >= 0) {
		int result = wasm_attach_bpf_program_fd(program->object->handle, program->info.name, program->target_fd);

		return result < 0 ? (eu_refused(result), (struct bpf_link *)NULL) : eu_link_new(program, 0);
	}
	return eu_attach(program, program->target[0] ? program->target : NULL);
}

EU_API struct bpf_link *bpf_program__attach_trace(const struct bpf_program *program)
{
	return eu_attach((struct bpf_program *)program, NULL);
}

EU_API struct bpf_link *bpf_program__attach_trace_opts(const struct bpf_program *program, const struct bpf_trace_opts *)
{
	return eu_attach((struct bpf_program *)program, NULL);
}

EU_API struct bpf_link *bpf_program__attach_lsm(const struct bpf_program *program)
{
	return eu_attach((struct bpf_program *)program, NULL);
}

EU_API struct bpf_link *bpf_program__attach_kprobe_opts(const struct bpf_program *program, const char *function,
							const struct bpf_kprobe_opts *opts)
{
	if (opts && opts->offset)
		return eu_attach_to((struct bpf_program *)program, "kprobe:%s+%lu", function, (unsigned long)opts->offset);
	return eu_attach_to((struct bpf_program *)program, "kprobe:%s", function);
}

EU_API struct bpf_link *bpf_program__attach_kprobe(const struct bpf_program *program, bool, const char *function)
{
	return bpf_program__attach_kprobe_opts(program, function, NULL);
}

EU_API struct bpf_link *bpf_program__attach_kprobe_multi_opts(const struct bpf_program *program, const char *pattern,
							      const struct bpf_kprobe_multi_opts *opts)
{
	char list[EU_TARGET_ROOM - 16];
	size_t i, at = 0;

	if (pattern)
		return eu_attach_to((struct bpf_program *)program, "kprobe:%s", pattern);
	if (!opts || !opts->syms || !opts->cnt)
		return (struct bpf_link *)eu_null(EINVAL);
	for (i = 0; i < opts->cnt; i++) {
		at += snprintf(list + at, sizeof(list) - at, "%s%s", i ? "|" : "", opts->syms[i]);
		if (at >= sizeof(list))
			return (struct bpf_link *)eu_null(E2BIG);
	}
	return eu_attach_to((struct bpf_program *)program, "kprobe:%s", list);
}

EU_API struct bpf_link *bpf_program__attach_ksyscall(const struct bpf_program *program, const char *name, const void *)
{
	return eu_attach_to((struct bpf_program *)program, "kprobe:%s", name);
}

/* libbpf's pid: -1 all, 0 this process, which for a guest is its host. */
EU_API const char *eu_pid_option(int pid, char *out, size_t room)
{
	out[0] = '\0';
	if (pid > 0)
		snprintf(out, room, ",pid=%d", pid);
	return out;
}

EU_API struct bpf_link *bpf_program__attach_uprobe_opts(const struct bpf_program *program, int pid, const char *path, size_t offset,
							const struct bpf_uprobe_opts *opts)
{
	char quoted[PATH_MAX], option[32], place[32] = "";
	const char *function = opts && opts->func_name ? opts->func_name : "";

	if (!path)
		return (struct bpf_link *)eu_null(EINVAL);
	if (!*function && eu_interface_name((int)offset)) { /* of get_elf_func_offset() */
		function = eu_interface_name((int)offset);
		offset = 0;
	}
	if (offset || !*function)
		snprintf(place, sizeof(place), "+0x%zx", offset);
	return eu_attach_to((struct bpf_program *)program, "uprobe:%s:%s%s%s", eu_quoted(path, quoted, sizeof(quoted)), function, place,
			    eu_pid_option(pid, option, sizeof(option)));
}

EU_API struct bpf_link *bpf_program__attach_uprobe(const struct bpf_program *program, bool, int pid, const char *path, size_t offset)
{
	return bpf_program__attach_uprobe_opts(program, pid, path, offset, NULL);
}

EU_API struct bpf_link *bpf_program__attach_uprobe_multi(const struct bpf_program *program, int pid, const char *path, const char *pattern,
							 const struct bpf_uprobe_multi_opts *)
{
	char quoted[PATH_MAX], option[32];

	if (!path || !pattern)
		return (struct bpf_link *)eu_null(path ? ENOTSUP : EINVAL);
	return eu_attach_to((struct bpf_program *)program, "uprobe:%s:%s%s", eu_quoted(path, quoted, sizeof(quoted)), pattern,
			    eu_pid_option(pid, option, sizeof(option)));
}

EU_API struct bpf_link *bpf_program__attach_usdt(const struct bpf_program *program, int pid, const char *path, const char *provider,
						 const char *name, const struct bpf_usdt_opts *)
{
	char quoted[PATH_MAX], option[32];

	return eu_attach_to((struct bpf_program *)program, "usdt:%s:%s:%s%s", eu_quoted(path, quoted, sizeof(quoted)), provider, name,
			    eu_pid_option(pid, option, sizeof(option)));
}

EU_API struct bpf_link *bpf_program__attach_tracepoint_opts(const struct bpf_program *program, const char *category, const char *name,
							    const struct bpf_tracepoint_opts *)
{
	return eu_attach_to((struct bpf_program *)program, "tp:%s/%s", category, name);
}

EU_API struct bpf_link *bpf_program__attach_tracepoint(const struct bpf_program *program, const char *category, const char *name)
{
	return bpf_program__attach_tracepoint_opts(program, category, name, NULL);
}

EU_API struct bpf_link *bpf_program__attach_raw_tracepoint(const struct bpf_program *program, const char *name)
{
	return eu_attach_to((struct bpf_program *)program, "raw_tp:%s", name);
}

/* An interface by its number, or by the one that if_nametoindex() gave its name. */
EU_API struct bpf_link *eu_attach_interface(const struct bpf_program *program, const char *kind, int ifindex)
{
	char number[16], quoted[64];
	const char *name = eu_interface_name(ifindex);

	snprintf(number, sizeof(number), "%d", ifindex);
	return eu_attach_to((struct bpf_program *)program, "%s:%s", kind, eu_quoted(name ? name : number, quoted, sizeof(quoted)));
}

EU_API struct bpf_link *bpf_program__attach_xdp(const struct bpf_program *program, int ifindex)
{
	return eu_attach_interface(program, "iface", ifindex);
}

EU_API struct bpf_link *bpf_program__attach_tcx(const struct bpf_program *program, int ifindex, const struct bpf_tcx_opts *)
{
	return eu_attach_interface(program, "tcx", ifindex);
}

EU_API struct bpf_link *bpf_program__attach_netkit(const struct bpf_program *program, int ifindex, const struct bpf_netkit_opts *)
{
	return eu_attach_interface(program, "netkit", ifindex);
}

/* The group is a directory that the host opened (--dir), or one that this SDK's open() knows by its path. */
EU_API struct bpf_link *bpf_program__attach_cgroup(const struct bpf_program *program, int cgroup_fd)
{
	char quoted[PATH_MAX];
	const char *path = eu_path_of(cgroup_fd);
	int result;

	if (path && *path != '/') /* the host's plain form, which starts where the host was started */
		return eu_attach_to((struct bpf_program *)program, "%s%s", strchr(path, ':') && *path != '.' ? "./" : "", path);
	if (path)
		return eu_attach_to((struct bpf_program *)program, "cgroup:%s", eu_quoted(path, quoted, sizeof(quoted)));
	result = wasm_attach_bpf_program_fd(program->object->handle, program->info.name, cgroup_fd);
	return result < 0 ? (eu_refused(result), (struct bpf_link *)NULL) : eu_link_new((struct bpf_program *)program, 0);
}

EU_API struct bpf_link *bpf_program__attach_netns(const struct bpf_program *program, int netns_fd)
{
	char quoted[PATH_MAX];
	const char *path = eu_path_of(netns_fd);

	if (!path)
		return (struct bpf_link *)eu_null(EBADF);
	return eu_attach_to((struct bpf_program *)program, "netns:%s", eu_quoted(path, quoted, sizeof(quoted)));
}

EU_API struct bpf_link *bpf_program__attach_sockmap(const struct bpf_program *program, int map_fd)
{
	struct eu_map_info info;
	int result = wasm_bpf_map_info_by_fd(map_fd, &info, sizeof(info));

	if (result < 0)
		return (struct bpf_link *)eu_null(-result);
	return eu_attach_to((struct bpf_program *)program, "map:%s", info.name);
}

EU_API struct bpf_link *bpf_program__attach_freplace(const struct bpf_program *program, int, const char *)
{
	return eu_attach((struct bpf_program *)program, NULL); /* as it was bound before load */
}

EU_API struct bpf_link *bpf_program__attach_iter(const struct bpf_program *program, const struct bpf_iter_attach_opts *)
{
	return eu_attach((struct bpf_program *)program, NULL);
}

/* struct_ops: the host attaches the map with the first of its programs. */
EU_API struct bpf_link *bpf_map__attach_struct_ops(const struct bpf_map *map)
{
	int i;

	for (i = 0; i < map->object->nr_programs; i++)
		if (map->object->programs[i]->info.type == BPF_PROG_TYPE_STRUCT_OPS)
			return eu_attach(map->object->programs[i], NULL);
	return (struct bpf_link *)eu_null(EINVAL);
}

/* wasm-bpf's: where a program attaches, as a target or in its plain old form. */
EU_API int bpf_set_prog_attach_target(struct bpf_program *program, const char *target)
{
	size_t length = target ? strlen(target) : 0;

	if (length >= sizeof(program->target))
		return eu_err(-ENAMETOOLONG);
	memcpy(program->target, target ? target : "", length + 1);
	program->target_fd = -1;
	return 0;
}

EU_API int bpf_set_prog_attach_target_fd(struct bpf_program *program, int fd)
{
	program->target[0] = '\0';
	program->target_fd = fd;
	return 0;
}
#endif

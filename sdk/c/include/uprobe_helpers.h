/* The names of libbpf-tools' uprobe_helpers.h: the host finds binaries, libraries and functions when a program attaches. */
#ifndef __UPROBE_HELPERS_H
#define __UPROBE_HELPERS_H
#pragma GCC system_header
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <gelf.h>
#include <unistd.h>

EU_API int get_pid_binary_path(pid_t pid, char *path, size_t size)
{
	char link[32];
	ssize_t length;

	snprintf(link, sizeof(link), "/proc/%d/exe", pid);
	length = readlink(link, path, size - 1);
	if (length > 0)
		path[length] = '\0';
	else
		snprintf(path, size, "%s", link);
	return 0;
}

/* By the process's own maps where the host shows them (--dir /proc), else by its usual name. */
EU_API int get_pid_lib_path(pid_t pid, const char *lib, char *path, size_t size)
{
	char maps[32], line[4352], found[4096], begin[128];
	size_t length = (size_t)snprintf(begin, sizeof(begin), "/lib%s", lib);
	FILE *file;

	snprintf(maps, sizeof(maps), "/proc/%d/maps", pid);
	file = fopen(maps, "r");
	while (file && fgets(line, sizeof(line), file)) {
		char *base;

		if (sscanf(line, "%*s %*s %*s %*s %*s %4095[^\n]", found) != 1 || !(base = strrchr(found, '/')))
			continue;
		if (strncmp(base, begin, length) || (base[length] != '.' && base[length] != '-'))
			continue;
		snprintf(path, size, "/proc/%d/root%s", pid, found);
		fclose(file);
		return 0;
	}
	if (file)
		return fclose(file), -1;
	snprintf(path, size, "lib%s.so%s", lib, strcmp(lib, "c") ? "" : ".6");
	return 0;
}

EU_API int get_pid_lib_text_path(pid_t pid, const char *lib, char *path, size_t size)
{
	return get_pid_lib_path(pid, lib, path, size);
}

EU_API int resolve_binary_path(const char *binary, pid_t pid, char *path, size_t size)
{
	if (!*binary)
		return pid ? get_pid_binary_path(pid, path, size) : -1;
	if (!strcmp(binary, "c") || (pid && !strchr(binary, '/')))
		return get_pid_lib_path(pid, binary, path, size);
	snprintf(path, size, "%s", binary);
	return 0;
}

EU_API Elf *open_elf_by_fd(int fd)
{
	return elf_begin(fd, ELF_C_READ, NULL);
}

/* NULL where the host does not show the file (--dir). */
EU_API Elf *open_elf(const char *path, int *fd)
{
	Elf *elf;

	*fd = open(path, O_RDONLY | O_CLOEXEC);
	elf = *fd < 0 ? NULL : open_elf_by_fd(*fd);
	if (!elf && *fd >= 0)
		close(*fd);
	return elf;
}

EU_API void close_elf(Elf *elf, int fd)
{
	elf_end(elf);
	if (elf && fd >= 0)
		close(fd);
}

/* A number that stands for the function: attaching says its name. */
EU_API off_t get_elf_func_offset(const char *, const char *function)
{
	return eu_name_number(function);
}
#endif

/* Interfaces and directories by name: WASI has no if_nametoindex(), and opens only what is below a directory of the guest's. */
#ifndef EUNOMIA_NAMES_H
#define EUNOMIA_NAMES_H
#pragma GCC system_header
#include <errno.h>
#include <eunomia/base.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wasi/api.h>
#ifndef PATH_MAX
#define PATH_MAX 4096
#endif

/* Numbers from EU_NAMED on stand for names. */
enum { EU_NAMED = 0x30000000, EU_NAMES = 64 };
EU_VAR char *eu_names[EU_NAMES];

EU_API int eu_name_number(const char *name)
{
	int i;

	for (i = 0; i < EU_NAMES; i++) {
		if (!eu_names[i])
			eu_names[i] = strdup(name);
		if (eu_names[i] && !strcmp(eu_names[i], name))
			return EU_NAMED + i;
	}
	return -1;
}

EU_API const char *eu_interface_name(int number)
{
	return number >= EU_NAMED && number < EU_NAMED + EU_NAMES ? eu_names[number - EU_NAMED] : NULL;
}

/* The number that /sys shows (--dir /sys), else one that stands for the name and that attach functions take. */
EU_API unsigned if_nametoindex(const char *name)
{
	char path[128];
	unsigned number = 0;
	FILE *file;

	if (!name || !*name || strlen(name) > 15)
		return errno = ENODEV, 0;
	snprintf(path, sizeof(path), "/sys/class/net/%s/ifindex", name);
	file = fopen(path, "r");
	if (file) {
		if (fscanf(file, "%u", &number) != 1)
			number = 0;
		fclose(file);
		return number;
	}
	errno = 0;
	return (unsigned)eu_name_number(name);
}

EU_API char *if_indextoname(unsigned number, char *name)
{
	const char *known = eu_interface_name((int)number);

	if (!known)
		return errno = ENXIO, (char *)NULL;
	return strcpy(name, known);
}

/* The path of a descriptor that open() gave for a directory, or NULL. */
struct eu_path {
	int fd;
	char *path;
};
EU_VAR struct eu_path eu_paths[EU_NAMES];

EU_API const char *eu_path_of(int fd)
{
	int i;

	for (i = 0; i < EU_NAMES; i++)
		if (eu_paths[i].path && eu_paths[i].fd == fd)
			return eu_paths[i].path;
	return NULL;
}

EU_API void eu_keep_path(int fd, const char *path)
{
	int i;

	for (i = 0; i < EU_NAMES; i++)
		if (!eu_paths[i].path || eu_paths[i].fd == fd) {
			free(eu_paths[i].path);
			eu_paths[i].fd = fd;
			eu_paths[i].path = strdup(path);
			return;
		}
}

/* The descriptor of a directory that the host opened under just this name (--dir), or -1. */
EU_API int eu_preopened(const char *path)
{
	__wasi_prestat_t stat;
	char name[PATH_MAX];
	int fd;

	for (fd = 3; !__wasi_fd_prestat_get(fd, &stat); fd++)
		if (stat.u.dir.pr_name_len == strlen(path) && stat.u.dir.pr_name_len < sizeof(name) &&
		    !__wasi_fd_prestat_dir_name(fd, (uint8_t *)name, stat.u.dir.pr_name_len) &&
		    !memcmp(name, path, stat.u.dir.pr_name_len))
			return fd;
	return -1;
}

#ifdef __cplusplus
#define eu_open_flags(flags) (flags)
#else
/* From Linux's flags. */
EU_API int eu_open_flags(int flags)
{
	int native = flags & O_RDWR ? EU_WASI_RDWR : flags & O_WRONLY ? EU_WASI_WRONLY : EU_WASI_RDONLY;

	native |= (flags & O_CREAT ? EU_WASI_CREAT : 0) | (flags & O_EXCL ? EU_WASI_EXCL : 0) | (flags & O_TRUNC ? EU_WASI_TRUNC : 0);
	native |= (flags & O_APPEND ? EU_WASI_APPEND : 0) | (flags & O_NONBLOCK ? EU_WASI_NONBLOCK : 0);
	return native | (flags & O_DIRECTORY ? EU_WASI_DIRECTORY : 0) | (flags & O_NOFOLLOW ? EU_WASI_NOFOLLOW : 0);
}
#endif

/* Control groups and namespaces, which programs open to attach there: they need no --dir. */
EU_API bool eu_is_place(const char *path)
{
	return !strncmp(path, "/sys/fs/cgroup", 14) || !strncmp(path, "/run/netns/", 11) || !strncmp(path, "/var/run/netns/", 15) ||
	       (!strncmp(path, "/proc/", 6) && (strstr(path, "netns") || strstr(path, "/ns/net")));
}

/* The host decides about them when a program attaches. A relative directory that the guest does not see may be a group where the host
 * was started. */
EU_API int eunomia_open(const char *path, int flags, ...)
{
	bool is_place = eu_is_place(path), is_near = *path != '/' && flags & O_DIRECTORY;
	va_list words;
	int fd = is_place || is_near ? eu_preopened(path) : -1;

	if (fd >= 0)
		return fd;
	va_start(words, flags);
	fd = (open)(path, eu_open_flags(flags), flags & O_CREAT ? va_arg(words, int) : 0);
	va_end(words);
	if (!is_place && (!is_near || fd >= 0))
		return fd;
	if (fd < 0)
		fd = eu_name_number(path);
	if (fd >= 0)
		eu_keep_path(fd, path);
	return fd;
}

#ifndef __cplusplus
EU_API int eunomia_openat(int directory, const char *path, int flags, ...)
{
	va_list words;
	int mode;

	va_start(words, flags);
	mode = flags & O_CREAT ? va_arg(words, int) : 0;
	va_end(words);
	return directory == AT_FDCWD || *path == '/' ? eunomia_open(path, flags, mode)
						     : eu_wasi_openat(directory, path, eu_open_flags(flags), mode);
}
#endif
#endif

/* A guest is no process: it is root, has its host's number, and starts none. */
#ifndef EUNOMIA_PROCESS_H
#define EUNOMIA_PROCESS_H
#pragma GCC system_header
#include <errno.h>
#include <eunomia/abi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static inline uid_t eunomia_root(void)
{
	return 0;
}
#define geteuid eunomia_root
#define getuid eunomia_root
#define getegid eunomia_root
#define getgid eunomia_root

/* What BPF programs see of what the guest does is its host's. */
static inline pid_t eunomia_pid(void)
{
	int pid = wasm_bpf_probe(EU_PROBE_HOST, "pid");

	return pid > 0 ? pid : 1;
}
#define getpid eunomia_pid
#define getppid eunomia_pid
#define gettid eunomia_pid

static inline pid_t fork(void)
{
	errno = ENOSYS;
	return -1;
}

static inline int eunomia_exec(const char *path, ...)
{
	(void)path;
	errno = ENOSYS;
	return -1;
}
#define execl eunomia_exec
#define execlp eunomia_exec
#define execv eunomia_exec
#define execvp eunomia_exec
#define execve eunomia_exec

static inline FILE *popen(const char *command, const char *mode)
{
	(void)command, (void)mode;
	errno = ENOSYS;
	return NULL;
}

static inline int pclose(FILE *file)
{
	(void)file;
	return -1;
}

static inline int eunomia_system(const char *command)
{
	if (!command)
		return 0;
	if (command[0] == 'c' && command[1] == 'l' && command[2] == 'e' && command[3] == 'a' && command[4] == 'r' && !command[5])
		return fputs("\033[H\033[2J\033[3J", stdout), fflush(stdout); /* what tools that show a screen ask for */
	errno = ENOSYS;
	return -1;
}
#define system eunomia_system

/* Pages of the kernel, not of WebAssembly, which has 64 KiB. */
static inline int eunomia_page_size(void)
{
	int size = wasm_bpf_probe(EU_PROBE_HOST, "page-size");

	return size > 0 ? size : 4096;
}
#define getpagesize eunomia_page_size

EU_API long eunomia_sysconf(int name)
{
	if (name == _SC_PAGESIZE)
		return eunomia_page_size();
	if (name == _SC_NPROCESSORS_ONLN || name == _SC_NPROCESSORS_CONF)
		return wasm_bpf_possible_cpus();
	return (sysconf)(name);
}
#define sysconf(name) eunomia_sysconf(name)

static inline pid_t eunomia_waitpid(pid_t pid, int *status, int options)
{
	(void)pid, (void)status, (void)options;
	errno = ECHILD;
	return -1;
}
#define waitpid eunomia_waitpid

static inline pid_t eunomia_wait_any(int *status)
{
	return eunomia_waitpid(-1, status, 0);
}
#ifndef __cplusplus /* which has members of this name */
#define wait eunomia_wait_any
#endif

static inline int eunomia_eventfd(unsigned count, int flags)
{
	(void)count, (void)flags;
	errno = ENOSYS;
	return -1;
}
#define eventfd eunomia_eventfd

/* As /proc says (--dir /proc). */
static inline int eunomia_hostname(char *name, size_t size)
{
	FILE *file = fopen("/proc/sys/kernel/hostname", "r");

	if (!file || !fgets(name, (int)size, file))
		snprintf(name, size, "localhost");
	if (file)
		fclose(file);
	name[strcspn(name, "\n")] = '\0';
	return 0;
}
#define gethostname eunomia_hostname
#endif

/* A guest is no process: it is root, alone, and starts none. */
#ifndef EUNOMIA_PROCESS_H
#define EUNOMIA_PROCESS_H
#pragma GCC system_header
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
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

static inline pid_t eunomia_pid(void)
{
	return 1;
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
#endif

/* wasi-libc's; in C with Linux's numbers of open()'s flags, which events bring from the kernel, too. */
#include_next <fcntl.h>
#ifndef EUNOMIA_FCNTL_H
#define EUNOMIA_FCNTL_H
#pragma GCC system_header
#include <sys/stat.h>
enum { EU_WASI_FDCWD = AT_FDCWD };
#undef AT_FDCWD
#define AT_FDCWD (-100)
static inline int eunomia_fstatat(int fd, const char *__restrict path, struct stat *__restrict out, int flags)
{
	return fstatat(fd == AT_FDCWD ? EU_WASI_FDCWD : fd, path, out, flags);
}
#define fstatat eunomia_fstatat
static inline int eu_wasi_openat(int fd, const char *path, int flags, int mode)
{
	return openat(fd, path, flags, mode);
}
#ifdef __cplusplus
extern "C" int eunomia_open(const char *path, int flags, ...);
#else
enum {
	EU_WASI_RDONLY = O_RDONLY, EU_WASI_WRONLY = O_WRONLY, EU_WASI_RDWR = O_RDWR, EU_WASI_CREAT = O_CREAT, EU_WASI_EXCL = O_EXCL,
	EU_WASI_TRUNC = O_TRUNC, EU_WASI_APPEND = O_APPEND, EU_WASI_NONBLOCK = O_NONBLOCK, EU_WASI_DIRECTORY = O_DIRECTORY,
	EU_WASI_NOFOLLOW = O_NOFOLLOW,
};
#undef O_RDONLY
#undef O_WRONLY
#undef O_RDWR
#undef O_ACCMODE
#undef O_CREAT
#undef O_EXCL
#undef O_NOCTTY
#undef O_TRUNC
#undef O_APPEND
#undef O_NONBLOCK
#undef O_DSYNC
#undef O_RSYNC
#undef O_SYNC
#undef O_DIRECTORY
#undef O_NOFOLLOW
#undef O_CLOEXEC
#undef O_PATH
#undef O_TMPFILE
#undef O_NOATIME
#undef O_LARGEFILE
#define O_RDONLY 0
#define O_WRONLY 1
#define O_RDWR 2
#define O_ACCMODE 3
#define O_CREAT 0100
#define O_EXCL 0200
#define O_NOCTTY 0400
#define O_TRUNC 01000
#define O_APPEND 02000
#define O_NONBLOCK 04000
#define O_DSYNC 010000
#define O_LARGEFILE 0100000
#define O_DIRECTORY 0200000
#define O_NOFOLLOW 0400000
#define O_NOATIME 01000000
#define O_CLOEXEC 02000000
#define O_RSYNC 04010000
#define O_SYNC 04010000
#define O_PATH 010000000
#define O_TMPFILE 020200000
#include <eunomia/names.h>
#define open(...) eunomia_open(__VA_ARGS__)
#define openat eunomia_openat
#endif
#endif

// Package linux has the errno numbers of Linux, which a host answers with. Those of package syscall are WASI's in a guest.
package linux

import (
	"errors"
	"io/fs"
	"strconv"
)

// Errno is an error number of Linux. It matches (errors.Is) itself, and fs.ErrNotExist, fs.ErrExist, fs.ErrPermission and
// errors.ErrUnsupported where the number means that.
type Errno uint32

// The numbers that hosts answer with.
const (
	EPERM        Errno = 1
	ENOENT       Errno = 2
	ESRCH        Errno = 3
	EINTR        Errno = 4
	EIO          Errno = 5
	E2BIG        Errno = 7
	EBADF        Errno = 9
	EAGAIN       Errno = 11
	ENOMEM       Errno = 12
	EACCES       Errno = 13
	EFAULT       Errno = 14
	EBUSY        Errno = 16
	EEXIST       Errno = 17
	ENODEV       Errno = 19
	ENOTDIR      Errno = 20
	EINVAL       Errno = 22
	EMFILE       Errno = 24
	ENOSPC       Errno = 28
	ERANGE       Errno = 34
	ENAMETOOLONG Errno = 36
	ENOSYS       Errno = 38
	ENODATA      Errno = 61
	EILSEQ       Errno = 84
	EOPNOTSUPP   Errno = 95
	ENOTSUP            = EOPNOTSUPP
	EADDRINUSE   Errno = 98
	ENETDOWN     Errno = 100
	ETIMEDOUT    Errno = 110
	ESTALE       Errno = 116
	ECANCELED    Errno = 125
	enotsupp     Errno = 524 // the kernel's own, which bpf(2) lets out
)

var texts = map[Errno]string{
	EPERM: "operation not permitted", ENOENT: "no such file or directory", ESRCH: "no such process",
	EINTR: "interrupted system call", EIO: "input/output error", E2BIG: "argument list too long",
	EBADF: "bad file descriptor", EAGAIN: "resource temporarily unavailable", ENOMEM: "cannot allocate memory",
	EACCES: "permission denied", EFAULT: "bad address", EBUSY: "device or resource busy", EEXIST: "file exists",
	ENODEV: "no such device", ENOTDIR: "not a directory", EINVAL: "invalid argument", EMFILE: "too many open files",
	ENOSPC: "no space left on device", ERANGE: "numerical result out of range", ENAMETOOLONG: "file name too long",
	ENOSYS: "function not implemented", ENODATA: "no data available", EILSEQ: "invalid or incomplete multibyte or wide character",
	EOPNOTSUPP: "operation not supported", EADDRINUSE: "address already in use", ENETDOWN: "network is down",
	ETIMEDOUT: "connection timed out", ESTALE: "stale file handle", ECANCELED: "operation canceled",
	enotsupp: "operation not supported",
}

func (e Errno) Error() string {
	if text, ok := texts[e]; ok {
		return text
	}
	return "errno " + strconv.Itoa(int(e))
}

// Is matches the errors of the standard library that have the same meaning.
func (e Errno) Is(target error) bool {
	switch target {
	case fs.ErrNotExist:
		return e == ENOENT
	case fs.ErrExist:
		return e == EEXIST
	case fs.ErrPermission:
		return e == EPERM || e == EACCES
	case errors.ErrUnsupported:
		return e == ENOSYS || e == EOPNOTSUPP || e == enotsupp
	}
	return false
}

/* What <errno.h> needs: Linux's numbers from and to wasi-libc's, names and texts. */
#ifndef EUNOMIA_ERRNO_TABLE_H
#define EUNOMIA_ERRNO_TABLE_H
#pragma GCC system_header
#include <eunomia/base.h>
#include <stdio.h>
#include <string.h>
#include <wasi/api.h>

/* X(name, Linux's number, wasi-libc's or 0) */
#define EUNOMIA_ERRNOS(X) \
	X(PERM, 1, 63) X(NOENT, 2, 44) X(SRCH, 3, 71) X(INTR, 4, 27) X(IO, 5, 29) X(NXIO, 6, 60) X(2BIG, 7, 1) \
	X(NOEXEC, 8, 45) X(BADF, 9, 8) X(CHILD, 10, 12) X(AGAIN, 11, 6) X(NOMEM, 12, 48) X(ACCES, 13, 2) X(FAULT, 14, 21) \
	X(NOTBLK, 15, 0) X(BUSY, 16, 10) X(EXIST, 17, 20) X(XDEV, 18, 75) X(NODEV, 19, 43) X(NOTDIR, 20, 54) X(ISDIR, 21, 31) \
	X(INVAL, 22, 28) X(NFILE, 23, 41) X(MFILE, 24, 33) X(NOTTY, 25, 59) X(TXTBSY, 26, 74) X(FBIG, 27, 22) \
	X(NOSPC, 28, 51) X(SPIPE, 29, 70) X(ROFS, 30, 69) X(MLINK, 31, 34) X(PIPE, 32, 64) X(DOM, 33, 18) X(RANGE, 34, 68) \
	X(DEADLK, 35, 16) X(NAMETOOLONG, 36, 37) X(NOLCK, 37, 46) X(NOSYS, 38, 52) X(NOTEMPTY, 39, 55) X(LOOP, 40, 32) \
	X(NOMSG, 42, 49) X(IDRM, 43, 24) X(NOSTR, 60, 0) X(NODATA, 61, 0) X(TIME, 62, 0) X(NOLINK, 67, 47) X(PROTO, 71, 65) \
	X(MULTIHOP, 72, 36) X(BADMSG, 74, 9) X(OVERFLOW, 75, 61) X(BADFD, 77, 0) X(ILSEQ, 84, 25) X(RESTART, 85, 0) \
	X(USERS, 87, 0) X(NOTSOCK, 88, 57) X(DESTADDRREQ, 89, 17) X(MSGSIZE, 90, 35) X(PROTOTYPE, 91, 67) \
	X(NOPROTOOPT, 92, 50) X(PROTONOSUPPORT, 93, 66) X(SOCKTNOSUPPORT, 94, 0) X(OPNOTSUPP, 95, 58) X(PFNOSUPPORT, 96, 0) \
	X(AFNOSUPPORT, 97, 5) X(ADDRINUSE, 98, 3) X(ADDRNOTAVAIL, 99, 4) X(NETDOWN, 100, 38) X(NETUNREACH, 101, 40) \
	X(NETRESET, 102, 39) X(CONNABORTED, 103, 13) X(CONNRESET, 104, 15) X(NOBUFS, 105, 42) X(ISCONN, 106, 30) \
	X(NOTCONN, 107, 53) X(SHUTDOWN, 108, 0) X(TIMEDOUT, 110, 73) X(CONNREFUSED, 111, 14) X(HOSTDOWN, 112, 0) \
	X(HOSTUNREACH, 113, 23) X(ALREADY, 114, 7) X(INPROGRESS, 115, 26) X(STALE, 116, 72) X(DQUOT, 122, 19) \
	X(CANCELED, 125, 11) X(OWNERDEAD, 130, 62) X(NOTRECOVERABLE, 131, 56)

struct eunomia_errno_row {
	short number, wasi;
	const char *name;
};

EU_API const struct eunomia_errno_row *eunomia_errno_row(int index)
{
#define EU_ROW(name, number, wasi) {number, wasi, "E" #name},
	static const struct eunomia_errno_row rows[] = {EUNOMIA_ERRNOS(EU_ROW){0, 0, 0}};
#undef EU_ROW

	return &rows[index];
}

/* Linux's number of one of wasi-libc's; EIO for what has none. */
EU_API int eunomia_linux_errno(int wasi)
{
	const struct eunomia_errno_row *row = eunomia_errno_row(0);

	if (wasi <= 0)
		return 0;
	for (; row->number; row++)
		if (row->wasi == wasi)
			return row->number;
	return wasi == 76 /* ENOTCAPABLE */ ? EPERM : EIO;
}

EU_API int *eunomia_errno(void)
{
	static int shadow; /* what the program sees */

	if (errno) { /* wasi-libc has set its own since */
		shadow = eunomia_linux_errno(errno);
		errno = 0;
	}
	return &shadow;
}

EU_API const char *strerrorname_np(int number)
{
	const struct eunomia_errno_row *row = eunomia_errno_row(0);

	for (; row->number; row++)
		if (row->number == number)
			return row->name;
	return number ? NULL : "0";
}

/* Linux's number by its name, or -1. */
EU_API int eunomia_errno_by_name(const char *name)
{
	const struct eunomia_errno_row *row = eunomia_errno_row(0);

	for (; row->number; row++)
		if (!strcmp(row->name, name))
			return row->number;
	return -1;
}

EU_API char *eunomia_strerror(int number)
{
	static char text[48];
	const struct eunomia_errno_row *row = eunomia_errno_row(0);

	for (; row->number && row->number != number; row++)
		;
	if (!number || row->wasi)
		return strerror(row->wasi);
	if (row->number)
		return (char *)row->name;
	snprintf(text, sizeof(text), "Unknown error %d", number);
	return text;
}

EU_API void eunomia_perror(const char *text)
{
	fprintf(stderr, "%s%s%s\n", text ? text : "", text && *text ? ": " : "", eunomia_strerror(*eunomia_errno()));
}

/* The last part of argv[0]. */
EU_API char *eunomia_program_name(void)
{
	static char name[64];
	size_t count, size;
	char *words[64], bytes[4096], *slash;

	if (*name || __wasi_args_sizes_get(&count, &size) || !count || count > 64 || size > sizeof(bytes) ||
	    __wasi_args_get((uint8_t **)words, (uint8_t *)bytes))
		return name;
	slash = strrchr(words[0], '/');
	snprintf(name, sizeof(name), "%s", slash ? slash + 1 : words[0]);
	return name;
}
#endif

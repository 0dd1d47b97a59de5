/* libbpf's functions for guests, each made of those of the host (docs/reference/wasm-interface.md): sources written for libbpf use
 * them as they are. All of it is in this header and those it includes; no library is linked. */
#ifndef __LIBBPF_LIBBPF_H
#define __LIBBPF_LIBBPF_H
#pragma GCC system_header
#include <errno.h>
#include <linux/bpf.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h> /* its macros come before any skeleton, whose members may have these names */

#include <bpf/libbpf_common.h>

#include <bpf/libbpf_version.h>

enum libbpf_errno {
	__LIBBPF_ERRNO__START = 4000,
	LIBBPF_ERRNO__LIBELF = 4000, LIBBPF_ERRNO__FORMAT, LIBBPF_ERRNO__KVERSION, LIBBPF_ERRNO__ENDIAN, LIBBPF_ERRNO__INTERNAL,
	LIBBPF_ERRNO__RELOC, LIBBPF_ERRNO__LOAD, LIBBPF_ERRNO__VERIFY, LIBBPF_ERRNO__PROG2BIG, LIBBPF_ERRNO__KVER,
	LIBBPF_ERRNO__PROGTYPE, LIBBPF_ERRNO__WRNGPID, LIBBPF_ERRNO__INVSEQ, LIBBPF_ERRNO__NLPARSE, __LIBBPF_ERRNO__END,
};
enum libbpf_print_level { LIBBPF_WARN, LIBBPF_INFO, LIBBPF_DEBUG };
enum libbpf_tristate { TRI_NO, TRI_YES, TRI_MODULE };
typedef int (*libbpf_print_fn_t)(enum libbpf_print_level level, const char *format, va_list words);
enum libbpf_strict_mode { LIBBPF_STRICT_ALL = -1, LIBBPF_STRICT_NONE, LIBBPF_STRICT_CLEAN_PTRS, LIBBPF_STRICT_DIRECT_ERRS };

struct bpf_object;
struct bpf_map;
struct bpf_program;
struct bpf_link;
struct btf;

struct bpf_object_open_opts {
	size_t sz;
	const char *object_name;
	bool relaxed_maps;
	const char *pin_root_path, *kconfig, *btf_custom_path;
	char *kernel_log_buf;
	size_t kernel_log_size;
	__u32 kernel_log_level;
	const char *bpf_token_path;
};
struct bpf_kprobe_opts { size_t sz; __u64 bpf_cookie; size_t offset; bool retprobe; int attach_mode; };
struct bpf_ksyscall_opts { size_t sz; __u64 bpf_cookie; bool retprobe; };
struct bpf_kprobe_multi_opts {
	size_t sz;
	const char **syms;
	const unsigned long *addrs;
	const __u64 *cookies;
	size_t cnt;
	bool retprobe, session;
};
struct bpf_uprobe_opts { size_t sz; size_t ref_ctr_offset; __u64 bpf_cookie; bool retprobe; const char *func_name; int attach_mode; };
struct bpf_uprobe_multi_opts {
	size_t sz;
	const char **syms;
	const unsigned long *offsets, *ref_ctr_offsets;
	const __u64 *cookies;
	size_t cnt;
	bool retprobe, session;
};
struct bpf_usdt_opts { size_t sz; __u64 usdt_cookie; };
struct bpf_tracepoint_opts { size_t sz; __u64 bpf_cookie; };
struct bpf_raw_tracepoint_opts { size_t sz; __u64 cookie; };
struct bpf_trace_opts { size_t sz; __u64 cookie; };
struct bpf_perf_event_opts { size_t sz; __u64 bpf_cookie; bool force_ioctl_attach; };
struct bpf_tcx_opts { size_t sz; __u32 flags, relative_fd, relative_id; __u64 expected_revision; };
struct bpf_netkit_opts { size_t sz; __u32 flags, relative_fd, relative_id; __u64 expected_revision; };
struct bpf_netfilter_opts { size_t sz; __u32 pf, hooknum; __s32 priority; __u32 flags; };
struct bpf_iter_attach_opts { size_t sz; void *link_info; __u32 link_info_len; };
struct bpf_xdp_attach_opts { size_t sz; int old_prog_fd; };
struct ring_buffer_opts { size_t sz; };

struct ring_buffer;
struct perf_buffer;
struct bpf_buffer;
typedef int (*ring_buffer_sample_fn)(void *context, void *data, size_t size);
typedef void (*perf_buffer_sample_fn)(void *context, int cpu, void *data, __u32 size);
typedef void (*perf_buffer_lost_fn)(void *context, int cpu, __u64 count);
struct perf_buffer_opts { /* the last three: before libbpf 1.0 */
	size_t sz;
	__u32 sample_period;
	perf_buffer_sample_fn sample_cb;
	perf_buffer_lost_fn lost_cb;
	void *ctx;
};
typedef int (*bpf_buffer_sample_fn)(void *context, void *data, size_t size);
typedef void (*bpf_buffer_lost_fn)(void *context, int cpu, __u64 count);

#include <bpf/bpf.h>
#include <eunomia/skeleton.h>
#include <eunomia/buffers.h>
#include <eunomia/perf.h>
#include <eunomia/attach_net.h>
#include <eunomia/denied.h>
#include <eunomia/links.h>
#include <eunomia/rings.h>
#include <eunomia/type_names.h>

/* It took its functions in options before libbpf 1.0. */
#define EU_SIXTH(a, b, c, d, e, f, name, ...) name
#define perf_buffer__new(...) EU_SIXTH(__VA_ARGS__, perf_buffer__new, , , eu_perf_buffer_old, )(__VA_ARGS__)
#define eu_perf_buffer_old(fd, pages, opts) perf_buffer__new(fd, pages, (opts)->sample_cb, (opts)->lost_cb, (opts)->ctx, NULL)

#define bpf_object__for_each_map(pos, obj) for ((pos) = bpf_object__next_map((obj), NULL); (pos); (pos) = bpf_object__next_map((obj), (pos)))
#define bpf_map__for_each bpf_object__for_each_map
#define bpf_object__for_each_program(pos, obj)                                                                                             \
	for ((pos) = bpf_object__next_program((obj), NULL); (pos); (pos) = bpf_object__next_program((obj), (pos)))

#ifdef __cplusplus
extern "C" {
#endif
static inline long libbpf_get_error(const void *pointer)
{
	return pointer ? 0 : -(long)errno;
}

static inline int libbpf_strerror(int number, char *text, size_t size)
{
	snprintf(text, size, "%s", strerror(number < 0 ? -number : number));
	return 0;
}

static inline int libbpf_set_strict_mode(enum libbpf_strict_mode mode)
{
	(void)mode;
	return 0;
}

static inline void libbpf_set_memlock_rlim(size_t size)
{
	(void)size; /* the host sees to it */
}

static inline __u32 libbpf_major_version(void)
{
	return LIBBPF_MAJOR_VERSION;
}

static inline __u32 libbpf_minor_version(void)
{
	return LIBBPF_MINOR_VERSION;
}

static inline const char *libbpf_version_string(void)
{
	return "v1.5";
}
#ifdef __cplusplus
}
#endif
#endif

/*
 * Included before every source by ecc. At each place where a record goes into a ring or perf buffer it leaves a static
 * variable of the record's type in section "eunomia.types", which libbpf does not load; compiler/event_types.py reads them
 * from the object's BTF. The types themselves change no instruction. The macros have the helpers' names: they expand in calls,
 * not in the helpers' own declarations, `static long (*bpf_ringbuf_output)(...)`.
 *
 * A variable is a pointer to the argument's type: never const (one section cannot hold both), never large. The map and
 * the type are not put into one struct: clang would make the type a forward declaration.
 */
#define __EU_WORDS(words) #words
#define __EU_KEEP(tag) __attribute__((section("eunomia.types"), used, btf_decl_tag(tag)))
#define __EU_RECORD(data, tag) static __typeof__(data) *__eu_t __EU_KEEP(tag)
/* The size reserved, as a pointer to an array of that many bytes; 1 where it is not a constant. */
#define __EU_RESERVE(size, tag) static char (*__eu_r)[__builtin_choose_expr(__builtin_constant_p(size), (size), 1)] __EU_KEEP(tag)

/* What eunomia_accounting.h, included before, replaces. */
#ifndef __EU_COUNTED
#define __EU_MAP(map) map
#define __EU_COUNTED(type, kind, map, failed, call) call
#define __EU_FLAGS(flags) flags
#define __EU_OUTPUT(map, data, size, flags) (bpf_ringbuf_output)(map, data, size, flags)
#endif

/* A record may be written `&(struct event){1, 2}`: its commas are the macro's too. Only three arguments tell the record. */
#define __EU_NTH(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x, nth, ...) nth
#define __EU_IS_3(...) \
	__EU_NTH(__VA_ARGS__, LOOSE, LOOSE, LOOSE, LOOSE, LOOSE, LOOSE, LOOSE, LOOSE, LOOSE, LOOSE, LOOSE, LOOSE, LOOSE, \
		 LOOSE, LOOSE, LOOSE, LOOSE, LOOSE, LOOSE, LOOSE, LOOSE, TYPED, LOOSE, LOOSE, LOOSE)
#define __EU_GLUED(a, b) a##b
#define __EU_GLUE(a, b) __EU_GLUED(a, b)
/* A type that nobody can tell: libclang is asked. */
#define __EU_UNTOLD(tag) static void **__eu_t __EU_KEEP(tag)

#define __EU_OUTPUT_TYPED(map, data, size, flags) \
	({ __EU_RECORD(data, "eunomia:map=" __EU_WORDS(map)); __EU_OUTPUT(map, data, size, flags); })
#define __EU_OUTPUT_LOOSE(map, ...) \
	({ __EU_UNTOLD("eunomia:map=" __EU_WORDS(map)); \
	   __EU_COUNTED(long, "ring", map, __eu_v < 0, (bpf_ringbuf_output)(__EU_MAP(map), __VA_ARGS__)); })
#define __EU_PERF_TYPED(helper, ctx, map, flags, data, size) \
	({ __EU_RECORD(data, "eunomia:map=" __EU_WORDS(map)); \
	   __EU_COUNTED(long, "perf", map, __eu_v < 0, (helper)(ctx, __EU_MAP(map), flags, data, size)); })
#define __EU_PERF_LOOSE(helper, ctx, map, ...) \
	({ __EU_UNTOLD("eunomia:map=" __EU_WORDS(map)); \
	   __EU_COUNTED(long, "perf", map, __eu_v < 0, (helper)(ctx, __EU_MAP(map), __VA_ARGS__)); })
#define bpf_ringbuf_output(map, ...) __EU_GLUE(__EU_OUTPUT_, __EU_IS_3(__VA_ARGS__))(map, __VA_ARGS__)
#define bpf_perf_event_output(ctx, map, ...) \
	__EU_GLUE(__EU_PERF_, __EU_IS_3(__VA_ARGS__))((bpf_perf_event_output), ctx, map, __VA_ARGS__)
#define bpf_skb_output(ctx, map, ...) __EU_GLUE(__EU_PERF_, __EU_IS_3(__VA_ARGS__))((bpf_skb_output), ctx, map, __VA_ARGS__)
#define bpf_xdp_output(ctx, map, ...) __EU_GLUE(__EU_PERF_, __EU_IS_3(__VA_ARGS__))((bpf_xdp_output), ctx, map, __VA_ARGS__)
#define bpf_ringbuf_reserve(map, size, flags) \
	({ __EU_RESERVE(size, "eunomia:reserve=" __EU_WORDS(map)); \
	   __EU_COUNTED(void *, "ring", map, !__eu_v, (bpf_ringbuf_reserve)(__EU_MAP(map), size, flags)); })
#define bpf_ringbuf_submit(data, flags) \
	({ __EU_RECORD(data, "eunomia:submit"); (bpf_ringbuf_submit)(data, __EU_FLAGS(flags)); })
/* Dynptrs: what is written at offset 0 begins the record; `ptr` ties the write to the reservation. */
#define bpf_ringbuf_reserve_dynptr(map, size, flags, ptr) \
	({ __EU_RESERVE(size, "eunomia:dynptr=" __EU_WORDS(ptr) "=" __EU_WORDS(map)); \
	   __EU_COUNTED(long, "ring", map, __eu_v < 0, (bpf_ringbuf_reserve_dynptr)(__EU_MAP(map), size, flags, ptr)); })
#define __EU_WRITE_TYPED(ptr, offset, data, size, flags) \
	({ __EU_RECORD(data, "eunomia:write=" __EU_WORDS(ptr) "=" __EU_WORDS(offset)); \
	   (bpf_dynptr_write)(ptr, offset, data, size, flags); })
#define __EU_WRITE_LOOSE(ptr, offset, ...) \
	({ __EU_UNTOLD("eunomia:write=" __EU_WORDS(ptr) "=" __EU_WORDS(offset)); (bpf_dynptr_write)(ptr, offset, __VA_ARGS__); })
#define bpf_dynptr_write(ptr, offset, ...) __EU_GLUE(__EU_WRITE_, __EU_IS_3(__VA_ARGS__))(ptr, offset, __VA_ARGS__)

/*
 * Included before eunomia_sites.h by ecc, unless --no-accounting: what the macros there do besides telling types. Every place
 * that produces a record counts its calls and failures in section ".data.eunomia", and submits wake the reader as the reader
 * asks for. Names, layout and the protocol: docs/reference/accounting.md.
 *
 * Relaxed adds whose results nobody uses are what every kernel with BPF has (BPF_XADD); __sync_fetch_and_add is an instruction
 * of 5.12 to new compilers.
 */
#define __EU_ACCOUNT(tag) __attribute__((section(".data.eunomia"), used, btf_decl_tag("eunomia:count=" tag)))
#define __EU_ADD(counter) ((void)__atomic_fetch_add(&(counter), 1, __ATOMIC_RELAXED))

/* The version of all this, in a section that no loader loads: it is there where nothing can be lost, too. */
static char *__eu_accounting __attribute__((section("eunomia.types"), used, btf_decl_tag("eunomia:accounting=1")));

/* 0 nobody manages wake-ups, 1 the reader polls, 2 it sleeps: the values of no flag, BPF_RB_NO_WAKEUP and BPF_RB_FORCE_WAKEUP.
 * A cache line of its own: every submit reads it. */
static volatile unsigned int __eu_wakeup[16]
	__attribute__((section(".data.eunomia"), aligned(64), unused, btf_decl_tag("eunomia:wakeup=1")));

/* Where a site does not name its map (`send(void *ring, ...)`), ecc compiles once more with __EU_MAPS - 1 maps that it may mean: each
 * has counters of its own then, behind the pair of the map that the site names. Which one it is folds to a constant where the
 * function is inlined; a map that is known at run time only stays the first. The source's last lines define __eu_which(). */
#ifdef __EU_MAPS
static __inline __attribute__((always_inline)) int __eu_which(const void *map);
#define __EU_MAP(map) __eu_m
#define __EU_COUNTERS(kind, map) \
	static volatile unsigned long long __eu_n[__EU_MAPS][2] __EU_ACCOUNT(kind "=" __EU_WORDS(map)); \
	void *__eu_m = (void *)(map)
#define __EU_COUNT(which) __EU_ADD(__eu_n[__eu_which(__eu_m)][which])
#else
#define __EU_MAP(map) map
#define __EU_COUNTERS(kind, map) static volatile unsigned long long __eu_n[2] __EU_ACCOUNT(kind "=" __EU_WORDS(map))
#define __EU_COUNT(which) __EU_ADD(__eu_n[which])
#endif

/* `failed` says of `__eu_v`, the call's value, whether a record was lost. A call is counted before it is made: whoever has
 * read a record and counts the calls then finds its call among them. `call` names the map __EU_MAP(map). */
#define __EU_COUNTED(type, kind, map, failed, call) \
	({ __EU_COUNTERS(kind, map); \
	   __EU_COUNT(0); \
	   type __eu_v = call; \
	   if (__builtin_expect(failed, 0)) \
		   __EU_COUNT(1); \
	   __eu_v; })
#define __EU_FAILURES(type, kind, map, failed, call) \
	({ __EU_COUNTERS(kind, map); \
	   type __eu_v = call; \
	   if (__builtin_expect(__eu_v < 0 && (failed), 0)) \
		   __EU_COUNT(1); \
	   __eu_v; })

/* Flags that the source passes are left alone. */
#define __EU_FLAGS(flags) ({ unsigned long long __eu_f = (flags); __eu_f ? __eu_f : __eu_wakeup[0] & 3; })
#define __EU_QUIET(flags) ({ unsigned long long __eu_f = (flags); __eu_f ? __eu_f : __eu_wakeup[0] == 1; })

/* An output reads the flag before it reserves: had the reader gone to sleep in between, an empty record
 * wakes it. Its size of 0 tells it from a discard of the source. */
#define __EU_OUTPUT(map, data, size, flags) \
	({ unsigned long long __eu_g = (flags); \
	   unsigned int __eu_w = __eu_g ? 0 : __eu_wakeup[0] & 3; \
	   long __eu_o = __EU_COUNTED(long, "ring", map, __eu_v < 0, (bpf_ringbuf_output)(__EU_MAP(map), data, size, __eu_g ? __eu_g : __eu_w)); \
	   if (__eu_w == 1 && __eu_wakeup[0] != 1) { \
		   void *__eu_e = (bpf_ringbuf_reserve)(map, 0, 0); \
		   if (__eu_e) \
			   (bpf_ringbuf_discard)(__eu_e, 2); \
	   } \
	   __eu_o; })

#define bpf_ringbuf_discard(data, flags) (bpf_ringbuf_discard)(data, __EU_QUIET(flags))
#define bpf_ringbuf_submit_dynptr(ptr, flags) (bpf_ringbuf_submit_dynptr)(ptr, __EU_FLAGS(flags))
#define bpf_ringbuf_discard_dynptr(ptr, flags) (bpf_ringbuf_discard_dynptr)(ptr, __EU_QUIET(flags))
/* -E2BIG, -ENOMEM and -EBUSY are losses; -EEXIST and -ENOENT are answers. */
#define __EU_NO_ROOM (__eu_v == -7 || __eu_v == -12 || __eu_v == -16)
#define bpf_map_update_elem(map, ...) \
	__EU_FAILURES(long, "map", map, __EU_NO_ROOM, (bpf_map_update_elem)(__EU_MAP(map), __VA_ARGS__))
#define bpf_map_push_elem(map, ...) \
	__EU_FAILURES(long, "push", map, __EU_NO_ROOM, (bpf_map_push_elem)(__EU_MAP(map), __VA_ARGS__))
/* -EEXIST: another stack has its place. */
#define bpf_get_stackid(ctx, map, flags) \
	__EU_FAILURES(long, "stack", map, __eu_v == -17 || __eu_v == -12, (bpf_get_stackid)(ctx, __EU_MAP(map), flags))
/* Local storage that was to be made (BPF_LOCAL_STORAGE_GET_F_CREATE) and was not. */
#define __EU_STORAGE_TYPED(helper, map, owner, value, flags) \
	({ __EU_COUNTERS("map", map); \
	   unsigned long long __eu_f = (flags); \
	   void *__eu_v = (helper)(__EU_MAP(map), owner, value, __eu_f); \
	   if (__builtin_expect(__eu_f & 1 && !__eu_v, 0)) \
		   __EU_COUNT(1); \
	   __eu_v; })
#define __EU_STORAGE_LOOSE(helper, map, ...) (helper)(map, __VA_ARGS__)
#define __EU_STORAGE(helper, map, ...) __EU_GLUE(__EU_STORAGE_, __EU_IS_3(__VA_ARGS__))(helper, map, __VA_ARGS__)
#define bpf_task_storage_get(map, ...) __EU_STORAGE((bpf_task_storage_get), map, __VA_ARGS__)
#define bpf_sk_storage_get(map, ...) __EU_STORAGE((bpf_sk_storage_get), map, __VA_ARGS__)
#define bpf_inode_storage_get(map, ...) __EU_STORAGE((bpf_inode_storage_get), map, __VA_ARGS__)
#define bpf_cgrp_storage_get(map, ...) __EU_STORAGE((bpf_cgrp_storage_get), map, __VA_ARGS__)

/* What libbpf has and a guest is not given: pins, objects by their number, maps and programs without an object. Sources compile; a call
 * says so in one line (libbpf_set_print) and fails with ENOTSUP. */
#ifndef EUNOMIA_DENIED_H
#define EUNOMIA_DENIED_H
#pragma GCC system_header
#include <eunomia/elements.h>

#define EU_NO_PINS "what a guest makes ends with it"
#define EU_NO_NUMBERS "a guest sees the maps and programs of its own objects alone"
#define EU_NO_RAW "maps and programs come from an object [bpf_object__open_mem]"
#define EU_NO_HOST "the host has nothing for it"

struct bpf_map_create_opts {
	size_t sz;
	__u32 btf_fd, btf_key_type_id, btf_value_type_id, btf_vmlinux_value_type_id, inner_map_fd, map_flags;
	__u64 map_extra;
	__u32 numa_node, map_ifindex;
	__s32 value_type_btf_obj_fd;
	__u32 token_fd;
};
struct bpf_prog_load_opts {
	size_t sz;
	int attempts;
	enum bpf_attach_type expected_attach_type;
	__u32 prog_btf_fd, prog_flags, prog_ifindex, kern_version, attach_btf_id, attach_prog_fd, attach_btf_obj_fd;
	const int *fd_array;
	const void *func_info;
	__u32 func_info_cnt, func_info_rec_size;
	const void *line_info;
	__u32 line_info_cnt, line_info_rec_size, log_level, log_size;
	char *log_buf;
	__u32 log_true_size, token_fd, fd_array_cnt;
};
struct bpf_obj_get_opts { size_t sz; __u32 file_flags; int path_fd; };
struct bpf_obj_pin_opts { size_t sz; __u32 file_flags; int path_fd; };
struct bpf_get_fd_by_id_opts { size_t sz; __u32 open_flags, token_fd; };
struct user_ring_buffer;
struct user_ring_buffer_opts { size_t sz; };
struct bpf_xdp_query_opts {
	size_t sz;
	__u32 prog_id, drv_prog_id, hw_prog_id, skb_prog_id;
	__u8 attach_mode;
	__u64 feature_flags;
	__u32 xdp_zc_max_segs;
};

EU_API int eu_denied(const char *function, const char *why)
{
	eu_print(LIBBPF_WARN, "libbpf: %s: not for guests: %s\n", function, why);
	return eu_err(-ENOTSUP);
}

#define EU_DENIED(name, why, ...)                                                                                                          \
	EU_API int name(__VA_ARGS__)                                                                                                       \
	{                                                                                                                                  \
		return eu_denied(#name, why);                                                                                              \
	}
#define EU_DENIED_PIN(name, type) EU_DENIED(name, EU_NO_PINS, type *, const char *)
EU_DENIED_PIN(bpf_object__pin, struct bpf_object)
EU_DENIED_PIN(bpf_object__unpin, struct bpf_object)
EU_DENIED_PIN(bpf_object__pin_maps, struct bpf_object)
EU_DENIED_PIN(bpf_object__unpin_maps, struct bpf_object)
EU_DENIED_PIN(bpf_object__pin_programs, struct bpf_object)
EU_DENIED_PIN(bpf_object__unpin_programs, struct bpf_object)
EU_DENIED_PIN(bpf_program__pin, struct bpf_program)
EU_DENIED_PIN(bpf_program__unpin, struct bpf_program)
EU_DENIED_PIN(bpf_map__pin, struct bpf_map)
EU_DENIED_PIN(bpf_map__unpin, struct bpf_map)
EU_DENIED_PIN(bpf_link__pin, struct bpf_link)
EU_DENIED(bpf_link__unpin, EU_NO_PINS, struct bpf_link *)
EU_DENIED(bpf_obj_pin, EU_NO_PINS, int, const char *)
EU_DENIED(bpf_obj_pin_opts, EU_NO_PINS, int, const char *, const struct bpf_obj_pin_opts *)
EU_DENIED(bpf_obj_get, EU_NO_NUMBERS, const char *)
EU_DENIED(bpf_obj_get_opts, EU_NO_NUMBERS, const char *, const struct bpf_obj_get_opts *)
#define EU_DENIED_IDS(kind)                                                                                                                \
	EU_DENIED(bpf_##kind##_get_fd_by_id, EU_NO_NUMBERS, __u32)                                                                         \
	EU_DENIED(bpf_##kind##_get_fd_by_id_opts, EU_NO_NUMBERS, __u32, const struct bpf_get_fd_by_id_opts *)                              \
	EU_DENIED(bpf_##kind##_get_next_id, EU_NO_NUMBERS, __u32, __u32 *)
EU_DENIED_IDS(map)
EU_DENIED_IDS(prog)
EU_DENIED_IDS(link)
EU_DENIED_IDS(btf)
EU_DENIED(bpf_map_create, EU_NO_RAW, enum bpf_map_type, const char *, __u32, __u32, __u32, const struct bpf_map_create_opts *)
EU_DENIED(bpf_prog_load, EU_NO_RAW, enum bpf_prog_type, const char *, const char *, const struct bpf_insn *, size_t,
	  struct bpf_prog_load_opts *)
EU_DENIED(bpf_map__reuse_fd, EU_NO_HOST, struct bpf_map *, int)
EU_DENIED(bpf_xdp_query, EU_NO_HOST, int, int, struct bpf_xdp_query_opts *)
EU_DENIED(bpf_xdp_query_id, EU_NO_HOST, int, int, __u32 *)
EU_DENIED(bpf_get_link_xdp_id, EU_NO_HOST, int, __u32 *, __u32)

EU_API const struct bpf_insn *bpf_program__insns(const struct bpf_program *)
{
	return eu_denied("bpf_program__insns", EU_NO_HOST), (const struct bpf_insn *)NULL;
}

EU_API struct user_ring_buffer *user_ring_buffer__new(int, const struct user_ring_buffer_opts *)
{
	return eu_denied("user_ring_buffer__new", EU_NO_HOST), (struct user_ring_buffer *)NULL;
}

/* There is none to reserve from. */
EU_API void *user_ring_buffer__reserve(struct user_ring_buffer *, __u32)
{
	return eu_null(ENOTSUP);
}

EU_API void *user_ring_buffer__reserve_blocking(struct user_ring_buffer *, __u32, int)
{
	return eu_null(ENOTSUP);
}

static inline void user_ring_buffer__submit(struct user_ring_buffer *rb, void *sample)
{
	(void)rb, (void)sample;
}

static inline void user_ring_buffer__discard(struct user_ring_buffer *rb, void *sample)
{
	(void)rb, (void)sample;
}

static inline void user_ring_buffer__free(struct user_ring_buffer *rb)
{
	(void)rb;
}

static inline bool bpf_map__is_pinned(const struct bpf_map *map)
{
	(void)map;
	return false;
}

/* The skeletons of guests attach programs alone: bpf_map__attach_struct_ops() is the program's to call. */
static inline bool bpf_map__autoattach(const struct bpf_map *map)
{
	(void)map;
	return false;
}

EU_API int bpf_map__set_autoattach(struct bpf_map *map, bool autoattach)
{
	if (map->info.type != BPF_MAP_TYPE_STRUCT_OPS)
		return eu_err(-EINVAL);
	return autoattach ? eu_denied("bpf_map__set_autoattach", "call bpf_map__attach_struct_ops") : 0;
}
#endif

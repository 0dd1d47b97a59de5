#ifndef API_OBJECT_H
#define API_OBJECT_H
/* Opening, loading and attaching BPF objects. Functions return 0 or a value >= 0, or -errno (pointers: NULL), and then
 * eu_error() says "operation operand: cause" in one line. This header is read by cffi: plain declarations only. */

/* One line about the last failure in this thread; "" when there was none. */
const char *eu_error(void);
/* errno of the last failure in this thread (positive). */
int eu_errno(void);
/* What libbpf and the verifier said in this thread since eu_log_clear(); its oldest part is dropped past 1 MiB. */
const char *eu_log(void);
void eu_log_clear(void);
/* Copy libbpf's messages to a descriptor as they come: level 0 warnings, 1 information, 2 debug; fd -1: nowhere. */
void eu_log_to(int fd, int level);
const char *eu_libbpf_version(void);

struct eu_object;
struct eu_open_options {
    const char *name;     /* libbpf object name: names of internal maps begin with it */
    const char *btf_path; /* kernel BTF to relocate against, NULL: the running kernel's */
    const char *kconfig;  /* "CONFIG_X=y\n" lines that override the kernel's configuration, or NULL */
    int plain_btf;        /* 1: let libbpf parse the whole kernel BTF (no minimal BTF, no attach handlers) */
    int no_rings;         /* 1: this kernel has no ring buffers: they are made perf buffers, and struct bpf_ringbuf does not exist */
    int verbose_verifier; /* log level to ask the verifier for even when it accepts: 1 states, 4 statistics */
};
struct eu_object *eu_open(const void *elf, size_t size, const struct eu_open_options *options);
int eu_load(struct eu_object *object);
/* Detach what is attached and free everything; NULL is allowed. */
void eu_close(struct eu_object *object);
/* RLIMIT_MEMLOCK in bytes where this kernel counts BPF memory against it (before 5.11), -1 where it does not or there is no limit. */
long long eu_memlock_limit(void);
/* 1 where bpf() itself is refused to this process, for all its capabilities: by a container's seccomp filter, or a security module. */
int eu_bpf_is_refused(void);
/* Whether the object has ring buffers, made perf buffers or not. */
int eu_has_rings(struct eu_object *object);
/* 1 when the object was relocated against a minimal BTF made in memory, 0 when libbpf parsed it all. */
int eu_used_minimal_btf(struct eu_object *object);

struct eu_map_info {
    const char *name;    /* libbpf's name */
    const char *section; /* ELF section of an internal map (".rodata"), else NULL */
    uint32_t type, key_size, value_size, max_entries, flags;
    uint32_t btf_key_type, btf_value_type; /* in the object's BTF, 0: unknown */
    int fd;                                /* -1 before load */
};
int eu_map_count(struct eu_object *object);
int eu_map_get(struct eu_object *object, int map, struct eu_map_info *info);
/* Index of the map with this name, or -ENOENT. */
int eu_map_find(struct eu_object *object, const char *name);
/* Before load: */
int eu_map_set_max_entries(struct eu_object *object, int map, uint32_t entries);
/* Pages of a perf buffer for each CPU, a power of two; before it is read. */
int eu_map_set_perf_pages(struct eu_object *object, int map, int pages);
int eu_map_write_initial(struct eu_object *object, int map, size_t offset, const void *bytes, size_t size);
int eu_map_read_initial(struct eu_object *object, int map, size_t offset, void *bytes, size_t size);
/* After load: the bpf(2) element operations on this map; value is value_size bytes, per-CPU maps hold
 * round_up(value_size, 8) bytes for each possible CPU. */
int eu_map_lookup(struct eu_object *object, int map, const void *key, void *value, uint64_t flags);
int eu_map_update(struct eu_object *object, int map, const void *key, const void *value, uint64_t flags);
int eu_map_delete(struct eu_object *object, int map, const void *key);
/* Read up to max elements in batches (element by element where the kernel has no batch operation). cursor: 16 bytes or the
 * key size, whichever is more, zeroed before the first call. Returns the number of elements read; *done is set at the end. */
long eu_map_read_batch(struct eu_object *object, int map, void *cursor, int first, void *keys, void *values, uint32_t max, int *done);
/* Give a sample to the program that drains a user ring buffer (6.1); -ENOSPC while there is no room. */
int eu_map_submit(struct eu_object *object, int map, const void *data, size_t size);
int eu_map_pin(struct eu_object *object, int map, const char *path);
int eu_possible_cpus(void);

struct eu_prog_info {
    const char *name, *section;
    uint32_t type, expected_attach_type, insns;
    int autoload, attached, fd;
};
int eu_prog_count(struct eu_object *object);
int eu_prog_get(struct eu_object *object, int prog, struct eu_prog_info *info);
/* How often the kernel left a loaded program out because it, or another one, was running on that CPU already (5.12+; 0 before). */
int eu_prog_missed(struct eu_object *object, int prog, uint64_t *missed);
int eu_prog_set_autoload(struct eu_object *object, int prog, int on);

struct eu_attach_options {
    const char *target; /* KIND:NAME[,OPTION]..., docs/reference/attaching.md; NULL: as section and annotations say */
    int ifindex;        /* xdp, tc */
    uint32_t flags;     /* xdp flags */
    int tc_point;       /* BPF_TC_INGRESS 1, BPF_TC_EGRESS 2 */
    uint32_t handle, priority;
    int old_prog_fd; /* xdp: replace only this program; -1: any */
    int perf_type;   /* perf_event: PERF_TYPE_*, -1: software CPU clock */
    uint64_t perf_config;
    uint64_t perf_sample; /* period, or frequency in Hz with perf_frequency; 0: 49 Hz */
    int perf_frequency;
    int pid, cpu; /* perf_event, uprobe: -1 all */
};
/* Name the program that this one attaches to (freplace, fentry of a program) before load: prog:NAME|ID|PATH[,function=FUNCTION]. */
int eu_prog_bind(struct eu_object *object, int prog, const char *target);
/* Attach one program; several times, to several targets, is allowed. */
int eu_prog_attach(struct eu_object *object, int prog, const struct eu_attach_options *options);
int eu_prog_detach(struct eu_object *object, int prog);
/* 1 where a program can be attached to targets of a kind ("iface", "cgroup"), 0 where not. */
int eu_prog_takes(struct eu_object *object, int prog, const char *kind);
/* Names of the kinds from 0 on, NULL behind the last. */
const char *eu_target_kind_name(int kind);

/* 1 where a loaded program stands in one of the object's prog arrays: it is tail-called. */
int eu_prog_in_array(struct eu_object *object, int prog);

/* tracefs without mounting it for others: a descriptor of its root (cached), or -errno. */
int eu_tracefs(void);
#endif

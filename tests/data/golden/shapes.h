/* What the sources beside this file need of the kernel's headers: they have the shape of upstream's example tools, not their code. */
typedef signed char __s8;
typedef unsigned char __u8;
typedef short __s16;
typedef unsigned short __u16;
typedef int __s32;
typedef unsigned int __u32;
typedef long long __s64;
typedef unsigned long long __u64;
typedef int pid_t;
typedef _Bool bool;
#define SEC(name) __attribute__((section(name), used))
#define __uint(name, val) int (*name)[val]
#define __type(name, val) typeof(val) *name
enum { HASH = 1, PERF_EVENT_ARRAY = 4, CGROUP_ARRAY = 8, RINGBUF = 27 };
#define HASH_MAP(name, k, v) struct { __uint(type, HASH); __uint(max_entries, 1024); __type(key, k); __type(value, v); } name SEC(".maps")
#define PERF_MAP(name) struct { __uint(type, PERF_EVENT_ARRAY); __uint(key_size, 4); __uint(value_size, 4); } name SEC(".maps")
#define RING_MAP(name) struct { __uint(type, RINGBUF); __uint(max_entries, 4096); } name SEC(".maps")
#define EXPORT(name) const struct name *__eunomia_dummy_##name##_ptr __attribute__((unused))
static long (*bpf_trace_printk)(const char *fmt, __u32 size, ...) = (void *)6;
static void *(*bpf_map_lookup_elem)(void *map, const void *key) = (void *)1;
/* a static format string in .rodata, as bpf_printk leaves one */
#define printk(text) ({ static const char ____fmt[] = text; bpf_trace_printk(____fmt, sizeof(____fmt)); })
#define PROG(section, name) SEC(section) int name(void *ctx)
char LICENSE[] SEC("license") = "GPL";

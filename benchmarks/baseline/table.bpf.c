/* A hash map of a million entries, for the Python side and the dump of `ecli run`; no program touches it. */
#include <linux/types.h>
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

/// @sample {"interval":0,"type":"default_kv"}
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 1000000);
    __type(key, __u64);
    __type(value, __u64);
} table SEC(".maps");

char LICENSE[] SEC("license") = "GPL";

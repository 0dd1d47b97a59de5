#include "shapes.h"
struct event {
    unsigned __int128 saddr; unsigned __int128 daddr; __u64 skaddr; __u64 ts_us; __u64 delta_us; __u32 pid; int oldstate; int newstate;
    __u16 family; __u16 sport; __u16 dport; char task[16];
};
const volatile bool filter_by_sport = 0;
const volatile bool filter_by_dport = 0;
const volatile short target_family = 0;
HASH_MAP(sports, __u16, __u16);
HASH_MAP(dports, __u16, __u16);
HASH_MAP(timestamps, void *, __u64);
PERF_MAP(events);
EXPORT(event);
PROG("tracepoint/sock/inet_sock_set_state", handle_set_state) { return filter_by_sport + filter_by_dport + target_family; }

#ifndef API_FILTER_H
#define API_FILTER_H
/* Which records pass: bytecode that events/filter/ compiles (docs/reference/filter.md, filter_code.h). */
struct eu_filter;
struct eu_members;
/* Check and copy bytecode for a plan; NULL and eu_error() when it is damaged or not of this plan. One thread at a time uses it. */
struct eu_filter *eu_filter_read(const struct eu_plan *plan, const void *bytes, size_t size);
void eu_filter_free(struct eu_filter *filter);
/* 1: passes. `match` is the record's type within the source (0 of a sampled map); `value` is NULL but for sampled maps, whose key
 * is the record. A record shorter than its type reads as if zeroes followed. */
int eu_filter_pass(const struct eu_filter *filter, int source, int match, const uint8_t *record, size_t size, const uint8_t *value);

/* Who is meant, where events do not say it themselves: processes, and control groups by id. */
struct eu_members *eu_members_new(void);
void eu_members_free(struct eu_members *members);
enum { EU_PID_SETS = 2 };
/* One byte for each thread id below `size`: in an array map with BPF_F_MMAPABLE, or (map_fd -1) in memory. 0 or -errno. */
int eu_members_pids(struct eu_members *members, int set, int map_fd, uint32_t size);
void eu_members_set_pid(struct eu_members *members, int set, uint32_t pid, int on);
int eu_members_has_pid(struct eu_members *members, int set, uint64_t pid);
/* A mount of cgroup2 that nobody else sees: a descriptor of its root, or -errno. Kernel: 5.2+ */
int eu_cgroup_mount(void);
/* A control group and all below it: its folder. Ids are looked up as they come. 0 or -errno. */
int eu_members_group(struct eu_members *members, int folder_fd);
int eu_members_has_group(struct eu_members *members, uint64_t id);

/* The processes and control groups that its tests ask for; they must outlive it. Without them such tests fail. */
void eu_filter_use(struct eu_filter *filter, struct eu_members *members);
/* Whether `text` as a whole matches a pattern of * ? [a-z] [!a-z] and \x for x itself. */
int eu_glob(const uint8_t *pattern, size_t pattern_size, const uint8_t *text, size_t size);
#endif

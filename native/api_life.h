#ifndef API_LIFE_H
#define API_LIFE_H
/* The life of programs beyond one process: state files, the journal of what the kernel ties to no descriptor, pins, and objects of the
 * kernel by id. This header is read by cffi: plain declarations only. */

/* The directory of state files: $EUNOMIA_RUNTIME_DIR, else /run/eunomia for root, else $XDG_RUNTIME_DIR/eunomia. Its length, or -ENOENT. */
int eu_state_dir(char *path, size_t room);
/* A descriptor of that directory, made where make is 1 and it is not there; -EPERM where it is not ours alone to write to. */
int eu_state_open(int make);
/* Make NAME.json with this text and keep it locked: a descriptor, which holds the lock; -EEXIST: a process that lives has this name. */
int eu_state_claim(const char *name, const void *text, size_t size);
/* Remove NAME.json where it is still the file behind the descriptor, and close that. */
void eu_state_release(const char *name, int fd);
/* When this process was started, in clock ticks after boot (/proc/PID/stat, field 22), 0 where it cannot be told. */
uint64_t eu_process_start(int pid);
/* 1 where somebody holds the lock of an open state file, 0 where nobody does. */
int eu_state_is_locked(int fd);

/* Watch a file and, for its name, the directory it is in: a descriptor to poll; it can be read from when something has changed. */
int eu_watch_open(const char *folder, const char *path);
/* Take what it has told, so that it sleeps again. */
void eu_watch_drain(int watch);
/* Tell on watch (-1: a new one) of files in a folder that were written or took another's name, as editors save them. Its reader gets
 * inotify(7)'s events. Returns watch, or -1 and eu_error(). */
int eu_watch_saves(int watch, const char *folder);
/* FILE becomes FILE.1, FILE.1 becomes FILE.2, ... up to FILE.keep; nothing where there is no FILE. */
int eu_rotate_files(const char *path, int keep);

/* Objects of the kernel. Descriptors are the caller's. By id: CAP_SYS_ADMIN (maps, programs), or -errno. */
enum eu_object_kind { EU_PROGRAM, EU_MAP, EU_LINK, EU_BTF };
int eu_open_id(int kind, uint32_t id);
/* The object behind a pin, to read it only where read_only is 1 (maps); -errno. */
int eu_open_pin(const char *path, int read_only);
/* Pin the object behind a descriptor; -EEXIST: the path is taken. */
int eu_pin_fd(int fd, const char *path);
/* 1 where a path is on a BPF file system, 0 where not, -errno. */
int eu_is_bpffs(const char *path);
struct eu_program_facts {
    char name[16];                              /* the kernel cuts it */
    uint32_t id, type, btf_id, func_type;       /* func_type: of its function in that BTF, which has its whole name; 0: none */
    uint64_t load_time, run_time_ns, run_count; /* load_time: ns after boot */
};
struct eu_map_facts {
    char name[16];
    uint32_t id, type, key_size, value_size, max_entries, flags, btf_id, key_type, value_type;
};
struct eu_link_facts {
    uint32_t id, type, prog_id;
};
int eu_program_facts(int fd, struct eu_program_facts *facts);
int eu_map_facts(int fd, struct eu_map_facts *facts);
int eu_link_facts(int fd, struct eu_link_facts *facts);
/* The bytes of a BTF by its id; their number, which may be more than room. */
long eu_btf_bytes(uint32_t id, void *bytes, size_t room);
/* Have the kernel measure programs until the descriptor is closed (BPF_ENABLE_STATS, 5.8+), or -errno. */
int eu_measure(void);

/* How to undo what the kernel ties to no descriptor. */
enum eu_undo_kind { EU_UNDO_TC = 1, EU_UNDO_XDP, EU_UNDO_FILTER, EU_UNDO_REUSEPORT, EU_UNDO_STRUCT_OPS, EU_UNDO_NETLINK };
struct eu_undo {
    uint32_t kind, ifindex, prog_id;              /* prog_id: what is there must be this program, or it is not ours */
    uint32_t flags;                               /* XDP_FLAGS_*_MODE */
    uint32_t point, handle, priority, made_qdisc; /* tc */
    uint32_t map_id;                              /* struct_ops */
    uint64_t load_time, netns;                    /* of the program, ns after boot; inode of the network namespace */
    uint32_t message_size;                        /* netlink: a whole request of NETLINK_ROUTE */
    unsigned char message[512];
    int fd, other_fd; /* the program or socket or map, and the XDP program that was replaced; -1: none, or not any more */
};
/* 1 it was there and is undone, 0 it was not there any more, or is somebody else's; -errno. In the thread's network namespace. */
int eu_undo_apply(const struct eu_undo *undo);
/* 1 where a loaded program is the one that was noted: an id may be used again. */
int eu_undo_is_loaded(uint32_t prog_id, uint64_t load_time);
/* How many journals there are that no guardian holds. */
int eu_guard_leftovers(void);
/* Let this thread be in the network namespace of a file, and back: a descriptor of where it was, or -errno. */
int eu_netns_enter(const char *path);
int eu_netns_leave(int before);

/* Attachments of an object, newest first, from 0 on. */
struct eu_attached {
    int prog; /* index of its program */
    int fd;   /* of its link, -1: the kernel has none that can be pinned */
    int pinned;
    const char *why; /* it cannot be pinned; NULL: it can */
};
/* 1, or 0 behind the last. */
int eu_attached(struct eu_object *object, int index, struct eu_attached *attached);
/* Its link is pinned (1): it stays when the object detaches or ends; or not any more (0). */
int eu_attached_set_pinned(struct eu_object *object, int index, int pinned);
/* Remove a state file that no process holds: 1 it is gone, 0 one does, -errno. */
int eu_state_take_away(const char *file);

/* Elements of a map by its descriptor, as those of an object's maps (api_object.h); name is for messages. */
struct eu_map_shape {
    int fd;
    uint32_t type, key_size, value_size;
    int no_batch; /* set where the kernel has no batches for it */
};
int eu_fd_lookup(int fd, const char *name, const void *key, void *value);
int eu_fd_update(int fd, const char *name, const void *key, const void *value, uint64_t flags);
int eu_fd_delete(int fd, const char *name, const void *key);
long eu_fd_read_batch(struct eu_map_shape *shape, const char *name, void *cursor, int first, void *keys, void *values, uint32_t max,
                      int *done);
#endif

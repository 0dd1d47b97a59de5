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
#endif

#ifndef API_GUEST_H
#define API_GUEST_H
/* Wasm guests. Functions return 0 or a value >= 0, or -errno (pointers: NULL) with eu_error(). */
struct eu_guest;

struct eu_preopen {
    const char *host, *guest; /* a directory of the host, and what the guest calls it */
    int writable;             /* 0: nothing below it can be changed */
    int token;                /* 1: only a name to attach to: nothing below it can be opened */
};
/* What the guest asks to do that a policy decides. */
struct eu_guest_request {
    /* "load": object is open, not loaded; "attach": program to target; "bind": program to what it attaches to; "symbol", "probe" */
    const char *what;
    struct eu_object *object; /* NULL: none */
    int prog;                 /* index, -1: none */
    const char *target;       /* KIND:NAME as in docs/reference/attaching.md, also where the guest gave the plain old form; "" none */
    int pid;
    const void *elf; /* of "load": the bytes of the object; NULL: of a package, which options->package opened */
    uint64_t elf_size;
    struct eu_object *const *loaded; /* of "load": the guest's others that are */
    int nr_loaded;
};
/* A function that the caller offers beside the host's own. slots: two words for each parameter or result, the number in the first. Not 0:
 * the guest ends, with the text of eu_guest_fail(). */
struct eu_guest_function {
    const char *module, *name, *type; /* "iI:i": parameters, a colon, results; i i32, I i64, f f32, F f64 */
    int (*call)(void *context, struct eu_guest *guest, uint64_t *slots);
    void *context;
};
/* A module beside the guest, of its store: what it exports the guest and later modules can import from `name`. */
struct eu_guest_module {
    const char *name;
    const void *wasm;
    size_t size;
};
struct eu_guest_options {
    const char **args, **env; /* NULL ends them; args[0] is the guest's name */
    int stdin_fd, stdout_fd, stderr_fd;
    uint64_t max_output;                           /* bytes to stdout and stderr together, 0: no limit */
    const struct eu_preopen *preopens;             /* host NULL ends them; NULL: none */
    uint64_t memory;                               /* bytes that each of its memories may have, 0: 256 MiB */
    uint64_t table;                                /* elements that each of its tables may have, 0: 100000 */
    uint64_t fuel;                                 /* instructions between two waits, 0: 100 000 000 000, UINT64_MAX: no limit */
    uint64_t stack;                                /* bytes, 0: 1 MiB */
    uint64_t duration;                             /* nanoseconds, 0: no end; a guest that takes signals gets SIGINT then, and 2 s more */
    uint32_t max_objects, max_links;               /* 0: 64, 1024 */
    const char *callback_module, *callback_export; /* NULL: "callback-wrapper", "go-callback" */
    /* 0: allowed; else the reason was written. NULL: everything is allowed. Called in the guest's thread. */
    int (*decide)(void *context, const struct eu_guest_request *request, char *reason, size_t room);
    /* Opening, loading, attaching or binding failed, or was refused ("refused: REASON"): the line, while eu_log() has what libbpf said and
     * the object is still there. A better line may be written in its place: the guest gets it too. NULL: it is told as a note. */
    void (*failed)(void *context, const char *what, char *line, size_t room);
    /* Each record before the guest gets it, with the name of its map. NULL: nobody listens. */
    void (*on_record)(void *context, uint64_t object, const char *map, const void *bytes, uint64_t size);
    /* A buffer that the guest reads lost records: when its object is closed, and at the end of the guest. cause: "perf buffer full", as the
     * kernel counts, "ring full" where the object does. asked: the guest asked for their number. NULL: nobody listens. */
    void (*lost)(void *context, const char *map, const char *cause, uint64_t count, int asked);
    /* A warning for the operator, one line. NULL: it goes to this process's standard error. */
    void (*note)(void *context, const char *line);
    /* The JSON package of a guest of 2022, opened and not loaded; it belongs to the guest then. *map: its buffer's index, -1: none. NULL
     * with eu_error(): it is none. */
    struct eu_object *(*package)(void *context, const char *json, uint64_t size, int *map);
    void *context;                             /* of those above */
    const char *library;                       /* wasmtime's */
    const char *cache;                         /* folder for compiled modules, NULL: none */
    const char *compiling;                     /* to standard error where a module compiles for more than a second, NULL: nothing */
    const struct eu_guest_function *functions; /* module NULL ends them; NULL: none */
    const struct eu_guest_module *modules;     /* name NULL ends them; NULL: none */
};

/* Compile (or take from the cache) and find everything that is imported. The bytes may go afterwards, options must stay as long as the
 * guest. Any thread may make, run and free it, one at a time. */
struct eu_guest *eu_guest_new(const void *wasm, size_t size, struct eu_guest_options *options);
void eu_guest_free(struct eu_guest *guest);
/* Instantiate; `_initialize` is called where it is exported. The same thread must go on with the guest. */
int eu_guest_start(struct eu_guest *guest);
/* Start, call the entry function. Once. Returns how it ended: enum eu_ending. What the guest has in the kernel is let go of by
 * eu_guest_free(), which for programs on tracepoints waits for the kernel, up to 0.1 s. */
int eu_guest_run(struct eu_guest *guest);
/* Call an exported function of this type: 0 with the result in slots, -ENOENT, -EINVAL (another type), -ECANCELED: the guest ended. */
int eu_guest_call(struct eu_guest *guest, const char *name, const char *type, uint64_t *slots);
enum eu_ending {
    EU_RUNNING,
    EU_RETURNED,    /* its start function returned */
    EU_EXITED,      /* proc_exit(code) */
    EU_TRAPPED,     /* text says which trap */
    EU_TERMINATED,  /* by eu_guest_terminate() or a signal */
    EU_OUT_OF_FUEL, /* too many instructions between two waits */
    EU_TIMED_OUT,   /* its wall-clock time was up */
    EU_FAILED       /* the host could not go on: text */
};
int eu_guest_ending(const struct eu_guest *guest);
int eu_guest_exit_code(const struct eu_guest *guest);
const char *eu_guest_text(const struct eu_guest *guest);   /* one line about the ending, "" where there is nothing to say */
const char *eu_guest_detail(const struct eu_guest *guest); /* the guest's calls when it trapped, innermost first, or "" */
/* From any thread, or from a host function. They return when the guest stands still, or after 50 ms where a function of the host is at
 * work, after which it stops. 0, -EALREADY (it is so already), -ESRCH (it ended). */
int eu_guest_pause(struct eu_guest *guest);
int eu_guest_resume(struct eu_guest *guest);
int eu_guest_terminate(struct eu_guest *guest);
/* A signal came: told to a guest that takes signals, once; otherwise, and the second time, the guest ends. Safe in signal handlers. */
void eu_guest_signal(struct eu_guest *guest, int number);
/* SIGINT, SIGTERM and SIGHUP of this process go to the guest until the next call, with NULL, which puts the handlers back. */
int eu_guest_take_signals(struct eu_guest *guest);
/* For a command: until that they end the process with exit code 0, at once. A guest that is compiled has nothing to let go of. */
void eu_guest_await_signals(void);
/* 0 not started, 1 runs, 2 paused, 3 ended. */
int eu_guest_state(struct eu_guest *guest);
/* In functions of the host: the guest's memory now, and the text of a failure that ends it (returns 1). */
uint8_t *eu_guest_memory(struct eu_guest *guest, uint64_t *size);
int eu_guest_fail(struct eu_guest *guest, const char *text);

/* For the policy: where a map is pinned and found by others, NULL: it is not; whether a descriptor is a directory of control groups (v2).
 */
const char *eu_map_pin_path(struct eu_object *object, int map);
/* What a map may take in memory, about, with its perf buffers and the map that is the pattern of its maps; 0: it is not made. */
uint64_t eu_map_bytes(struct eu_object *object, int map);
uint64_t eu_map_size(int type, uint64_t key, uint64_t value, uint64_t entries, uint64_t perf_pages);
int eu_find_binary_of(const char *name, int pid, char *path, size_t room);
int eu_is_cgroup(int fd);
/* Keep a line as this thread's error, for a callback that fails. */
void eu_set_error(int err, const char *line);
/* What the host offers, by index: 1, or 0 behind the last. */
struct eu_guest_offer {
    const char *module, *name, *type;
};
int eu_guest_offer(int index, struct eu_guest_offer *offer);
#endif

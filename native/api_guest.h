#ifndef API_GUEST_H
#define API_GUEST_H
/* Wasm guests. Functions return 0 or a value >= 0, or -errno (pointers: NULL) with eu_error(). */

struct eu_preopen {
    const char *host, *guest; /* a directory of the host, and what the guest calls it */
    int writable;             /* 0: nothing below it can be changed */
    int token;                /* 1: only a name to attach to: nothing below it can be opened */
};
/* What the guest asks to do that a policy decides. */
struct eu_guest_request {
    const char *what;         /* "load": object is open, not loaded; "attach": program to target; "symbol", "probe" */
    struct eu_object *object; /* NULL: none */
    int prog;                 /* index, -1: none */
    const char *target;       /* "" none */
    int pid;
};
struct eu_guest_options {
    const char **args, **env; /* NULL ends them; args[0] is the guest's name */
    int stdin_fd, stdout_fd, stderr_fd;
    uint64_t max_output;                           /* bytes to stdout and stderr together, 0: no limit */
    const struct eu_preopen *preopens;             /* host NULL ends them; NULL: none */
    uint64_t memory;                               /* bytes that its memories may have, 0: 256 MiB */
    uint32_t table;                                /* elements that its tables may have, 0: 100000 */
    uint64_t fuel;                                 /* instructions between two waits, 0: 100 000 000 000, UINT64_MAX: no limit */
    uint64_t stack;                                /* bytes, 0: 1 MiB */
    uint64_t duration;                             /* nanoseconds of wall-clock time, 0: no end */
    uint32_t max_objects, max_links;               /* 0: 64, 1024 */
    const char *callback_module, *callback_export; /* NULL: "callback-wrapper", "go-callback" */
    /* 0: allowed; else the reason was written. NULL: everything is allowed. Called in the guest's thread. */
    int (*decide)(void *context, const struct eu_guest_request *request, char *reason, size_t room);
    /* A warning for the operator, one line. NULL: it goes to this process's standard error. */
    void (*note)(void *context, const char *line);
    /* A record before the guest has it, or NULL; non-zero: the guest does not get it. */
    int (*on_record)(void *context, uint64_t object, const char *map, const void *bytes, uint64_t size);
    /* The JSON package of a guest of 2022, opened and not loaded; it belongs to the guest then. *map: its buffer's index, -1: none. */
    struct eu_object *(*package)(void *context, const char *json, uint64_t size, int *map);
    void *context;
};
struct eu_guest;
/* The line about the guest's last failure to load or attach, to use a map …, "": none. Valid until the guest runs or is freed. */
const char *eu_guest_last_error(struct eu_guest *guest);

#endif

/* What the files of the guests' BPF interface share (docs/reference/wasm-interface.md): guest_objects.c, guest_describe.c, guest_attach.c,
 * guest_fds.c, guest_maps.c, guest_values.c, guest_mmap.c, guest_poll.c, guest_probe.c, guest_functions.c, guest_limits.c, guest_losses.c,
 * guest_ewasm.c.
 */
#ifndef EUNOMIA_GUEST_BPF_H
#define EUNOMIA_GUEST_BPF_H
#include "error.h"
#include "guest.h"
#include "object.h"
#include "reader.h"

enum { GUEST_NAME = 256, GUEST_TARGET = 4608, GUEST_ERROR = 2048 };

struct eu_guest_object {
    uint64_t handle;
    struct eu_object *object;
    int users;  /* reads of its buffers that are under way: callbacks may close it */
    int closed; /* it goes with the last of them */
    uint32_t nr_links;
    uint8_t *elf;               /* until it is loaded: the policy looks at it */
    size_t elf_size, elf_bytes; /* of the copy; of the object, also when that is gone */
    struct eu_guest_object *next;
};

/* A map or a program that the guest has a number for. */
struct eu_guest_fd {
    struct eu_guest_object *owner;
    int is_program, index, fd; /* index in its object; fd is the object's, on this host */
    uint32_t type, key_size, value_size, max_entries, flags;
    size_t value_room;        /* bytes of a value for bpf(2): of per-CPU maps those of all CPUs */
    struct eu_buffer *buffer; /* opened by the first read */
    int told_cut;             /* the operator knows that the guest's memory is too small for its records */
    uint64_t told_lost;       /* records that it lost, as far as the host knows */
    int asked_lost;           /* the guest knows it, too */
    int told_failed;          /* and that it cannot be read as the guest asks */
};

struct eu_guest_slot {
    struct eu_guest_fd *fd; /* NULL: free */
    uint16_t generation;    /* a number is used again after 32768 others of its slot */
};

struct eu_guest_mapping {
    struct eu_guest_mapping *next;
    struct eu_guest_object *owner;
    uint8_t *pages; /* in the memory of the module that asked, of several linked ones; it stays where it is */
    uint32_t size;
};

struct eu_guest_objects {
    struct eu_guest *guest;
    struct eu_guest_object *first;
    uint64_t last_handle;
    uint32_t nr_objects, nr_links, last_link, nr_mappings, nr_told, nr_failed;
    size_t elf_bytes; /* of the objects that are open */
    struct eu_guest_slot *slots;
    uint32_t nr_slots, slots_room;
    struct eu_guest_mapping *mappings;
    uint32_t next_ready; /* buffers_wait() begins there: no buffer always first */
    struct eu_ewasm *ewasm;
    char error[GUEST_ERROR];
};

/* guest_objects.c */
/* The guest's part of the interface, made on first use; NULL: out of memory. */
struct eu_guest_objects *eu_guest_state_of(struct eu_guest *guest);
/* The open object with a handle; NULL and the guest's error: there is none. */
struct eu_guest_object *eu_guest_object(struct eu_guest *guest, uint64_t handle);
/* The line about the guest's last failure, "": none. */
const char *eu_guest_last_error(struct eu_guest *guest);
/* Take a new object over and give it a handle; NULL (and it is closed) where the guest may not have more. */
struct eu_guest_object *eu_guest_adopt(struct eu_guest *guest, struct eu_object *object);
/* Ask the policy, and load. */
int eu_guest_load(struct eu_guest *guest, struct eu_guest_object *object);
void eu_guest_close(struct eu_guest *guest, struct eu_guest_object *object);
/* A read begins and ends. */
void eu_guest_use(struct eu_guest_object *object);
void eu_guest_leave(struct eu_guest *guest, struct eu_guest_object *object);
/* Keep a line as the guest's last failure; returns -err. */
int eu_guest_failed(struct eu_guest *guest, int err, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* The same with eu_error(), for functions of the core that failed with err (negative). */
int eu_guest_failed_as(struct eu_guest *guest, int err);
/* The operator is told of what failed: the core's error, or the guest's where there is none. */
void eu_guest_tell(struct eu_guest *guest, const char *what, const char *line);
/* A warning to the operator. */
void eu_guest_note(struct eu_guest *guest, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* -EPERM and the reason, kept and noted, where the policy refuses. */
int eu_guest_decide(struct eu_guest *guest, const struct eu_guest_request *request);
/* A string of the guest, or -errno with the guest's error: "WHAT: …". */
int eu_guest_name(struct eu_guest *guest, uint32_t at, char *out, size_t room, const char *what);
/* An array of the guest; NULL with the guest's error. */
uint8_t *eu_guest_span(struct eu_guest *guest, uint32_t at, uint64_t size, const char *what);
/* Index of a map or program by the name in guest memory, or -errno. Maps of sections go by their short names too (".rodata"). */
int eu_guest_map_named(struct eu_guest *guest, struct eu_guest_object *object, uint32_t name);
int eu_guest_prog_named(struct eu_guest *guest, struct eu_guest_object *object, uint32_t name);

/* guest_limits.c */
/* Whether the guest may have an object that was opened for it: 0, or -errno with the guest's error. */
int eu_guest_fits(struct eu_guest *guest, const struct eu_object *object);
/* Whether it may change a map like this: 0 or -errno. */
int eu_guest_may_set(struct eu_guest *guest, const struct eu_object *object, int map, int what, uint32_t value);

/* guest_attach.c: 0, or -EMFILE with the guest's error, told: it has as many programs attached as it may. */
int eu_guest_may_link(struct eu_guest *guest);

/* guest_fds.c */
/* The number of a map or program, always the same while its object is open; -errno. */
int eu_guest_fd_of(struct eu_guest *guest, struct eu_guest_object *object, int is_program, int index);
struct eu_guest_fd *eu_guest_fd(struct eu_guest *guest, int32_t number);  /* NULL: not of this guest */
struct eu_guest_fd *eu_guest_map(struct eu_guest *guest, int32_t number); /* NULL with the guest's error: no map */
/* Its numbers are no more, its buffers are closed. */
void eu_guest_fds_close(struct eu_guest *guest, struct eu_guest_object *object);

/* guest_losses.c: what a buffer that is open lost, 0 where nobody counts; and tell the host of what it lost since it was told last. */
uint64_t eu_guest_lost_by(const struct eu_guest_fd *fd);
void eu_guest_lost(struct eu_guest *guest, struct eu_guest_fd *fd);

/* guest_values.c */
/* Where keys or values of a map are descriptors: those of the guest in `bytes` become the host's. -EBADF, -EOPNOTSUPP. */
int eu_guest_has_descriptors(const struct eu_guest_fd *map);
int eu_guest_key_in(struct eu_guest *guest, const struct eu_guest_fd *map, uint8_t *key);
int eu_guest_value_in(struct eu_guest *guest, const struct eu_guest_fd *map, uint8_t *value);

/* guest_mmap.c: ordinary memory again where an object's maps are (NULL: all objects'). */
void eu_guest_unmap(struct eu_guest *guest, struct eu_guest_object *object);

/* guest_ewasm.c */
void eu_ewasm_close(struct eu_guest *guest);

/* The functions, by file. */
#define EU_GUEST_CALL(name) int name(struct eu_guest *guest, void *context, union eu_slot *slots)
EU_GUEST_CALL(eu_call_load_object);
EU_GUEST_CALL(eu_call_close);
EU_GUEST_CALL(eu_call_open);
EU_GUEST_CALL(eu_call_load);
EU_GUEST_CALL(eu_call_error);
EU_GUEST_CALL(eu_call_map_info);
EU_GUEST_CALL(eu_call_map_info_by_fd);
EU_GUEST_CALL(eu_call_program_info);
EU_GUEST_CALL(eu_call_map_set);
EU_GUEST_CALL(eu_call_program_set);
EU_GUEST_CALL(eu_call_program_bind);
EU_GUEST_CALL(eu_call_map_initial);
EU_GUEST_CALL(eu_call_attach);
EU_GUEST_CALL(eu_call_attach_fd);
EU_GUEST_CALL(eu_call_link_attach);
EU_GUEST_CALL(eu_call_link_detach);
EU_GUEST_CALL(eu_call_map_fd);
EU_GUEST_CALL(eu_call_program_fd);
EU_GUEST_CALL(eu_call_operate);
EU_GUEST_CALL(eu_call_operate_wide);
EU_GUEST_CALL(eu_call_operate_first);
EU_GUEST_CALL(eu_call_batch);
EU_GUEST_CALL(eu_call_mmap);
EU_GUEST_CALL(eu_call_munmap);
EU_GUEST_CALL(eu_call_poll);
EU_GUEST_CALL(eu_call_poll_export);
EU_GUEST_CALL(eu_call_poll_batch);
EU_GUEST_CALL(eu_call_wait);
EU_GUEST_CALL(eu_call_lost);
EU_GUEST_CALL(eu_call_version);
EU_GUEST_CALL(eu_call_module_copy);
EU_GUEST_CALL(eu_call_cpus);
EU_GUEST_CALL(eu_call_signal);
EU_GUEST_CALL(eu_call_test_run);
EU_GUEST_CALL(eu_call_symbol);
EU_GUEST_CALL(eu_call_probe);
EU_GUEST_CALL(eu_call_ewasm_create);
EU_GUEST_CALL(eu_call_ewasm_run);
EU_GUEST_CALL(eu_call_ewasm_poll);

static inline int eu_answer(union eu_slot *slots, int64_t value) {
    slots[0].i64 = value;
    return EU_GO;
}
#endif

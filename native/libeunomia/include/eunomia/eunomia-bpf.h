/* libeunomia: run eunomia packages (package.json) in a C or C++ program. Link with -leunomia; pkg-config knows it as `eunomia`.
 *
 *     struct eunomia_bpf *tool = eunomia_open(json, size);
 *     if (!tool || eunomia_set_arguments(tool, argc, argv) || eunomia_load_and_attach(tool) || eunomia_poll(tool, NULL, handler, NULL) < 0)
 *         fprintf(stderr, "%s\n", eunomia_error());
 *     eunomia_close(tool);
 *
 * Nothing here prints, exits, or takes signals. Functions return 0 or more, or a negative errno, or NULL; then eunomia_error() has the
 * line that says what and why. NULL for a tool is an error like others.
 *
 * Threads: several tools may run in several threads. Of one tool, eunomia_stop(), eunomia_pause(), eunomia_account() and
 * eunomia_fd() may be called from any thread at any time until it is closed; another function that is called while one still
 * runs in another thread fails with -EBUSY, but eunomia_close(), which ends a poll that runs and waits for it.
 * eunomia_stop() and eunomia_pause() may be called in signal handlers. All but load and close may be called by an event's handler.
 */
#ifndef EUNOMIA_BPF_H
#define EUNOMIA_BPF_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define EUNOMIA_VERSION_MAJOR 0
#define EUNOMIA_VERSION_MINOR 1

struct eunomia_bpf;

/* How events come: as a line of text, as a JSON object, or as the bytes of the record. */
enum export_format_type {
    EXPORT_PLAIN_TEXT = 0,
    EXPORT_JSON = 1,
    EXPORT_RAW_EVENT = 2,
};

/* Called with each event, in the thread that polls. `data` has `size` bytes, without an end of line; behind them is a NUL that size does
 * not count, but of raw events. It is valid until the function returns. In JSON, an object with the one key "$eunomia" is no event
 * but tells what was lost. */
typedef void (*eunomia_handler)(void *context, const char *data, size_t size);

/* The version of the library, as in "0.1.0". */
const char *eunomia_version(void);

/* This thread's last failure, one line without an end; "" where there was none. Valid until the thread's next call. */
const char *eunomia_error(void);

/* Read a package: `size` bytes of JSON as `ecc` makes it, which are copied. Needs no privileges. */
struct eunomia_bpf *eunomia_open(const void *package, size_t size);

/* Take a command line: argv[0] is passed over, the others are the package's options as behind `ecli run PACKAGE`. -EINVAL: one is
 * wrong, and no later call of this tool makes it right. Before loading. */
int eunomia_set_arguments(struct eunomia_bpf *tool, int argc, char *const argv[]);

/* Choose the value of one global variable of the package by its name. Before loading. */
int eunomia_set(struct eunomia_bpf *tool, const char *variable, const char *value);

/* Take the kernel's types from this file (BTF, or a vmlinux) in place of /sys/kernel/btf/vmlinux. Before loading. */
int eunomia_set_btf(struct eunomia_bpf *tool, const char *path);

/* Load the programs and attach them. Needs CAP_BPF and CAP_PERFMON, or root. Once for a tool. */
int eunomia_load_and_attach(struct eunomia_bpf *tool);

struct eunomia_poll_options {
    size_t size; /* sizeof(struct eunomia_poll_options): later versions have more at its end */
    enum export_format_type format;
    double duration;     /* seconds; 0: until something else ends it */
    uint64_t max_events; /* 0: no end */
    double interval;     /* seconds between the samples of maps; 0: as the package says */
    int time;            /* 1: events begin with the time of day (text), have "ts" (JSON) */
};

/* Give events to a handler until eunomia_stop(), the duration or the number of events. Returns 0 then; programs stay attached, and it may
 * be called again. options NULL: JSON, without an end. */
int eunomia_poll(struct eunomia_bpf *tool, const struct eunomia_poll_options *options, eunomia_handler handler, void *context);

/* End the poll that runs, or the next one. */
void eunomia_stop(struct eunomia_bpf *tool);

/* Hold events back (1) or go on (0). What comes meanwhile waits in the kernel's buffers; what finds no room there is counted as lost. */
void eunomia_pause(struct eunomia_bpf *tool, int is_paused);

/* Detach, and give what is still in the buffers to the handler of the last poll: after it accounts balance. */
int eunomia_detach(struct eunomia_bpf *tool);

/* What became of the events so far: produced = delivered + filtered + discarded + lost + pending. */
struct eunomia_account {
    size_t size;  /* sizeof(struct eunomia_account) */
    int is_known; /* 0: the package counts nothing, produced and lost are at least that many */
    uint64_t produced, delivered, filtered, discarded, lost, pending;
};
int eunomia_account(struct eunomia_bpf *tool, struct eunomia_account *account);

/* The descriptor of a map, or else of a program, by its name; it stays the library's. Negative: there is none, or not loaded. */
int eunomia_fd(struct eunomia_bpf *tool, const char *name);

/* Detach, unload, free. NULL is allowed. In a handler, it happens when that returns. */
void eunomia_close(struct eunomia_bpf *tool);

/* The functions of eunomia-bpf's libeunomia, by its names, for programs that were written for it. They are those above; negative
 * results are -1, and get_error_message() copies what eunomia_error() says. `btf` is a file of types, or NULL. The object and the
 * meta apart are as `ecc --no-generate-package-json` writes them. */
struct eunomia_polling_handle;

struct eunomia_bpf *open_eunomia_skel_from_json(const char *meta, const char *object, size_t object_size, const char *btf);
struct eunomia_bpf *open_eunomia_skel_from_json_package(const char *json);
struct eunomia_bpf *open_eunomia_skel_from_json_package_with_btf(const char *json, const char *btf);
struct eunomia_bpf *open_eunomia_skel_from_json_package_with_args(const char *json, char **argv, int argc, const char *btf);
int load_and_attach_eunomia_skel(struct eunomia_bpf *tool);
int wait_and_poll_events_to_handler(struct eunomia_bpf *tool, enum export_format_type type, eunomia_handler handler, void *context);
int get_bpf_fd(struct eunomia_bpf *tool, const char *name);
void stop_ebpf_program(struct eunomia_bpf *tool);
void destroy_eunomia_skel(struct eunomia_bpf *tool);
void free_bpf_skel(struct eunomia_bpf *tool);
struct eunomia_polling_handle *handle_create(struct eunomia_bpf *tool);
void handle_set_pause_state(struct eunomia_polling_handle *handle, uint8_t pause);
void handle_terminate(struct eunomia_polling_handle *handle);
void handle_destroy(struct eunomia_polling_handle *handle);
void get_error_message(char *buffer, size_t size);

#ifdef __cplusplus
}
#endif
#endif

/* WASI preview 1: its life, arguments and environment, random numbers, and how a guest ends itself. */
#include "wasi.h"
#include "error.h"
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

enum { STRINGS_MOST = 4 << 20, FIRST_PREOPEN = 3 };
static const uint64_t stdio_rights[] = {RIGHT_READ, RIGHT_WRITE, RIGHT_WRITE};

static int copy_strings(const char **from, struct eu_wasi_strings *to, const char *what) {
    size_t size = 0, count = 0;
    for (; from && from[count] && size <= STRINGS_MOST; count++)
        size += strlen(from[count]) + 1;
    if (size > STRINGS_MOST)
        return eu_fail(E2BIG, "%s of the guest: more than 4 MiB", what);
    to->bytes = malloc(size + 1);
    if (!to->bytes)
        return eu_fail(ENOMEM, "%s of the guest: out of memory", what);
    to->count = count;
    to->size = size;
    char *out = to->bytes;
    for (size_t i = 0; i < count; i++)
        out = stpcpy(out, from[i]) + 1;
    return 0;
}

static int add_preopen(struct eu_wasi *wasi, const struct eu_preopen *given, int number) {
    const char *name = given->guest && *given->guest ? given->guest : given->host;
    if (number >= WASI_FILES / 2)
        return eu_fail(E2BIG, "directories of the guest: more than %d", WASI_FILES / 2 - FIRST_PREOPEN);
    int fd = open(given->host, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return eu_fail(errno, "directory %s of the guest: %s", given->host, eu_reason(errno));
    struct eu_wasi_file *file = &wasi->files[number];
    *file =
        (struct eu_wasi_file){.fd = fd, .type = TYPE_DIRECTORY, .is_writable = given->writable && !given->token, .preopen = strdup(name)};
    if (!given->token) {
        file->base = RIGHTS_DIRECTORY;
        file->inheriting = RIGHTS_DIRECTORY | RIGHTS_FILE;
    }
    return file->preopen ? 0 : eu_fail(ENOMEM, "directory %s of the guest: out of memory", given->host);
}

static int fill(struct eu_wasi *wasi, const struct eu_guest_options *options) {
    const int stdio[] = {options->stdin_fd, options->stdout_fd, options->stderr_fd};
    const uint64_t every = RIGHT_POLL | RIGHT_STAT | RIGHT_SET_FLAGS;
    for (int i = 0; i < WASI_FILES; i++)
        wasi->files[i].fd = -1;
    for (int i = 0; i < 3; i++) { /* without seek and tell a character device is a terminal: wasi-libc then writes line by line */
        struct stat stat;
        int is_stream = fstat(stdio[i], &stat) || wasi_is_stream(stat.st_mode);
        wasi->files[i] = (struct eu_wasi_file){
            .fd = stdio[i], .type = TYPE_CHARACTER, .is_stdio = 1, .is_stream = is_stream, .base = every | stdio_rights[i]};
    }
    int err = copy_strings(options->args, &wasi->args, "arguments");
    if (!err)
        err = copy_strings(options->env, &wasi->env, "environment");
    const struct eu_preopen *given = options->preopens;
    for (int number = FIRST_PREOPEN; !err && given && given->host; given++)
        err = add_preopen(wasi, given, number++);
    return err;
}

struct eu_wasi *eu_wasi_open(struct eu_guest *guest) {
    struct eu_wasi *wasi = calloc(1, sizeof(*wasi));
    if (!wasi)
        return eu_fail_null(ENOMEM, "WASI of the guest: out of memory");
    wasi->guest = guest;
    if (fill(wasi, guest->options)) {
        eu_wasi_close(wasi);
        return NULL;
    }
    return wasi;
}

void eu_wasi_close(struct eu_wasi *wasi) {
    if (!wasi)
        return;
    for (int i = 0; i < WASI_FILES; i++)
        eu_wasi_file_close(&wasi->files[i]);
    free(wasi->args.bytes);
    free(wasi->env.bytes);
    free(wasi);
}

int eu_wasi_preopen(struct eu_wasi *wasi, uint32_t fd) {
    return wasi && fd < WASI_FILES && wasi->files[fd].fd >= 0 && wasi->files[fd].preopen ? wasi->files[fd].fd : -EBADF;
}

/* in: where the addresses go, where the strings go. */
static int strings_get(struct eu_wasi *wasi, const struct eu_wasi_strings *strings, const union eu_slot *in) {
    uint8_t *addresses = wasi_bytes(wasi, in[0].u32, 4ull * strings->count), *out = wasi_bytes(wasi, in[1].u32, strings->size);
    if (!addresses || !out)
        return -EFAULT;
    for (uint32_t i = 0, at = 0; i < strings->count; i++, at += strlen(strings->bytes + at) + 1) {
        uint32_t address = in[1].u32 + at;
        memcpy(addresses + 4ull * i, &address, sizeof(address));
    }
    memcpy(out, strings->bytes, strings->size);
    return 0;
}

static int strings_sizes(struct eu_wasi *wasi, const struct eu_wasi_strings *strings, const union eu_slot *in) {
    int err = wasi_put32(wasi, in[0].u32, strings->count);
    return err ? err : wasi_put32(wasi, in[1].u32, strings->size);
}

int eu_wasi_args_get(struct eu_wasi *wasi, const union eu_slot *in) {
    return strings_get(wasi, &wasi->args, in);
}

int eu_wasi_args_sizes_get(struct eu_wasi *wasi, const union eu_slot *in) {
    return strings_sizes(wasi, &wasi->args, in);
}

int eu_wasi_environ_get(struct eu_wasi *wasi, const union eu_slot *in) {
    return strings_get(wasi, &wasi->env, in);
}

int eu_wasi_environ_sizes_get(struct eu_wasi *wasi, const union eu_slot *in) {
    return strings_sizes(wasi, &wasi->env, in);
}

int eu_wasi_random_get(struct eu_wasi *wasi, const union eu_slot *in) {
    uint8_t *out = wasi_bytes(wasi, in[0].u32, in[1].u32);
    if (!out)
        return -EFAULT;
    for (uint32_t done = 0; done < in[1].u32;) {
        uint32_t part = in[1].u32 - done;
        ssize_t got = getrandom(out + done, part > 1 << 20 ? 1 << 20 : part, 0);
        if (got < 0 && errno != EINTR)
            return -errno;
        done += got > 0 ? got : 0;
        if (eu_guest_checkpoint(wasi->guest))
            return EU_WASI_STOP;
    }
    return 0;
}

int eu_wasi_sched_yield(struct eu_wasi *wasi, const union eu_slot *in) {
    sched_yield();
    return eu_guest_checkpoint(wasi->guest) ? EU_WASI_STOP : 0;
}

static int ends(struct eu_wasi *wasi, int code) {
    wasi->guest->exit_code = code;
    eu_guest_end(wasi->guest, EU_EXITED, "exit code %d", code);
    return EU_WASI_STOP;
}

int eu_wasi_proc_exit(struct eu_wasi *wasi, const union eu_slot *in) {
    return ends(wasi, in[0].u32 & 0xff);
}

/* A signal to itself does what it does to a process: its number is that of Linux up to 15, of the others few end one. */
int eu_wasi_proc_raise(struct eu_wasi *wasi, const union eu_slot *in) {
    uint32_t number = in[0].u32;
    if (number > 30)
        return -EINVAL;
    if (!number || (number >= 16 && number <= 22) || number == 27) /* chld, cont, stop, tstp, ttin, ttou, urg; winch */
        return 0;
    if (wasi->guest->takes_signals && (number == SIGINT || number == SIGTERM)) {
        atomic_store(&wasi->guest->signal, (int)number);
        return 0;
    }
    return ends(wasi, 128 + number);
}

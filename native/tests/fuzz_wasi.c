/* Random calls of WASI with random arguments by a guest whose memory is a buffer: no crash, nothing outside of the memory, nothing
 * changed outside of the writable directory, no descriptor left. The guest itself and its waiting are this file's. */
#define _GNU_SOURCE
#include "guest.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MEMORY = 20000 };
static uint8_t *memory;
static char root[64];

uint8_t *eu_guest_bytes(struct eu_guest *guest, uint32_t at, uint64_t size) {
    return at <= MEMORY && size <= MEMORY - at ? memory + at : NULL;
}

int eu_guest_end(struct eu_guest *guest, enum eu_ending ending, const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(guest->text, sizeof(guest->text), format, args);
    va_end(args);
    guest->ending = ending;
    return EU_STOP;
}

int eu_guest_checkpoint(struct eu_guest *guest) {
    return EU_GO;
}

/* Never long: what would wait for ever ends the guest. */
int eu_guest_wait(struct eu_guest *guest, struct pollfd *fds, int count, int64_t timeout, int *result) {
    *result = poll(fds, count, 0);
    return !*result && timeout ? eu_guest_end(guest, EU_TIMED_OUT, "waits") : EU_GO;
}

static int nr_open(void) {
    int count = 0;
    DIR *dir = opendir("/proc/self/fd");
    while (readdir(dir))
        count++;
    closedir(dir);
    return count;
}

static int remove_one(const char *path, const struct stat *stat, int type, struct FTW *walk) {
    return remove(path);
}

static void finish(void) {
    if (!chdir("/"))
        nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void put(const char *path, const char *text) {
    FILE *file = fopen(path, "w");
    fputs(text, file);
    fclose(file);
}

/* root: rw is given writable, ro read-only, token as a token; "secret" lies beside them. */
static void prepare(void) {
    const struct rlimit small = {1 << 20, 1 << 20};
    snprintf(root, sizeof(root), "/tmp/fuzz_wasi.XXXXXX");
    if (!mkdtemp(root) || chdir(root) || mkdir("rw", 0700) || mkdir("ro", 0700) || mkdir("token", 0700) || mkdir("ro/d", 0700) ||
        symlink("../secret", "ro/out") || mkfifo("ro/fifo", 0600))
        abort();
    put("secret", "secret");
    put("ro/f", "contents");
    atexit(finish);
    signal(SIGXFSZ, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &small);
    memory = malloc(MEMORY);
}

static void refill(void) {
    nftw("rw", remove_one, 16, FTW_DEPTH | FTW_PHYS);
    if (mkdir("rw", 0700) || mkdir("rw/d", 0700) || symlink("../secret", "rw/out") || symlink("f", "rw/link") || mkfifo("rw/fifo", 0600))
        abort();
    put("rw/f", "contents");
}

static const char *const names[] = {"f",   "d", ".",    "..", "../secret", "out",  "d/../../secret", "/etc/passwd", "link",
                                    "d/n", "n", "fifo", "d/", "f/",        "a//b", "out/../f",       "d/..",        ""};

/* One call: a byte for the function, then a byte and what it asks for, for each parameter. */
struct input {
    const uint8_t *at;
    size_t left;
};

static uint64_t number(struct input *input, int size) {
    uint64_t value = 0;
    if (input->left < (size_t)size)
        return input->left = 0;
    memcpy(&value, input->at, size);
    input->at += size;
    input->left -= size;
    return value;
}

static uint64_t parameter(struct input *input, int is_long, uint32_t *name_len) {
    uint8_t kind = number(input, 1);
    uint64_t value;
    if (kind < 96) /* small: a descriptor, flags, a count */
        return kind % 24;
    if (kind < 176) /* within the memory */
        return number(input, 2) % MEMORY;
    if (kind < 208 && *name_len) { /* how long the name is that was put there just before */
        value = *name_len - 1;
        *name_len = 0;
        return value;
    }
    if (kind < 232) {
        const char *name = names[kind % (sizeof(names) / sizeof(*names))];
        uint32_t at = number(input, 2) % (MEMORY - 64);
        memcpy(memory + at, name, strlen(name) + 1);
        *name_len = strlen(name) + 1;
        return at;
    }
    return kind < 244 ? UINT64_MAX >> (kind & 31) : number(input, is_long ? 8 : 4);
}

static int call(struct eu_guest *guest, struct input *input) {
    static int nr_functions;
    union eu_slot slots[16] = {0};
    uint32_t name_len = 0;
    while (eu_wasi_functions[nr_functions].name)
        nr_functions++;
    const struct eu_host_function *function = &eu_wasi_functions[number(input, 1) % nr_functions];
    int i = 0;
    for (; function->type[i] != ':'; i++) {
        uint64_t value = parameter(input, function->type[i] == 'I', &name_len);
        slots[i].u64 = function->type[i] == 'I' ? value : (uint32_t)value;
    }
    int going = function->call(guest, function->context, slots);
    if (going != EU_GO ? going != EU_STOP || guest->ending == EU_RUNNING : slots[0].u64 > 76)
        abort();
    return going;
}

static void check_untouched(void) {
    char text[16] = "";
    int fd = open("secret", O_RDONLY), same;
    same = read(fd, text, sizeof(text)) == 6 && !memcmp(text, "secret", 6);
    close(fd);
    fd = open("ro/f", O_RDONLY);
    if (!same || read(fd, text, sizeof(text)) != 8 || memcmp(text, "contents", 8) || access("ro/d", F_OK) || !access("ro/n", F_OK))
        abort();
    close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static unsigned runs;
    if (!memory)
        prepare();
    if (runs++ % 64 == 0)
        refill();
    struct input input = {data, size};
    int ends[2], before = nr_open();
    if (pipe(ends))
        abort();
    const char *args[] = {"fuzz", "", NULL}, *env[] = {"A=b", NULL};
    const struct eu_preopen preopens[] = {{"rw", "/rw", 1, 0}, {"ro", "ro", 0, 0}, {"token", "token", 1, 1}, {0}};
    struct eu_guest_options options = {.args = args, .env = env, .stdin_fd = ends[0], .stdout_fd = ends[1], .stderr_fd = ends[1]};
    options.max_output = size & 1 ? 5000 : 0;
    options.preopens = preopens;
    struct eu_guest guest = {.options = &options, .takes_signals = size & 2};
    memset(memory, 0, MEMORY);
    guest.wasi = eu_wasi_open(&guest);
    if (!guest.wasi)
        abort();
    while (input.left && call(&guest, &input) == EU_GO)
        ;
    eu_wasi_close(guest.wasi);
    close(ends[0]);
    close(ends[1]);
    if (nr_open() != before)
        abort();
    check_untouched();
    return 0;
}

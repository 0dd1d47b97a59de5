// One command of a guest's life with WASI: wasi.wasm COMMAND [ARGUMENTS]. A failed call prints its errno's name and text.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <wasi/api.h>

extern char **environ;

static int fails(const char *what) {
    printf("%s: %d %s\n", what, errno, strerror(errno));
    return 1;
}

static int answer(const char *what, __wasi_errno_t err) {
    errno = err;
    return err ? fails(what) : 0;
}

static double seconds(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return now.tv_sec + now.tv_nsec / 1e9;
}

static int cmd_words(char **args) {
    for (int i = 0; args[i]; i++)
        printf("%s\n", args[i]);
    for (char **at = environ; *at; at++)
        printf("env %s\n", *at);
    return 0;
}

static int cmd_exit(char **args) {
    exit(atoi(args[0]));
}

// A line, then what stdin has, until its end.
static int cmd_lines(char **args) {
    char line[100];
    printf("first\n");
    while (fgets(line, sizeof(line), stdin))
        printf("got %s", line);
    printf("%s\n", feof(stdin) ? "end" : strerror(errno));
    return 0;
}

static int cmd_sleep(char **args) {
    double start = seconds(CLOCK_MONOTONIC);
    usleep(atoi(args[0]) * 1000);
    printf("%.3f\n", seconds(CLOCK_MONOTONIC) - start);
    return 0;
}

static int cmd_until(char **args) { // of each clock, absolute
    for (int i = 0; i < 2; i++) {
        clockid_t clock = i ? CLOCK_MONOTONIC : CLOCK_REALTIME;
        struct timespec at;
        double start = seconds(CLOCK_MONOTONIC);
        clock_gettime(clock, &at);
        at.tv_nsec += atoi(args[0]) * 1000000;
        at.tv_sec += at.tv_nsec / 1000000000;
        at.tv_nsec %= 1000000000;
        int err = clock_nanosleep(clock, TIMER_ABSTIME, &at, NULL);
        printf("%d %.3f\n", err, seconds(CLOCK_MONOTONIC) - start);
    }
    return 0;
}

static int cmd_clocks(char **args) {
    __wasi_timestamp_t time = 0;
    for (int clock = 0; clock < 5; clock++) {
        int err = __wasi_clock_time_get(clock, 0, &time);
        printf("%d %llu ", err, (unsigned long long)time);
        err = __wasi_clock_res_get(clock, &time);
        printf("%d %llu\n", err, (unsigned long long)time);
    }
    return 0;
}

static int cmd_random(char **args) {
    unsigned char bytes[16] = {0};
    if (getentropy(bytes, sizeof(bytes)))
        return fails("getentropy");
    for (int i = 0; i < 16; i++)
        printf("%02x", bytes[i]);
    printf("\n");
    return 0;
}

static int cmd_poll(char **args) {
    struct pollfd fd = {.fd = 0, .events = POLLRDNORM};
    int ready = poll(&fd, 1, atoi(args[0]));
    printf("%d%s%s%s\n", ready, fd.revents & POLLRDNORM ? " in" : "", fd.revents & POLLHUP ? " hup" : "", fd.revents & POLLERR ? " err" : "");
    return 0;
}

static int cmd_flood(char **args) {
    char line[64];
    memset(line, 'x', sizeof(line));
    line[63] = '\n';
    for (long left = atol(args[0]); left > 0; left -= 64)
        if (write(1, line, 64) != 64)
            return fails("write");
    return 0;
}

static int cmd_big(char **args) { // one write, more than a pipe takes
    size_t size = atol(args[0]);
    char *bytes = malloc(size);
    memset(bytes, 'x', size);
    fprintf(stderr, "%ld\n", (long)write(1, bytes, size));
    return 0;
}

static int cmd_cat(char **args) {
    char bytes[256];
    FILE *file = fopen(args[0], "r");
    if (!file)
        return fails("open");
    size_t size = fread(bytes, 1, sizeof(bytes), file);
    if (!size && ferror(file))
        return fails("read");
    fwrite(bytes, 1, size, stdout);
    return 0;
}

static int cmd_write(char **args) {
    FILE *file = fopen(args[0], args[2] ? args[2] : "w");
    if (!file)
        return fails("open");
    if (fputs(args[1], file) < 0 || fclose(file))
        return fails("write");
    return 0;
}

static int cmd_seek(char **args) { // in an open file: size, ends, holes
    char bytes[8] = "";
    int fd = open(args[0], O_RDWR | O_CREAT | O_TRUNC, 0600);
    if (fd < 0)
        return fails("open");
    printf("%ld ", (long)write(fd, "0123456789", 10));
    printf("%ld ", (long)lseek(fd, -3, SEEK_END));
    printf("%ld ", (long)read(fd, bytes, 2));
    printf("%s %ld ", bytes, (long)lseek(fd, 0, SEEK_CUR));
    printf("%ld ", (long)pread(fd, bytes, 3, 1));
    printf("%s %ld ", bytes, (long)pwrite(fd, "ab", 2, 4));
    printf("%d %ld\n", ftruncate(fd, 6), (long)lseek(fd, 0, SEEK_END));
    return close(fd);
}

static int cmd_fds(char **args) { // numbers are reused from below; one closed is gone
    int a = open(args[0], O_RDONLY), b = open(args[0], O_RDONLY);
    close(a);
    int c = open(args[0], O_RDONLY);
    int err = __wasi_fd_renumber(b, c);
    char byte;
    printf("%d %d %d %d %ld %ld %d\n", a, b, c, err, (long)read(c, &byte, 1), (long)read(b, &byte, 1), errno);
    int count = 0;
    while (open(args[0], O_RDONLY) >= 0)
        count++;
    printf("%d %d\n", count > 100, errno);
    return 0;
}

static int by_name(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int cmd_ls(char **args) {
    static char *names[5000];
    int count = 0;
    DIR *dir = opendir(args[0]);
    if (!dir)
        return fails("opendir");
    for (struct dirent *entry; (entry = readdir(dir)) && count < 5000;) {
        char text[300];
        snprintf(text, sizeof(text), "%s %d", entry->d_name, entry->d_type);
        names[count++] = strdup(text);
    }
    rewinddir(dir);
    int again = 0;
    while (readdir(dir))
        again++;
    qsort(names, count, sizeof(*names), by_name);
    printf("%d %d\n", count, again);
    for (int i = 0; i < count; i++)
        printf("%s\n", names[i]);
    return 0;
}

static int show(const struct stat *stat, int err) {
    if (err)
        return fails("stat");
    printf("%s %lld %d %lld %lld\n", S_ISDIR(stat->st_mode) ? "dir" : S_ISLNK(stat->st_mode) ? "link" : S_ISREG(stat->st_mode) ? "file" : "other",
           (long long)stat->st_size, (int)stat->st_nlink, (long long)stat->st_mtim.tv_sec, (long long)stat->st_atim.tv_sec);
    return 0;
}

static int cmd_stat(char **args) {
    struct stat made;
    int err = stat(args[0], &made);
    return show(&made, err);
}

static int cmd_lstat(char **args) {
    struct stat made;
    int err = lstat(args[0], &made);
    return show(&made, err);
}

static int cmd_mkdir(char **args) {
    return mkdir(args[0], 0700) ? fails("mkdir") : 0;
}

static int cmd_rmdir(char **args) {
    return rmdir(args[0]) ? fails("rmdir") : 0;
}

static int cmd_unlink(char **args) {
    return unlink(args[0]) ? fails("unlink") : 0;
}

static int cmd_rename(char **args) {
    return rename(args[0], args[1]) ? fails("rename") : 0;
}

static int cmd_link(char **args) {
    return link(args[0], args[1]) ? fails("link") : 0;
}

static int cmd_symlink(char **args) {
    return symlink(args[0], args[1]) ? fails("symlink") : 0;
}

static int cmd_readlink(char **args) {
    char text[200];
    ssize_t len = readlink(args[0], text, sizeof(text));
    if (len < 0)
        return fails("readlink");
    printf("%.*s\n", (int)len, text);
    return 0;
}

static int cmd_times(char **args) { // modified at args[1]; accessed a second before, or left alone
    struct timespec both[2] = {{atol(args[1]) - 1, 5}, {atol(args[1]), 6}};
    if (args[2])
        both[0].tv_nsec = UTIME_OMIT;
    return utimensat(AT_FDCWD, args[0], both, 0) ? fails("utimensat") : 0;
}

static int cmd_preopens(char **args) {
    char name[100];
    for (int fd = 3;; fd++) {
        __wasi_prestat_t prestat;
        int err = __wasi_fd_prestat_get(fd, &prestat);
        if (err)
            return printf("%d %d\n", fd, err) < 0;
        err = __wasi_fd_prestat_dir_name(fd, (uint8_t *)name, prestat.u.dir.pr_name_len);
        printf("%d %d %.*s\n", fd, prestat.tag, err ? 0 : (int)prestat.u.dir.pr_name_len, name);
    }
}

static int cmd_fdstat(char **args) {
    __wasi_fdstat_t stat;
    int err = __wasi_fd_fdstat_get(atoi(args[0]), &stat);
    printf("%d type %d flags %d rights %llx %llx tty %d\n", err, stat.fs_filetype, stat.fs_flags, (unsigned long long)stat.fs_rights_base,
           (unsigned long long)stat.fs_rights_inheriting, isatty(atoi(args[0])));
    return 0;
}

static int cmd_rights(char **args) { // given up, they do not come back
    int fd = open(args[0], O_RDWR);
    if (fd < 0)
        return fails("open");
    printf("%d ", __wasi_fd_fdstat_set_rights(fd, __WASI_RIGHTS_FD_READ, 0));
    printf("%d ", __wasi_fd_fdstat_set_rights(fd, __WASI_RIGHTS_FD_READ | __WASI_RIGHTS_FD_WRITE, 0));
    printf("%ld ", (long)write(fd, "x", 1));
    printf("%d\n", errno);
    return 0;
}

static int cmd_flags(char **args) { // O_APPEND set later; and reading does not wait where the guest says so
    int fd = open(args[0], O_RDWR);
    char byte;
    if (fd < 0)
        return fails("open");
    printf("%d ", fcntl(fd, F_SETFL, O_APPEND));
    printf("%ld ", (long)write(fd, "end", 3));
    printf("%d ", fcntl(0, F_SETFL, O_NONBLOCK));
    printf("%ld ", (long)read(0, &byte, 1));
    printf("%d\n", errno);
    return 0;
}

// Pointers and counts that are not within the memory; each number is WASI's.
static int cmd_wild(char **args) {
    __wasi_ciovec_t bad = {(uint8_t *)0xfffffff0, 64}, long_one = {(uint8_t *)16, 0xffffffff};
    __wasi_size_t size;
    __wasi_fd_t fd;
    __wasi_timestamp_t time;
    printf("%d ", __wasi_fd_write(1, &bad, 1, &size));
    printf("%d ", __wasi_fd_write(1, &long_one, 1, &size));
    printf("%d ", __wasi_fd_write(1, &bad, 0x20000000, &size));
    printf("%d ", __wasi_fd_write(1, &bad, 0, (__wasi_size_t *)0xfffffffe));
    printf("%d ", __wasi_fd_read(0, (__wasi_iovec_t *)0xffffff00, 1, &size));
    printf("%d ", __wasi_random_get((uint8_t *)1, 0xffffffff));
    printf("%d ", __wasi_clock_time_get(0, 0, (__wasi_timestamp_t *)0xfffffffc));
    printf("%d ", __wasi_fd_close(12345));
    printf("%d ", __wasi_fd_close(-1));
    printf("%d ", __wasi_poll_oneoff((void *)16, (void *)16, 0x08000000, &size));
    printf("%d ", __wasi_poll_oneoff((void *)16, (void *)16, 0, &size));
    printf("%d ", __wasi_clock_res_get(99, &time));
    printf("%d ", __wasi_sock_shutdown(1, 1));
    printf("%d\n", __wasi_path_open(3, 0, "", 0, 0, 0, 0, &fd));
    return 0;
}

static int cmd_raise(char **args) {
    typedef int raise_fn(int);
    extern int wasi_raise(int) __attribute__((import_module("wasi_snapshot_preview1"), import_name("proc_raise")));
    printf("%d\n", wasi_raise(atoi(args[0])));
    fflush(stdout);
    return 0;
}

// Open a path again and again while somebody else changes what it leads to; says how often it read what.
static int cmd_race(char **args) {
    int inside = 0, outside = 0;
    for (int i = 0; i < 20000; i++) {
        char text[16] = "";
        int fd = open(args[0], O_RDONLY);
        if (fd < 0)
            continue;
        read(fd, text, sizeof(text));
        close(fd);
        if (!strncmp(text, "secret", 6))
            outside++;
        else
            inside++;
    }
    printf("%d %d\n", inside > 0, outside);
    return 0;
}

static int cmd_busy(char **args) {
    for (volatile unsigned i = 0;; i++)
        if (i % 1000000 == 0)
            write(1, ".", 1);
}

#define COMMANDS(F)                                                                                                                     \
    F(words) F(exit) F(lines) F(sleep) F(until) F(clocks) F(random) F(poll) F(flood) F(big) F(cat) F(write) F(seek) F(fds) F(ls) F(stat)  \
    F(lstat) F(mkdir) F(rmdir) F(unlink) F(rename) F(link) F(symlink) F(readlink) F(times) F(preopens) F(fdstat) F(rights) F(flags) F(wild) \
    F(raise) F(race) F(busy)
#define ROW(name) {#name, cmd_##name},

int main(int argc, char **argv) {
    static const struct {
        const char *name;
        int (*run)(char **);
    } commands[] = {COMMANDS(ROW)};
    for (size_t i = 0; argc > 1 && i < sizeof(commands) / sizeof(*commands); i++)
        if (!strcmp(argv[1], commands[i].name))
            return commands[i].run(argv + 2);
    fprintf(stderr, "no command\n");
    return 2;
}

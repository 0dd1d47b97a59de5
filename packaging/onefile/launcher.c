/* The head of a one-file ecli: unpacks the Python behind it into a cache folder, once for each build, and runs it.
 *
 * Linked statically, so that it starts where there is no C library. What it unpacks has its own, too.
 */
#define _GNU_SOURCE
#include "launcher.h"
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_LIST (4 << 20)
#define MAX_ARGUMENTS_BEFORE 4

noreturn void fail(const char *format, ...) {
    va_list arguments;
    char text[1024];

    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    dprintf(2, "ecli: %s\n", text);
    exit(1);
}

/* Open this very file; its path, as the kernel or the caller tells it, is put into path. */
static int open_self(char *path, size_t size) {
    const char *given = (const char *)getauxval(AT_EXECFN);
    ssize_t length = readlink("/proc/self/exe", path, size - 1);
    int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

    if (length > 0 && fd >= 0) {
        path[length] = 0;
        return fd;
    }
    if (fd >= 0)
        close(fd);
    if (!given || strlen(given) >= size) /* no /proc here: a root folder with nothing in it */
        fail("start: cannot find the own file [mount /proc]");
    strcpy(path, given);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        fail("start: open %s: %s", path, strerror(errno));
    return fd;
}

/* Map the file and find its parts; a file that was cut off on its way ends here. */
static void read_payload(int fd, const char *path, struct payload *payload) {
    struct payload_trailer trailer;
    struct stat facts;
    const char *file;
    uint64_t size, parts;

    if (fstat(fd, &facts) || facts.st_size < (off_t)sizeof(trailer))
        fail("start: %s: damaged [download it again]", path);
    size = (uint64_t)facts.st_size;
    file = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (file == MAP_FAILED)
        fail("start: read %s: %s", path, strerror(errno));
    memcpy(&trailer, file + size - sizeof(trailer), sizeof(trailer));
    parts = sizeof(trailer) + trailer.list;
    if (memcmp(trailer.magic, PAYLOAD_MAGIC, sizeof(trailer.magic)) || trailer.list > MAX_LIST || trailer.packed > size ||
        parts + trailer.packed > size)
        fail("start: %s: damaged or not whole [download it again]", path);
    payload->list = file + size - parts;
    payload->list_end = payload->list + trailer.list;
    payload->packed = (const unsigned char *)payload->list - trailer.packed;
    payload->packed_size = trailer.packed;
    payload->unpacked_size = trailer.unpacked;
    payload->nr_files = trailer.nr_files;
    memcpy(payload->name, trailer.name, PAYLOAD_NAME);
    payload->name[PAYLOAD_NAME] = 0;
}

bool next_file(const struct payload *payload, const char **place, struct payload_file *file, const char **path) {
    size_t left = (size_t)(payload->list_end - *place);

    if (!left)
        return false;
    if (left >= sizeof(*file))
        memcpy(file, *place, sizeof(*file));
    if (left < sizeof(*file) || !file->path_size || file->path_size > left - sizeof(*file) || (*place)[sizeof(*file) + file->path_size - 1])
        fail("start: damaged list of files [download it again]");
    *path = *place + sizeof(*file);
    *place += sizeof(*file) + file->path_size;
    return true;
}

/* -I: nothing of PYTHON* and of the user's folders; -S: no site; -B: no byte code is written. */
static noreturn void run(const char *folder, const char *self, int argc, char **argv) {
    char python[PATH_MAX], boot[PATH_MAX];
    char **words = calloc((size_t)argc + MAX_ARGUMENTS_BEFORE, sizeof(char *));
    int count = 0;

    if (!words)
        fail("start: %s", strerror(errno));
    snprintf(python, sizeof(python), "%s/bin/ecli", folder);
    snprintf(boot, sizeof(boot), "%s/lib/boot.pyc", folder);
    words[count++] = python;
    words[count++] = "-ISB";
    words[count++] = boot;
    words[count++] = (char *)self;
    for (int i = 1; i < argc; i++)
        words[count++] = argv[i];
    execv(python, words);
    fail("start: run %s: %s", python, strerror(errno));
}

int main(int argc, char **argv) {
    char self[PATH_MAX], folder[PATH_MAX];
    struct payload payload;
    int fd = open_self(self, sizeof(self));

    read_payload(fd, self, &payload);
    if (!find_folder(&payload, folder))
        unpack(&payload, folder);
    run(folder, self, argc, argv);
}

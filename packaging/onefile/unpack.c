/* Unpacking: one zlib stream of all files, written beside the folder's place and renamed to it when it is whole. */
#define _GNU_SOURCE
#include "launcher.h"
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

static char partial[PATH_MAX]; /* what is removed where this fails */

static int remove_entry(const char *path, const struct stat *facts, int type, struct FTW *place) {
    return remove(path);
}

static void remove_tree(const char *path) {
    nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static noreturn void give_up(const char *path, const char *why) {
    remove_tree(partial);
    fail("start: unpack %s: %s", path, why);
}

/* Make the folders of a path below at. */
static void make_parents(int at, const char *path) {
    char copy[PATH_MAX];

    snprintf(copy, sizeof(copy), "%s", path);
    for (char *slash = strchr(copy, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        if (mkdirat(at, copy, 0700) && errno != EEXIST)
            give_up(copy, strerror(errno));
        *slash = '/';
    }
}

/* Write the path of the loader over the placeholder in the interpreter. */
static void set_loader(unsigned char *data, size_t size, const char *folder) {
    unsigned char *place = memmem(data, size, PAYLOAD_LOADER, strlen(PAYLOAD_LOADER));
    char path[PATH_MAX + 8];
    int length = snprintf(path, sizeof(path), "%s/lib/ld.so", folder);

    if (!place || length > PAYLOAD_LOADER_MAX || (size_t)(data + size - place) <= PAYLOAD_LOADER_MAX)
        give_up(folder, place ? "the path is too long [EUNOMIA_ONEFILE_DIR=FOLDER]" : "no place for the loader");
    memset(place, 0, PAYLOAD_LOADER_MAX);
    memcpy(place, path, (size_t)length);
}

static void write_file(int at, const char *path, const unsigned char *data, const struct payload_file *file) {
    int fd = openat(at, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, file->mode & 0777);
    size_t done = 0;

    if (fd < 0)
        give_up(path, strerror(errno));
    while (done < file->size) {
        ssize_t count = write(fd, data + done, file->size - done);

        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            give_up(path, strerror(errno));
        done += (size_t)count;
    }
    if (fchmod(fd, file->mode & 0777) || close(fd))
        give_up(path, strerror(errno));
}

static void inflate_file(z_stream *stream, unsigned char *data, size_t size) {
    int status = Z_OK;

    stream->next_out = data;
    stream->avail_out = (uInt)size;
    while (stream->avail_out && status == Z_OK)
        status = inflate(stream, Z_NO_FLUSH);
    if (stream->avail_out || (status != Z_OK && status != Z_STREAM_END))
        give_up(partial, "damaged [download it again]");
}

static void unpack_all(const struct payload *payload, int at, const char *folder) {
    z_stream stream = {.next_in = (unsigned char *)payload->packed, .avail_in = (uInt)payload->packed_size};
    const char *place = payload->list, *path;
    struct payload_file file;
    unsigned char end;
    bool first = true;

    if (inflateInit(&stream) != Z_OK)
        give_up(folder, "out of memory");
    while (next_file(payload, &place, &file, &path)) {
        unsigned char *data = malloc(file.size ? file.size : 1);

        if (!data)
            give_up(path, "out of memory");
        inflate_file(&stream, data, file.size);
        if (first) /* the interpreter */
            set_loader(data, file.size, folder);
        first = false;
        make_parents(at, path);
        write_file(at, path, data, &file);
        free(data);
    }
    stream.next_out = &end; /* the end of the stream has its check sum */
    stream.avail_out = sizeof(end);
    if (inflate(&stream, Z_FINISH) != Z_STREAM_END || stream.avail_out != sizeof(end))
        give_up(folder, "damaged [download it again]");
    inflateEnd(&stream);
}

/* The place is taken: by another process that was faster, or by what is not whole and makes way. */
static void replace(const struct payload *payload, const char *folder) {
    char other[PATH_MAX];

    if (find_folder(payload, other) && !strcmp(folder, other)) {
        remove_tree(partial);
        return;
    }
    snprintf(other, sizeof(other), "%s.%d.old", folder, (int)getpid());
    if (rename(folder, other) || rename(partial, folder))
        give_up(folder, strerror(errno));
    remove_tree(other);
}

void unpack(const struct payload *payload, const char *folder) {
    int at;

    snprintf(partial, sizeof(partial), "%s.%d.part", folder, (int)getpid());
    remove_tree(partial);
    if (mkdir(partial, 0700) || (at = open(partial, O_PATH | O_DIRECTORY | O_CLOEXEC)) < 0)
        fail("start: unpack into %s: %s", partial, strerror(errno));
    unpack_all(payload, at, folder);
    close(at);
    if (!rename(partial, folder))
        return;
    if (errno != EEXIST && errno != ENOTEMPTY && errno != ENOTDIR)
        give_up(folder, strerror(errno));
    replace(payload, folder);
}

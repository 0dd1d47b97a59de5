/* Reading a directory. The kernel's own positions are the guest's cookies, so that nothing is kept between two calls. */
#include "wasi.h"
#include <dirent.h>
#include <sys/syscall.h>
#include <unistd.h>

/* struct linux_dirent64 of the kernel, without its name. */
struct entry {
    uint64_t inode, next;
    uint16_t size;
    uint8_t type;
} __attribute__((packed));

struct wasi_entry {
    uint64_t next, inode;
    uint32_t name_len;
    uint8_t type, pad[3];
};
_Static_assert(sizeof(struct wasi_entry) == 24, "dirent of WASI");

/* How much of the guest's buffer is filled. */
struct filling {
    uint8_t *out;
    uint32_t used, size;
};

static void add(struct filling *to, const void *bytes, uint32_t size) {
    uint32_t room = to->size - to->used;
    memcpy(to->out + to->used, bytes, size < room ? size : room);
    to->used += size < room ? size : room;
}

/* An entry that has no room is cut: a buffer that is not full says that the directory is at its end. */
static void add_entries(struct filling *to, const uint8_t *from, long size) {
    for (long at = 0; at < size && to->used < to->size;) {
        struct entry entry;
        memcpy(&entry, from + at, sizeof(entry));
        const char *name = (const char *)from + at + sizeof(entry);
        struct wasi_entry made = {
            .next = entry.next, .inode = entry.inode, .name_len = strlen(name), .type = eu_wasi_type(DTTOIF(entry.type))};
        add(to, &made, sizeof(made));
        add(to, name, made.name_len);
        at += entry.size;
    }
}

int eu_wasi_fd_readdir(struct eu_wasi *wasi, const union eu_slot *in) {
    uint8_t entries[8192] __attribute__((aligned(8)));
    struct eu_wasi_file *file;
    int err = eu_wasi_file(wasi, in[0].u32, RIGHT_READDIR, &file);
    if (err)
        return err;
    struct filling to = {wasi_bytes(wasi, in[1].u32, in[2].u32), 0, in[2].u32};
    if (!to.out || !wasi_bytes(wasi, in[4].u32, 4))
        return -EFAULT;
    if (lseek(file->fd, in[3].i64, SEEK_SET) < 0)
        return -errno;
    while (to.used < to.size) {
        long size = syscall(SYS_getdents64, file->fd, entries, sizeof(entries));
        if (size < 0)
            return -errno;
        if (!size)
            break;
        add_entries(&to, entries, size);
        if (eu_guest_checkpoint(wasi->guest))
            return EU_WASI_STOP;
    }
    return wasi_put32(wasi, in[4].u32, to.used);
}

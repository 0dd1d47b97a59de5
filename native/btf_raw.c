/* Raw BTF: the running kernel's or a file's, and ELF sections in memory. */
#define _GNU_SOURCE
#include "btf_raw.h"
#include "error.h"
#include "eunomia.h"
#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BTF_FILE_LIMIT = 256 << 20 };
static const char KERNEL_BTF[] = "/sys/kernel/btf/vmlinux";

int eu_elf_section(const void *elf, size_t size, const char *name, const char **data, size_t *length) {
    const Elf64_Ehdr *head = elf;
    const char *bytes = elf;
    if (size < sizeof(*head) || memcmp(head->e_ident, ELFMAG, SELFMAG) || head->e_ident[EI_CLASS] != ELFCLASS64 ||
        head->e_ident[EI_DATA] != ELFDATA2LSB || head->e_shentsize != sizeof(Elf64_Shdr))
        return -EINVAL;
    if (head->e_shoff > size || head->e_shnum > (size - head->e_shoff) / sizeof(Elf64_Shdr) || head->e_shstrndx >= head->e_shnum)
        return -EINVAL;
    for (int i = 0; i < head->e_shnum; i++) {
        Elf64_Shdr section, strings;
        memcpy(&strings, bytes + head->e_shoff + head->e_shstrndx * sizeof(Elf64_Shdr), sizeof(strings));
        memcpy(&section, bytes + head->e_shoff + i * sizeof(Elf64_Shdr), sizeof(section));
        if (strings.sh_offset > size || strings.sh_size > size - strings.sh_offset || section.sh_name >= strings.sh_size)
            return -EINVAL;
        const char *its = bytes + strings.sh_offset + section.sh_name;
        size_t room = strings.sh_size - section.sh_name;
        if (strnlen(its, room) == room || strcmp(its, name))
            continue;
        if (section.sh_type == SHT_NOBITS || section.sh_offset > size || section.sh_size > size - section.sh_offset)
            return -EINVAL;
        *data = bytes + section.sh_offset;
        *length = section.sh_size;
        return 0;
    }
    return -ENOENT;
}

int eu_btf_view(const void *bytes, size_t size, struct eu_btf_view *view) {
    struct btf_header head;
    /* Newer <linux/btf.h> (zig brings its own) has members behind str_len that kernels do not write yet. */
    const size_t least = offsetof(struct btf_header, str_len) + sizeof(head.str_len);
    if (size < least)
        return -EINVAL;
    memcpy(&head, bytes, least);
    if (head.magic != BTF_MAGIC || head.hdr_len < least || head.hdr_len > size)
        return -EINVAL;
    size_t room = size - head.hdr_len;
    if (head.type_off > room || head.type_len > room - head.type_off || head.str_off > room || head.str_len > room - head.str_off ||
        !head.str_len)
        return -EINVAL;
    const char *body = (const char *)bytes + head.hdr_len;
    if ((uintptr_t)(body + head.type_off) % 4) /* compilers and kernels align them */
        return -EINVAL;
    view->types = body + head.type_off;
    view->types_end = view->types + head.type_len;
    view->strings = body + head.str_off;
    view->strings_size = head.str_len;
    return view->strings[head.str_len - 1] ? -EINVAL : 0;
}

/* Kernels before about 6.16 cannot map /sys/kernel/btf/vmlinux: read it then. Other files are always read: whoever cuts one short
 * while it is mapped ends us. */
static char *contents(int fd, size_t size, int may_map) {
    char *bytes = may_map ? mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0) : MAP_FAILED;
    if (bytes != MAP_FAILED)
        return bytes;
    bytes = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (bytes == MAP_FAILED)
        return NULL;
    for (size_t at = 0; at < size;) {
        ssize_t got = read(fd, bytes + at, size - at);
        if (got <= 0) {
            munmap(bytes, size);
            return NULL;
        }
        at += got;
    }
    return bytes;
}

struct btf_file {
    struct eu_btf_view view;
    char *bytes, *path;
    size_t size;
    struct stat stat; /* tells the file from another of the same path */
};

static void forget_file(void *forgotten) {
    struct btf_file *file = forgotten;
    if (file->bytes)
        munmap(file->bytes, file->size);
    free(file->path);
    free(file);
}

static int fill_file(struct btf_file *file, const char *name, int fd) {
    if (fd < 0 || fstat(fd, &file->stat))
        return eu_fail(errno, "open BTF %s: %s", name, eu_reason(errno));
    file->size = file->stat.st_size;
    file->path = strdup(name);
    if (!file->path)
        return eu_fail(ENOMEM, "read BTF %s: out of memory", name);
    file->bytes = file->size && file->size <= BTF_FILE_LIMIT ? contents(fd, file->size, !strcmp(name, KERNEL_BTF)) : NULL;
    if (!file->bytes)
        return eu_fail(EINVAL, "read BTF %s: empty, larger than 256 MiB, or unreadable", name);
    const char *data = file->bytes;
    size_t length = file->size;
    if (length > 4 && !memcmp(data, "\177ELF", 4) && eu_elf_section(file->bytes, file->size, ".BTF", &data, &length))
        length = 0;
    return eu_btf_view(data, length, &file->view) ? eu_fail(EINVAL, "read BTF %s: not BTF, or damaged", name) : 0;
}

static struct btf_file *read_file(const char *name) {
    struct btf_file *file = calloc(1, sizeof(*file));
    if (!file)
        return eu_fail_null(ENOMEM, "read BTF %s: out of memory", name);
    int fd = open(name, O_RDONLY | O_CLOEXEC), err = fill_file(file, name, fd);
    if (fd >= 0)
        close(fd);
    if (!err)
        return file;
    forget_file(file);
    return NULL;
}

static struct btf_file *kernel_file(void) {
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static struct btf_file *kept;
    pthread_mutex_lock(&lock);
    if (!kept)
        kept = read_file(KERNEL_BTF);
    pthread_mutex_unlock(&lock);
    return kept;
}

static pthread_key_t last_file; /* of each thread, until it ends */

static void make_key(void) {
    pthread_key_create(&last_file, forget_file);
}

/* /proc/self/fd/7 is one file now and another later. */
static int is_same(const struct btf_file *file, const char *path) {
    struct stat now;
    return !strcmp(file->path, path) && !stat(path, &now) && now.st_dev == file->stat.st_dev && now.st_ino == file->stat.st_ino &&
           now.st_size == file->stat.st_size && now.st_mtim.tv_sec == file->stat.st_mtim.tv_sec &&
           now.st_mtim.tv_nsec == file->stat.st_mtim.tv_nsec;
}

static struct btf_file *other_file(const char *path) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, make_key);
    struct btf_file *old = pthread_getspecific(last_file);
    if (old && is_same(old, path))
        return old;
    struct btf_file *file = read_file(path);
    if (!file || pthread_setspecific(last_file, file)) {
        if (file)
            forget_file(file);
        return NULL;
    }
    if (old)
        forget_file(old);
    return file;
}

int eu_btf_file(const char *path, struct eu_btf_view *view) {
    const struct btf_file *file = path ? other_file(path) : kernel_file();
    if (!file)
        return -eu_errno();
    *view = file->view;
    return 0;
}

/* Ids and strings of a module's BTF go on where the kernel's end. */
static int match_module(const struct eu_btf_view *kernel, int fd, int (*match)(const char *name, uint32_t kind, void *context),
                        void *context) {
    struct eu_btf_view view;
    const struct btf_type *type;
    struct stat stat;
    int64_t tail;
    int found = 0;
    if (fstat(fd, &stat) || !stat.st_size || stat.st_size > BTF_FILE_LIMIT)
        return 0;
    char *bytes = contents(fd, stat.st_size, 1);
    if (!bytes)
        return 0;
    if (!eu_btf_view(bytes, stat.st_size, &view))
        for (const char *at = view.types; !found && (type = eu_btf_at(&view, at, &tail)); at += sizeof(*type) + tail) {
            uint32_t offset = type->name_off, shared = kernel->strings_size;
            const char *name = offset < shared ? eu_btf_name(kernel, offset) : eu_btf_name(&view, offset - shared);
            found = match(name, BTF_INFO_KIND(type->info), context);
        }
    munmap(bytes, stat.st_size);
    return found;
}

int eu_btf_in_modules(int (*match)(const char *name, uint32_t kind, void *context), void *context) {
    struct eu_btf_view kernel;
    const struct dirent *entry;
    int found = 0;
    DIR *folder = eu_btf_file(NULL, &kernel) ? NULL : opendir("/sys/kernel/btf");
    while (folder && !found && (entry = readdir(folder))) {
        int fd =
            entry->d_name[0] == '.' || !strcmp(entry->d_name, "vmlinux") ? -1 : openat(dirfd(folder), entry->d_name, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
            continue;
        found = match_module(&kernel, fd, match, context);
        close(fd);
    }
    if (folder)
        closedir(folder);
    return found;
}

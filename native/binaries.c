#define _GNU_SOURCE
#include "binaries.h"
#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LIBRARY_FLAGS = 0x03, CACHE_LIMIT = 64 << 20 };
/* glibc's cache: sysdeps/generic/dl-cache.h, struct cache_file_new and file_entry_new */
static const char CACHE_MAGIC[] = "glibc-ld.so.cache1.1";
struct cache_entry {
    int32_t flags;
    uint32_t key, value, os;
    uint64_t hardware;
};

static int search(const char *folders, const char *name, int mode, char *path, size_t room) {
    while (folders && *folders) {
        size_t length = strcspn(folders, ":");
        if (length) {
            snprintf(path, room, "%.*s/%s", (int)length, folders, name);
            if (!faccessat(AT_FDCWD, path, mode, AT_EACCESS))
                return 0;
        }
        folders += length + (folders[length] == ':');
    }
    return -ENOENT;
}

static int in_cache(const char *cache, size_t size, const char *name, char *path, size_t room) {
    uint32_t count;
    const size_t head = 48;
    if (size < head || memcmp(cache, CACHE_MAGIC, sizeof(CACHE_MAGIC) - 1))
        return -ENOENT;
    memcpy(&count, cache + sizeof(CACHE_MAGIC) - 1, sizeof(count));
    for (uint32_t i = 0; i < count && head + (i + 1) * sizeof(struct cache_entry) <= size; i++) {
        struct cache_entry entry;
        memcpy(&entry, cache + head + i * sizeof(entry), sizeof(entry));
        if (!(entry.flags & LIBRARY_FLAGS) || entry.key >= size || entry.value >= size ||
            strnlen(cache + entry.key, size - entry.key) == size - entry.key || strcmp(cache + entry.key, name) ||
            strnlen(cache + entry.value, size - entry.value) == size - entry.value)
            continue;
        snprintf(path, room, "%s", cache + entry.value);
        return 0;
    }
    return -ENOENT;
}

static int ask_linker(const char *name, char *path, size_t room) {
    struct stat stat;
    int fd = open("/etc/ld.so.cache", O_RDONLY | O_CLOEXEC), result = -ENOENT;
    if (fd < 0)
        return -ENOENT;
    if (!fstat(fd, &stat) && stat.st_size > 0 && stat.st_size < CACHE_LIMIT) {
        char *cache = mmap(NULL, stat.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (cache != MAP_FAILED) {
            result = in_cache(cache, stat.st_size, name, path, room);
            munmap(cache, stat.st_size);
        }
    }
    close(fd);
    return result;
}

int eu_find_binary(const char *name, char *path, size_t room) {
    size_t length = strlen(name);
    if (strchr(name, '/')) {
        snprintf(path, room, "%s", name);
        return access(path, R_OK) ? -errno : 0;
    }
    if (strstr(name, ".so.") || (length > 3 && !strcmp(name + length - 3, ".so"))) {
        if (!search(getenv("LD_LIBRARY_PATH"), name, R_OK, path, room) || !ask_linker(name, path, room))
            return 0;
        return search("/lib64:/usr/lib64:/lib:/usr/lib:/usr/local/lib", name, R_OK, path, room); /* musl has no cache */
    }
    if (!search(getenv("PATH"), name, R_OK | X_OK, path, room))
        return 0;
    return search("/usr/bin:/usr/sbin:/bin:/sbin", name, R_OK | X_OK, path, room);
}

static void offer_table(struct eu_near *near, Elf *elf, Elf_Scn *section) {
    GElf_Shdr head;
    GElf_Sym symbol;
    Elf_Data *data = elf_getdata(section, NULL);
    if (!data || !gelf_getshdr(section, &head) || (head.sh_type != SHT_SYMTAB && head.sh_type != SHT_DYNSYM))
        return;
    for (int i = 0; gelf_getsym(data, i, &symbol); i++) {
        const char *name = elf_strptr(elf, head.sh_link, symbol.st_name);
        if (GELF_ST_TYPE(symbol.st_info) == STT_FUNC && symbol.st_shndx != SHN_UNDEF && name)
            eu_near_offer(near, name);
    }
}

void eu_offer_functions(struct eu_near *near, const char *path) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    elf_version(EV_CURRENT);
    Elf *elf = elf_begin(fd, ELF_C_READ_MMAP, NULL);
    Elf_Scn *section = NULL;
    while (elf && (section = elf_nextscn(elf, section)))
        offer_table(near, elf, section);
    elf_end(elf);
    close(fd);
}

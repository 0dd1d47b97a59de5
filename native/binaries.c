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

/* Debian's folders for libraries of this machine. */
#if defined(__x86_64__)
#define FOLDERS "/lib/x86_64-linux-gnu:/usr/lib/x86_64-linux-gnu"
#elif defined(__aarch64__)
#define FOLDERS "/lib/aarch64-linux-gnu:/usr/lib/aarch64-linux-gnu"
#elif defined(__riscv)
#define FOLDERS "/lib/riscv64-linux-gnu:/usr/lib/riscv64-linux-gnu"
#else
#define FOLDERS "/usr/local/lib64"
#endif

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
        return search(FOLDERS ":/lib64:/usr/lib64:/lib:/usr/lib:/usr/local/lib", name, R_OK, path, room); /* no cache: musl, small images */
    }
    if (!search(getenv("PATH"), name, R_OK | X_OK, path, room))
        return 0;
    return search("/usr/bin:/usr/sbin:/bin:/sbin", name, R_OK | X_OK, path, room);
}

static const char *last_part(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* What a process has mapped under this file name, as it sees it. */
static int find_mapped(int pid, const char *name, char *path, size_t room) {
    char maps[64], *line = NULL;
    size_t size = 0;
    int result = -ENOENT;
    snprintf(maps, sizeof(maps), "/proc/%d/maps", pid);
    FILE *file = fopen(maps, "re");
    while (result && file && getline(&line, &size, file) > 0) {
        char *mapped = strchr(line, '/');
        if (!mapped)
            continue;
        mapped[strcspn(mapped, "\n")] = 0;
        if (strcmp(last_part(mapped), name))
            continue;
        /* The path is that of its own tree of mounts; after chroot(2) it is ours. */
        result = (size_t)snprintf(path, room, "/proc/%d/root%s", pid, mapped) < room ? 0 : -ENAMETOOLONG;
        if (!result && access(path, R_OK))
            snprintf(path, room, "%s", mapped);
    }
    free(line);
    if (file)
        fclose(file);
    return result;
}

/* Whether a process has this one's files: paths mean the same then. */
static int shares_root(int pid) {
    struct stat ours, theirs;
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/root/.", pid);
    return stat("/", &ours) || stat(path, &theirs) || (ours.st_dev == theirs.st_dev && ours.st_ino == theirs.st_ino);
}

int eu_find_binary_of(const char *name, int pid, char *path, size_t room) {
    char process[64];
    if (pid <= 0)
        return *name ? eu_find_binary(name, path, room) : -ENOENT;
    snprintf(process, sizeof(process), "/proc/%d", pid);
    if (access(process, F_OK))
        return -ESRCH;
    if (!*name) {
        snprintf(path, room, "/proc/%d/exe", pid);
        return access(path, R_OK) ? -errno : 0;
    }
    if (name[0] != '/') {
        if (!strchr(name, '/') && !shares_root(pid) && !find_mapped(pid, name, path, room))
            return access(path, R_OK) ? -errno : 0;
        return eu_find_binary(name, path, room);
    }
    if (shares_root(pid) || !strncmp(name, "/proc/", 6))
        return eu_find_binary(name, path, room);
    if ((size_t)snprintf(path, room, "/proc/%d/root%s", pid, name) >= room)
        return -ENAMETOOLONG;
    return access(path, R_OK) ? -errno : 0;
}

static void each_in_table(Elf *elf, Elf_Scn *section, eu_take_name *take, void *context) {
    GElf_Shdr head;
    GElf_Sym symbol;
    Elf_Data *data = elf_getdata(section, NULL);
    if (!data || !gelf_getshdr(section, &head) || (head.sh_type != SHT_SYMTAB && head.sh_type != SHT_DYNSYM))
        return;
    for (int i = 0; gelf_getsym(data, i, &symbol); i++) {
        const char *name = elf_strptr(elf, head.sh_link, symbol.st_name);
        if (GELF_ST_TYPE(symbol.st_info) == STT_FUNC && symbol.st_shndx != SHN_UNDEF && name)
            take(context, name);
    }
}

void eu_each_function(const char *path, eu_take_name *take, void *context) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    elf_version(EV_CURRENT);
    Elf *elf = elf_begin(fd, ELF_C_READ_MMAP, NULL);
    Elf_Scn *section = NULL;
    while (elf && (section = elf_nextscn(elf, section)))
        each_in_table(elf, section, take, context);
    elf_end(elf);
    close(fd);
}

static void offer(void *context, const char *name) {
    eu_near_offer(context, name);
}

void eu_offer_functions(struct eu_near *near, const char *path) {
    eu_each_function(path, offer, near);
}

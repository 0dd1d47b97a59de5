/* Symbols of processes: /proc/PID/maps, the symbol tables of the files mapped there (by libelf), the vDSO, and what JITs leave
 * in /tmp/perf-PID.map. Files are those that the process sees (/proc/PID/root), and are read, never mapped: who owns them may
 * cut them short at any time. */
#define _GNU_SOURCE
#include "facts.h"
#include "symbols.h"
#include <elf.h>
#include <fcntl.h>
#include <gelf.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { FILES = 512, PROCESSES = 1024, MAPPINGS = 65536, SEGMENTS = 16, SYMBOLS_LIMIT = 8 << 20, JIT_LIMIT = 64 << 20, VDSO_LIMIT = 65536 };
enum { SECTION_LIMIT = 1 << 30 };
enum { CHECK_NS = 1000000000, REREAD_NS = 100000000 };

struct segment {
    uint64_t offset, size, address;
};
struct file {
    dev_t device;
    ino_t inode;
    struct timespec changed;
    struct segment segments[SEGMENTS];
    int nr_segments;
    struct eu_symbols symbols;
    struct file *next;
};
struct mapping {
    uint64_t start, end, offset;
    struct file *file; /* NULL: not read yet, or none */
    char *path;        /* NULL: anonymous */
    int tried;
};
struct process {
    int pid;
    uint64_t born;           /* start time: a reused pid is another process */
    int64_t checked, reread; /* ns */
    struct mapping *mappings;
    size_t count;
    struct eu_symbols jit;
    off_t jit_size;
    struct process *next;
};

static struct file *files, vdso;
static struct process *processes;
static int nr_files, nr_processes, has_vdso;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static int64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return now.tv_sec * 1000000000ll + now.tv_nsec;
}

/* Open a file whose path a process has chosen: only to open a device can do something, and it may lead to one. */
static int open_regular(const char *path) {
    char again[64];
    struct stat status;
    int fd = -1, found = open(path, O_PATH | O_CLOEXEC);
    if (found < 0)
        return -1;
    if (!fstat(found, &status) && S_ISREG(status.st_mode)) {
        snprintf(again, sizeof(again), "/proc/self/fd/%d", found);
        fd = open(again, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    }
    close(found);
    return fd;
}

/* All of a file up to limit bytes, NULL: fd is -1 or there is no memory. */
static char *read_fd(int fd, size_t limit, size_t *size) {
    size_t room = 16384, used = 0;
    ssize_t got = 0;
    char *text = fd >= 0 ? malloc(room + 1) : NULL;
    while (text && used < limit && (got = read(fd, text + used, room - used)) > 0) {
        used += (size_t)got;
        if (used == room) {
            char *larger = realloc(text, 2 * room + 1);
            if (!larger)
                break;
            text = larger;
            room *= 2;
        }
    }
    if (fd >= 0)
        close(fd);
    if (text)
        text[used] = 0;
    *size = used;
    return text;
}

static char *read_whole(const char *path, size_t limit, size_t *size) {
    return read_fd(open(path, O_RDONLY | O_CLOEXEC), limit, size);
}

/* Field 22 of /proc/PID/stat, behind the name in brackets, which may hold anything. */
static uint64_t birth(int pid) {
    char path[64];
    size_t size;
    unsigned long long born = 0;
    snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    char *text = read_whole(path, 4096, &size), *at = text ? strrchr(text, ')') : NULL;
    for (int field = 2; at && field < 22; field++)
        at = strchr(at + 1, ' ');
    if (at)
        born = strtoull(at + 1, NULL, 10);
    free(text);
    return born;
}

/* libelf reads a section whole: a file with holes may say that it is larger than the memory, a compressed one be so. */
static int is_sane(const GElf_Shdr *header) {
    return header->sh_size <= SECTION_LIMIT && !(header->sh_flags & SHF_COMPRESSED);
}

static void take_symbols(struct file *f, Elf *elf, Elf_Scn *section, const GElf_Shdr *header) {
    GElf_Shdr names;
    if (!is_sane(header) || !gelf_getshdr(elf_getscn(elf, header->sh_link), &names) || !is_sane(&names))
        return;
    Elf_Data *data = elf_getdata(section, NULL);
    size_t count = data && header->sh_entsize ? data->d_size / header->sh_entsize : 0;
    for (size_t i = 0; i < count && i < SYMBOLS_LIMIT && f->symbols.count < SYMBOLS_LIMIT; i++) {
        GElf_Sym symbol;
        if (!gelf_getsym(data, (int)i, &symbol) || symbol.st_shndx == SHN_UNDEF || !symbol.st_value)
            continue;
        int type = GELF_ST_TYPE(symbol.st_info);
        if (type != STT_FUNC && type != STT_GNU_IFUNC && !(type == STT_NOTYPE && symbol.st_size))
            continue;
        const char *name = elf_strptr(elf, header->sh_link, symbol.st_name);
        if (name && *name && eu_symbols_add(&f->symbols, symbol.st_value, symbol.st_size, name, strnlen(name, 4096)))
            return;
    }
}

static void take_elf(struct file *f, Elf *elf) {
    Elf_Scn *section = NULL;
    GElf_Shdr header;
    GElf_Phdr segment;
    size_t count = 0;
    int full = 0; /* .symtab has all that .dynsym has */
    if (elf_kind(elf) != ELF_K_ELF || elf_getphdrnum(elf, &count))
        return;
    for (size_t i = 0; i < count && f->nr_segments < SEGMENTS; i++)
        if (gelf_getphdr(elf, (int)i, &segment) && segment.p_type == PT_LOAD && segment.p_flags & PF_X)
            f->segments[f->nr_segments++] = (struct segment){segment.p_offset, segment.p_filesz, segment.p_vaddr};
    while ((section = elf_nextscn(elf, section)))
        if (gelf_getshdr(section, &header) && header.sh_type == SHT_SYMTAB) {
            take_symbols(f, elf, section, &header);
            full = 1;
        }
    while (!full && (section = elf_nextscn(elf, section)))
        if (gelf_getshdr(section, &header) && header.sh_type == SHT_DYNSYM)
            take_symbols(f, elf, section, &header);
    eu_symbols_sort(&f->symbols);
}

static void forget(void) {
    for (struct process *p = processes, *next; p; p = next) {
        next = p->next;
        for (size_t i = 0; i < p->count; i++)
            free(p->mappings[i].path);
        free(p->mappings);
        eu_symbols_free(&p->jit);
        free(p);
    }
    processes = NULL;
    nr_processes = 0;
}

static void forget_files(void) {
    forget();
    for (struct file *f = files, *next; f; f = next) {
        next = f->next;
        eu_symbols_free(&f->symbols);
        free(f);
    }
    files = NULL;
    nr_files = 0;
}

static int open_mapped(const struct process *p, const struct mapping *m) {
    char path[4400];
    snprintf(path, sizeof(path), "/proc/%d/root%s", p->pid, m->path);
    int fd = open_regular(path);
    if (fd < 0) { /* deleted, or replaced by an upgrade: the mapping itself leads to it */
        snprintf(path, sizeof(path), "/proc/%d/map_files/%llx-%llx", p->pid, (unsigned long long)m->start, (unsigned long long)m->end);
        fd = open_regular(path);
    }
    return fd;
}

static struct file *read_file(const struct process *p, const struct mapping *m) {
    struct stat status;
    int fd = open_mapped(p, m);
    if (fd < 0)
        return NULL;
    fstat(fd, &status);
    for (struct file *f = files; f; f = f->next)
        if (f->inode == status.st_ino && f->device == status.st_dev && f->changed.tv_sec == status.st_mtim.tv_sec &&
            f->changed.tv_nsec == status.st_mtim.tv_nsec) {
            close(fd);
            return f;
        }
    struct file *f = calloc(1, sizeof(*f));
    Elf *elf = NULL;
    if (f && elf_version(EV_CURRENT) != EV_NONE && (elf = elf_begin(fd, ELF_C_READ, NULL)))
        take_elf(f, elf);
    elf_end(elf);
    close(fd);
    if (!f)
        return NULL;
    f->device = status.st_dev;
    f->inode = status.st_ino;
    f->changed = status.st_mtim;
    f->next = files;
    files = f;
    nr_files++;
    return f;
}

static void read_vdso(void) {
    char *image = (char *)getauxval(AT_SYSINFO_EHDR);
    has_vdso = 1;
    if (!image || elf_version(EV_CURRENT) == EV_NONE)
        return;
    const Elf64_Ehdr *header = (const void *)image;
    size_t size = header->e_shoff + (size_t)header->e_shnum * header->e_shentsize;
    Elf *elf = size && size <= VDSO_LIMIT ? elf_memory(image, size) : NULL;
    if (!elf)
        return;
    take_elf(&vdso, elf);
    elf_end(elf);
}

/* "start-end perms offset dev inode   path" */
static void take_mapping(struct process *p, char *line, size_t *room) {
    unsigned long long start, end, offset;
    int at = 0;
    char executable;
    if (sscanf(line, "%llx-%llx %*c%*c%c%*c %llx %*s %*s %n", &start, &end, &executable, &offset, &at) < 4 || executable != 'x' || !at)
        return;
    if (p->count == *room) {
        struct mapping *larger = *room < MAPPINGS ? realloc(p->mappings, 2 * *room * sizeof(*larger)) : NULL;
        if (!larger)
            return;
        p->mappings = larger;
        *room *= 2;
    }
    char *path = line + at, *deleted = strstr(path, " (deleted)");
    if (deleted)
        *deleted = 0;
    p->mappings[p->count++] = (struct mapping){start, end, offset, NULL, *path ? strdup(path) : NULL, 0};
}

static void read_mappings(struct process *p) {
    char path[64];
    size_t size, room = 64;
    for (size_t i = 0; i < p->count; i++)
        free(p->mappings[i].path);
    free(p->mappings);
    p->count = 0;
    p->mappings = malloc(room * sizeof(*p->mappings));
    snprintf(path, sizeof(path), "/proc/%d/maps", p->pid);
    char *text = p->mappings ? read_whole(path, 64 << 20, &size) : NULL, *save = NULL;
    for (char *line = text ? strtok_r(text, "\n", &save) : NULL; line; line = strtok_r(NULL, "\n", &save))
        take_mapping(p, line, &room);
    free(text);
    p->reread = now_ns();
}

static struct process *find_process(int pid) {
    struct process *p = processes;
    int64_t now = now_ns();
    while (p && p->pid != pid)
        p = p->next;
    if (p && now - p->checked < CHECK_NS)
        return p;
    uint64_t born = birth(pid);
    if (p && (born == p->born || !born)) { /* gone: what is known of it stays true */
        p->checked = now;
        return p;
    }
    if (!born)
        return NULL;
    if (!p) {
        if (nr_processes >= PROCESSES)
            forget();
        p = calloc(1, sizeof(*p));
        if (!p)
            return NULL;
        p->next = processes;
        processes = p;
        nr_processes++;
    }
    p->pid = pid;
    p->born = born;
    p->checked = now;
    eu_symbols_free(&p->jit);
    p->jit_size = 0;
    read_mappings(p);
    return p;
}

static struct mapping *find_mapping(struct process *p, uint64_t address) {
    for (size_t i = 0; i < p->count; i++)
        if (address >= p->mappings[i].start && address < p->mappings[i].end)
            return &p->mappings[i];
    return NULL;
}

/* The pid that the process has in its own namespace: JITs name their map by it. */
static int inner_pid(int pid) {
    char path[64];
    size_t size;
    int inner = pid;
    snprintf(path, sizeof(path), "/proc/%d/status", pid);
    char *text = read_whole(path, 16384, &size), *at = text ? strstr(text, "\nNSpid:") : NULL;
    if (at) {
        char *end = strchr(at + 1, '\n'), *last = at + 7;
        if (end)
            *end = 0;
        for (char *tab = last; (tab = strchr(tab, '\t')); tab++)
            last = tab + 1;
        inner = atoi(last);
    }
    free(text);
    return inner > 0 ? inner : pid;
}

static void read_jit(struct process *p) {
    char path[128];
    struct stat status;
    size_t size;
    snprintf(path, sizeof(path), "/proc/%d/root/tmp/perf-%d.map", p->pid, inner_pid(p->pid));
    if (stat(path, &status) || !S_ISREG(status.st_mode) || status.st_size == p->jit_size)
        return;
    p->jit_size = status.st_size;
    eu_symbols_free(&p->jit);
    char *text = read_fd(open_regular(path), JIT_LIMIT, &size), *save = NULL;
    for (char *line = text ? strtok_r(text, "\n", &save) : NULL; line; line = strtok_r(NULL, "\n", &save)) {
        char *end;
        uint64_t start = strtoull(line, &end, 16);
        uint64_t length = *end == ' ' ? strtoull(end + 1, &end, 16) : 0;
        if (length && *end == ' ' && end[1] && eu_symbols_add(&p->jit, start, length, end + 1, strnlen(end + 1, 4096)))
            break;
    }
    free(text);
    eu_symbols_sort(&p->jit);
}

static const char *name_in(const struct eu_symbols *symbols, uint64_t address, uint64_t *offset) {
    const struct eu_symbol *found = eu_symbols_find(symbols, address);
    if (!found)
        return NULL;
    *offset = address - found->start;
    return symbols->names + found->name;
}

static const char *name_in_file(const struct file *f, uint64_t file_offset, uint64_t *offset) {
    for (int i = 0; i < f->nr_segments; i++)
        if (file_offset - f->segments[i].offset < f->segments[i].size)
            return name_in(&f->symbols, file_offset - f->segments[i].offset + f->segments[i].address, offset);
    return NULL;
}

static const char *lookup(int pid, uint64_t address, uint64_t *offset) {
    struct process *p = find_process(pid);
    struct mapping *m = p ? find_mapping(p, address) : NULL;
    if (p && !m && now_ns() - p->reread > REREAD_NS) { /* a library loaded since */
        read_mappings(p);
        m = find_mapping(p, address);
    }
    if (!p || !m)
        return NULL;
    if (m->path && !strcmp(m->path, "[vdso]")) {
        if (!has_vdso)
            read_vdso();
        return name_in(&vdso.symbols, address - m->start, offset);
    }
    if (m->path && m->path[0] == '/') {
        if (!m->tried) {
            m->tried = 1;
            m->file = read_file(p, m);
        }
        const char *name = m->file ? name_in_file(m->file, address - m->start + m->offset, offset) : NULL;
        if (name)
            return name;
    }
    read_jit(p);
    return name_in(&p->jit, address, offset);
}

const char *eu_user_name(int pid, uint64_t address, uint64_t *offset) {
    const char *name;
    if (eu_facts_ask_name(EU_FACT_USER_NAME, (uint32_t)pid, address, offset, &name))
        return name;
    pthread_mutex_lock(&lock);
    if (nr_files >= FILES)
        forget_files();
    name = lookup(pid, address, offset);
    pthread_mutex_unlock(&lock);
    eu_facts_tell_name(EU_FACT_USER_NAME, (uint32_t)pid, address, name ? *offset : 0, name);
    return name;
}

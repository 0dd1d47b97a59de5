/* What only this machine can say: kernel symbols, names of disks, users, interrupts. */
#define _GNU_SOURCE
#include "cache.h"
#include "symbols.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static int put_symbol(struct eu_word *word, uint64_t address) {
    uint64_t offset;
    const char *name = eu_kernel_name(address, &offset);
    if (!name)
        return EU_NOT_DECODED;
    eu_word_text(word, name);
    eu_word_format(word, "+0x%llx", (unsigned long long)offset);
    return EU_AS_WORD;
}

int eu_decode_ksym(struct eu_word *word, const struct eu_raw *raw) {
    return put_symbol(word, (uint64_t)raw->number);
}

/* Addresses up to the first 0, innermost first, joined by ";". */
int eu_decode_kstack(struct eu_word *word, const struct eu_raw *raw) {
    uint64_t address;
    if (raw->size < 8 || raw->size % 8)
        return EU_NOT_DECODED;
    for (size_t at = 0; at < raw->size; at += 8) {
        memcpy(&address, raw->p + at, 8);
        if (!address)
            break;
        eu_word_put(word, ";", at > 0);
        if (!put_symbol(word, address))
            eu_word_format(word, "0x%llx", (unsigned long long)address);
    }
    return EU_AS_WORD;
}

/* /sys/dev/block/MAJOR:MINOR leads to the device's directory. The key is a kernel dev_t. */
static int look_disk(uint64_t device, struct eu_word *word) {
    char link[64], path[512];
    snprintf(link, sizeof(link), "/sys/dev/block/%u:%u", (unsigned)(device >> 20), (unsigned)(device & 0xfffff));
    ssize_t size = readlink(link, path, sizeof(path) - 1);
    if (size <= 0)
        return 0;
    path[size] = 0;
    const char *name = strrchr(path, '/');
    eu_word_text(word, name ? name + 1 : path);
    return 1;
}

static int put_disk(struct eu_word *word, unsigned major, unsigned minor) {
    static struct eu_cache cache = EU_CACHE(look_disk);
    if (!eu_cached(&cache, (uint64_t)major << 20 | minor, word))
        eu_word_format(word, "%u:%u", major, minor);
    return EU_AS_WORD;
}

int eu_decode_disk(struct eu_word *word, const struct eu_raw *raw) {
    return put_disk(word, (unsigned)((uint64_t)raw->number >> 20 & 0xfff), (unsigned)(raw->number & 0xfffff));
}

/* Source: include/linux/kdev_t.h, new_encode_dev(): what stat(2) and most tracing programs hand out. */
int eu_decode_majorminor(struct eu_word *word, const struct eu_raw *raw) {
    uint32_t device = (uint32_t)raw->number;
    return put_disk(word, device >> 8 & 0xfff, (device & 0xff) | (device >> 12 & 0xfff00));
}

/* The name in a file of name:password:id:... lines; no directory service is asked, which could block. */
static int look_account(const char *path, uint64_t id, struct eu_word *word) {
    char line[512], name[64];
    unsigned long long found;
    int is_found = 0;
    FILE *file = fopen(path, "re");
    while (file && !is_found && fgets(line, sizeof(line), file))
        if (sscanf(line, "%63[^:]:%*[^:]:%llu:", name, &found) == 2 && found == id) {
            eu_word_text(word, name);
            is_found = 1;
        }
    if (file)
        fclose(file);
    return is_found;
}

static int look_user(uint64_t id, struct eu_word *word) {
    return look_account("/etc/passwd", id, word);
}

static int look_group(uint64_t id, struct eu_word *word) {
    return look_account("/etc/group", id, word);
}

int eu_decode_user(struct eu_word *word, const struct eu_raw *raw) {
    static struct eu_cache cache = EU_CACHE(look_user);
    return eu_cached(&cache, (uint64_t)raw->number, word);
}

int eu_decode_group(struct eu_word *word, const struct eu_raw *raw) {
    static struct eu_cache cache = EU_CACHE(look_group);
    return eu_cached(&cache, (uint64_t)raw->number, word);
}

static int look_irq(uint64_t number, struct eu_word *word) {
    char path[64], line[256];
    snprintf(path, sizeof(path), "/sys/kernel/irq/%llu/actions", (unsigned long long)number);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t size = fd < 0 ? 0 : read(fd, line, sizeof(line));
    if (fd >= 0)
        close(fd);
    while (size > 0 && line[size - 1] == '\n')
        size--;
    if (size <= 0)
        return 0;
    eu_word_put(word, line, (size_t)size);
    return 1;
}

int eu_decode_irq(struct eu_word *word, const struct eu_raw *raw) {
    static struct eu_cache cache = EU_CACHE(look_irq);
    return eu_cached(&cache, (uint64_t)raw->number, word);
}

/* The kernel's symbols: /proc/kallsyms, read once, when the first address is asked for. */
#define _GNU_SOURCE
#include "facts.h"
#include "symbols.h"
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CHUNK = 1 << 18 };

static struct eu_symbols kernel;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int loaded, opened = -1;

static int hex_digit(char c) {
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* "ffffffff81000000 T _text\t[module]": text symbols only; without the right to see addresses all are 0. */
static void take_line(const char *line, const char *end) {
    uint64_t address = 0;
    int digit;
    while (line < end && (digit = hex_digit(*line)) >= 0) {
        address = address << 4 | (unsigned)digit;
        line++;
    }
    if (!address || end - line < 4 || line[0] != ' ' || line[2] != ' ')
        return;
    if (line[1] != 't' && line[1] != 'T' && line[1] != 'w' && line[1] != 'W')
        return;
    line += 3;
    const char *stop = line;
    while (stop < end && *stop != '\t' && *stop != ' ')
        stop++;
    eu_symbols_add(&kernel, address, 0, line, (size_t)(stop - line));
}

/* Its addresses are those that the opener may see, by CAP_SYSLOG, whoever reads them later. Kernel: 5.8+ (516fb7f2e73d) */
void eu_kernel_names_open(void) {
    pthread_mutex_lock(&lock);
    if (opened < 0 && !loaded)
        opened = open("/proc/kallsyms", O_RDONLY | O_CLOEXEC);
    pthread_mutex_unlock(&lock);
}

static void load(void) {
    int fd = opened >= 0 ? opened : open("/proc/kallsyms", O_RDONLY | O_CLOEXEC);
    char *buffer = malloc(CHUNK);
    size_t kept = 0;
    ssize_t got;
    while (fd >= 0 && buffer && (got = read(fd, buffer + kept, CHUNK - kept)) > 0) {
        char *at = buffer, *end = buffer + kept + got;
        for (char *stop; (stop = memchr(at, '\n', (size_t)(end - at))); at = stop + 1)
            take_line(at, stop);
        kept = (size_t)(end - at);
        memmove(buffer, at, kept);
        if (kept == CHUNK)
            break;
    }
    free(buffer);
    if (fd >= 0)
        close(fd);
    opened = -1;
    eu_symbols_sort(&kernel);
}

const char *eu_kernel_name(uint64_t address, uint64_t *offset) {
    const char *name = NULL;
    if (eu_facts_ask_name(EU_FACT_KERNEL_NAME, 0, address, offset, &name))
        return name;
    pthread_mutex_lock(&lock);
    if (!loaded)
        load();
    loaded = 1;
    pthread_mutex_unlock(&lock);
    const struct eu_symbol *found = eu_symbols_find(&kernel, address);
    if (found) {
        *offset = address - found->start;
        name = kernel.names + found->name;
    }
    eu_facts_tell_name(EU_FACT_KERNEL_NAME, 0, address, found ? *offset : 0, name);
    return name;
}

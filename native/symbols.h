/* Sorted tables of address and name: the kernel's, an ELF file's, a JIT's. */
#ifndef EUNOMIA_SYMBOLS_H
#define EUNOMIA_SYMBOLS_H
#include <stddef.h>
#include <stdint.h>

struct eu_symbol {
    uint64_t start;
    uint32_t size; /* 0: up to the next */
    uint32_t name; /* in names */
};
struct eu_symbols {
    struct eu_symbol *list;
    size_t count, room;
    char *names;
    size_t names_used, names_room;
};

int eu_symbols_add(struct eu_symbols *symbols, uint64_t start, uint64_t size, const char *name, size_t name_size);
void eu_symbols_sort(struct eu_symbols *symbols);
void eu_symbols_free(struct eu_symbols *symbols);
/* The symbol that covers an address, or NULL. */
const struct eu_symbol *eu_symbols_find(const struct eu_symbols *symbols, uint64_t address);

/* The name of a symbol and the offset in it; NULL: unknown. The name is valid until the next call. Threads: one at a time. */
/* Open the kernel's symbols while this process may see their addresses; they are read when the first name is asked for. */
void eu_kernel_names_open(void);
const char *eu_kernel_name(uint64_t address, uint64_t *offset);
const char *eu_user_name(int pid, uint64_t address, uint64_t *offset);
#endif

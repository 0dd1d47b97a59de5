#include "symbols.h"
#include "eunomia.h"
#include "number.h"
#include "text.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { NAMES_LIMIT = 1 << 30 };
enum { NESTED = 16 }; /* symbols that may begin between an address and the one that covers it */

static void *grown(void *old, size_t *room, size_t used, size_t more, size_t size) {
    size_t wanted = *room ? *room : 1024;
    while (wanted - used < more)
        wanted *= 2;
    void *larger = wanted == *room ? old : realloc(old, wanted * size);
    if (larger)
        *room = wanted;
    return larger;
}

int eu_symbols_add(struct eu_symbols *s, uint64_t start, uint64_t size, const char *name, size_t name_size) {
    if (s->names_used + name_size + 1 > NAMES_LIMIT)
        return -ENOMEM;
    void *list = grown(s->list, &s->room, s->count, 1, sizeof(*s->list));
    if (!list)
        return -ENOMEM;
    s->list = list;
    char *names = grown(s->names, &s->names_room, s->names_used, name_size + 1, 1);
    if (!names)
        return -ENOMEM;
    s->names = names;
    s->list[s->count++] = (struct eu_symbol){start, size > UINT32_MAX ? UINT32_MAX : (uint32_t)size, (uint32_t)s->names_used};
    memcpy(s->names + s->names_used, name, name_size);
    s->names[s->names_used + name_size] = 0;
    s->names_used += name_size + 1;
    return 0;
}

static int by_start(const void *a, const void *b) {
    const struct eu_symbol *left = a, *right = b;
    if (left->start != right->start)
        return left->start < right->start ? -1 : 1;
    if (left->size != right->size) /* of several names the one with a size comes last, and is found first */
        return left->size < right->size ? -1 : 1;
    return left->name < right->name ? 1 : -1;
}

void eu_symbols_sort(struct eu_symbols *s) {
    size_t i = 1;
    while (i < s->count && s->list[i - 1].start <= s->list[i].start)
        i++;
    if (i < s->count)
        qsort(s->list, s->count, sizeof(*s->list), by_start);
}

void eu_symbols_free(struct eu_symbols *s) {
    free(s->list);
    free(s->names);
    *s = (struct eu_symbols){0};
}

const struct eu_symbol *eu_symbols_find(const struct eu_symbols *s, uint64_t address) {
    size_t low = 0, high = s->count; /* first symbol behind the address */
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (s->list[middle].start <= address)
            low = middle + 1;
        else
            high = middle;
    }
    for (size_t i = low, tries = 0; i-- > 0 && tries < NESTED; tries++) {
        const struct eu_symbol *symbol = &s->list[i];
        if (symbol->size ? address - symbol->start < symbol->size : i + 1 == low || s->list[i + 1].start == symbol->start)
            return symbol;
    }
    return NULL;
}

static long describe(const char *name, uint64_t offset, char *out, size_t room) {
    char digits[EU_NUMBER_ROOM], safe[1024];
    size_t hidden = 0, size = 0, length;
    if (!name)
        name = "[unknown]";
    length = strnlen(name, 240);
    size = (size_t)(eu_text_string(safe, (const uint8_t *)name, length, &hidden) - safe);
    length = 0;
    if (strcmp(name, "[unknown]")) {
        memcpy(digits, "+0x", 3);
        length = (size_t)(eu_put_hex(digits + 3, offset, 1) - digits);
    }
    if (size + length + 1 > room)
        return -ENOSPC;
    memcpy(out, safe, size);
    memcpy(out + size, digits, length);
    out[size + length] = 0;
    return (long)(size + length);
}

long eu_symbol_user(int pid, uint64_t address, char *out, size_t room) {
    uint64_t offset = 0;
    const char *name = eu_user_name(pid, address, &offset);
    return describe(name, offset, out, room);
}

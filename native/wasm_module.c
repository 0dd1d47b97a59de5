#define _GNU_SOURCE
#include "wasm_module.h"
#include "error.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A place in the module; `bad` once something did not fit, and then every read gives 0. */
struct cursor {
    const uint8_t *at, *end;
    int bad;
};
enum { MANY = 100000 }; /* imports, exports and types: engines allow no more */

static uint8_t byte(struct cursor *c) {
    if (c->bad || c->at == c->end) {
        c->bad = 1;
        return 0;
    }
    return *c->at++;
}

/* LEB128; signed numbers of up to 64 bits can be skipped with it as well. */
static uint64_t number(struct cursor *c) {
    uint64_t value = 0;
    for (int shift = 0; shift < 70; shift += 7) {
        uint8_t b = byte(c);
        if (shift < 64)
            value |= (uint64_t)(b & 0x7f) << shift;
        if (!(b & 0x80))
            return value;
    }
    c->bad = 1;
    return 0;
}

static uint32_t count(struct cursor *c) {
    uint64_t n = number(c);
    if (n > MANY || n > (uint64_t)(c->end - c->at))
        c->bad = 1;
    return c->bad ? 0 : n;
}

static char *name(struct cursor *c) {
    uint64_t size = number(c);
    if (c->bad || size > (uint64_t)(c->end - c->at) || memchr(c->at, 0, size)) {
        c->bad = 1;
        return NULL;
    }
    char *text = strndup((const char *)c->at, size);
    c->at += size;
    c->bad = !text;
    return text;
}

/* The letter of a value type; '?' for those that are no numbers. */
static char value_type(struct cursor *c) {
    uint8_t b = byte(c);
    if (b == 0x63 || b == 0x64) /* (ref null HEAP), (ref HEAP) */
        number(c);
    return b == 0x7f ? 'i' : b == 0x7e ? 'I' : b == 0x7d ? 'f' : b == 0x7c ? 'F' : '?';
}

static void value_types(struct cursor *c, char *out, size_t *used) {
    for (uint32_t n = count(c); n-- && !c->bad;) {
        char letter = value_type(c);
        if (*used < EU_WASM_TYPE - 2)
            out[(*used)++] = letter;
        else
            out[0] = '?';
    }
}

static void field_type(struct cursor *c) {
    if (c->at != c->end && (*c->at == 0x78 || *c->at == 0x77)) /* i8, i16 */
        c->at++;
    else
        value_type(c);
    byte(c);
}

typedef char type_text[EU_WASM_TYPE];

/* One type definition; out is "" for what is no function. */
static void one_type(struct cursor *c, char *out) {
    uint8_t form = byte(c);
    size_t used = 0;
    memset(out, 0, EU_WASM_TYPE);
    if (form == 0x50 || form == 0x4f) { /* sub, sub final: their supertypes */
        for (uint32_t n = count(c); n-- && !c->bad;)
            number(c);
        form = byte(c);
    }
    if (form == 0x60) {
        value_types(c, out, &used);
        out[used++] = ':';
        value_types(c, out, &used);
        if (memchr(out, '?', used))
            strcpy(out, "?");
    } else if (form == 0x5f) {
        for (uint32_t n = count(c); n-- && !c->bad;)
            field_type(c);
    } else if (form == 0x5e) {
        field_type(c);
    } else {
        c->bad = 1;
    }
}

struct types {
    type_text *text;
    uint32_t nr;
};

static void read_types(struct cursor *c, struct types *types) {
    for (uint32_t n = count(c); n-- && !c->bad;) {
        uint32_t group = 1;
        if (c->at != c->end && *c->at == 0x4e) { /* rec: several that may name each other */
            c->at++;
            group = count(c);
        }
        if (c->bad || types->nr + group > MANY)
            break;
        type_text *larger = realloc(types->text, (types->nr + group + 1) * sizeof(*larger));
        if (!larger) {
            c->bad = 1;
            return;
        }
        types->text = larger;
        while (group-- && !c->bad)
            one_type(c, types->text[types->nr++]);
    }
}

static void limits(struct cursor *c) {
    uint8_t flags = byte(c);
    number(c);
    if (flags & 1)
        number(c);
    if (flags & 8) /* the size of its pages */
        number(c);
}

static void read_import(struct cursor *c, const struct types *types, struct eu_wasm_import *import) {
    import->module = name(c);
    import->name = name(c);
    import->kind = byte(c);
    if (import->kind == EU_WASM_FUNC) {
        uint64_t type = number(c);
        if (type >= types->nr)
            c->bad = 1;
        else
            memcpy(import->type, types->text[type], EU_WASM_TYPE);
    } else if (import->kind == EU_WASM_TABLE) {
        value_type(c);
        limits(c);
    } else if (import->kind == EU_WASM_MEMORY) {
        limits(c);
    } else if (import->kind == EU_WASM_GLOBAL) {
        value_type(c);
        byte(c);
    } else if (import->kind == EU_WASM_TAG) {
        byte(c);
        number(c);
    } else {
        c->bad = 1;
    }
}

static void read_imports(struct cursor *c, const struct types *types, struct eu_wasm_module *module) {
    uint32_t n = count(c);
    if (module->imports || !(module->imports = calloc(n + 1, sizeof(*module->imports))))
        c->bad = 1;
    while (n-- && !c->bad)
        read_import(c, types, &module->imports[module->nr_imports++]);
}

static void read_exports(struct cursor *c, struct eu_wasm_module *module) {
    uint32_t n = count(c);
    if (module->exports || !(module->exports = calloc(n + 1, sizeof(*module->exports))))
        c->bad = 1;
    while (n-- && !c->bad) {
        struct eu_wasm_export *export = &module->exports[module->nr_exports++];
        export->name = name(c);
        export->kind = byte(c);
        export->index = number(c);
    }
}

static int check_header(const uint8_t *wasm, size_t size) {
    static const uint8_t magic[4] = {0, 'a', 's', 'm'};
    if (size < 8 || memcmp(wasm, magic, 4) != 0)
        return eu_fail(ENOEXEC, "not a Wasm module (it does not begin with \\0asm and a version)");
    if (wasm[6] == 1 && !wasm[7])
        return eu_fail(ENOEXEC, "a Wasm component, where a core module is expected (build for wasm32-wasip1, not wasip2)");
    if (wasm[4] != 1 || wasm[5] || wasm[6] || wasm[7])
        return eu_fail(ENOEXEC, "Wasm version %u.%u, expected 1 (build it with a newer toolchain)", wasm[4] | wasm[5] << 8,
                       wasm[6] | wasm[7] << 8);
    return 0;
}

int eu_wasm_module_read(struct eu_wasm_module *module, const void *wasm, size_t size) {
    struct cursor c = {(const uint8_t *)wasm + 8, (const uint8_t *)wasm + size, 0};
    struct types types = {NULL, 0};
    memset(module, 0, sizeof(*module));
    if (check_header(wasm, size))
        return -ENOEXEC;
    while (!c.bad && c.at != c.end) {
        uint8_t id = byte(&c);
        uint64_t length = number(&c);
        if (c.bad || length > (uint64_t)(c.end - c.at)) {
            c.bad = 1;
            break;
        }
        struct cursor section = {c.at, c.at + length, 0};
        if (id == 1)
            read_types(&section, &types);
        else if (id == 2)
            read_imports(&section, &types, module);
        else if (id == 7)
            read_exports(&section, module);
        c.at += length;
        c.bad |= section.bad;
    }
    free(types.text);
    if (!c.bad)
        return 0;
    size_t offset = c.at - (const uint8_t *)wasm;
    eu_wasm_module_free(module);
    return eu_fail(EINVAL, "damaged Wasm module: a section near byte %zu is cut off or malformed (is the file complete?)", offset);
}

/* Guests that were built before 2023-02 for an engine which sees into modules call back by numbers of a table that they do not export. */
static int hides_table(const struct eu_wasm_module *module) {
    int polls = 0;
    for (uint32_t i = 0; i < module->nr_imports; i++) {
        if (module->imports[i].kind == EU_WASM_TABLE)
            return 0;
        polls |= strcmp(module->imports[i].name, "wasm_bpf_buffer_poll") == 0 && strcmp(module->imports[i].type, "Iiiiiii:i") == 0;
    }
    for (uint32_t i = 0; i < module->nr_exports; i++)
        polls &= module->exports[i].kind != EU_WASM_TABLE;
    return polls;
}

/* The content of a section of a module that was read; *from: where it begins. */
static struct cursor section_of(const uint8_t *wasm, size_t size, uint8_t wanted, const uint8_t **from) {
    struct cursor c = {wasm + 8, wasm + size, 0};
    while (c.at != c.end) {
        *from = c.at;
        uint8_t id = byte(&c);
        uint64_t length = number(&c);
        if (id == wanted)
            return (struct cursor){c.at, c.at + length, 0};
        c.at += length;
    }
    return (struct cursor){c.at, c.at, 1};
}

static size_t put_number(uint8_t *out, uint64_t value) {
    size_t used = 0;
    for (; value > 0x7f; value >>= 7)
        out[used++] = (value & 0x7f) | 0x80;
    out[used++] = value;
    return used;
}

void *eu_wasm_with_table(const struct eu_wasm_module *module, const void *wasm, size_t *size) {
    static const char entry[] = "\x19__indirect_function_table\x01"; /* and the NUL: table 0 */
    const uint8_t *from, *begin = wasm, *end = begin + *size;
    struct cursor tables = section_of(wasm, *size, 4, &from), exports = section_of(wasm, *size, 7, &from);
    if (!hides_table(module) || !count(&tables) || byte(&tables) != 0x70 || exports.bad)
        return NULL;
    uint8_t counted[10], head[24] = {7}, *out;
    size_t nr_counted = put_number(counted, (uint64_t)count(&exports) + 1), old = exports.end - exports.at;
    size_t nr_head = 1 + put_number(head + 1, nr_counted + old + sizeof(entry));
    *size += nr_counted + nr_head + sizeof(entry) - (exports.at - from);
    if (!(out = malloc(*size)))
        return NULL;
    uint8_t *at = mempcpy(mempcpy(mempcpy(out, begin, from - begin), head, nr_head), counted, nr_counted);
    mempcpy(mempcpy(mempcpy(at, exports.at, old), entry, sizeof(entry)), exports.end, end - exports.end);
    return out;
}

void eu_wasm_module_free(struct eu_wasm_module *module) {
    for (uint32_t i = 0; i < module->nr_imports; i++) {
        free(module->imports[i].module);
        free(module->imports[i].name);
    }
    for (uint32_t i = 0; i < module->nr_exports; i++)
        free(module->exports[i].name);
    free(module->imports);
    free(module->exports);
    memset(module, 0, sizeof(*module));
}

const struct eu_wasm_export *eu_wasm_export_of(const struct eu_wasm_module *module, const char *name, enum eu_wasm_kind kind) {
    for (uint32_t i = 0; i < module->nr_exports; i++)
        if (module->exports[i].kind == kind && strcmp(module->exports[i].name, name) == 0)
            return &module->exports[i];
    return NULL;
}

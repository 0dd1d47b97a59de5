/* Sections and symbols of an object: within the file, of no more than a machine can bear, programs that end with a whole instruction. */
#define _GNU_SOURCE
#include "elf_check.h"
#include "error.h"
#include "object.h"
#include "uapi.h"
#include <bpf/btf.h>
#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { INSN = 8, LOAD_WIDE = 0x18 /* the first half of 16 bytes */ };
enum { MOST_SECTIONS = 4096, MOST_SYMBOLS = 1 << 18, MOST_FUNCTIONS = 4096, MOST_RELOCATIONS = 1 << 20, MOST_UNDEFINED = 4096 };
static const uint64_t MOST_EMPTY = 1 << 30, MOST_CODE = 512 << 20;

struct image {
    const char *bytes;
    size_t size;
    Elf64_Shdr *sections;
    int nr;
    uint64_t text, functions, function_bytes, undefined, relocations;
};

static const char *name_of(const struct image *image, const Elf64_Shdr *section, int strings) {
    const Elf64_Shdr *table = &image->sections[strings];
    if (table->sh_type != SHT_STRTAB || section->sh_name >= table->sh_size)
        return "";
    const char *name = image->bytes + table->sh_offset + section->sh_name;
    return memchr(name, 0, table->sh_size - section->sh_name) ? name : "";
}

static int has_code(const Elf64_Shdr *section) {
    return section->sh_type == SHT_PROGBITS && section->sh_flags & SHF_EXECINSTR;
}

/* Each within the file, and not many of them the same bytes. */
static const char *check_bounds(const struct image *image) {
    uint64_t bytes = 0, empty = 0;
    for (int i = 0; i < image->nr; i++) {
        const Elf64_Shdr *section = &image->sections[i];
        if (section->sh_type == SHT_NOBITS) {
            empty += section->sh_size <= MOST_EMPTY ? section->sh_size : MOST_EMPTY + 1;
        } else if (section->sh_type != SHT_NULL) {
            if (section->sh_offset > image->size || section->sh_size > image->size - section->sh_offset)
                return "a section ends behind the file (is it complete?)";
            bytes += section->sh_size;
        }
    }
    return bytes > 2 * (uint64_t)image->size ? "sections overlap" : empty > MOST_EMPTY ? "more than 1 GiB of .bss" : NULL;
}

static const char *check_function(struct image *image, const Elf64_Sym *symbol) {
    const Elf64_Shdr *section = &image->sections[symbol->st_shndx];
    if (!has_code(section))
        return NULL;
    if (symbol->st_value > section->sh_size || symbol->st_size > section->sh_size - symbol->st_value)
        return "a function crosses the end of its section";
    if (symbol->st_value % INSN || symbol->st_size % INSN)
        return "a function of half instructions";
    const char *end = image->bytes + section->sh_offset + symbol->st_value + symbol->st_size;
    if (symbol->st_size && end[-INSN] == LOAD_WIDE)
        return "a function ends in the middle of an instruction";
    image->functions++;
    image->function_bytes += symbol->st_size;
    return NULL;
}

static const char *check_symbols(struct image *image, const Elf64_Shdr *table) {
    const char *why = NULL;
    Elf64_Sym symbol;
    if (table->sh_size % sizeof(symbol) || table->sh_size / sizeof(symbol) > MOST_SYMBOLS)
        return "a table of symbols that has no end, or too many of them";
    for (uint64_t at = 0; at < table->sh_size && !why; at += sizeof(symbol)) {
        memcpy(&symbol, image->bytes + table->sh_offset + at, sizeof(symbol));
        image->undefined += symbol.st_shndx == SHN_UNDEF;
        if (ELF64_ST_TYPE(symbol.st_info) == STT_FUNC && symbol.st_shndx && symbol.st_shndx < image->nr)
            why = check_function(image, &symbol);
    }
    return why;
}

static const char *check_section(struct image *image, const Elf64_Shdr *section, int strings) {
    const char *name = name_of(image, section, strings);
    if (section->sh_type == SHT_SYMTAB)
        return check_symbols(image, section);
    if (section->sh_type == SHT_REL && section->sh_info < (uint32_t)image->nr) {
        const Elf64_Shdr *target = &image->sections[section->sh_info];
        image->relocations += has_code(target) ? section->sh_size / sizeof(Elf64_Rel) : 0;
    }
    if (section->sh_type == SHT_PROGBITS && !strcmp(name, ".BTF") && section->sh_size)
        return eu_btf_check(image->bytes + section->sh_offset, section->sh_size);
    if (has_code(section) && !strcmp(name, ".text"))
        image->text += section->sh_size;
    return NULL;
}

/* libbpf copies each program, and behind it the functions that it calls: recursively, and some of it for each with each. */
static const char *check_amounts(const struct image *image) {
    if (image->functions > MOST_FUNCTIONS || image->undefined > MOST_UNDEFINED || image->relocations > MOST_RELOCATIONS)
        return "more functions, undefined symbols or relocations than an object has";
    if (image->function_bytes > 4 * (uint64_t)image->size)
        return "functions overlap";
    return image->text && image->functions > MOST_CODE / image->text ? "more code than fits in memory" : NULL;
}

static const char *check(struct image *image, const Elf64_Ehdr *head) {
    if (head->e_ident[EI_DATA] != ELFDATA2LSB)
        return "big-endian";
    if (head->e_shentsize != sizeof(Elf64_Shdr) || !head->e_shnum || head->e_shnum > MOST_SECTIONS || head->e_shstrndx >= head->e_shnum ||
        head->e_shoff > image->size || head->e_shnum > (image->size - head->e_shoff) / sizeof(Elf64_Shdr))
        return "its section table does not fit (is it complete?)";
    image->nr = head->e_shnum;
    image->sections = malloc(image->nr * sizeof(Elf64_Shdr));
    if (!image->sections)
        return "out of memory";
    memcpy(image->sections, image->bytes + head->e_shoff, image->nr * sizeof(Elf64_Shdr));
    const char *why = check_bounds(image);
    for (int i = 0; i < image->nr && !why; i++)
        why = check_section(image, &image->sections[i], head->e_shstrndx);
    return why ? why : check_amounts(image);
}

int eu_elf_check(const void *elf, size_t size, const char *name) {
    struct image image = {.bytes = elf, .size = size};
    Elf64_Ehdr head;
    if (size < sizeof(head))
        return 0;
    memcpy(&head, elf, sizeof(head));
    if (memcmp(head.e_ident, ELFMAG, SELFMAG) || head.e_ident[EI_CLASS] != ELFCLASS64 || head.e_type != ET_REL)
        return 0;
    const char *why = check(&image, &head);
    free(image.sections);
    return why ? eu_fail(EINVAL, "open object %s: damaged ELF file: %s", name ? name : "", why) : 0;
}

/* Maps that were written down, which come before those that libbpf makes of sections. */
static int nr_written(const struct bpf_object *object) {
    const struct btf *btf = bpf_object__btf(object);
    int id = btf ? btf__find_by_name_kind(btf, ".maps", BTF_KIND_DATASEC) : -1;
    return id > 0 ? (int)btf_vlen(btf__type_by_id(btf, id)) : 0;
}

int eu_maps_check(const struct eu_object *object) {
    for (int i = 0; i < object->nr_maps; i++) {
        const struct bpf_map *map = object->maps[i];
        if (bpf_map__type(map) == BPF_MAP_TYPE_STRUCT_OPS && i < nr_written(object->bpf)) /* libbpf looks for what it has none of */
            return eu_fail(EINVAL, "map %s: of type struct_ops, and in .maps [SEC(\".struct_ops.link\")]", bpf_map__name(map));
    }
    return 0;
}

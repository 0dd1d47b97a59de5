"""Write a BPF object as a skeleton header for libbpf-wasm.h, in the shape that old guests were made with."""

from __future__ import annotations

import base64
from struct import unpack_from

from eunomia.btf.object import DataSection, ObjectBtf

_NUMBERS = {1: "uint8_t", 2: "uint16_t", 4: "uint32_t", 8: "uint64_t"}


def skeleton(name: str, elf: bytes, form: str = "hex") -> str:
    """Return NAME.skel.h: struct NAME_bpf with maps, progs and rodata; __open, __load, __attach, __destroy.

    Args:
        name: of the object; its prefix is NAME_bpf.
        elf: the object.
        form: "hex": the bytes are a string literal of escapes; "base64": text that is decoded at run time.
    """
    object_btf = ObjectBtf(elf)
    maps, programs = list(object_btf.maps), [program.name for program in object_btf.programs]
    sections = {section.name: section for section in object_btf.data_sections}
    rodata = object_btf.sections.get(".rodata")
    prefix = f"{name}_bpf"
    internal = [f"{name[:8]}{each}" for each in (".rodata", ".data", ".bss") if each in sections]
    idents = [*maps, *(each.rpartition(".")[2] for each in internal)]
    lines = [
        "#pragma once",
        "#include <stdbool.h>",
        '#include "libbpf-wasm.h"',
        "",
        *(_variables(prefix, rodata) if rodata else []),
        f"struct {prefix} {{",
        "    struct bpf_object_skeleton *skeleton;",
        "    struct {",
        *(f"        struct bpf_map *{ident};" for ident in idents),
        "    } maps;",
        "    struct {",
        *(f"        struct bpf_program *{program};" for program in programs),
        "    } progs;",
        *([f"    struct {prefix}__rodata *rodata;"] if rodata else []),
        "};",
        "",
        *_bytes(prefix, elf, form),
        *_functions(prefix, name, list(zip([*maps, *internal], idents, strict=True)), programs, rodata is not None),
    ]
    if rodata:
        offset = _file_offset(elf, sections[".rodata"].index)
        lines = [line.replace("RODATA_OFFSET", str(offset)) for line in lines]
    return "\n".join(lines) + "\n"


def _file_offset(elf: bytes, section: int) -> int:
    table: int = unpack_from("<Q", elf, 40)[0]  # e_shoff
    offset: int = unpack_from("<Q", elf, table + section * 64 + 24)[0]  # sh_offset
    return offset


def _variables(prefix: str, rodata: DataSection) -> list[str]:
    lines, at = [f"struct {prefix}__rodata {{"], 0
    for variable in sorted(rodata.variables, key=lambda each: each.offset):
        if variable.offset > at:
            lines.append(f"    char __pad{at}[{variable.offset - at}];")
        number = _NUMBERS.get(variable.size)
        lines.append(f"    {number or 'char'} {variable.name}{'' if number else f'[{variable.size}]'};")
        at = variable.offset + variable.size
    return [*lines, "} __attribute__((packed));", f'_Static_assert(sizeof(struct {prefix}__rodata) == {at}, "");', ""]


def _bytes(prefix: str, elf: bytes, form: str) -> list[str]:
    if form == "hex":
        rows = [elf[at : at + 32] for at in range(0, len(elf), 32)]
        text = ['    "' + "".join(f"\\x{byte:02x}" for byte in row) + '"' for row in rows]
        text = [f"static char {prefix}__data[] =", *text, "    ;"]
        made = f"(*size = {len(elf)}, (void *){prefix}__data)"
    else:
        encoded = base64.b64encode(elf).decode()
        rows64 = [encoded[at : at + 76] for at in range(0, len(encoded), 76)]
        text = [f"static const char {prefix}__text[] =", *(f'    "{row}"' for row in rows64), "    ;", *_DECODER]
        made = f"from_base64({prefix}__text, size)"
    return [
        *text,
        f"static inline void *{prefix}__elf_bytes(size_t *size) {{ return {made}; }}",
        "",
    ]


_DECODER = """
static inline void *from_base64(const char *text, size_t *size)
{
    unsigned char *out = malloc(strlen(text) / 4 * 3 + 3);
    unsigned value = 0, bits = 0;

    for (*size = 0; *text && *text != '='; text++) {
        int c = *text;

        c = c >= 'a' ? c - 'a' + 26 : c >= 'A' ? c - 'A' : c >= '0' ? c - '0' + 52 : c == '+' ? 62 : 63;
        value = value << 6 | (unsigned)c;
        if ((bits += 6) >= 8)
            out[(*size)++] = (unsigned char)(value >> (bits -= 8));
    }
    return out;
}
""".strip().splitlines()


def _functions(prefix: str, name: str, maps: list[tuple[str, str]], programs: list[str], rodata: bool) -> list[str]:
    filled: list[str] = []
    for at, (full, ident) in enumerate(maps):
        mmaped = "(void **)&obj->rodata" if ident == "rodata" and rodata else "NULL"
        filled.append(f'    s->maps[{at}] = (struct bpf_map_skeleton){{"{full}", &obj->maps.{ident}, {mmaped}}};')
    for at, program in enumerate(programs):
        filled.append(f'    s->progs[{at}] = (struct bpf_prog_skeleton){{"{program}", &obj->progs.{program}}};')
    return [
        f"static inline struct {prefix} *{prefix}__open(void)",
        "{",
        f"    struct {prefix} *obj = calloc(1, sizeof(*obj));",
        "    struct bpf_object_skeleton *s = calloc(1, sizeof(*s));",
        "",
        "    obj->skeleton = s;",
        f'    s->sz = sizeof(*s), s->name = "{prefix}";',
        f"    s->data = {prefix}__elf_bytes(&s->data_sz);",
        f"    s->map_cnt = {len(maps)}, s->map_skel_sz = sizeof(*s->maps);",
        f"    s->maps = calloc({len(maps) or 1}, sizeof(*s->maps));",
        f"    s->prog_cnt = {len(programs)}, s->prog_skel_sz = sizeof(*s->progs);",
        f"    s->progs = calloc({len(programs) or 1}, sizeof(*s->progs));",
        *(["    s->rodata_offset = RODATA_OFFSET;"] if rodata else []),
        *filled,
        "    return bpf_object__open_skeleton(s, NULL) ? NULL : obj;",
        "}",
        f"static inline int {prefix}__load(struct {prefix} *obj)",
        "{",
        "    return bpf_object__load_skeleton(obj->skeleton);",
        "}",
        f"static inline int {prefix}__attach(struct {prefix} *obj)",
        "{",
        "    return bpf_object__attach_skeleton(obj->skeleton);",
        "}",
        f"static inline void {prefix}__destroy(struct {prefix} *obj)",
        "{",
        "    if (obj)",
        "        bpf_object__destroy_skeleton(obj->skeleton);",
        "    free(obj);",
        "}",
    ]

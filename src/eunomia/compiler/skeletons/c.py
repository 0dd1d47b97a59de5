"""A skeleton in C and C++, of the shape that bpftool's have, so that sources written for libbpf use it as it is.

Source: bpftool `gen skeleton` (7.5): names of functions and members; libbpf `struct bpf_object_skeleton`.
"""

from __future__ import annotations

from eunomia.compiler.skeletons.c_types import ASSERT, END, CTypes
from eunomia.compiler.skeletons.names import CPLUSPLUS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from eunomia.compiler.skeletons.contents import Contents, Section

_BYTES_A_LINE = 64


def generate(contents: Contents, made_by: str, *, types: str = "all", without: Collection[str] = ()) -> str:
    """Return the header.

    Args:
        made_by: who made it from what, for its first line.
        types: "all", "none" (no definitions of types besides those of the sections), "only" (no skeleton).
        without: names of types that are defined elsewhere.
    """
    name = contents.name
    guard = f"__{name}_{'types' if types == 'only' else 'skel'}_h__".upper()
    writer = CTypes(name, without)
    lines = [
        f"/* {made_by} */",
        f"#ifndef {guard}",
        f"#define {guard}",
        "",
        "#include <stdbool.h>",
        "#include <stddef.h>",
        "#include <stdint.h>",
        *(["#include <errno.h>", "#include <stdlib.h>", "#include <bpf/libbpf.h>"] if types != "only" else []),
        "",
        *ASSERT.splitlines(),
        "",
    ]
    if types == "all":
        lines += [f"#ifndef {name.upper()}_NO_TYPES /* define it where headers of your own have these types */", ""]
    if types != "none":
        for enum in contents.enums:
            lines += writer.constants(enum)
        for aggregate in contents.types:
            lines += writer.definition(aggregate)
    if types == "all":
        lines += [f"#endif /* {name.upper()}_NO_TYPES */", ""]
    if types != "only":
        lines += _skeleton(contents, writer)
    return "\n".join([*lines, *END.splitlines(), "", f"#endif /* {guard} */", ""])


def _skeleton(contents: Contents, writer: CTypes) -> Iterator[str]:
    name = contents.name
    for section in contents.sections:
        yield from _section(name, section, writer)
    yield from _struct(contents)
    yield from _text(_LIFE, name)
    yield from _create(contents)
    yield f"static inline const void *{name}__elf_bytes(size_t *sz)"
    yield "{"
    yield '\tstatic const char data[] __attribute__((__aligned__(8))) = "\\'
    yield from _bytes(contents.object)
    yield '";'
    yield ""
    yield "\t*sz = sizeof(data) - 1;"
    yield "\treturn (const void *)data;"
    yield "}"
    yield ""
    yield "#ifdef __cplusplus"
    yield from _text(_CLASS, name)
    yield "#endif /* __cplusplus */"
    yield ""


def _section(name: str, section: Section, writer: CTypes) -> Iterator[str]:
    """The struct of a section's variables, with the place of each asserted."""
    kind = f"{name}__{section.ident}"
    yield f"struct {kind} {{"
    yield from writer.body(section.aggregate, "")
    yield "} __attribute__((packed, aligned(8)));"
    for field in section.aggregate.fields:
        place = f', {field.name}) == {field.offset}, "place of {field.name}");'
        size = f') == {field.shape.size}, "size of {field.name}");'
        if field.name not in CPLUSPLUS:
            yield f"EUNOMIA_ASSERT(offsetof(struct {kind}{place}"
            yield f"EUNOMIA_ASSERT(sizeof(((struct {kind} *)0)->{field.name}{size}"
    yield ""


def _struct(contents: Contents) -> Iterator[str]:
    name = contents.name
    yield f"struct {name} {{"
    yield "\tstruct bpf_object_skeleton *skeleton;"
    yield "\tstruct bpf_object *obj;"
    for title, kind, members in (
        ("maps", "bpf_map", [each.ident for each in contents.maps]),
        ("progs", "bpf_program", contents.programs),
        ("links", "bpf_link", contents.programs),
    ):
        if members:
            yield "\tstruct {"
            yield from (f"\t\tstruct {kind} *{member};" for member in members)
            yield f"\t}} {title};"
    for section in contents.sections:
        yield f"\tstruct {name}__{section.ident} *{section.ident};"
    yield "#ifdef __cplusplus"
    yield f"\tstatic inline struct {name} *open(const struct bpf_object_open_opts *opts = nullptr);"
    yield f"\tstatic inline struct {name} *open_and_load();"
    for function, kind in (("load", "int"), ("attach", "int"), ("detach", "void"), ("destroy", "void")):
        yield f"\tstatic inline {kind} {function}(struct {name} *skel);"
    yield "\tstatic inline const void *elf_bytes(size_t *sz);"
    yield "#endif /* __cplusplus */"
    yield "};"
    yield ""


_LIFE = """\
static inline void
NAME__destroy(struct NAME *obj)
{
	if (!obj)
		return;
	if (obj->skeleton)
		bpf_object__destroy_skeleton(obj->skeleton);
	free(obj);
}

static inline int
NAME__create_skeleton(struct NAME *obj);

static inline struct NAME *
NAME__open_opts(const struct bpf_object_open_opts *opts)
{
	struct NAME *obj;
	int err;

	obj = (struct NAME *)calloc(1, sizeof(*obj));
	if (!obj) {
		errno = ENOMEM;
		return NULL;
	}
	err = NAME__create_skeleton(obj);
	if (!err)
		err = bpf_object__open_skeleton(obj->skeleton, opts);
	if (err) {
		NAME__destroy(obj);
		errno = -err;
		return NULL;
	}
	return obj;
}

static inline struct NAME *
NAME__open(void)
{
	return NAME__open_opts(NULL);
}

static inline int
NAME__load(struct NAME *obj)
{
	return bpf_object__load_skeleton(obj->skeleton);
}

static inline struct NAME *
NAME__open_and_load(void)
{
	struct NAME *obj = NAME__open();
	int err;

	if (!obj)
		return NULL;
	err = NAME__load(obj);
	if (err) {
		NAME__destroy(obj);
		errno = -err;
		return NULL;
	}
	return obj;
}

static inline int
NAME__attach(struct NAME *obj)
{
	return bpf_object__attach_skeleton(obj->skeleton);
}

static inline void
NAME__detach(struct NAME *obj)
{
	bpf_object__detach_skeleton(obj->skeleton);
}

static inline const void *NAME__elf_bytes(size_t *sz);
"""

_CLASS = """\
struct NAME *NAME::open(const struct bpf_object_open_opts *opts) { return NAME__open_opts(opts); }
struct NAME *NAME::open_and_load() { return NAME__open_and_load(); }
int NAME::load(struct NAME *skel) { return NAME__load(skel); }
int NAME::attach(struct NAME *skel) { return NAME__attach(skel); }
void NAME::detach(struct NAME *skel) { NAME__detach(skel); }
void NAME::destroy(struct NAME *skel) { NAME__destroy(skel); }
const void *NAME::elf_bytes(size_t *sz) { return NAME__elf_bytes(sz); }
"""


def _text(text: str, name: str) -> list[str]:
    return [*text.replace("NAME", name).splitlines(), ""]


def _create(contents: Contents) -> Iterator[str]:
    """The function that fills libbpf's description of the skeleton."""
    name = contents.name
    sections = {section.ident for section in contents.sections}
    yield "static inline int"
    yield f"{name}__create_skeleton(struct {name} *obj)"
    yield "{"
    yield "\tstruct bpf_object_skeleton *s;"
    if contents.maps:
        yield "\tstruct bpf_map_skeleton *map;"
    if contents.programs:
        yield "\tstruct bpf_prog_skeleton *prog;"
    yield ""
    yield "\ts = (struct bpf_object_skeleton *)calloc(1, sizeof(*s));"
    yield "\tif (!s)"
    yield "\t\treturn -ENOMEM;"
    yield "\tobj->skeleton = s;"
    yield "\ts->sz = sizeof(*s);"
    yield f'\ts->name = "{name}";'
    yield "\ts->obj = &obj->obj;"
    if contents.maps:
        yield from _table("map", len(contents.maps))
        for index, found in enumerate(contents.maps):
            yield f"\tmap = &s->maps[{index}];"
            yield f'\tmap->name = "{found.name}";'
            yield f"\tmap->map = &obj->maps.{found.ident};"
            if found.mmaped and found.ident in sections:
                yield f"\tmap->mmaped = (void **)&obj->{found.ident};"
    if contents.programs:
        yield from _table("prog", len(contents.programs))
        for index, program in enumerate(contents.programs):
            yield f"\tprog = &s->progs[{index}];"
            yield f'\tprog->name = "{program}";'
            yield f"\tprog->prog = &obj->progs.{program};"
            yield f"\tprog->link = &obj->links.{program};"
    yield f"\ts->data = (void *){name}__elf_bytes(&s->data_sz);"
    yield "\treturn 0;"
    yield "}"
    yield ""


def _table(kind: str, count: int) -> Iterator[str]:
    yield ""
    yield f"\ts->{kind}_cnt = {count};"
    yield f"\ts->{kind}_skel_sz = sizeof(*s->{kind}s);"
    yield f"\ts->{kind}s = (struct bpf_{kind}_skeleton *)calloc(s->{kind}_cnt, s->{kind}_skel_sz);"
    yield f"\tif (!s->{kind}s)"
    yield "\t\treturn -ENOMEM;"


def _bytes(data: bytes) -> Iterator[str]:
    """The bytes of a string literal, lines of it joined by a backslash."""
    table = [f"\\{byte:03o}" for byte in range(256)]
    for at in range(0, len(data), _BYTES_A_LINE):
        yield "".join([table[byte] for byte in data[at : at + _BYTES_A_LINE]]) + "\\"

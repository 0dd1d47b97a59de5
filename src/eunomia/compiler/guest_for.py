"""`ecc gen-wasm-skel` in a folder of BPF sources: a guest for each, that loads it and prints its events."""

from __future__ import annotations

import os
import re

from eunomia.btf.object import PERF_EVENT_ARRAY, RINGBUF
from eunomia.btf.types import ARRAY, ENUM, ENUM64, FLOAT, INT, PTR, SIGNED, STRUCT, UNION
from eunomia.errors import CompileError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from eunomia.btf.types import Btf, Member, Type
    from eunomia.package.model import Package

_SUFFIX = ".bpf.c"
_MAIN = re.compile(r"\bmain\s*\(")
_GUESTS = (".c", ".cc", ".cpp", ".cxx")
_WHOLE = {True: ("%lld", "(long long)"), False: ("%llu", "(unsigned long long)")}

_BYTES = """
static void show_bytes(const void *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++)
		printf("%02x", ((const unsigned char *)bytes)[i]);
}
"""


def sources_in(folder: str) -> list[str]:
    """Return the BPF sources of a folder that has them and no guest: [] where a new project is to be made.

    Raises:
        CompileError: there is a guest for them already, or the folder cannot be read.
    """
    try:
        names = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
        found = [os.path.join(folder, name) for name in names if name.endswith(_SUFFIX)]
        for name in names if found else []:
            path = os.path.join(folder, name)
            if name.endswith(_GUESTS) and not name.endswith(_SUFFIX):
                with open(path, encoding="utf-8", errors="replace") as file:
                    if _MAIN.search(file.read()) or f"{path.rsplit('.', 1)[0]}{_SUFFIX}" in found:
                        raise CompileError(f"new guest in {folder}: {path} is there already [ecc build-wasm builds it]")
    except OSError as exc:
        raise CompileError(f"new guest in {folder}: {(exc.strerror or str(exc)).lower()}") from exc
    return found


def create_for(sources: Sequence[str]) -> list[str]:
    """Write NAME.c beside each NAME.bpf.c and return their paths.

    Raises:
        CompileError: a source does not compile, its name is none for C, or a file cannot be written.
    """
    from eunomia.compiler import compile_source

    made = {}
    for source in sources:
        stem = os.path.basename(source).removesuffix(_SUFFIX)
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_-]*", stem):
            raise CompileError(f"new guest for {source}: {stem!r} is no name in C [rename the source]")
        include = os.path.join(os.path.dirname(source) or ".", "include")
        package = compile_source(source, include=[include] if os.path.isdir(include) else [], accounting=False)
        made[f"{source.removesuffix(_SUFFIX)}.c"] = guest_of(package, stem)
    for path, text in made.items():
        try:
            with open(path, "x", encoding="utf-8") as file:
                file.write(text)
        except OSError as exc:
            raise CompileError(f"new guest: write {path}: {(exc.strerror or str(exc)).lower()}") from exc
    return list(made)


def guest_of(package: Package, stem: str) -> str:
    """Return the guest's source: open, load, attach, and print what each buffer of the package delivers."""
    kinds = {RINGBUF: "ring", PERF_EVENT_ARRAY: "perf"}
    buffers = [(name, kinds[found.type]) for name, found in package.types.maps.items() if found.type in kinds]
    btf = package.types.btf
    records = {name: _records(package, name) for name, _ in buffers} if btf else {}
    functions: list[str] = []
    for found in {kind.name: kind for kinds_of in records.values() for kind in kinds_of}.values():
        assert btf is not None
        functions.append(_show(btf, found))
    functions += [_callback(name, kind, records.get(name, [])) for name, kind in buffers]
    if any(kind == "perf" for _, kind in buffers):
        functions.append(_LOST)
    body = "".join(functions)
    helper = _BYTES if "show_bytes(" in body else ""
    return _HEAD.replace("@STEM@", stem) + helper + body + _main(stem.replace("-", "_"), buffers)


def _records(package: Package, name: str) -> list[Type]:
    """The structs that a buffer delivers, the likeliest first."""
    from eunomia.package.sources import event_types

    entry = next((each for each in package.meta["bpf_skel"]["maps"] if each["name"] == name), {"name": name})
    found = event_types(package.meta, package.types, entry)
    return [each for each in found if each.kind == STRUCT and each.name]


_HEAD = """// SPDX-License-Identifier: MIT
/* Made by ecc gen-wasm-skel for @STEM@.bpf.c: yours to change. Variables of the program, as in
 * skel->rodata, are set between open and load. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bpf/libbpf.h>

#include "@STEM@.skel.h"

static volatile sig_atomic_t stop;

static void on_signal(int number)
{
	stop = 1;
}
"""

_LOST = """
static void on_lost(void *context, int cpu, __u64 count)
{
	fprintf(stderr, "lost %llu events on CPU %d\\n", (unsigned long long)count, cpu);
}
"""


def _show(btf: Btf, record: Type) -> str:
    lines = "".join(_field(btf, member, record.size) for member in _members(btf, record))
    return (
        f"\nstatic void show_{record.name}(const struct {record.name} *event, size_t size)\n{{\n"
        f"{lines}\tputchar('\\n');\n}}\n"
    )


def _members(btf: Btf, record: Type) -> Iterator[Member]:
    """The members by their names, those of structs and unions without a name among them."""
    for member in record.members:
        inner = btf.resolve(member.type)
        if member.name:
            yield member
        elif inner.kind in {STRUCT, UNION}:
            yield from _members(btf, inner)


def _field(btf: Btf, member: Member, size: int) -> str:
    """The lines that print ` NAME=VALUE`."""
    found, place, name = btf.resolve(member.type), f"event->{member.name}", f"{member.name}="
    if found.kind == ARRAY:
        element, count = found.array
        length = "(int)(size - sizeof(*event))" if not count else f"(int)sizeof({place})"
        if btf.resolve(element).name == "char":
            return f'\tprintf("{name}%.*s ", {length}, {place});\n'
        return f"\tprintf(\"{name}\");\n\tshow_bytes({place}, {length});\n\tputchar(' ');\n"
    if found.kind in {INT, ENUM, ENUM64} and found.size <= 8:
        is_signed = bool(found.int_encoding & SIGNED) if found.kind == INT else True
        form, cast = _WHOLE[is_signed]
        return f'\tprintf("{name}{form} ", {cast}{place});\n'
    if found.kind == PTR:
        return f'\tprintf("{name}0x%llx ", (unsigned long long){place});\n'
    if found.kind == FLOAT and found.size <= 8:
        return f'\tprintf("{name}%g ", (double){place});\n'
    return f"\tprintf(\"{name}\");\n\tshow_bytes(&{place}, sizeof({place}));\n\tputchar(' ');\n"


def _callback(name: str, kind: str, records: Sequence[Type]) -> str:
    """The function that gets the records of a buffer."""
    if not records:
        show = "\tshow_bytes(data, size);\n\tputchar('\\n');\n"
    else:
        show = ""
        for other in records[1:]:  # told apart by their size, as far as it does
            show += f"\tif (size == sizeof(struct {other.name})) {{\n\t\tshow_{other.name}(data, size);\n"
            show += "\t\t@RETURN@\n\t}\n"
        first = records[0].name
        show += f"\tif (size >= sizeof(struct {first}))\n\t\tshow_{first}(data, size);\n"
    if kind == "ring":
        head, end = f"static int on_{name}(void *context, void *data, size_t size)", "\treturn 0;\n"
        show = show.replace("@RETURN@", "return 0;")
    else:
        head, end = f"static void on_{name}(void *context, int cpu, void *data, __u32 size)", ""
        show = show.replace("@RETURN@", "return;")
    return f"\n{head}\n{{\n{show}{end}}}\n"


def _main(name: str, buffers: Sequence[tuple[str, str]]) -> str:
    rings = [each for each, kind in buffers if kind == "ring"]
    perfs = [each for each, kind in buffers if kind == "perf"]
    declared, opened, freed, polled = "", "", "", []
    if rings:
        declared += "\tstruct ring_buffer *rings = NULL;\n"
        opened += f"\trings = ring_buffer__new(bpf_map__fd(skel->maps.{rings[0]}), on_{rings[0]}, NULL, NULL);\n"
        more = [f"ring_buffer__add(rings, bpf_map__fd(skel->maps.{each}), on_{each}, NULL)" for each in rings[1:]]
        opened += _unless(" || ".join(["!rings", *more]), f"open {', '.join(rings)}")
        freed += "\tring_buffer__free(rings);\n"
        polled.append("ring_buffer__poll(rings, @TIME@)")
    for each in perfs:
        declared += f"\tstruct perf_buffer *perf_{each} = NULL;\n"
        opened += (
            f"\tperf_{each} = perf_buffer__new(bpf_map__fd(skel->maps.{each}), 64, on_{each}, on_lost, NULL, NULL);\n"
        )
        opened += _unless(f"!perf_{each}", f"open {each}")
        freed += f"\tperf_buffer__free(perf_{each});\n"
        polled.append(f"perf_buffer__poll(perf_{each}, @TIME@)")
    time = "-1" if len(polled) == 1 else "100"
    if polled:
        calls = "".join(
            f"\t\tpolled = {call.replace('@TIME@', time)};\n\t\tif (polled < 0 && polled != -EINTR)\n\t\t\tbreak;\n"
            for call in polled
        )
        loop = f"\twhile (!stop) {{\n{calls}\t}}\n\terr = polled < 0 && polled != -EINTR;\n"
        loop += '\tif (err)\n\t\tfprintf(stderr, "poll: %s\\n", strerror(-polled));\n'
        declared += "\tint polled = 0;\n"
    else:
        loop = '\tfprintf(stderr, "attached; Ctrl-C ends it\\n");\n\twhile (!stop)\n\t\tsleep(1);\n\terr = 0;\n'
    return (
        f"\nint main(void)\n{{\n\tstruct {name}_bpf *skel;\n{declared}\tint err = 1;\n\n"
        f"\tsignal(SIGINT, on_signal);\n\tsignal(SIGTERM, on_signal);\n\tsetvbuf(stdout, NULL, _IOLBF, 0);\n"
        f"\tskel = {name}_bpf__open();\n\tif (!skel)\n\t\treturn 1;\n"
        f"\tif ({name}_bpf__load(skel) || {name}_bpf__attach(skel))\n\t\tgoto end;\n{opened}{loop}"
        f"end:\n{freed}\t{name}_bpf__destroy(skel);\n\treturn err;\n}}\n"
    )


def _unless(failed: str, what: str) -> str:
    return f'\tif ({failed}) {{\n\t\tperror("{what}");\n\t\tgoto end;\n\t}}\n'

"""What BTF says about types, as C assertions: read from BTF alone, with nothing of the code that is tested."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from eunomia.btf.types import STRUCT, TYPEDEF, UNION, Btf
from eunomia.compiler.toolchain import find
from eunomia.package import Package


def named(btf: Btf) -> Iterator[tuple[str, int]]:
    """Yield C's name and the id of all structs and unions that have a name."""
    for kind, word in ((STRUCT, "struct"), (UNION, "union")):
        yield from ((f"{word} {found.name}", found.id) for found in btf.of_kind(kind) if found.name)
    for found in btf.of_kind(TYPEDEF):
        target = btf.type(btf.strip(found.ref))
        if target.kind in (STRUCT, UNION) and not target.name:
            yield found.name, target.id


def places(btf: Btf, type_id: int, base: int = 0, path: str = "") -> Iterator[tuple[str, int, int]]:
    """Yield path, offset and size in bytes of the members that have an address, those of nested ones too."""
    for member in btf.resolve(type_id).members:
        if member.bit_size:
            continue
        target = btf.resolve(member.type)
        at = base + member.bit_offset // 8
        if member.name:
            yield path + member.name, at, btf.sizeof(member.type)
        if target.kind in (STRUCT, UNION):
            yield from places(btf, target.id, at, f"{path}{member.name}." if member.name else path)


def bit_fields(btf: Btf, type_id: int) -> Iterator[tuple[str, int, int, bool]]:
    """Yield name, first bit, width and signedness of a struct's own bit fields."""
    for member in btf.resolve(type_id).members:
        if member.bit_size:
            base = btf.resolve(member.type)
            yield (
                member.name,
                member.bit_offset,
                member.bit_size,
                base.kind_name == "INT" and bool(base.int_encoding & 1),
            )


def asserts(btf: Btf, text: str) -> list[str]:
    """Assertions of size and all offsets for the types that a generated text defines."""
    lines: list[str] = []
    for spelled, type_id in named(btf):
        if f"{spelled} {{" not in text and f") {spelled};" not in text:
            continue
        lines.append(f'_Static_assert(sizeof({spelled}) == {btf.sizeof(type_id)}, "{spelled}");')
        for path, at, size in places(btf, type_id):
            lines.append(f'_Static_assert(__builtin_offsetof({spelled}, {path}) == {at}, "{spelled}.{path}");')
            lines.append(f'_Static_assert(sizeof((({spelled} *)0)->{path}) == {size}, "size of {spelled}.{path}");')
    return lines


def compile_c(folder: Path, source: str, *words: str, suffix: str = ".c") -> None:
    """Compile a source as strictly as anybody might; nothing may be said about it."""
    path = folder / f"generated{suffix}"
    (folder / "generated.h").write_text(source)  # where functions that nobody calls are as good as in any header
    path.write_text('#include "generated.h"\n')
    clang = [sys.executable, "-m", "ziglang", "c++" if suffix == ".cpp" else "cc"]
    strict = ["-Wall", "-Wextra", "-Werror"]
    words = words if "-o" in words else ("-c", "-o", str(folder / "generated.o"), *words)
    done = subprocess.run([*clang, *strict, *words, str(path)], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def read_btf(folder: Path, declarations: str, *values: str) -> Package:
    """Return the package of an object whose maps have values of these structs (or types, where there is a space)."""
    source = declarations + "\n"
    for index, name in enumerate(values):
        kind = name if " " in name else f"struct {name}"
        source += f'struct {{ int (*type)[1]; {kind} *value; }} map{index} __attribute__((section(".maps"), used));\n'
    folder = folder / "object"
    folder.mkdir()
    path = folder / "probe.bpf.c"
    path.write_text(source)
    words = [*find().command, "-target", "bpf", "-g", "-O2", "-c", str(path), "-o", str(folder / "probe.bpf.o")]
    subprocess.run(words, check=True, capture_output=True)
    return Package.from_object((folder / "probe.bpf.o").read_bytes(), "probe.bpf.o")


SCALARS = (
    "char", "signed char", "unsigned char", "short", "unsigned short", "int", "unsigned", "long", "unsigned long",
    "long long", "unsigned long long", "_Bool", "float", "double", "void *", "enum small", "enum wide", "name_t",
    "struct leaf", "union either", "pair_t", "__int128",
)  # fmt: skip
HEAD = """\
enum small { SMALL_A, SMALL_B = 7 };
enum wide { WIDE_A = 1ULL << 40, WIDE_B = 2 };
typedef char name_t[13];
typedef struct { short left; char right; } pair_t;
struct leaf { char tag; long value; void (*call)(int); };
union either { int number; char text[11]; struct leaf leaf; };
"""


def random_structs(folder: Path, *, count: int, seed: int = 6) -> Package:
    """Return the package of an object with `count` structures random0, random1…, each the value of a map."""
    dice = random.Random(seed)
    text = HEAD + "".join(f"struct random{index} {{\n{_members(dice, 0)}}}{_packed(dice)};\n" for index in range(count))
    return read_btf(folder, text, *(f"random{index}" for index in range(count)))


def _packed(dice: random.Random) -> str:
    return " __attribute__((packed))" if dice.random() < 0.25 else ""


def _members(dice: random.Random, depth: int, counter: list[int] | None = None) -> str:
    counter = counter if counter is not None else [0]
    lines = ""
    for _member in range(dice.randint(1, 8)):
        counter[0] += 1
        name = f"m{counter[0]}"
        what = dice.random()
        dimensions = "".join(f"[{dice.randint(0, 4)}]" for _dimension in range(dice.choice((0, 0, 0, 1, 1, 2))))
        if what < 0.2 and depth < 3:
            word = dice.choice(("struct", "union"))
            body = _members(dice, depth + 1, counter)
            lines += f"{word} {{\n{body}}}{_packed(dice)} {dice.choice(('', name + dimensions))};\n"
        elif what < 0.45:
            base, most = dice.choice((("unsigned", 32), ("int", 32), ("unsigned long", 64), ("long", 64), ("_Bool", 1),
                                      ("unsigned char", 8), ("short", 16)))  # fmt: skip
            lines += f"{base} {name} : {dice.randint(1, most)};\n"
            lines += dice.choice(("", "", "", "int : 0;\n", "int : 3;\n"))
        else:
            lines += f"{dice.choice(SCALARS)} {name}{dimensions};\n"
    return lines

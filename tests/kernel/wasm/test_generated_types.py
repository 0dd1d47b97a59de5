"""Types made by `ecc gen skeleton` in guests: each member has the bytes that BTF says, in C, Rust and Go."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from eunomia.btf.types import STRUCT, UNION, Btf
from eunomia.compiler.guest_languages import build_go, build_rust
from eunomia.compiler.skeletons import generate
from eunomia.compiler.skeletons.names import Free, camel, rust
from eunomia.package import Package
from support.generated import image_of
from support.guests import build_c, run
from support.layouts import read_btf

ROOT = Path(__file__).parents[3]
HEADER = Path(__file__).parent / "guests/nasty_types.h"


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Package:
    text = HEADER.read_text()
    names = re.findall(r"^(?:struct|union) (\w+) \{(?!\})", text, re.MULTILINE)
    values = [f"union {name}" if name == "either" else name for name in names]
    return read_btf(tmp_path_factory.mktemp("nasty"), text, *values)


def members(btf: Btf, type_id: int, base: int = 0) -> Iterator[tuple[str, int, int]]:
    """Yield name, offset and size of all members that are no bit fields, those of nameless members too."""
    for member in btf.resolve(type_id).members:
        at, target = base + member.bit_offset // 8, btf.resolve(member.type)
        if member.name and not member.bit_size:
            yield member.name, at, btf.sizeof(member.type)
        elif target.kind in (STRUCT, UNION):
            yield from members(btf, target.id, at)


def rows(package: Package) -> list[tuple[str, bytes, list[tuple[str, int, int]]]]:
    """Each type, bytes of its size, and its members."""
    btf = package.types.btf
    assert btf is not None
    found = [*btf.of_kind(STRUCT), *btf.of_kind(UNION)]
    own = [each for each in found if each.name and each.size and each.name not in {"big", "empty"}]
    return [(each.name, image_of(each.size, each.id), list(members(btf, each.id))) for each in own]


def expected(package: Package) -> list[str]:
    return [
        f"{kind}.{name} {image[at : at + size].hex()}".rstrip()
        for kind, image, found in rows(package)
        for name, at, size in found
    ]


def printed(guest: Path) -> list[str]:
    made = run(guest)
    assert (made.code, made.err) == (0, "")
    return [line.rstrip() for line in made.out.splitlines()]


def test_in_c(package: Package, tmp_path: Path) -> None:
    lines = ["#include <stdio.h>", "#include <string.h>", generate(package, "c", types="only")]
    lines += ['static void show(const char *name, const void *at, size_t size) { printf("%s ", name);']
    lines += ['for (size_t i = 0; i < size; i++) printf("%02x", ((const unsigned char *)at)[i]); puts(""); }']
    lines += ["int main(void) {"]
    for kind, image, found in rows(package):
        word = "union" if kind == "either" else "struct"
        lines.append(f"{{ static const unsigned char image[] = {{ {', '.join(map(str, image))} }}; {word} {kind} s;")
        lines.append('_Static_assert(sizeof s == sizeof image, "size"); memcpy(&s, image, sizeof s);')
        lines += [f'show("{kind}.{name}", &s.{name}, sizeof s.{name});' for name, _at, _size in found]
        lines.append("}")
    source = tmp_path / "types.c"
    source.write_text("\n".join([*lines, "}"]))

    assert printed(build_c(source, tmp_path / "types.wasm")) == expected(package)


def test_in_rust(package: Package, tmp_path: Path) -> None:
    text = generate(package, "rust", types="only")
    lines = ["mod made;", "use made::types;", "use eunomia::Pod;"]
    lines += ['fn show<T: Pod>(name: &str, value: T) { print!("{name} ");']
    lines += ['    for byte in value.as_bytes() { print!("{byte:02x}"); } println!(); }', "fn main() {"]
    for kind, image, found in rows(package):
        lines.append(f"{{ let image: [u8; {len(image)}] = {list(image)!r};")
        lines.append(f"let s = types::{rust(kind)}::read(&image).unwrap(); assert_eq!(s.as_bytes(), image);")
        body = text.partition(f"pub struct {kind} {{")[2].partition("}")[0]
        for name, _at, _size in found:
            is_field = f"pub {rust(name)}:" in body
            lines.append(f'show("{kind}.{name}", {{ s.{rust(name)}{"" if is_field else "()"} }});')
        lines.append("}")
    (tmp_path / "types/src").mkdir(parents=True)
    (tmp_path / "types/Cargo.toml").write_text(
        '[package]\nname = "types"\nversion = "0.1.0"\nedition = "2021"\n[dependencies]\neunomia = "0.1"\n'
    )
    (tmp_path / "types/src/made.rs").write_text(text)
    (tmp_path / "types/src/main.rs").write_text("\n".join([*lines, "}"]))
    (guest,) = build_rust(str(tmp_path / "types"), None, lambda _source: package, lambda _line: None)

    assert printed(Path(guest)) == expected(package)


def test_in_go(package: Package, tmp_path: Path) -> None:
    text = generate(package, "go", "probe", types="only")
    lines = ["package main", 'import "fmt"', "func show[T any](name string, value T) {"]
    lines += ['fmt.Printf("%s %x\\n", name, probeBytesOf(&value)) }', "func main() {"]
    for kind, image, found in rows(package):
        lines.append(f"{{ image := []byte{{{', '.join(map(str, image))}}}; var s probe{camel(kind)}")
        free = Free()
        lines.append("if err := s.UnmarshalBinary(image); err != nil { panic(err) }")
        for name, _at, size in found:
            field = free.take(camel(name))  # self and Self
            is_function = f"func (v *probe{camel(kind)}) {field}()" in text
            value = f"s.{field}{'()' if is_function else ''}" if size else "[0]byte{}"
            lines.append(f'show("{kind}.{name}", {value})')
        lines.append("}")
    (tmp_path / "types").mkdir()
    (tmp_path / "types/go.mod").write_text("module types\n\ngo 1.24\n")
    (tmp_path / "types/made.go").write_text(text)
    (tmp_path / "types/main.go").write_text("\n".join([*lines, "}"]))
    (guest,) = build_go(str(tmp_path / "types"), None, lambda _source: package, lambda _line: None)

    assert printed(Path(guest)) == expected(package)

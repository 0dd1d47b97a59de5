"""Rust types: sizes asserted, values where BTF has them; skeletons of all tools compile."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from eunomia.compiler.skeletons import generate
from eunomia.package import Package
from support.generated import image_of, values
from support.layouts import random_structs, read_btf

ROOT = Path(__file__).parents[3]
PACKAGES = sorted(path for path in (ROOT / "src/eunomia/builtin").glob("*.json") if path.name != "_follow.json")
COUNT = 40


def rustc(*words: str) -> None:
    done = subprocess.run(["rustc", "--edition", "2021", *words], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def crate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The SDK's crate, compiled for this machine."""
    folder = tmp_path_factory.mktemp("crate")
    library = folder / "libeunomia.rlib"
    rustc("--crate-type", "rlib", "--crate-name", "eunomia", "-o", str(library), str(ROOT / "sdk/rust/src/lib.rs"))
    return library


def test_values_of_random_structures_are_read_and_written_where_btf_has_them(tmp_path: Path, crate: Path) -> None:
    package = random_structs(tmp_path, count=COUNT)
    btf = package.types.btf
    assert btf is not None
    text = generate(package, "rust", types="only")
    lines, expected = [], []
    for index in range(COUNT):
        found = btf.find(f"random{index}")
        assert found is not None
        image = image_of(found.size, index)
        lines.append(f"{{ let image: [u8; {found.size}] = {list(image)!r};")
        lines.append(f" let s = <types::random{index} as Pod>::read(&image).unwrap(); let mut z = s;")
        lines.append(" for byte in z.as_bytes_mut() { *byte = !*byte; }")
        for name, value in values(btf, found.id, image):
            is_function = f"pub fn {name}(&self)" in _implementation(text, f"random{index}")
            lines.append(f' println!("{{}}", {{ s.{name}{"()" if is_function else ""} }});')
            expected.append(str(value))
            if is_function:
                lines.append(f' z.set_{name}(s.{name}()); println!("{{}}", z.{name}() == s.{name}());')
                expected.append("true")
        lines.append("}")
    source = tmp_path / "main.rs"
    source.write_text("use eunomia::Pod;\n" + text + "fn main() {\n" + "\n".join(lines) + "\n}\n")

    rustc("-D", "warnings", "--extern", f"eunomia={crate}", "-o", str(tmp_path / "main"), str(source))
    printed = subprocess.run([tmp_path / "main"], capture_output=True, text=True, check=True).stdout.split("\n")[:-1]

    assert printed == expected
    assert expected.count("true") > 50


def _implementation(text: str, name: str) -> str:
    return re.split(r"\n    }\n    [#/]", text.partition(f"impl {name} {{")[2])[0]


def test_skeletons_of_all_tools_compile_without_a_warning(tmp_path: Path, crate: Path) -> None:
    modules = ""
    for path in PACKAGES:
        (tmp_path / f"{path.stem}.rs").write_text(generate(Package.open(path), "rust"))
        modules += f"mod {path.stem};\n"
        modules += f"pub fn use_{path.stem}() {{ let _ = {path.stem}::Skeleton::load().map(|s| s.attach()); }}\n"
    (tmp_path / "lib.rs").write_text(modules)

    rustc("-D", "warnings", "--crate-type", "rlib", "--emit", "metadata", "--out-dir", str(tmp_path), "--extern",
          f"eunomia={crate}", str(tmp_path / "lib.rs"))  # fmt: skip

    assert len(PACKAGES) >= 20


def test_words_of_rust_are_names_too(tmp_path: Path, crate: Path) -> None:
    declarations = "struct u32 { int type; int self; unsigned fn : 3; }; struct event { struct u32 match; int crate; };"
    package = read_btf(tmp_path, declarations, "event")

    text = generate(package, "rust", types="only")

    (tmp_path / "lib.rs").write_text(text)
    rustc("--crate-type", "rlib", "--emit", "metadata", "--out-dir", str(tmp_path), "--extern", f"eunomia={crate}",
          str(tmp_path / "lib.rs"))  # fmt: skip
    for line in ("pub r#type: i32,", "pub self_: i32,", "pub fn r#fn(&self) -> u32", "pub r#match: u32_2,"):
        assert line in text


def test_the_object_may_lie_in_a_file_beside(tmp_path: Path, crate: Path) -> None:
    package = Package.open(PACKAGES[0])
    (tmp_path / "tool.bpf.o").write_bytes(package.object)
    source = generate(package, "rust", embed="tool.bpf.o")
    (tmp_path / "main.rs").write_text(source + 'fn main() { println!("{}", OBJECT.len()); }\n')

    rustc("--extern", f"eunomia={crate}", "-o", str(tmp_path / "main"), str(tmp_path / "main.rs"))
    printed = subprocess.run([tmp_path / "main"], capture_output=True, text=True, check=True).stdout

    assert int(printed) == len(package.object)
    assert len(source) < len(package.object)


def test_the_crates_own_tests_pass(tmp_path: Path) -> None:
    rustc("--test", "-o", str(tmp_path / "tests"), str(ROOT / "sdk/rust/src/lib.rs"))

    done = subprocess.run([tmp_path / "tests"], check=False, capture_output=True, text=True)

    assert done.returncode == 0, done.stdout
    assert "9 passed" in done.stdout


@pytest.mark.parametrize(
    ("code", "number"),
    [
        (
            "let mut r = RingBuffer::new(); { let v = vec![1]; r.add(&map, |_| drop(&v)).unwrap(); } r.poll(None);",
            "E0597",
        ),
        ("let mut kept = None; RingBuffer::new().add(&map, |record| kept = Some(record.bytes())).unwrap();", "E0521"),
        ("let mut r = RingBuffer::new(); r.add_batch(&map, |_| drop(r.poll(None))).unwrap();", "E0499"),
        ("map.update(&[], true.as_bytes(), Flags::ANY);", "E0599"),
        ('Object::load(&[]).unwrap().map::<Map<u32, bool>>("m");', "E0277"),
        ("std::thread::spawn(move || map.freeze());", "E0277"),
        ("eunomia::pod! { struct Padded { a: u8, b: u32 } }", "E0080"),
        ("eunomia::pod! { struct Invalid { a: bool } }", "E0277"),
        ("eunomia::pod! { struct Reference { a: &'static u8 } }", "E0277"),
    ],
)
def test_what_would_not_be_sound_does_not_compile(tmp_path: Path, crate: Path, code: str, number: str) -> None:
    source = tmp_path / "lib.rs"
    source.write_text(
        f"use eunomia::{{Flags, Map, Object, Pod, RawMap, RingBuffer}};\npub fn f(map: RawMap) {{ {code} }}\n"
    )

    words = [
        "--crate-type",
        "rlib",
        "--emit",
        "metadata",
        "--out-dir",
        tmp_path,
        "--extern",
        f"eunomia={crate}",
        source,
    ]
    done = subprocess.run(["rustc", "--edition", "2021", *words], check=False, capture_output=True, text=True)

    assert done.returncode == 1
    assert f"error[{number}]" in done.stderr

"""Go types: offsets and sizes asserted by the compiler, values where BTF has them; skeletons of all tools compile."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from eunomia.compiler.skeletons import generate
from eunomia.compiler.skeletons.names import camel
from eunomia.package import Package
from support.generated import image_of, values
from support.layouts import random_structs, read_btf

ROOT = Path(__file__).parents[3]
PACKAGES = sorted(path for path in (ROOT / "src/eunomia/builtin").glob("*.json") if path.name != "_follow.json")
MODULE = f"module probe\n\ngo 1.24\n\nrequire eunomia.dev/ebpf v0.0.0\n\nreplace eunomia.dev/ebpf => {ROOT}/sdk/go\n"
COUNT = 40


def go(folder: Path, *words: str, **environment: str) -> str:
    done = subprocess.run(
        ["go", *words],
        cwd=folder,
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "GOFLAGS": "-mod=mod", "GOPROXY": "off", **environment},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def project(folder: Path, main: str) -> None:
    (folder / "go.mod").write_text(MODULE)
    (folder / "main.go").write_text(main)


def test_values_of_random_structures_are_read_and_written_where_btf_has_them(tmp_path: Path) -> None:
    package = random_structs(tmp_path, count=COUNT)
    btf = package.types.btf
    assert btf is not None
    text = generate(package, "go", "probe", types="only")
    lines, expected = [], []
    for index in range(COUNT):
        found = btf.find(f"random{index}")
        assert found is not None
        image = image_of(found.size, index)
        kind = f"probeRandom{index}"
        lines.append(
            f"{{ image := []byte{{{', '.join(map(str, image))}}}; var s, z {kind}; must(s.UnmarshalBinary(image))"
        )
        lines.append(" for i, b := range probeBytesOf(&s) { probeBytesOf(&z)[i] = ^b }")
        for name, value in values(btf, found.id, image):
            is_function = f"func (v *{kind}) {camel(name)}()" in text
            lines.append(f" fmt.Println(s.{camel(name)}{'()' if is_function else ''})")
            expected.append(str(value))
            if is_function:
                lines.append(
                    f" z.Set{camel(name)}(s.{camel(name)}()); fmt.Println(z.{camel(name)}() == s.{camel(name)}())"
                )
                expected.append("true")
        lines.append("}")
    (tmp_path / "types.go").write_text(text)
    must = "func must(err error) { if err != nil { panic(err) } }\n"
    project(tmp_path, 'package main\nimport "fmt"\n' + must + "func main() {\n" + "\n".join(lines) + "\n}\n")

    printed = go(tmp_path, "run", ".").split("\n")[:-1]

    assert printed == expected
    assert expected.count("true") > 50


def test_skeletons_of_all_tools_share_a_package_and_are_formatted(tmp_path: Path) -> None:
    uses = ""
    for path in PACKAGES:
        text = generate(Package.open(path), "go")
        (tmp_path / f"{path.stem}_bpf.go").write_text(text)
        stem = camel(path.stem)
        uses += f"\t{{\n\t\tvar objects {path.stem}Objects\n\t\t_ = load{stem}Objects(&objects, nil)\n\t}}\n"
    project(tmp_path, f"package main\n\nfunc main() {{\n{uses}}}\n")

    go(tmp_path, "vet", ".", GOOS="wasip1", GOARCH="wasm")
    root = go(tmp_path, "env", "GOROOT").strip()
    gofmt = [f"{root}/bin/gofmt", "-l", "."]
    badly_formatted = subprocess.run(gofmt, cwd=tmp_path, check=True, capture_output=True, text=True)

    assert badly_formatted.stdout == ""
    assert len(PACKAGES) >= 20


def test_a_short_record_is_an_error_that_says_what_is_missing(tmp_path: Path) -> None:
    package = read_btf(tmp_path, "struct event { int a; long b; };", "event")
    (tmp_path / "types.go").write_text(generate(package, "go", "probe", types="only"))
    project(
        tmp_path,
        'package main\nimport "fmt"\nfunc main() { fmt.Println((&probeEvent{}).UnmarshalBinary(make([]byte, 15))) }\n',
    )

    assert go(tmp_path, "run", ".") == "event: 15 bytes, expected 16\n"


def test_the_object_may_lie_in_a_file_beside(tmp_path: Path) -> None:
    package = Package.open(PACKAGES[0])
    (tmp_path / "tool.bpf.o").write_bytes(package.object)
    (tmp_path / "tool_bpf.go").write_text(generate(package, "go", "tool", embed="tool.bpf.o"))
    project(tmp_path, 'package main\nimport "fmt"\nfunc main() { fmt.Println(len(toolObject)) }\n')

    assert int(go(tmp_path, "run", ".")) == len(package.object)

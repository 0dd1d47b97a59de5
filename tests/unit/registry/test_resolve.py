"""From what a user calls a program to its package, and what is said where there is none."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from eunomia import builtin
from eunomia.errors import CompileError, EunomiaError, FetchError, PackageError, UnsupportedError
from eunomia.registry.resolve import Limits, fetch, file_name, package_of, resolve

SIMPLE = "tests/data/simple-0.3.3.json"


@pytest.fixture
def package_file(root: Path, tmp_path: Path) -> Path:
    """A package of upstream's in a folder of the test's."""
    path = tmp_path / "simple.json"
    path.write_bytes((root / SIMPLE).read_bytes())
    return path


@pytest.fixture
def tool(monkeypatch: pytest.MonkeyPatch, root: Path, tmp_path: Path) -> str:
    """A built-in tool, in a folder of the test's."""
    folder = tmp_path / "builtin"
    folder.mkdir()
    for name in ("opensnoop", "execsnoop"):
        (folder / f"{name}.json").write_bytes((root / SIMPLE).read_bytes())
    monkeypatch.setattr(builtin, "__file__", str(folder / "__init__.py"))
    for name in ("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "home" / name))
    monkeypatch.setenv("ECLI_CONFIG", str(tmp_path / "no-such-file.toml"))
    monkeypatch.delenv("EUNOMIA_REPOSITORY", raising=False)
    return "opensnoop"


def test_a_file_is_its_package(package_file: Path) -> None:
    assert resolve(str(package_file)).name == "simple_bpf"


def test_bytes_decide_not_the_suffix(package_file: Path, root: Path) -> None:
    odd = package_file.with_name("package.tar")
    odd.write_bytes(package_file.read_bytes())
    elf = package_file.with_name("object.json")
    elf.write_bytes(resolve(str(package_file)).object)

    assert resolve(str(odd)).name == "simple_bpf"
    assert resolve(str(elf)).object[:4] == b"\x7fELF"


def test_an_object_is_named_after_its_file(package_file: Path) -> None:
    elf = resolve(str(package_file)).object

    assert package_of(elf, "/some/where/my-tool.bpf.o").name == "my_tool_bpf"
    assert file_name("https://host/a/tool.bpf.o?x=1.2") == "tool.bpf.o"
    assert package_of(elf, "-").name == "program_bpf"


def test_a_file_goes_before_the_built_in_tool_of_its_name_and_that_is_told(
    tool: str, tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / tool).write_bytes((root / SIMPLE).read_bytes() + b"\n")
    (tmp_path / "execsnoop").mkdir()
    monkeypatch.chdir(tmp_path)
    told: list[tuple[str, bool]] = []
    limits = Limits(tell=lambda line, is_warning: told.append((line, is_warning)))

    found = fetch(tool, limits)

    assert (found.source.kind, found.data[-1:]) == ("file", b"\n")
    assert told == [
        ("opensnoop: the file in this folder, not the built-in tool of that name", True),
        ("opensnoop: the file", False),
    ]
    assert fetch("execsnoop").source.kind == "builtin"  # a folder does not
    (tmp_path / tool).chmod(0o755)  # nor a standalone executable
    assert fetch(tool, limits).source.kind == "builtin"
    assert told[2] == (
        f"{tool}: the built-in tool; the file in this folder is executable itself [./{tool} is it]",
        True,
    )


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_the_file_of_another_user_does_not_go_before_a_built_in_tool(
    tool: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / tool).write_text("a trap")
    os.chown(tmp_path / tool, 65534, 65534)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SUDO_UID", "1000")
    told: list[str] = []

    assert fetch(tool, Limits(tell=lambda line, _: told.append(line))).source.kind == "builtin"
    assert told == [
        "opensnoop: the built-in tool; the file in this folder is another user's [./opensnoop is it]",
        "opensnoop: a built-in tool",
    ]

    monkeypatch.setenv("SUDO_UID", "65534")  # who called sudo means his own
    assert fetch(tool).data == b"a trap"


def test_standard_input_is_a_package(root: Path) -> None:
    code = "from eunomia.registry.resolve import resolve; print(resolve('-').name)"
    with (root / SIMPLE).open("rb") as file:
        run = subprocess.run([sys.executable, "-c", code], stdin=file, capture_output=True, text=True, check=True)

    assert run.stdout == "simple_bpf\n"


@pytest.mark.parametrize(
    ("program", "kind", "message"),
    [
        ("opensnop", FetchError, "open opensnop: no such file or built-in tool [did you mean opensnoop or execsnoop?]"),
        ("xyzzy", FetchError, "open xyzzy: no such file or built-in tool [`ecli list` shows the built-in tools]"),
        ("opensnoop.json", FetchError, "open opensnoop.json: no such file"),
        ("./opensnoop", FetchError, "open ./opensnoop: no such file"),
        ("a/b/c.o", FetchError, "open a/b/c.o: no such file"),
        ("/no/such/tool.bpf.c", FetchError, "open /no/such/tool.bpf.c: no such file"),
        (
            "ftp://host/x.json",
            FetchError,
            "open ftp://host/x.json: unknown URL scheme ftp (known are http, https and oci)",
        ),
        (
            "file:///etc/passwd",
            FetchError,
            "open file:///etc/passwd: unknown URL scheme file (known are http, https and oci)",
        ),
        ("ghcr.io/a/b", FetchError, "open ghcr.io/a/b: not in the cache, and --offline was given"),
        ("oci://ghcr.io/a/b", FetchError, "open oci://ghcr.io/a/b: not in the cache, and --offline was given"),
        ("localhost:5000/x:1", FetchError, "open localhost:5000/x:1: not in the cache, and --offline was given"),
        ("http://localhost:1/x.json", FetchError, "not in the cache, and --offline was given"),
        ("sigsnoop:latest", FetchError, "no registry is named in it, and no default registry is configured"),
        ("my/sigsnoop:latest", FetchError, "no registry is named in it, and no default registry is configured"),
        ("my/sigsnoop", FetchError, "open my/sigsnoop: no such file"),
        ("my/sigsnoop@1.2", FetchError, "no such file, and no hub my [ecli hub add my SOURCE]"),
        ("oci://sigsnoop", FetchError, "no registry is named in it, and no default registry is configured"),
        ("docker://", FetchError, "no registry is named in it, and no default registry is configured"),
        ("a\0b", FetchError, "not a file name"),
    ],
)
@pytest.mark.usefixtures("tool")
def test_where_there_is_nothing_it_is_said_plainly(
    program: str, kind: type[Exception], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    with pytest.raises(kind) as failure:
        resolve(program, Limits(offline=True))

    assert message in str(failure.value)


@pytest.mark.usefixtures("tool")
def test_hints_know_the_tools_of_hubs_and_whose_hubs_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(os.path, "expanduser", lambda path: path.replace("~anna", str(tmp_path / "anna")))
    monkeypatch.setenv("SUDO_USER", "anna")
    (tmp_path / "anna/.config/eunomia").mkdir(parents=True)
    with pytest.raises(FetchError, match=r"no such file or built-in tool \[`ecli list` shows the built-in tools\]$"):
        resolve("flowtop")

    (tmp_path / "anna/.config/eunomia/hubs.toml").write_text("")
    with pytest.raises(FetchError, match=r"; the hubs of anna are not root's: ecli hub add --system makes one everyb"):
        resolve("flowtop")


def test_a_folder_without_a_program_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FetchError, match=r"no guest \(\*\.wasm\) or package"):
        resolve(str(tmp_path))


def test_a_folder_stands_for_the_one_program_in_it_or_in_its_build_folder(tmp_path: Path) -> None:
    (tmp_path / "build").mkdir()
    (tmp_path / "build/app.wasm").write_bytes(b"\0asm\1\0\0\0")
    (tmp_path / "package.json").write_bytes(b"{}")
    assert fetch(str(tmp_path)).data == b"{}"

    (tmp_path / "guest.wasm").write_bytes(b"\0asm\1\0\0\0rest")
    found = fetch(str(tmp_path))
    assert (found.data[8:], found.origin, found.is_guest) == (b"rest", f"{tmp_path}/guest.wasm", True)

    (tmp_path / "other.wasm").write_bytes(b"")
    with pytest.raises(FetchError, match=r"several programs in .*: guest.wasm, other.wasm \[name one\]"):
        fetch(str(tmp_path))


@pytest.mark.parametrize(
    ("data", "kind", "message"),
    [
        (b"", PackageError, "open x.json: empty, not a package"),
        (b" \n", PackageError, "open x.json: empty, not a package"),
        (b"\0asm\1\0\0\0", PackageError, "open x.json: a Wasm guest, not a package"),
        (b"\x1f\x8b\x08\0", PackageError, "open x.json: compressed with gzip [gunzip it first]"),
        (b"<html>404</html>", PackageError, ""),
        (b"{", PackageError, ""),
        (b"\x7fELF", PackageError, ""),
    ],
)
def test_bytes_that_are_no_program_are_refused(data: bytes, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind) as failure:
        package_of(data, "x.json")

    assert message in str(failure.value)
    assert "\n" not in str(failure.value)


def test_a_truncated_package_is_refused_wherever_it_was_cut(package_file: Path) -> None:
    data = package_file.read_bytes()

    for end in range(1, len(data) - 1, 97):
        with pytest.raises(EunomiaError):
            package_of(data[:end], "x.json")


def test_the_digest_is_checked_before_anything_is_parsed(package_file: Path) -> None:
    digest = hashlib.sha256(package_file.read_bytes()).hexdigest()

    assert resolve(str(package_file), Limits(sha256=digest.upper())).name == "simple_bpf"
    package_file.write_bytes(b"broken")
    with pytest.raises(FetchError, match=f"sha256 is [0-9a-f]{{64}}, expected {digest}"):
        resolve(str(package_file), Limits(sha256=digest))


def test_a_source_from_elsewhere_is_not_compiled() -> None:
    with pytest.raises(UnsupportedError, match="a C source from elsewhere is not compiled"):
        package_of(b'#include "x.h"\nSEC("tp/x") int f;', "http://host/x.bpf.c", remote=True)


def test_a_source_that_does_not_compile_is_a_compile_error(tmp_path: Path) -> None:
    source = tmp_path / "broken.bpf.c"
    source.write_text("int f(void) { return nothing; }\n")

    with pytest.raises(CompileError) as failure:
        resolve(str(source))

    assert "broken.bpf.c" in str(failure.value)


def test_an_elf_file_of_another_machine_is_named_as_such(tmp_path: Path) -> None:
    path = tmp_path / "true.o"
    header = bytearray(64)
    header[:6], header[16:20] = b"\x7fELF\x02\x01", b"\x03\x00\x3e\x00"
    path.write_bytes(header)

    with pytest.raises(PackageError) as caught:
        resolve(str(path))

    assert str(caught.value) == f"read {path}: made for x86-64, not for BPF [an executable: run it by itself]"


def test_a_linked_bpf_file_and_an_unknown_machine_are_no_objects(tmp_path: Path) -> None:
    header = bytearray(64)
    header[:6], header[16:20] = b"\x7fELF\x02\x01", b"\x02\x00\xf7\x00"
    with pytest.raises(PackageError, match=r"^read a\.o: not a BPF object: ELF type 2, expected 1 \(relocatable\)$"):
        package_of(bytes(header), "a.o")

    header[18:20] = b"\x39\x30"
    with pytest.raises(PackageError, match=r"^read a\.o: made for ELF machine 12345, not for BPF"):
        package_of(bytes(header), "a.o")


def test_a_truncated_object_is_named_by_its_file(root: Path) -> None:
    data = (root / "tests/data/torture.bpf.o").read_bytes()[:3000]

    with pytest.raises(PackageError) as caught:
        package_of(data, "dir/trunc.o")

    assert str(caught.value).startswith("read dir/trunc.o: section table of ")

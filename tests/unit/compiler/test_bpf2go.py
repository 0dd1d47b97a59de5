"""Lines of bpf2go in Go files: what object they ask for, and by what name."""

from __future__ import annotations

from pathlib import Path

import pytest

from eunomia.compiler.bpf2go import lines


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("go run github.com/cilium/ebpf/cmd/bpf2go bpf trace.c", ("bpf", "trace.c", [], [])),
        ("go run github.com/cilium/ebpf/cmd/bpf2go@v0.17.3 -target amd64 Trace trace.c", ("Trace", "trace.c", [], [])),
        (
            "go tool bpf2go -tags linux bpf trace.c -- -I../headers -O2 -DX=1",
            ("bpf", "trace.c", ["../headers"], ["-DX=1"]),
        ),
        (
            'bpf2go -cc "$CC" -cflags "-O2 -g" --type=event -no-strip bpf c/trace.c -I h',
            ("bpf", "c/trace.c", ["h"], []),
        ),
        ("stringer -type Kind", None),
        ("go run github.com/cilium/ebpf/cmd/bpf2go bpf", None),
        ('bpf2go "bpf trace.c', None),
    ],
)
def test_line_is_read(tmp_path: Path, text: str, expected: tuple[str, str, list[str], list[str]] | None) -> None:
    (tmp_path / "main.go").write_text(f"package main\n\n//go:generate {text}\n// go:generate bpf2go a b\n")

    found = list(lines(str(tmp_path)))

    wanted = []
    if expected is not None:
        name, source, include, cflags = expected
        wanted = [(str(tmp_path), name, f"{tmp_path}/{source}", [f"{tmp_path}/{each}" for each in include], cflags)]
    assert [(each.folder, each.name, each.source, each.include, each.cflags) for each in found] == wanted


def test_packages_are_searched_and_other_modules_are_not(tmp_path: Path) -> None:
    for folder in ("inner/deep", "other", "vendor/x", ".git", "_old"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "gen.go").write_text("//go:generate bpf2go probe probe.c\n")
    (tmp_path / "other/go.mod").write_text("module other\n")

    found = list(lines(str(tmp_path)))

    assert [each.source for each in found] == [f"{tmp_path}/inner/deep/probe.c"]

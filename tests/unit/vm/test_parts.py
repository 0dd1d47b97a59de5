"""What the machines are made of, without booting any: archives, mirrors, images, modules, comparison, page."""

from __future__ import annotations

import json
import lzma
import struct
from pathlib import Path

import pytest

from support.vm import VmError, apt, cache, image
from support.vm.cpio import Archive
from support.vm.kernels import Kernel
from vm.matrix import compare, page
from vm.tools.live import Wrong, check_account


def test_archive_is_what_cpio_unpacks(tmp_path: Path) -> None:
    (tmp_path / "given/deep").mkdir(parents=True)
    (tmp_path / "given/deep/file").write_text("content")
    (tmp_path / "given/link").symlink_to("deep/file")
    archive = Archive()
    archive.add("a/b/run", b"#!", 0o755)
    archive.copy(tmp_path / "given", "given")
    data = archive.to_bytes()

    entries = {}
    while len(data) > 110:
        assert data[:6] == b"070701"
        fields = [int(data[6 + 8 * n : 14 + 8 * n], 16) for n in range(13)]
        name = data[110 : 110 + fields[11] - 1].decode()
        start = (110 + fields[11] + 3) // 4 * 4
        entries[name] = (fields[1], data[start : start + fields[6]])
        data = data[(start + fields[6] + 3) // 4 * 4 :]
        if name == "TRAILER!!!":
            break
    assert list(entries) == [
        "a",
        "a/b",
        "a/b/run",
        "given",
        "given/deep",
        "given/deep/file",
        "given/link",
        "TRAILER!!!",
    ]
    assert entries["a/b/run"] == (0o100755, b"#!")
    assert entries["given/deep/file"][1] == b"content"
    assert entries["given/link"] == (0o120777, b"deep/file")
    assert entries["a"][0] == 0o040755


def test_mirror_of_an_archive_that_apt_does_not_know_is_beside_one_that_it_knows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("EUNOMIA_DEBIAN_MIRROR", "http://192.0.2.1/debian/")

    assert apt.mirrors("debian")[0] == "http://192.0.2.1/debian"
    assert apt.mirrors("debian-security")[-1].endswith("/debian-security")
    assert "http://192.0.2.1/debian-security" in apt.mirrors("debian-security")


def test_line_that_says_what_apt_could_not_do_has_no_address() -> None:
    said = "Get:1 x\nE: Failed to fetch http://192.0.2.1/pool/l/image-1_amd64.deb  404  Not Found [IP: 192.0.2.1 80]\n"

    assert apt.last_line(said) == "image-1_amd64.deb: 404 Not Found"
    assert apt.last_line("") == "no output"


def test_numbers_of_versions_tell_which_is_newer() -> None:
    versions = [apt.Listed("linux", text, 1) for text in ("6.1.9-1", "6.1.176-2", "6.1.176-10")]

    assert [each.version for each in sorted(versions, key=lambda each: each.order)][-1] == "6.1.176-10"


@pytest.mark.parametrize("pack", [lambda data: data, lzma.compress])
def test_kernel_is_found_inside_a_bzimage(tmp_path: Path, pack: object) -> None:
    payload = pack(b"\x7fELF and so on")  # type: ignore[operator]
    head = bytearray(5 * 512)
    head[0x1F1] = 4
    head[0x202:0x206] = b"HdrS"
    struct.pack_into("<II", head, 0x248, 16, len(payload))
    (tmp_path / "vmlinuz").write_bytes(bytes(head) + bytes(16) + payload + bytes(9))
    (tmp_path / "Image").write_bytes(bytes(4096))

    assert image.vmlinux(tmp_path / "vmlinuz") == b"\x7fELF and so on"
    assert image.vmlinux(tmp_path / "Image") is None


def test_largest_types_of_an_image_are_the_kernels() -> None:
    def blob(size: int) -> bytes:
        return b"\x9f\xeb\x01\0" + struct.pack("<5I", 24, 0, size, size, 8) + bytes(size + 8)

    data = b"x" * 7 + blob(16) + b"\x9f\xeb\x01" + b"y" * 5 + blob(600_000) + blob(64)

    assert image.btf(data) == blob(600_000)
    assert image.btf(blob(16)) is None


def test_modules_come_after_those_that_they_need(tmp_path: Path) -> None:
    (tmp_path / "modules").mkdir()
    (tmp_path / "modules/top_one.ko").write_bytes(b"\x7fELF\0license=GPL\0depends=middle,missing\0name=x\0")
    (tmp_path / "modules/middle.ko.xz").write_bytes(lzma.compress(b"\x7fELF\0depends=low\0"))
    (tmp_path / "modules/low.ko").write_bytes(b"\x7fELF\0depends=\0")
    kernel = Kernel("6.12", "amd64", "6.12.1-cloud-amd64", tmp_path)

    found = kernel.modules("top-one", "low", "built_in")

    assert [name for name, _ in found] == ["low", "middle", "top_one"]
    assert found[1][1] == b"\x7fELF\0depends=low\0"
    assert kernel.name == "6.12"


def test_what_fails_while_it_is_made_is_not_kept(tmp_path: Path) -> None:
    def fail() -> None:
        with cache.making(tmp_path / "thing") as new:
            (new / "half").write_text("")
            raise VmError("no")

    with pytest.raises(VmError):
        fail()

    assert list(tmp_path.iterdir()) == []


CELL = {"kind": "tool", "cell": "x", "predicted_reason": "", "reason": ""}


@pytest.mark.parametrize(
    ("predicted", "outcome", "said"),
    [
        ("yes", "fired", ""),
        ("no", "refused", ""),
        ("no", "attached", ""),
        ("yes", "refused", "tool x: false yes: run: why"),
        ("no", "fired", "tool x: false no: run: why"),
        ("unknown", "fired", "tool x: fired, predicted unknown: run: why"),
        ("yes", "attached", "tool x: attached, predicted yes: run: why"),
        ("yes", "failed", "tool x: failed, predicted yes: run: why"),
        ("no", "failed", "tool x: failed, predicted no: run: why"),
    ],
)
def test_only_agreement_is_right(predicted: str, outcome: str, said: str) -> None:
    cell = {**CELL, "predicted": predicted, "outcome": outcome, "reason": "why"}

    assert compare.wrong(cell) == said


def measured(outcome: str, name: str = "6.12") -> list[compare.Document]:
    cell = {
        **CELL,
        "predicted": "yes" if outcome == "fired" else "no",
        "outcome": outcome,
        "reason": "a `b` eunomia-abcd1234",
    }
    command = {"run": 1.5, "python": 0.25}
    return [
        {
            "name": name,
            "arch": "amd64",
            "release": f"{name}.1",
            "booted": 2,
            "command": command,
            "cells": [cell],
            "problems": [],
        }
    ]


def test_differences_from_the_page_are_those_of_kernels_that_it_has() -> None:
    kept = compare.table(measured("fired"), "2026-01-01")

    assert list(compare.iter_differences(kept, compare.table(measured("fired"), ""))) == []
    assert list(compare.iter_differences(kept, compare.table(measured("fired", "7.9"), ""))) == []
    assert list(compare.iter_differences(kept, compare.table(measured("refused"), ""))) == [
        "tool x on 6.12 amd64: refused, the page says fired"
    ]
    assert list(compare.iter_differences({**kept, "rows": []}, kept)) == ["tool x: not on the page"]
    assert list(compare.iter_differences(kept, {**kept, "rows": []})) == ["tool x: on the page, not measured"]


def test_page_names_the_reason_of_each_refusal() -> None:
    text = page.render(compare.table(measured("refused"), "2026-01-01"))

    assert "| [x](../tools/x/README.md) | –[^1] |" in text
    assert "[^1]: run: `a 'b' eunomia-NAME`; check: no" in text
    assert "| 6.12 amd64 | 6.12.1 | 2.00 s | 1.50 s | 0.25 s |" in text
    assert "2026-01-01" in text


def test_committed_page_is_made_of_the_committed_table(root: Path) -> None:
    table = json.loads((root / "docs/matrix.json").read_text())

    assert (root / "docs/matrix.md").read_text() == page.render(table)
    assert "**wrong**" not in page.render(table)


@pytest.mark.parametrize(
    ("line", "nr_events"),
    [
        ("ecli: events: 3 delivered, none lost", 3),
        ("ecli: events: produced 9 = delivered 3 + filtered 4 + lost 2 (ring full 2) [--ring-size 8M]", 3),
        ("ecli: events: a: 1 delivered, none lost; b: 2 delivered, none lost", 3),
        ("", 3),
    ],
)
def test_account_that_balances_passes(line: str, nr_events: int) -> None:
    check_account(line, nr_events)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("ecli: events: 4 delivered, none lost", "3 events came out: events: 4 delivered, none lost"),
        ("ecli: events: produced 9 = delivered 3 + lost 2", "the account does not balance: "),
        ("ecli: load: no such thing", "said at the end: load: no such thing"),
    ],
)
def test_account_that_does_not_balance_is_told(line: str, said: str) -> None:
    with pytest.raises(Wrong) as caught:
        check_account(line, 3)

    assert str(caught.value).startswith(said)


def test_everything_that_boots_kernels_installs_what_that_needs(root: Path) -> None:
    for script in ("matrix", "test"):
        assert {"qemu-system-x86", "qemu-system-arm", "zstd", "util-linux"} <= {
            *(root / "scripts" / script).read_text().split()
        }

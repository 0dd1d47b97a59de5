"""What a program says of itself in a registry, and what its file is called there."""

from __future__ import annotations

import io
import tarfile

import pytest

from eunomia import builtin
from eunomia.errors import PackageError, RegistryError
from eunomia.package.model import Package
from eunomia.publish import contents
from eunomia.publish.contents import content, file_name

TOOL = builtin.read("opensnoop")
GUEST = b"\0asm\1\0\0\0"


@pytest.mark.parametrize(
    ("origin", "title"),
    [
        ("/build/package.json", "package.json"),
        ("opensnoop", "opensnoop.json"),
        ("https://example.org/tools/open.json?token=1", "open.json"),
        ("-", "package.json"),
        ("../.hidden.json", "hidden.json"),
        ("a b\x1b[0m.json", "a_b__0m.json"),
        ("x" * 300, "x" * 100 + ".json"),
    ],
)
def test_package_is_called_as_its_file(origin: str, title: str) -> None:
    found = content(TOOL, origin)

    assert (found.title, found.kind, found.data) == (title, "package", TOOL)


@pytest.mark.parametrize(("origin", "title"), [("app.wasm", "app.wasm"), ("-", "app.wasm"), ("bin/tool", "tool.wasm")])
def test_guest_is_called_as_its_file(origin: str, title: str) -> None:
    found = content(GUEST, origin)

    assert (found.title, found.kind, found.core, found.architectures) == (title, "guest", True, [])


def test_object_becomes_a_package() -> None:
    found = content(Package.from_bytes(TOOL).object, "build/tool.bpf.o")

    assert (found.title, found.data[:1]) == ("tool.json", b"{")
    assert Package.from_bytes(found.data).object == Package.from_bytes(TOOL).object


def test_tar_stays_a_tar() -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        entry = tarfile.TarInfo("package.json")
        entry.size = len(TOOL)
        archive.addfile(entry, io.BytesIO(TOOL))

    found = content(out.getvalue(), "tool.tar")

    assert (found.title, found.kind, found.data) == ("tool.tar", "tar", out.getvalue())


@pytest.mark.parametrize("data", [b"", b"{}", b"#!/bin/sh\n", b"\x1f\x8b\x08\0"])
def test_what_is_no_program_is_refused(data: bytes) -> None:
    with pytest.raises(PackageError):
        content(data, "x")


def test_annotations_are_one_line_of_bounded_text_each() -> None:
    package = Package.from_bytes(TOOL)
    package.meta["bpf_skel"]["doc"] = {"brief": "two\nlines \x1b[31m" + "x" * 5000}

    found = content(package.to_json().encode(), "x.json").annotations

    assert found["org.opencontainers.image.description"].startswith("two lines [31mxxx")
    assert all(len(value) <= contents.MAX_TEXT and value.isprintable() for value in found.values())
    assert found["org.opencontainers.image.licenses"] == "MIT OR GPL-2.0-only"
    assert found["vnd.eunomia.kernel"] == "5.8"


def test_file_name_of_a_reference_has_neither_tag_nor_digest() -> None:
    assert file_name("r.example:5000/me/tool:1.0@sha256:ab") == "tool"


def test_time_is_that_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    assert contents.created() == {}
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "0")
    assert contents.created() == {"org.opencontainers.image.created": "1970-01-01T00:00:00Z"}
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "soon")
    with pytest.raises(RegistryError, match="SOURCE_DATE_EPOCH is 'soon', expected seconds since 1970"):
        contents.created()

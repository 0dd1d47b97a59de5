"""The SDKs of a wheel are one archive, unpacked into the cache once."""

from __future__ import annotations

import os
import tarfile
from io import BytesIO
from pathlib import Path

import pytest

from eunomia.compiler import sdk
from eunomia.errors import CompileError


def test_archive_is_unpacked_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = tmp_path / "sdk.tar.xz"
    with tarfile.open(archive, "w:xz") as tar:
        member = tarfile.TarInfo("c/include/x.h")
        member.size = 3
        tar.addfile(member, BytesIO(b"int"))
    monkeypatch.setattr(sdk, "ARCHIVE", str(archive))
    monkeypatch.setattr(sdk, "CHECKOUT", str(tmp_path / "nowhere"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    folder = sdk.folder("c")

    assert Path(folder, "include/x.h").read_text() == "int"
    before = os.stat(folder).st_mtime_ns
    assert sdk.folder("c") == folder
    assert os.stat(folder).st_mtime_ns == before
    assert len(list((tmp_path / "cache/eunomia").glob("sdk-*"))) == 1
    with pytest.raises(CompileError, match="find the guest SDK for rust: not in this installation"):
        sdk.folder("rust")


def test_without_an_archive_it_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sdk, "ARCHIVE", str(tmp_path / "none"))
    monkeypatch.setattr(sdk, "CHECKOUT", str(tmp_path / "none"))

    with pytest.raises(CompileError, match="find the guest SDK for c"):
        sdk.folder("c")

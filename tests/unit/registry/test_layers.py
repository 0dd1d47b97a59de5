"""The files of a container image's layers: whiteouts, links, bounds; and tars that somebody hostile made."""

from __future__ import annotations

import contextlib
import gzip
import io
import sys
import tarfile

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from eunomia.errors import FetchError, MissingDependencyError
from eunomia.registry.layers import Files
from eunomia.registry.tar_stream import BLOCK, TarStream
from support.image_makers import tar, tar_gz


def files(*layers: bytes, limit: int = 1 << 20) -> Files:
    found = Files(limit)
    for layer in layers:
        found.add_layer(layer)
    return found


def test_upper_file_replaces_the_lower_one() -> None:
    found = files(tar({"etc/a": b"old", "b": b"b"}), tar_gz({"./etc/a": b"new"}))

    assert found.paths() == ["b", "etc/a"]
    assert found.read("etc/a", 10) == b"new"


def test_whiteout_hides_a_file_and_all_below_a_directory() -> None:
    found = files(tar({"a": b"", "d/e/f": b"", "keep": b""}), tar({".wh.a": b"", ".wh.d": b""}))

    assert found.paths() == ["keep"]


def test_opaque_directory_hides_only_what_lower_layers_had_in_it() -> None:
    found = files(tar({"d/old": b"", "d/sub/old": b"", "keep": b""}), tar({"d/new": b"", "d/.wh..wh..opq": b""}))

    assert found.paths() == ["d/new", "keep"]


def test_file_in_place_of_a_directory_hides_what_was_below_it() -> None:
    found = files(tar({"d/x": b""}), tar({"d": b"file"}))

    assert found.paths() == ["d"]


def test_links_lead_to_files_and_never_out_of_the_image() -> None:
    layer = tar(
        {"bin/tool": b"x"}, {"a": "bin/tool", "b": "/bin/../../../bin/tool", "dir": "bin", "out": "/etc/passwd"}
    )
    found = files(layer, tar({}, {"hard": "bin/tool"}, tarfile.LNKTYPE))

    assert [found.resolve(path) for path in ("a", "/b", "dir/tool", "hard", "out", "none")] == [
        *(["bin/tool"] * 4), "", ""
    ]  # fmt: skip


def test_circle_of_links_leads_nowhere() -> None:
    assert files(tar({}, {"a": "b", "b": "a"})).resolve("a") == ""


def test_concatenated_members_of_gzip_are_one_layer() -> None:
    whole = tar({"a": b"a" * 2000, "b": b"b"})

    assert files(gzip.compress(whole[:1000]) + gzip.compress(whole[1000:])).paths() == ["a", "b"]


def test_bomb_is_no_more_than_its_limit() -> None:
    bomb = tar_gz({"big": b"\0" * (8 << 20)})

    assert len(bomb) < 10_000
    with pytest.raises(FetchError, match=r"^more than 1048576 bytes when unpacked"):
        files(bomb)


def test_zstd_is_read_or_named(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = tar({"a": b"a" * 2000})
    frames = zstandard.compress(whole[:1000]) + zstandard.compress(whole[1000:])

    assert files(frames).paths() == ["a"]

    monkeypatch.setitem(sys.modules, "zstandard", None)
    monkeypatch.setitem(sys.modules, "compression.zstd", None)
    with pytest.raises(MissingDependencyError, match=r"zstd, which nothing here reads \[pip install zstandard\]"):
        files(frames)


def test_names_of_gnu_and_pax_are_whole() -> None:
    long = "/".join(["folder" * 10] * 5)
    for form in (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w", format=form) as archive:
            info = tarfile.TarInfo(f"{long}/ünï")
            info.size = 3
            archive.addfile(info, io.BytesIO(b"abc"))
            link = tarfile.TarInfo("l")
            link.type, link.linkname = tarfile.SYMTYPE, f"{long}/ünï"
            archive.addfile(link)

        found = files(out.getvalue())
        assert found.resolve("l") == f"{long}/ünï"
        assert found.read(found.resolve("l"), 3) == b"abc"


def test_header_of_names_without_end_is_refused() -> None:
    info = tarfile.TarInfo("x")
    info.type, info.size = tarfile.XHDTYPE, 1 << 30
    header = info.tobuf(tarfile.USTAR_FORMAT)

    with pytest.raises(FetchError, match="a header of 1073741824 bytes, at most 1048576 are read"):
        files(header, limit=1 << 40)


@pytest.mark.parametrize("name", ["../x", "a/../../x", "a/..", "/".join("a" * 300)])
def test_name_that_leaves_the_archive_is_refused(name: str) -> None:
    with pytest.raises(FetchError, match="leaves the archive, or has too long a name"):
        files(tar({name: b""}))


def test_cut_tar_is_refused() -> None:
    with pytest.raises(FetchError, match="the tar is cut short after"):
        files(tar({"a": b"x" * 2000})[: BLOCK * 3])


@given(st.binary(max_size=2000), st.integers(0, 3000), st.binary(max_size=4))
def test_any_bytes_are_a_tar_or_our_error(data: bytes, place: int, patch: bytes) -> None:
    whole = bytearray(tar({"some/file": data}, {"link": "some/file"}))
    place %= len(whole)
    whole[place : place + len(patch)] = patch
    try:
        for member in TarStream(io.BytesIO(bytes(whole)), 1 << 16):
            assert ".." not in member.path.split("/")
    except FetchError:
        pass


@given(st.binary(max_size=3000))
def test_any_bytes_are_a_layer_or_our_error(data: bytes) -> None:
    for start in (b"", b"\x1f\x8b\x08\0", b"\x28\xb5\x2f\xfd"):
        with contextlib.suppress(FetchError):
            files(start + data)

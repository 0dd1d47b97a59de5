"""Kernels' types are found in images, packages and folders; what is none of these is said in a line."""

from __future__ import annotations

import io
import lzma
import random
import shutil
import sys
import tarfile
from pathlib import Path

import images
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eunomia.btf import compressed
from eunomia.btf.image import is_btf, read_image
from eunomia.btf.kernels import is_raw_btf, iter_kernels, read_kernel_btf
from eunomia.errors import MissingDependencyError, PackageError

X86 = images.btf("task_struct", "orig_ax")
ARM = images.btf("task_struct", "user_fpsimd_state")
KINDS = ["gzip", "xz", "lzma", "lz4", "zstd"]


def places(path: Path) -> list[str]:
    skipped: list[str] = []
    found = [kernel.place for kernel in iter_kernels(str(path), skipped.append)]
    assert not skipped
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_bzimage_gives_its_types_and_release_however_it_is_packed(kind: str) -> None:
    image = read_image(images.bzimage(images.packed(kind, images.vmlinux(X86))))

    assert (image.btf, image.release, image.machine) == (X86, images.RELEASE, "x86_64")


@pytest.mark.parametrize(
    "data",
    [images.flat(ARM), images.packed("gzip", images.flat(ARM)), images.zboot(images.packed("gzip", images.flat(ARM)))],
    ids=["Image", "Image.gz", "EFI image"],
)
def test_arm64_image_gives_its_types_though_it_has_no_sections(data: bytes) -> None:
    image = read_image(data)

    assert (image.btf, image.release, image.machine) == (ARM, images.RELEASE, "aarch64")


def test_vmlinux_and_raw_types_are_read_as_they_are() -> None:
    assert read_image(images.vmlinux(X86)).btf == X86
    assert read_image(images.vmlinux(ARM, machine=183)).machine == "aarch64"
    assert (read_image(ARM).btf, read_image(ARM).machine, read_image(ARM).release) == (ARM, "aarch64", "")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (images.vmlinux(b"", section=b".abc"), "no .BTF section (built without CONFIG_DEBUG_INFO_BTF)"),
        (images.vmlinux(X86[:-1] + b"x"), "its .BTF section is damaged"),
        (images.flat(bytes(64)), "no BTF in it (built without CONFIG_DEBUG_INFO_BTF)"),
        (b"\xeb\x9f" + X86[2:], "big-endian"),
        (X86[:40], "damaged"),
        (images.bzimage(images.packed("xz", images.vmlinux(X86)))[:-200], "cut short"),
        (images.bzimage(b"\x89LZO\0" + bytes(100)), "lzo compression cannot be read"),
        (b"MZ\0\0zimg", "cut short"),
        (images.bzimage(bytes(100)), "unknown compression cannot be read"),
        (b"a text" * 16, "neither BTF nor a kernel"),
    ],
)
def test_what_gives_no_types_is_said(data: bytes, said: str) -> None:
    with pytest.raises(PackageError) as caught:
        read_image(data)

    assert said in str(caught.value)


def test_a_damaged_block_of_lz4_is_said() -> None:
    data = b"\x02\x21\x4c\x18" + b"\x0b\0\0\0" + b"\x1f" + b"a" + b"\x01\0" + b"\x05" + b"\x50" + b"ABCDE"

    assert compressed.unpack(data) == b"a" * 25 + b"ABCDE"
    with pytest.raises(PackageError, match="damaged"):
        compressed.unpack(b"\x02\x21\x4c\x18" + b"\x04\0\0\0" + b"\x1f" + b"a" + b"\x09\0")


def test_more_than_the_limit_is_not_unpacked() -> None:
    bomb = lzma.compress(bytes(1 << 20))

    with pytest.raises(PackageError, match="more than 4096 bytes"):
        compressed.unpack(bomb, 4096)


def test_zstd_without_anything_that_reads_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    data = images.bzimage(images.packed("zstd", images.vmlinux(X86)))
    monkeypatch.setitem(sys.modules, "zstandard", None)
    monkeypatch.setitem(sys.modules, "compression.zstd", None)
    monkeypatch.setattr(shutil, "which", lambda _name: None)

    with pytest.raises(MissingDependencyError, match=r"\[apt install zstd, or pip install zstandard\]"):
        read_image(data)


@pytest.mark.parametrize("kind", ["xz", "gzip", "zstd", "none"])
@pytest.mark.parametrize(
    "name",
    [
        f"./boot/vmlinuz-{images.RELEASE}",
        f"./usr/lib/modules/{images.RELEASE}/vmlinuz",
        f"./usr/lib/debug/boot/vmlinux-{images.RELEASE}",
        f"./usr/lib/debug/lib/modules/{images.RELEASE}/vmlinux",
    ],
)
def test_kernel_package_gives_the_kernel_in_it(tmp_path: Path, name: str, kind: str) -> None:
    image = images.vmlinux(X86) if "vmlinux" in name else images.bzimage(images.packed("xz", images.vmlinux(X86)))
    path = tmp_path / "linux-image.deb"
    path.write_bytes(images.deb({"./usr/share/doc/x": b"text", name: image}, kind=kind))

    assert places(path) == [f"ubuntu/20.04/x86_64/{images.RELEASE}.btf"]
    assert read_kernel_btf(str(path)) == X86


@pytest.mark.parametrize(
    ("version", "maintainer", "place"),
    [
        ("5.15.0-91.101~20.04.1", "Ubuntu Kernel Team", "ubuntu/20.04"),
        ("6.8.0-31.31", "Ubuntu Kernel Team", "ubuntu/24.04"),
        ("6.11.0-8.8", "Ubuntu Kernel Team", "ubuntu/any"),
        ("6.1.192-2", "Debian Kernel Team", "debian/12"),
        ("6.12.117-1~deb12u1", "Debian Kernel Team", "debian/12"),
        ("7.2.12-1~bpo13+1", "Debian Kernel Team", "debian/13"),
        ("6.9.7-1", "Debian Kernel Team", "debian/any"),
    ],
)
def test_version_of_a_package_tells_its_distribution(tmp_path: Path, version: str, maintainer: str, place: str) -> None:
    path = tmp_path / "image.deb"
    files = {f"./boot/vmlinuz-{images.RELEASE}": images.flat(ARM)}
    path.write_bytes(images.deb(files, version=version, maintainer=maintainer, architecture="arm64"))

    assert places(path) == [f"{place}/aarch64/{images.RELEASE}.btf"]


def test_package_without_a_kernel_or_damaged_is_said(tmp_path: Path) -> None:
    path = tmp_path / "image.deb"
    whole = images.deb({f"./boot/vmlinuz-{images.RELEASE}": images.flat(ARM) + bytes(range(256)) * 64})
    for data, said in (
        (images.deb({"./usr/share/doc/x": b"text"}), "no kernel image in it [linux-image-RELEASE"),
        (whole[: len(whole) // 2], "damaged Debian package"),
        (b"!<arch>\n" + b"control.tar.xz".ljust(48) + b"-60".ljust(10) + b"`\n", "without control.tar"),
        (images.deb({"./boot/vmlinuz-5.4": b"MZ" * 40}), "kernel 5.4: neither BTF nor a kernel"),
    ):
        path.write_bytes(data)
        with pytest.raises(PackageError) as caught:
            list(iter_kernels(str(path), pytest.fail))
        assert said in str(caught.value)
        assert str(path) in str(caught.value)


@pytest.mark.parametrize("kind", ["xz", "gzip"])
def test_package_cut_or_changed_anywhere_is_said(kind: str, tmp_path: Path) -> None:
    noise = random.Random(1).randbytes(20_000)
    whole = images.deb({f"./boot/vmlinuz-{images.RELEASE}": images.flat(ARM) + noise}, kind=kind)
    path = tmp_path / "image.deb"
    refusals = set()

    for at in range(len(images.deb({})), len(whole), 487):
        for data in (whole[:at], whole[:at] + bytes([whole[at] ^ 0x55]) + whole[at + 1 :]):
            path.write_bytes(data)
            try:
                assert [each.btf for each in iter_kernels(str(path), pytest.fail)] == [ARM]
            except PackageError as exc:
                refusals.add(str(exc).partition(" (")[0])

    assert refusals == {f"read {path}: a damaged Debian package"}


def hub_file(types: bytes) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:xz") as tar:
        info = tarfile.TarInfo("5.4.0-91-generic.btf")
        info.size = len(types)
        tar.addfile(info, io.BytesIO(types))
    return out.getvalue()


def test_folder_of_any_layout_is_read(tmp_path: Path) -> None:
    files = {
        "ubuntu/20.04/x86_64/5.4.0-91-generic.btf.tar.xz": hub_file(X86),
        "ubuntu/20.04/arm64/5.4.0-91-generic.btf": ARM,
        "5.10.0-1-amd64.btf": X86,
        "more/arm64/6.1.0.btf": ARM,
        "more/amd64/vmlinux-6.2.0": images.vmlinux(X86),
        "vmlinuz": images.bzimage(images.packed("gzip", images.vmlinux(X86)), "6.3.0"),
        "image.deb": images.deb({"./boot/vmlinuz-6.4.0": images.flat(ARM)}, architecture="arm64", version="6.4"),
        "readme.txt": b"not a kernel",
        "vmlinuz.txt": b"not a kernel either",
        ".hidden/6.6.btf": X86,
    }
    for name, data in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(data)

    assert sorted(places(tmp_path)) == [
        "any/any/aarch64/6.1.0.btf".replace("aarch64", "arm64"),
        "any/any/x86_64/5.10.0-1-amd64.btf",
        "any/any/x86_64/6.2.0.btf",
        "any/any/x86_64/6.3.0.btf",
        "ubuntu/20.04/arm64/5.4.0-91-generic.btf",
        "ubuntu/20.04/x86_64/5.4.0-91-generic.btf",
        "ubuntu/any/aarch64/6.4.0.btf",
    ]


def test_file_of_a_folder_that_gives_none_is_told_and_left_out(tmp_path: Path) -> None:
    (tmp_path / "a.btf").write_bytes(b"nothing")
    (tmp_path / "vmlinux-4.15").write_bytes(images.vmlinux(b"", section=b".abc"))
    (tmp_path / "b.btf").write_bytes(X86)
    skipped: list[str] = []

    assert [kernel.place for kernel in iter_kernels(str(tmp_path), skipped.append)] == ["any/any/x86_64/b.btf"]
    assert len(skipped) == 2
    assert "a.btf: neither BTF" in skipped[0] or "a.btf: left out" in skipped[0]
    assert "built without CONFIG_DEBUG_INFO_BTF" in skipped[1]


def test_packed_types_are_read_as_those_of_a_file(tmp_path: Path) -> None:
    raw, image, hub = tmp_path / "raw.btf", tmp_path / "vmlinuz", tmp_path / "5.4.btf.tar.xz"
    raw.write_bytes(X86)
    image.write_bytes(images.bzimage(images.packed("xz", images.vmlinux(X86))))
    hub.write_bytes(hub_file(X86))

    assert [is_raw_btf(str(path)) for path in (raw, image, hub)] == [True, False, False]
    assert [read_kernel_btf(str(path)) for path in (raw, image, hub)] == [X86] * 3


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_any_damage_gives_types_or_an_error(data: st.DataObject) -> None:
    source = data.draw(
        st.sampled_from(
            [
                images.bzimage(images.packed("lz4", images.vmlinux(X86))),
                images.bzimage(images.packed("xz", images.vmlinux(X86))),
                images.flat(ARM),
                images.vmlinux(X86),
            ]
        )
    )
    damaged = bytearray(source)
    for _ in range(data.draw(st.integers(1, 6))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    try:
        image = read_image(bytes(damaged[: data.draw(st.integers(0, len(damaged)) | st.just(len(damaged)))]))
    except (PackageError, MissingDependencyError):
        return
    assert is_btf(image.btf)

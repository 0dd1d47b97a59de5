"""The forms that a package is exported in hold what the package has, under names that are safe."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import pytest

from eunomia.errors import PackageError, UnsupportedError
from eunomia.package import Package
from eunomia.publish.export import export, file_name, form_of

DATA = Path(__file__).parents[2] / "data"


@pytest.fixture
def package() -> Package:
    elf = (DATA / "torture.bpf.o").read_bytes()
    made = Package.from_object(elf, "torture.bpf.o", event_types={"rb": ["event"], "perf": ["other"]})
    made.btf_archive = {"debian/12/x86_64/6.1.0.btf": b"123"}
    return made


def test_the_object_is_exported_as_it_is(package: Package) -> None:
    assert export(package, "bpf.o") == (DATA / "torture.bpf.o").read_bytes()


def test_a_tar_has_the_btf_archive_and_json_has_not(package: Package) -> None:
    tar = export(package, "tar")

    with tarfile.open(fileobj=io.BytesIO(tar)) as archive:
        names = archive.getnames()
    assert any(name.endswith("debian/12/x86_64/6.1.0.btf") for name in names)
    assert Package.from_bytes(tar).btf_archive == package.btf_archive
    tree = json.loads(export(package, "json"))
    assert sorted(tree) == ["bpf_object", "bpf_object_size", "meta"]
    assert Package.from_bytes(export(package, "json")).object == package.object


def test_a_skeleton_names_maps_and_programs_and_takes_a_name(package: Package) -> None:
    text = export(package, "skeleton", name="mine").decode()

    assert "struct mine {" in text
    assert "struct bpf_map *rb;" in text
    assert "mine__open_and_load(void)" in text
    assert "struct torture_bpf {" in export(package, "skeleton").decode()


def test_an_architecture_that_the_package_lacks_is_refused(package: Package) -> None:
    package.meta.setdefault("eunomia", {})["arch"] = ["x86"]

    with pytest.raises(UnsupportedError, match="riscv"):
        export(package, "bpf.o", arch="riscv64")
    assert export(package, "bpf.o", arch="x86_64") == package.object


def test_what_is_no_object_is_not_exported_as_one(package: Package) -> None:
    package.object = b"text"

    with pytest.raises(PackageError, match="no ELF file"):
        export(package, "bpf.o")


def test_an_unknown_form_names_the_known_ones(package: Package) -> None:
    with pytest.raises(ValueError, match="json, yaml, tar"):
        export(package, "zip")


@pytest.mark.parametrize(
    ("origin", "expected"),
    [
        ("opensnoop", "opensnoop.tar"),
        ("./build/tool.bpf.c", "tool.tar"),
        ("https://host/x/tool.json?token=1", "tool.tar"),
        ("ghcr.io/org/tool:1.2", "tool.tar"),
        ("ghcr.io/org/tool@sha256:00", "tool.tar"),
        ("https://host/tool/package.json", "torture.tar"),
        ("-", "torture.tar"),
        ("..", "torture.tar"),
    ],
)
def test_files_are_named_for_where_the_package_came_from(package: Package, origin: str, expected: str) -> None:
    assert file_name(origin, package, "tar") == expected


def test_a_hostile_name_stays_in_this_folder(package: Package) -> None:
    package.meta["bpf_skel"]["obj_name"] = "../../etc/\x1b[31mcron.d"

    name = file_name("-", package, "bpf.o")

    assert name == "etc___31mcron.d.bpf.o"


@pytest.mark.parametrize(
    ("path", "form"),
    [("a.json", "json"), ("a.yml", "yaml"), ("a.bpf.o", "bpf.o"), ("a.o", "bpf.o"), ("a.h", "skeleton"), ("a", "")],
)
def test_a_files_suffix_says_the_form(path: str, form: str) -> None:
    assert form_of(path) == form

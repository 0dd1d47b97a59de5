"""Architectures of a package: which there are, which object is taken, what is refused, and what damage is called."""

from __future__ import annotations

import os
from typing import Any

import pytest

from eunomia.errors import PackageError, UnsupportedError
from eunomia.package import Package
from eunomia.package.arches import NAMES, join, kernel_name, machine

HERE = machine()
OTHER = "arm64" if HERE != "arm64" else "x86"


@pytest.fixture
def other(torture_object: bytes) -> Package:
    """The torture package with an object of other bytes, and other options."""
    made = Package.from_object(
        torture_object + b"\0other",
        "torture.bpf.o",
        annotations={"variables": {"i32": {"description": "only there"}}},
        event_types={"rb": ["event"], "perf": ["other", "event"]},
    )
    made.meta["eunomia"]["event_types"] = {"rb": ["other"]}
    return made


def again(package: Package) -> Package:
    return Package.from_bytes(package.to_json().encode(), "tool.json")


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("x86_64", "x86"), ("AMD64", "x86"), ("x86-64", "x86"), ("aarch64", "arm64"), ("ppc64le", "powerpc"),
        ("riscv64", "riscv"), ("s390x", "s390"), ("armv7l", "arm"), ("vax", "vax"),
    ],
)  # fmt: skip
def test_architectures_go_by_every_name(said: str, meant: str) -> None:
    assert kernel_name(said) == meant


def test_this_machine_has_the_kernels_name() -> None:
    assert {"x86_64": "x86", "aarch64": "arm64"}[os.uname().machine] == HERE
    assert HERE in NAMES


def test_package_without_a_record_serves_every_machine(torture: Package) -> None:
    assert torture.architectures == []
    assert torture.for_arch() is torture
    assert torture.for_arch("s390") is torture
    assert torture.here() is torture


def test_each_architecture_gets_its_own_object_and_what_differs(torture: Package, other: Package) -> None:
    plain = torture.object
    package = again(join([(HERE, torture), (OTHER, other)]))

    assert package.architectures == [HERE, OTHER]
    assert package.object == plain
    assert package.here() is package
    chosen = package.for_arch(OTHER)
    assert chosen.object == other.object
    assert chosen.architectures == [OTHER]
    assert chosen.meta["eunomia"]["event_types"] == {"rb": ["other"]}
    assert chosen.plan() == other.plan()
    assert "objects" not in chosen.meta["eunomia"]
    assert package.meta["eunomia"]["event_types"] != {"rb": ["other"]}


def test_this_machines_object_is_found_behind_another_ones(torture: Package, other: Package) -> None:
    theirs = other.object
    package = again(join([(OTHER, torture), (HERE, other)]))

    assert package.architectures == [OTHER, HERE]
    assert package.here().object == theirs
    assert package.for_arch().object == theirs


def test_key_that_only_the_first_one_has_is_absent_for_the_other(torture: Package, other: Package) -> None:
    torture.meta["export_types"] = [{"name": "x", "size": 1, "type_id": 1, "members": []}]
    other.meta.pop("export_types", None)
    package = again(join([(HERE, torture), (OTHER, other)]))

    assert package.meta["export_types"][0]["name"] == "x"
    assert "export_types" not in package.for_arch(OTHER).meta


def test_objects_that_do_the_same_are_kept_once(torture: Package, other: Package) -> None:
    package = again(join([(HERE, torture), (OTHER, other)], [OTHER], portable=True))

    assert package.architectures == [HERE, OTHER]
    assert "objects" not in package.meta["eunomia"]
    assert package.for_arch(OTHER) is package
    assert package.for_arch("loongarch") is package


def test_equal_packages_are_kept_once(torture: Package, torture_object: bytes) -> None:
    twin = Package.from_object(
        torture_object, "torture.bpf.o", event_types={"rb": ["event"], "perf": ["other", "event"]}
    )
    package = join([(HERE, torture), (OTHER, twin)])

    assert package.meta["eunomia"]["arch"] == [HERE, OTHER]
    assert "objects" not in package.meta["eunomia"]


def test_refusal_names_both_and_the_command_that_helps(torture: Package) -> None:
    package = again(join([(OTHER, torture)]))

    with pytest.raises(UnsupportedError) as caught:
        package.for_arch()
    assert str(caught.value) == (
        f"open tool.json: made for {OTHER}, and this machine is {HERE}"
        f" [compile its source again: ecc --target-arch {OTHER},{HERE}]"
    )
    assert package.here() is package


def test_refusal_of_an_architecture_that_was_asked_for(torture: Package) -> None:
    package = again(join([(HERE, torture)]))

    with pytest.raises(UnsupportedError, match=rf"made for {HERE}, and riscv was asked for .*{HERE},riscv\]"):
        package.for_arch("riscv64")


def test_object_of_the_other_byte_order_is_refused_in_one_line(torture: Package) -> None:
    torture.object = torture.object[:5] + b"\2" + torture.object[6:]

    with pytest.raises(UnsupportedError, match=r"its object is big-endian, and this machine is little-endian \["):
        torture.for_arch()


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({}, "bpf_object`: expected str, but missing"),
        ({"bpf_object": 1, "bpf_object_size": 1}, "bpf_object`: expected str, got int"),
        ({"bpf_object": "", "bpf_object_size": "1"}, "bpf_object_size`: expected int, got str"),
        ({"bpf_object": "", "bpf_object_size": -1}, "bpf_object_size`: expected a size, got -1"),
        ({"bpf_object": "é", "bpf_object_size": 1}, "bpf_object`: malformed base64"),
        ({"bpf_object": "AAAA", "bpf_object_size": 1}, "bpf_object`: malformed compressed data"),
        ({"bpf_object": "eNpjAAAAAQAB", "bpf_object_size": 1, "bpf_skel": 7}, "bpf_skel`: expected object, got int"),
        ({"bpf_object": "eNpjAAAAAQAB", "bpf_object_size": 1 << 40}, "bytes, at most"),
    ],
)
def test_damaged_entry_is_named_by_its_place(torture: Package, entry: dict[str, Any], message: str) -> None:
    torture.meta["eunomia"] |= {"arch": [HERE], "objects": {OTHER: entry}}
    package = again(torture)

    assert package.for_arch() is package
    with pytest.raises(PackageError) as caught:
        package.for_arch(OTHER)
    assert str(caught.value).startswith(f"`$.meta.eunomia.objects.{OTHER}")
    assert message in str(caught.value)


@pytest.mark.parametrize(
    "own", [{"arch": "x86"}, {"arch": [1]}, {"arch": [], "objects": []}, {"arch": [], "objects": {"x86": 1}}]
)
def test_damaged_record_is_an_error_of_the_package(torture: Package, own: dict[str, Any]) -> None:
    torture.meta["eunomia"] |= own

    with pytest.raises(PackageError, match=r"^`\$\.meta\.eunomia\.(arch|objects)`: expected"):
        again(torture).for_arch()


def test_package_with_other_objects_is_written_as_it_was_read(torture: Package, other: Package) -> None:
    text = join([(HERE, torture), (OTHER, other)]).to_json()

    assert Package.from_bytes(text.encode()).to_json() == text


def test_upstreams_part_is_the_first_architectures(torture: Package, other: Package) -> None:
    alone = torture.to_tree()
    tree = join([(HERE, torture), (OTHER, other)]).to_tree()

    assert {key: tree[key] for key in ("bpf_object", "bpf_object_size")} == {
        key: alone[key] for key in ("bpf_object", "bpf_object_size")
    }
    assert tree["meta"]["bpf_skel"] == alone["meta"]["bpf_skel"]

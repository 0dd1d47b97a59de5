"""What we write, upstream's loader can load: its rules, as the reference of the format states them."""

from __future__ import annotations

import base64
import json
import re
import zlib
from pathlib import Path
from typing import Any

import pytest

from eunomia.btf.object import PERF_EVENT_ARRAY, RINGBUF
from eunomia.package import Package

DATA = Path(__file__).parents[2] / "data"
OBJECTS = sorted([*(DATA / "golden").glob("*.bpf.o"), DATA / "torture.bpf.o"])


def load_as_upstream(text: str) -> tuple[bytes, dict[str, Any]]:
    """Read a package with nothing but the rules of upstream's loader."""
    assert not text.endswith("\n")
    tree = json.loads(text)
    assert set(tree) == {"bpf_object", "bpf_object_size", "meta"}
    assert re.fullmatch(r"[A-Za-z0-9+/]+={0,2}", tree["bpf_object"])
    elf = zlib.decompress(base64.b64decode(tree["bpf_object"], validate=True))
    assert len(elf) == tree["bpf_object_size"]
    meta = tree["meta"]
    skel = meta["bpf_skel"]
    assert isinstance(skel["obj_name"], str)
    for section in skel["data_sections"]:
        assert section["name"] in {".rodata", ".bss"}
        assert any(entry["ident"] == section["name"][1:] for entry in skel["maps"])
        for variable in section["variables"]:
            assert isinstance(variable["name"], str)
            assert isinstance(variable["type"], str)
    for entry in skel["maps"]:
        assert isinstance(entry["name"], str)
        assert isinstance(entry["ident"], str)
        assert isinstance(entry.get("mmaped", False), bool)
    for prog in skel["progs"]:
        assert isinstance(prog["name"], str)
        assert isinstance(prog["attach"], str)
        assert isinstance(prog["link"], bool)
    for exported in meta.get("export_types", []):
        assert isinstance(exported["name"], str)
        assert 0 < exported["type_id"] < 1 << 32
        assert 0 <= exported["size"] < 1 << 32
        assert all(isinstance(member[key], str) for member in exported["members"] for key in ("name", "type"))
    return elf, meta


@pytest.mark.parametrize("path", OBJECTS, ids=lambda path: path.name)
def test_upstream_loads_what_we_write(path: Path) -> None:
    package = Package.from_object(path.read_bytes(), path.name)

    elf, meta = load_as_upstream(package.to_json())

    assert elf == path.read_bytes()
    sources = [m for m in package.types.maps.values() if m.type in {RINGBUF, PERF_EVENT_ARRAY}]
    assert not sources or meta["export_types"], "a ring buffer without export type is refused"
    for exported in meta.get("export_types", []):
        btf = package.types.btf
        assert btf is not None
        found = btf.type(exported["type_id"])
        assert (found.kind_name, found.name, found.size) == ("STRUCT", exported["name"], exported["size"])
        assert len(found.members) == len(exported["members"])
        paired = zip(found.members, exported["members"], strict=True)
        assert all((mine.name or "(anon)") == theirs["name"] for mine, theirs in paired)


@pytest.mark.parametrize("path", OBJECTS, ids=lambda path: path.name)
def test_a_package_is_the_same_without_our_part(path: Path) -> None:
    package = Package.from_object(path.read_bytes(), path.name)
    tree = json.loads(package.to_json())
    del tree["meta"]["eunomia"]

    bare = Package.from_bytes(json.dumps(tree).encode())

    assert bare.plan() == package.plan()
    assert [(o.name, o.switches, o.offset) for o in bare.options()] == [
        (o.name, o.switches, o.offset) for o in package.options()
    ]

"""Skeletons and export types equal what upstream's ecc wrote for objects of the same shape."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from eunomia.package import Package
from eunomia.package.skeleton import map_name, object_name

DATA = Path(__file__).parents[2] / "data"
GOLDEN: dict[str, Any] = json.loads((DATA / "golden-metas.json").read_text())


def notes_of(meta: dict[str, Any]) -> dict[str, Any]:
    """The annotations that the golden source must have had: what the skeleton alone does not say."""
    skel = meta["bpf_skel"]
    variables = {v["name"]: v for section in skel["data_sections"] for v in section["variables"]}
    return {
        "variables": {n: {k: v for k, v in row.items() if k not in {"name", "type"}} for n, row in variables.items()},
        "maps": {m["name"]: {k: v for k, v in m.items() if k == "sample"} for m in skel["maps"]},
        "progs": {
            p["name"]: {k: v for k, v in p.items() if k not in {"name", "attach", "link"}} for p in skel["progs"]
        },
        "doc": skel.get("doc", {}),
    }


@pytest.mark.parametrize("tool", sorted(GOLDEN))
def test_skeleton_equals_what_upstream_wrote(tool: str) -> None:
    golden = GOLDEN[tool]["meta"]
    exports = [each["name"] for each in golden.get("export_types", [])]
    elf = (DATA / "golden" / f"{tool}.bpf.o").read_bytes()

    made = Package.from_object(elf, f"{tool}.bpf.o", annotations=notes_of(golden), exports=exports).meta

    assert made["bpf_skel"] == golden["bpf_skel"]
    for one in [*made.get("export_types", []), *golden.get("export_types", [])]:
        del one["type_id"]  # depends on the headers of the source
    assert made.get("export_types") == golden.get("export_types")


def test_object_name_is_made_of_the_file_name_as_bpftool_does() -> None:
    assert object_name("dir/kprobe-link.bpf.o") == "kprobe_link_bpf"
    assert object_name("a.o") == "a"
    assert object_name("x" * 80 + ".o") == "x" * 63
    assert object_name("größe.bpf.o") == "gr__e_bpf"


def test_map_names_are_cut_as_libbpf_does() -> None:
    assert map_name("bootstrap_bpf", ".rodata") == "bootstra.rodata"
    assert map_name("bootstrap_bpf", ".bss") == "bootstra.bss"
    assert map_name("bootstrap_bpf", ".kconfig") == "bootstr.kconfig"
    assert map_name("tc_bpf", ".rodata") == "tc_bpf.rodata"
    assert map_name("bootstrap_bpf", ".rodata.str1.1") == ".rodata.str1.1"
    assert map_name("bootstrap_bpf", ".rodata.cst16.very.long") == ".rodata.cst16.v"


def test_upstream_finds_only_the_sections_that_it_accepts(torture: Package) -> None:
    skel = torture.meta["bpf_skel"]

    assert [section["name"] for section in skel["data_sections"]] == [".rodata", ".bss"]
    ours = [section["name"] for section in torture.meta["eunomia"]["data_sections"]]
    assert ours == [".data", ".rodata.custom", ".data.custom", ".kconfig"]


def test_hidden_and_static_variables_are_left_out(torture: Package) -> None:
    names = {option.name for option in torture.options()}

    assert "counter" in names
    assert not names & {"hidden", "invisible", "__eunomia_dummy_event_ptr"}


def test_programs_come_in_the_order_of_sections_without_subprograms(torture: Package) -> None:
    assert [(prog["name"], prog["attach"]) for prog in torture.meta["bpf_skel"]["progs"]] == [
        ("second", "tp/sched/sched_process_exec"),
        ("first", "tp/sched/sched_process_exec"),
    ]


def test_sections_of_our_own_are_seen_by_nobody(torture: Package) -> None:
    assert "eunomia." not in json.dumps(torture.meta["bpf_skel"])

"""Plans: which maps are sources and with which types, checked by what the C core renders with them."""

from __future__ import annotations

import copy
import json
import struct
from pathlib import Path
from typing import Any

import pytest

from eunomia._native import ffi, lib, text
from eunomia.btf.plan import IN_VALUE, NONE
from eunomia.btf.types import Member
from eunomia.errors import PackageError
from eunomia.package import Package
from eunomia.package.describe import _members
from eunomia.package.sources import _find_member

DATA = Path(__file__).parents[2] / "data"


class ReadPlan:
    """A plan as the C core reads it."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.plan = lib.eu_plan_read(data, len(data))
        assert self.plan != ffi.NULL, text(lib.eu_error())
        counts = struct.unpack_from("<8I", data, 8)
        _total, types, members, values, self.nr_sources, _records, self.strings_size, _zero = counts
        self.sources_at = 40 + types * 24 + members * 20 + values * 16
        self.strings = data[len(data) - self.strings_size :]

    def source(self, index: int) -> dict[str, Any]:
        row = struct.unpack_from("<IBBH6I8I", self.data, self.sources_at + index * 64)
        names = ("map", "kind", "style", "flags", "first", "count", "key", "value", "interval", "unit")
        found = dict(zip(names, row, strict=False))
        found["map"] = self.string(row[0])
        found["unit"] = self.string(row[9])
        found["roles"] = row[10:17]
        found["stack_map"] = "" if row[17] == NONE else self.string(row[17])
        return found

    def string(self, at: int) -> str:
        return self.strings[at : self.strings.index(b"\0", at)].decode()

    def render(self, source: int, record: bytes, **settings: int) -> Any:
        form = ffi.new("struct eu_format *", {"format": 1, **settings})
        out = ffi.new("char[]", 1 << 16)
        size = lib.eu_render(self.plan, source, form, record, len(record), out, 1 << 16)
        assert size >= 0, text(lib.eu_error())
        return json.loads(ffi.buffer(out, size)[:])


def plan_of(package: Package, **changes: Any) -> ReadPlan:
    """The plan that is made of a package's meta and types, with keys of its maps changed."""
    bare = Package(package.object, copy.deepcopy(package.meta))
    bare.meta.pop("eunomia", None)
    top = changes.pop("meta", {})
    bare.meta.update(top)
    for entry in bare.meta["bpf_skel"]["maps"]:
        entry.update(changes.get(entry["name"], {}))
    return ReadPlan(bare.plan())


def type_id(package: Package, name: str) -> int:
    assert package.types.btf is not None
    found = package.types.btf.find_spelled(name)
    assert found is not None
    return found.id


def event(**values: Any) -> bytes:
    """A `struct event` of torture.bpf.c."""
    data = bytearray(208)
    struct.pack_into("<I16siQ", data, 0, values.get("pid", 0), values.get("comm", b""), 0, 0)
    struct.pack_into("<i", data, 20, values.get("mode", 0))
    struct.pack_into("<Q", data, 24, values.get("big", 0))
    return bytes(data) + values.get("tail", b"")


def test_every_c_type_is_laid_out_as_the_compiler_did(torture: Package) -> None:
    data = bytearray(event(pid=7, comm=b"sh", mode=-5, big=0x1FFFFFFFF, tail=b"the end\0"))
    struct.pack_into("<I", data, 32, 5 | (0x1F & -2) << 3 | 0xABCDEF << 8)  # a: 3 bits, b: 5, c: 24
    struct.pack_into("<ii", data, 36, -1, 2)
    struct.pack_into("<f", data, 56, 1.5)
    data[64:88] = b"12345678ab\0\0\0\0\0\0ABCDEFGH"
    struct.pack_into("<6Q", data, 112, *range(6))
    data[166] = 1
    struct.pack_into("<d", data, 168, 0.25)
    data[176:192] = (-3).to_bytes(16, "little", signed=True)
    data[192] = 0xFF
    struct.pack_into("<q", data, 200, -9)

    shown = ReadPlan(torture.plan()).render(0, bytes(data))

    assert shown["pid"] == 7
    assert shown["comm"] == "sh"
    assert shown["mode"].startswith("MODE_NEGATIVE")
    assert shown["big"] == 0x1FFFFFFFF  # clang 14 knows no ENUM64: the names of its values are lost
    assert [shown["in"][0][key] for key in "abc"] == [-3, -2, 0xABCDEF]
    assert shown["in"][0]["at"]["x"] == -1
    assert shown["real"] == 1.5
    assert shown["no_nul"] == ["12345678", "ab", "ABCDEFGH"]
    assert shown["matrix"] == [[0, 1, 2], [3, 4, 5]]
    assert shown["ok"] is True
    assert shown["real64"] == 0.25
    assert shown["wide"] == "-3"
    assert shown["flags"] == 127
    assert shown["last"] == -9
    assert shown["tail"] == "the end"


def test_types_of_one_map_are_told_apart_by_size(torture: Package) -> None:
    plan = ReadPlan(torture.plan())

    assert plan.render(1, struct.pack("<IIQ", 3, 0, 9)) == {"kind": 3, "value": 9}
    assert plan.render(1, event(pid=4))["pid"] == 4
    assert plan.source(1)["count"] == 3  # both, and what fits none by its size


def test_types_of_one_map_are_told_apart_by_a_field(torture: Package) -> None:
    told = {"field": "kind", "types": {"1": "other", "2": "stack_key", "0x10": "struct pair"}}
    plan = plan_of(torture, rb={"event_type": told | {"types": {"1": "other"}}})

    assert plan.render(0, struct.pack("<IIQ", 1, 0, 5)) == {"kind": 1, "value": 5}
    with pytest.raises(PackageError, match="struct stack_key has no member `kind`"):
        plan_of(torture, rb={"event_type": told})
    by_enum = plan_of(torture, rb={"event_type": {"field": "mode", "types": {"MODE_SLOW": "event"}}})
    assert by_enum.render(0, event(mode=3, pid=1))["pid"] == 1


def test_export_types_serve_packages_of_upstream(torture: Package) -> None:
    plan = plan_of(torture)

    assert [plan.source(index)["map"] for index in range(plan.nr_sources)] == ["rb", "perf"]
    assert plan.render(0, event(pid=4))["pid"] == 4


def test_the_best_named_export_type_comes_first_where_there_are_several_maps(torture: Package) -> None:
    meta = {"export_types": list(reversed(torture.meta["export_types"]))}
    plan = plan_of(torture, meta=meta)

    assert plan.render(0, event(pid=4))["pid"] == 4  # by its size
    assert plan.render(0, struct.pack("<IIQ", 3, 0, 9)) == {"kind": 3, "value": 9}


def test_an_export_type_that_is_not_in_the_object_is_named(torture: Package) -> None:
    wrong = [{"name": "nothing", "size": 4, "type_id": 9999, "members": []}]

    with pytest.raises(PackageError, match=r"`\$.meta.export_types\[0\]`: struct nothing is not in the object's BTF"):
        plan_of(torture, meta={"export_types": wrong})


def test_multiple_export_takes_the_types_of_each_map(torture: Package) -> None:
    plan = plan_of(
        torture,
        meta={"enable_multiple_export_types": True},
        perf={"export_config": {"btf_type_id": type_id(torture, "other")}},
    )

    assert plan.nr_sources == 1  # rb says nothing, which is no_export
    assert plan.source(0)["map"] == "perf"
    assert plan.render(0, struct.pack("<IIQ", 3, 0, 9)) == {"kind": 3, "value": 9}


def test_custom_members_make_a_struct(torture: Package) -> None:
    number, comm = type_id(torture, "__u32"), type_id(torture, "name_t")
    members = [
        {"name": "comm?", "offset": 4, "btf_type_id": comm},
        {"name": "pid", "offset": 0, "btf_type_id": number},
    ]
    multi = {"enable_multiple_export_types": True}

    plan = plan_of(torture, meta=multi, rb={"export_config": {"custom_members": members}})

    assert list(plan.render(0, struct.pack("<I16s", 5, b"bash"))) == ["pid", "comm?"]
    members[0]["offset"] = 2
    with pytest.raises(PackageError, match=r"maps\[0\]`: field `comm\?` overlaps with other fields"):
        plan_of(torture, meta=multi, rb={"export_config": {"custom_members": members}})
    members[1]["btf_type_id"] = 9999
    with pytest.raises(PackageError, match="field `pid`: type 9999 is not in the object's BTF"):
        plan_of(torture, meta=multi, rb={"export_config": {"custom_members": members}})


def test_samples_take_key_and_value_from_the_map(torture: Package) -> None:
    sample = {"interval": 1000, "type": "log2_hist", "unit": "usecs", "clear_map": True}
    plan = plan_of(torture, counts={"sample": sample}, numbers={"sample": {"interval": 0}})
    counts, numbers = (plan.source(index) for index in (2, 3))

    assert (counts["map"], counts["kind"], counts["style"], counts["flags"]) == ("counts", 3, 1, 1)
    assert (counts["interval"], counts["unit"]) == (1000, "usecs")
    assert (numbers["style"], numbers["flags"]) == (0, 4)
    assert NONE not in (counts["key"], counts["value"], numbers["key"], numbers["value"])


def test_stack_ids_are_found_where_there_is_a_stack_map(torture: Package) -> None:
    plan = plan_of(torture, samples={"sample": {"interval": 0}})
    source = plan.source(2)

    assert source["style"] == 3
    assert source["stack_map"] == "stacks"
    pid, cpu, comm, _kernel_size, _user_size, kernel, user = source["roles"]
    assert (pid, comm, kernel, user) == (0, 3, 1, 2)
    assert cpu == NONE
    assert not pid & IN_VALUE


def test_stacks_in_records_follow_the_field_map(torture: Package) -> None:
    trace = {"stack_trace": {"with_symbols": False, "field_map": {"kstack": "matrix", "pid": "pid"}}}
    source = plan_of(torture, rb={"intepreter": trace}).source(0)

    assert (source["style"], source["flags"], source["stack_map"]) == (3, 0, "")
    assert source["roles"][0] == 0
    assert source["roles"][5] == 11
    with pytest.raises(PackageError, match="field mapping `nowhere` of pid is not a member"):
        plan_of(torture, rb={"intepreter": {"stack_trace": {"field_map": {"pid": "nowhere"}}}})
    with pytest.raises(PackageError, match="neither a kernel nor a user stack"):
        plan_of(
            torture, meta={"export_types": torture.meta["export_types"][1:]}, rb={"intepreter": {"stack_trace": {}}}
        )


def test_decoders_reach_members_by_path(torture: Package) -> None:
    plan = plan_of(torture, rb={"decode": {"pid": "hex", "in.at.x": "hex", "number": "hex"}})
    data = bytearray(event(pid=255))
    struct.pack_into("<i", data, 36, 16)
    struct.pack_into("<i", data, 56, 17)

    shown = plan.render(0, bytes(data))

    assert shown["pid"] == "0xff"
    assert shown["in"][0]["at"]["x"] == "0x10"
    assert shown["number"] == "0x11"
    with pytest.raises(PackageError, match=r"`decode\.pid`: 'nonsense' is none of as_is, hex"):
        plan_of(torture, rb={"decode": {"pid": "nonsense"}})


def test_records_of_unknown_type_are_bytes() -> None:
    package = Package.from_object((DATA / "golden" / "sigsnoop.bpf.o").read_bytes(), "x")
    bare = Package(package.object, {"bpf_skel": package.meta["bpf_skel"]})
    assert [each["name"] for each in package.meta["export_types"]] == ["event"]  # the dummy pointer tells

    without = bare.object.replace(b"__eunomia_dummy_event_ptr", b"__something_else_here_xyz")
    without = without.replace(b"\0event\0", b"\0evxyz\0")
    shown = ReadPlan(Package(without, bare.meta).plan()).render(0, b"\1\2\xff")

    assert "01" in json.dumps(shown)
    assert "ff" in json.dumps(shown)


def test_plans_are_the_same_every_time(torture: Package) -> None:
    again = Package.from_object(
        torture.object, "torture.bpf.o", event_types={"rb": ["event"], "perf": ["other", "event"]}
    )

    assert again.plan() == torture.plan()
    assert again.to_json() == torture.to_json()


def test_a_plan_in_the_package_is_taken_as_it_is(torture: Package) -> None:
    made = torture.plan()
    torture.meta["eunomia"]["plan"] = 5

    with pytest.raises(PackageError, match=r"`\$.meta.eunomia.plan`: expected str, got int"):
        torture.plan()
    del torture.meta["eunomia"]["plan"]
    assert torture.plan() == made


def test_hostile_types_are_refused_or_drawn(torture_object: bytes) -> None:
    """Damage every 7th byte of the object's BTF in turn: a value or PackageError, and what is made the core accepts."""
    package = Package.from_object(torture_object, "t", event_types={"rb": ["event"]})
    start = torture_object.index(b"\x9f\xeb\1\0")
    for at in range(start, start + 2600, 7):
        damaged = torture_object[:at] + bytes([torture_object[at] ^ 0x15]) + torture_object[at + 1 :]
        bare = Package(damaged, {key: value for key, value in package.meta.items() if key != "eunomia"})
        try:
            bare.options()
            data = bare.plan()
        except PackageError:
            continue
        plan = lib.eu_plan_read(data, len(data))
        if plan != ffi.NULL:
            lib.eu_plan_free(plan)


def test_types_within_themselves_end_the_search_for_a_field(torture: Package) -> None:
    """A struct whose anonymous members are itself, many times over."""
    btf = torture.types.btf
    assert btf is not None
    found = btf.find_spelled("struct event")
    assert found is not None
    found._members = [Member("", found.id, 0, 0)] * 200

    assert _find_member(btf, found, "kind", iter(range(500))) is None
    assert len(list(_members(btf, found, 0, iter(range(9000))))) <= 9000

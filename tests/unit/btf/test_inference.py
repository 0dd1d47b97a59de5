"""Which decoder a member gets: from the annotation, from its type, from its name where the type makes it certain."""

from __future__ import annotations

import json
from struct import pack
from typing import Any

import pytest
from btf_writer import Writer

from eunomia._native import ffi, lib, text
from eunomia.btf import types as kinds
from eunomia.btf.decoders import DECODERS, infer, parse
from eunomia.btf.plan import RING, Plan, Record, Source
from eunomia.errors import PackageError


class Types:
    """Types that members are made of."""

    def __init__(self) -> None:
        self.writer = w = Writer()
        self.u8, self.u16 = w.int("unsigned char", 1), w.int("unsigned short", 2)
        self.u32, self.u64, self.u128 = w.int("unsigned int", 4), w.int("u64", 8), w.int("unsigned __int128", 16)
        self.int = w.int("int", 4, kinds.SIGNED)
        self.be16, self.be32 = self.typedef("__be16", self.u16), self.typedef("__be32", self.u32)
        self.umode = self.typedef("umode_t", self.u16)
        self.dev = self.typedef("dev_t", self.typedef("__kernel_dev_t", self.u32))
        self.in_addr = w.struct("in_addr", 4, ("s_addr", self.be32, 0))
        self.in6_addr = w.struct("in6_addr", 16, ("s6_addr", w.array(self.u8, 16), 0))
        self.six, self.sixteen = w.array(self.u8, 6), w.array(self.u8, 16)
        self.ints = w.array(self.int, 2)

    def typedef(self, name: str, of: int) -> int:
        return self.writer.add(kinds.TYPEDEF, name, of)


@pytest.mark.parametrize(
    ("name", "kind", "decoder"),
    [
        ("anything", "in_addr", "ip4"),
        ("anything", "in6_addr", "ip6"),
        ("perm", "umode", "mode"),
        ("d", "dev", "device"),
        ("dport", "be16", "port"),
        ("src_port", "be16", "port"),
        ("id", "be16", "as_is"),
        ("dport", "u16", "as_is"),
        ("saddr", "be32", "ip4"),
        ("src_ip", "be32", "ip4"),
        ("seq", "be32", "as_is"),
        ("saddr_v4", "u32", "ip4"),
        ("saddr", "u32", "as_is"),
        ("daddr_v6", "u128", "ip6"),
        ("number", "u128", "as_is"),
        ("saddr_v6", "sixteen", "ip6"),
        ("comm", "sixteen", "as_is"),
        ("fs_uuid", "sixteen", "uuid"),
        ("smac", "six", "mac"),
        ("h_dest", "six", "mac"),
        ("machine", "six", "as_is"),
        ("delta_ns", "u64", "as_is"),
        ("ts", "u64", "as_is"),
        ("sig", "int", "as_is"),
        ("cgroup_id", "u64", "as_is"),
    ],
)
def test_types_and_names_that_mean_one_thing_are_decoded(name: str, kind: str, decoder: str) -> None:
    types = Types()

    found = infer(types.writer.btf(), name, getattr(types, kind))

    assert found == DECODERS[decoder]


def shown(types: Types, members: list[tuple[str, int, int]], size: int, record: bytes, **decode: Any) -> Any:
    """The JSON of a record of a struct of these members, as the C core renders it."""
    made = types.writer.struct("event", size, *members)
    plan = Plan(types.writer.btf())
    source = Source("rb", RING)
    index = plan.add(made, parse(decode), "value")
    source.records.append(Record(index, size))
    data = plan.to_bytes([source])
    core = lib.eu_plan_read(data, len(data))
    assert core, text(lib.eu_error())
    out = ffi.new("char[]", 4096)
    form = ffi.new("struct eu_format *", {"format": 1})
    length = lib.eu_render(core, 0, form, record, len(record), out, 4096)
    lib.eu_plan_free(core)
    assert length >= 0, text(lib.eu_error())
    return json.loads(ffi.buffer(out, length)[:])


def test_a_static_map_names_the_numbers_of_a_member() -> None:
    types = Types()
    told = {"decoder": "static_map", "map": {"0": "read", "0x1": "write", "-1": "none"}}
    members = [("op", types.int, 0), ("ops", types.ints, 32), ("plain", types.int, 96)]

    found = shown(types, members, 16, pack("<4i", 1, 0, -1, 1), op=told, ops=told)

    assert found == {"op": "write", "ops": ["read", "none"], "plain": 1}


def test_an_annotation_takes_precedence_of_what_is_inferred() -> None:
    types = Types()
    members = [("saddr", types.be32, 0), ("daddr", types.be32, 32)]

    assert shown(types, members, 8, b"\x7f\0\0\1" * 2, daddr="as_is") == {"saddr": "127.0.0.1", "daddr": 16777343}


@pytest.mark.parametrize(
    ("told", "problem"),
    [
        ("static_map", r'expected {"decoder": "static_map", "map": {number: name}}'),
        ({"decoder": "static_map"}, "`decode.v.map`: expected {number: name}"),
        ({"decoder": "static_map", "map": {}}, "`decode.v.map`: expected {number: name}"),
        ({"decoder": "static_map", "map": {"x": "y"}}, "`decode.v.map`: 'x' is no number"),
        ({"decoder": "static_map", "map": {"1": 2}}, "`decode.v.map.1`: expected a name for a number of 64 bits"),
        ({"decoder": "static_map", "map": {str(1 << 64): "y"}}, "expected a name for a number of 64 bits"),
        ({"decoder": "hex"}, "is none of as_is, hex"),
        (7, "7 is none of as_is, hex"),
        ("ip5", "'ip5' is none of as_is, hex"),
    ],
)
def test_what_is_no_decoder_is_refused(told: Any, problem: str) -> None:
    with pytest.raises(PackageError) as caught:
        parse({"v": told})

    assert problem in str(caught.value)


def test_a_static_map_needs_a_number() -> None:
    types = Types()
    told = {"decoder": "static_map", "map": {"0": "read"}}

    with pytest.raises(PackageError, match=r"`decode\.v`: a static map needs a whole number"):
        shown(types, [("v", types.in_addr, 0)], 4, bytes(4), v=told)

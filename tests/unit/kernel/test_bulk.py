"""Decoding many values at once gives what decoding one at a time gives."""

from __future__ import annotations

import random
from pathlib import Path

from eunomia import Package
from eunomia.btf import types as kinds
from eunomia.kernel.bulk import bulk
from eunomia.kernel.codec import make

DATA = Path(__file__).resolve().parents[2] / "data"


def test_values_decoded_at_once_equal_values_decoded_alone() -> None:
    compared = 0
    for path in sorted([DATA / "torture.bpf.o", *(DATA / "golden").glob("*.bpf.o")]):
        btf = Package.open(path).types.btf
        for type_id in range(1, len(btf)):
            kind = btf.type(type_id)
            if kind.kind not in (
                kinds.INT,
                kinds.ENUM,
                kinds.ENUM64,
                kinds.PTR,
                kinds.STRUCT,
                kinds.TYPEDEF,
                kinds.FLOAT,
            ):
                continue
            if kind.kind == kinds.TYPEDEF and btf.resolve(type_id).kind not in (kinds.INT, kinds.ENUM, kinds.STRUCT):
                continue
            size = btf.sizeof(type_id)
            many = bulk(btf, type_id)
            if not many or not size:
                continue
            data = random.Random(type_id).randbytes(size * 5)
            one = make(btf, type_id)[0]

            alone = [one(data[at : at + size]) for at in range(0, len(data), size)]

            assert repr(list(many(memoryview(data)))) == repr(alone), (path.name, kind.name)
            compared += 1
    assert compared > 50

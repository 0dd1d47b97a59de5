"""Batches out of plans and records' bytes, without a kernel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from eunomia._native import error, ffi, lib
from eunomia.events.batch import Batch, Kinds
from eunomia.events.layout import Layout


class Collected:
    """What the C core makes of records: the batch, and what it counted as filtered or undecodable."""

    def __init__(self, plan: bytes, records: Sequence[bytes], filter: bytes = b"") -> None:
        made = lib.eu_plan_read(plan, len(plan))
        batcher = lib.eu_batcher_new(made, 0, filter or ffi.NULL, len(filter)) if made else ffi.NULL
        if not batcher:
            raise error("open batches")
        try:
            for record in records:
                # a buffer of its own and exact size: what lies behind it is not the record
                data = ffi.new("char[]", record) if record else ffi.new("char[1]")
                assert lib.eu_batcher_add(batcher, data, len(record)) >= 0
            source = Layout(plan).sources[0]
            self.batch: Batch = Kinds(Layout(plan), source.map, source.records).take(batcher)
        finally:
            lib.eu_batcher_free(batcher)
            lib.eu_plan_free(made)


def batch(plan: bytes, records: Sequence[bytes], **keywords: Any) -> Batch:
    return Collected(plan, records, **keywords).batch

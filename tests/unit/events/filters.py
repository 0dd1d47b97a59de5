"""Running a filter on one record, as the pipeline does."""

from __future__ import annotations

from eunomia._native import ffi, lib, text
from eunomia.events.filter import compile_filter


def run(
    plan: bytes, bytecode: bytes, record: bytes, value: bytes | None = None, *, source: int = 0, match: int = 0
) -> bool:
    """Return whether a record passes bytecode; raise OSError where the C core refuses it."""
    made = lib.eu_plan_read(plan, len(plan))
    assert made, text(lib.eu_error())
    try:
        # buffers of their own and exact size: what lies behind them is not the record
        program = lib.eu_filter_read(made, ffi.from_buffer(bytecode), len(bytecode))
        if not program:
            raise OSError(lib.eu_errno(), text(lib.eu_error()))
        data = ffi.new("uint8_t[]", record or b"\0")
        second = ffi.NULL if value is None else ffi.new("uint8_t[]", value or b"\0")
        try:
            return bool(lib.eu_filter_pass(program, source, match, data, len(record), second))
        finally:
            lib.eu_filter_free(program)
    finally:
        lib.eu_plan_free(made)


def passes(
    plan: bytes, expression: str, record: bytes, value: bytes | None = None, *, source: int = 0, match: int = 0
) -> bool:
    """Return whether a record passes a filter."""
    return run(plan, compile_filter(plan, expression), record, value, source=source, match=match)

"""Running a program without an event: what goes in, what comes out."""

from __future__ import annotations

from dataclasses import dataclass

from eunomia._native import error, ffi, lib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from eunomia.kernel.program import Program

# BPF_PROG_TYPE_*; include/uapi/linux/bpf.h
SOCKET_FILTER, SCHED_CLS, SCHED_ACT, XDP, CGROUP_SKB, LWT, FLOW_DISSECTOR, SK_LOOKUP, SYSCALL, NETFILTER = (
    1,
    3,
    4,
    6,
    8,
    (10, 11, 12, 19),
    22,
    30,
    31,
    32,
)
PACKETS = frozenset((SOCKET_FILTER, SCHED_CLS, SCHED_ACT, XDP, CGROUP_SKB, *LWT, FLOW_DISSECTOR, NETFILTER))
RETURNS_CONTEXT = frozenset((SOCKET_FILTER, SCHED_CLS, SCHED_ACT, XDP, CGROUP_SKB, *LWT, SK_LOOKUP, SYSCALL))
RETURNS_DATA = PACKETS
FRAME = bytes(64)
GROWTH = 1 << 12  # a program may put headers before a packet
NAMES = {
    XDP: ("XDP_ABORTED", "XDP_DROP", "XDP_PASS", "XDP_TX", "XDP_REDIRECT"),
    SCHED_CLS: (
        "TC_ACT_OK",
        "TC_ACT_RECLASSIFY",
        "TC_ACT_SHOT",
        "TC_ACT_PIPE",
        "TC_ACT_STOLEN",
        "TC_ACT_QUEUED",
        "TC_ACT_REPEAT",
        "TC_ACT_REDIRECT",
    ),
    NETFILTER: ("NF_DROP", "NF_ACCEPT"),
    SK_LOOKUP: ("SK_DROP", "SK_PASS"),
}


@dataclass(frozen=True, slots=True)
class TestRun:
    """What a test run gave.

    Attributes:
        result: what the program returned, as signed 32 bits.
        name: what the kernel calls that result for this type of program, "" where it has no name.
        data: the packet afterwards; b"" for programs without.
        context: the context afterwards, b"" where the kernel does not give it back.
        duration_ns: of one run, None where the kernel did not measure it.
    """

    __test__ = False  # not pytest's

    result: int
    name: str
    data: bytes
    context: bytes
    duration_ns: int | None


def test_run(program: Program, index: int, data: bytes | None, context: bytes, repeat: int) -> TestRun:
    """Run a program of an object; `Program.test_run` is the public way."""
    if not 1 <= repeat < 1 << 31:
        raise ValueError(f"test-run program {program.name}: repeat: expected 1 to {(1 << 31) - 1}, got {repeat}")
    kind = program.type
    packet = (FRAME if kind in PACKETS else b"") if data is None else data
    run = ffi.new("struct eu_test_run *")
    run.repeat = repeat
    keep: list[Any] = [ffi.from_buffer(packet), ffi.from_buffer(context)]
    if packet:
        run.data, run.data_size = keep[0], len(packet)
    if context:
        run.context, run.context_size = keep[1], len(context)
    data_out, context_out = bytearray(), bytearray()
    if kind in RETURNS_DATA and packet:
        data_out = bytearray(len(packet) + GROWTH)
        keep.append(ffi.from_buffer(data_out))
        run.data_out, run.data_out_size = keep[-1], len(data_out)
    if kind in RETURNS_CONTEXT and context:
        context_out = bytearray(len(context))
        if kind != SYSCALL:  # which changes its context where it stands
            keep.append(ffi.from_buffer(context_out))
            run.context_out, run.context_out_size = keep[-1], len(context_out)
        else:
            context_out[:] = context
            keep.append(ffi.from_buffer(context_out))
            run.context = keep[-1]
    if lib.eu_prog_test_run(program.owner.handle(), index, run) < 0:
        raise error(f"test-run program {program.name}")
    result = int(run.result) - (1 << 32 if run.result >> 31 else 0)
    names = NAMES.get(kind, ())
    size = min(int(run.data_out_size), len(data_out))
    return TestRun(
        result,
        names[result] if 0 <= result < len(names) else "TC_ACT_UNSPEC" if kind == SCHED_CLS and result == -1 else "",
        bytes(data_out[:size]),
        bytes(context_out if kind == SYSCALL else context_out[: int(run.context_out_size)]),
        int(run.duration_ns) or None if kind in PACKETS or kind == SK_LOOKUP else None,
    )

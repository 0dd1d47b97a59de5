"""Which programs may need CAP_PERFMON: by their instructions."""

from __future__ import annotations

from struct import pack

import pytest

from eunomia.package.perfmon import ARITHMETIC, STACK, _insns, _reason

EXIT = (0x95, 0, 0, 0)
SPILL = (0x63, 0x1A, -4, 0)  # *(u32 *)(r10 - 4) = r1
FRAME = (0xBF, 0xA2, 0, 0)  # r2 = r10


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ([EXIT], ""),
        ([(0x85, 0, 0, 16), EXIT], "bpf_get_current_comm() may be called with it only"),
        ([(0x85, 0, 0, 1), EXIT], ""),
        ([(0x0F, 0x21, 0, 0), EXIT], ARITHMETIC),  # r1 += r2
        ([(0x07, 0x01, 0, 14), EXIT], ""),  # r1 += 14
        ([(0x1C, 0x21, 0, 0), EXIT], ARITHMETIC),  # w1 -= w2
        ([SPILL, FRAME, (0x07, 0x02, 0, -4), EXIT], ""),
        ([SPILL, FRAME, (0x07, 0x02, 0, -8), EXIT], STACK),
    ],
)
def test_instructions_show_that_a_program_can_do_without(code: list[tuple[int, int, int, int]], why: str) -> None:
    assert _reason(_insns(b"".join(pack("<BBhi", *each) for each in code))) == why

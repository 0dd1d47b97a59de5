"""Which programs of packets, sockets and control groups need CAP_PERFMON besides: by the instructions of each."""

from __future__ import annotations

from struct import iter_unpack

from eunomia.btf.elf import STT_FUNC

TYPE_CHECKING = False
if TYPE_CHECKING:
    from eunomia.btf.object import ObjectBtf

# Helpers that the kernel gives to programs of any type, but with CAP_PERFMON only. Measured: Linux 6.18.
HELPERS = {
    6: "trace_printk", 16: "get_current_comm", 22: "perf_event_read", 35: "get_current_task",
    55: "perf_event_read_value", 109: "send_signal", 112: "probe_read_user", 113: "probe_read_kernel",
    114: "probe_read_user_str", 115: "probe_read_kernel_str", 117: "send_signal_thread", 141: "get_task_stack",
    148: "copy_from_user", 149: "snprintf_btf", 158: "get_current_task_btf", 165: "snprintf", 175: "task_pt_regs",
    176: "get_branch_snapshot", 177: "trace_vprintk", 180: "find_vma", 191: "copy_from_user_task",
}  # fmt: skip
ARITHMETIC = "it computes with registers, which without it may not be pointers"
STACK = "it may hand out stack that was not written as a whole, which is refused without it"
_CALL, _LOAD_ADDRESS, _MOVE, _ADD = 0x85, 0x18, 0xBF, 0x07
_WITH_REGISTER = frozenset((0x0F, 0x1F, 0x1C))  # add and subtract; of 32 bits subtract: a packet's length
_FRAME = 10
_SIZES = {0x00: 4, 0x08: 2, 0x10: 1, 0x18: 8}
_Insns = list[tuple[int, int, int, int]]  # code, registers, offset, immediate


def reason(obj: ObjectBtf, program: str) -> str:
    """Return why a program may need CAP_PERFMON, "" where its instructions show that it does not.

    Without it the verifier refuses some helpers, calculations with pointers that are not constants, and reading stack
    that was never written. What is a pointer only the verifier knows: where that matters, yes is the answer.
    Source: bpf_base_func_proto(), sanitize_ptr_alu(), check_stack_range_initialized() of Linux 6.18.
    """
    symbols = [each for each in obj.elf.symbols if each.type == STT_FUNC]
    own = next((each for each in symbols if each.name == program), None)
    if own is None or not 0 <= own.section < len(obj.elf.sections):
        return ""
    functions = [_insns(obj.elf.sections[own.section].data[own.value : own.value + own.size])]
    text = obj.elf.section(".text")
    if text is not None and any(_calls_function(insns) for insns in functions):
        functions += [_insns(text.data[each.value : each.value + each.size])
                      for each in symbols if each.section == text.index]  # fmt: skip
    return next((why for why in map(_reason, functions) if why), "")


def _insns(data: bytes) -> _Insns:
    return list(iter_unpack("<BBhi", data[: len(data) // 8 * 8]))


def _calls_function(insns: _Insns) -> bool:
    return any((code == _CALL and regs >> 4 == 1) or (code == _LOAD_ADDRESS and regs >> 4 == 4)
               for code, regs, _, _ in insns)  # fmt: skip


def _reason(insns: _Insns) -> str:
    for code, regs, _offset, number in insns:
        if code == _CALL and not regs >> 4 and number in HELPERS:
            return f"bpf_{HELPERS[number]}() may be called with it only"
    if any(code in _WITH_REGISTER for code, *_ in insns):
        return ARITHMETIC
    return STACK if _has_gaps(insns) else ""


def _has_gaps(insns: _Insns) -> bool:
    """Tell whether there are bytes that no store writes above the lowest place on the stack that is pointed to."""
    written: set[int] = set()
    lowest = 0
    from_frame: set[int] = set()
    for code, regs, offset, number in insns:
        dst, src = regs & 15, regs >> 4
        if code & 7 in (2, 3) and code >> 5 in (3, 6) and dst == _FRAME:  # stores, atomic operations
            written.update(range(offset, offset + _SIZES[code & 0x18]))
        elif code == _MOVE and src == _FRAME:
            from_frame.add(dst)
        elif code == _ADD and dst in from_frame:
            lowest = min(lowest, number)
            from_frame.discard(dst)
        elif code & 7 in (4, 7) or code & 7 in (0, 1):
            from_frame.discard(dst)
    return not written.issuperset(range(lowest, 0))

"""What the instructions of an object call: helpers and kernel functions that change what they look at.

On the way of `ecli run GUEST.wasm`, and of a question to the user about a package.
"""

from __future__ import annotations

from struct import iter_unpack

from eunomia.btf.elf import SHT_REL, ElfFile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

# Helpers that observing programs may call, and that change what they observe. Source: include/uapi/linux/bpf.h.
CHANGING = {36: "probe_write_user", 49: "setsockopt", 58: "override_return", 109: "send_signal",
            117: "send_signal_thread"}  # fmt: skip
REGISTERS = "registers"  # no helper, and a rule as if it were one: a uprobe that changes those of the process
HELPERS = (*CHANGING.values(), REGISTERS)
# How the names of kernel functions begin that only read, count references, or work on the program's own data.
_HARMLESS = (
    "bpf_arena_", "bpf_cast_to_kern_ctx", "bpf_cgroup_acquire", "bpf_cgroup_ancestor", "bpf_cgroup_from_id",
    "bpf_cgroup_release", "bpf_copy_from_user", "bpf_cpumask_", "bpf_dynptr_", "bpf_get_", "bpf_iter_", "bpf_list_",
    "bpf_local_irq_", "bpf_map_sum_elem_count", "bpf_obj_", "bpf_path_d_path", "bpf_percpu_obj_", "bpf_preempt_",
    "bpf_probe_read_", "bpf_put_file", "bpf_rbtree_", "bpf_rcu_", "bpf_rdonly_cast", "bpf_refcount_", "bpf_res_spin_",
    "bpf_session_", "bpf_str", "bpf_task_acquire", "bpf_task_from_", "bpf_task_get_cgroup", "bpf_task_release",
    "bpf_task_under_cgroup", "bpf_throw", "bpf_wq_", "cgroup_rstat_",
)  # fmt: skip
_CALL = 0x85
_CALL_HELPER, _CALL_LOCAL, _CALL_KERNEL = 0, 1, 2


def changes_of(elf: ElfFile, sections: Iterable[tuple[str, str]]) -> tuple[set[str], set[str]]:
    """Return what an object does beyond observing, as rules call it: helpers, kernel functions.

    Args:
        elf: the object.
        sections: (word, section) of its programs.

    Raises:
        PackageError: the bytes are no ELF file, or its tables are damaged.
    """
    helpers, kernel = calls_of(elf)
    probes = [section for word, section in sections if word in ("uprobe", "usdt")]
    if probes:
        from eunomia.package.registers import may_change_registers

        helpers |= {REGISTERS} if may_change_registers(elf, probes) else set()
    return helpers, kernel


def calls_of(elf: ElfFile) -> tuple[set[str], set[str]]:
    """Return what an object calls that changes something: helpers, kernel functions. All its code is looked at.

    Raises:
        PackageError: the bytes are no ELF file, or its tables are damaged.
    """
    helpers: set[str] = set()
    kernel: set[str] = set()
    for section in elf.sections:
        if section.is_executable:
            data = section.data
            for code, registers, _offset, number in iter_unpack("<BBhi", data[: len(data) // 8 * 8]):
                if code == _CALL and registers >> 4 == _CALL_HELPER and number in CHANGING:
                    helpers.add(CHANGING[number])
                elif code == _CALL and registers >> 4 == _CALL_KERNEL and number > 0:
                    kernel.add(f"#{number}")  # by its place in the kernel's types: no compiler writes that
        elif section.type == SHT_REL:
            kernel.update(_kernel_calls(elf, section.info, section.data))
    return helpers, {name for name in kernel if not name.startswith(_HARMLESS)}


def _kernel_calls(elf: ElfFile, target: int, data: bytes) -> set[str]:
    """Return the functions of the kernel that the calls in one section are relocated to."""
    if not 0 < target < len(elf.sections) or not elf.sections[target].is_executable:
        return set()
    code, symbols = elf.sections[target].data, elf.symbols
    found = set()
    for offset, info in iter_unpack("<QQ", data[: len(data) // 16 * 16]):
        index = info >> 32
        if index < len(symbols) and symbols[index].section == 0 and code[offset : offset + 1] == b"\x85":
            found.add(symbols[index].name)
    return found

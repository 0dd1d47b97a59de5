"""The kernel that a check asks: the running one, by its BTF, files and probes, or another one by its BTF alone."""

from __future__ import annotations

import os
import re
from functools import cache, cached_property
from typing import TYPE_CHECKING

from eunomia._native import ffi, lib, text
from eunomia.btf.kernels import MAX_BTF, read_kernel_btf
from eunomia.btf.types import DATASEC, ENUM, ENUM64, FUNC, STRUCT, TYPEDEF, UNION, VAR, Btf, _walk
from eunomia.errors import PackageError
from eunomia.kernel.object import KERNEL_BTF
from eunomia.kernel.preflight import tables
from eunomia.package.arches import arch_of_registers, machine
from eunomia.package.perfmon import HELPERS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from eunomia.btf.types import Type

SYS_RESOURCE, NET_ADMIN, SYS_ADMIN, PERFMON, BPF = 24, 12, 21, 38, 39
EPERM, EOPNOTSUPP, EACCES = 1, 95, 13
# Types that only these capabilities may load. Source: is_net_admin_prog_type(), is_perfmon_prog_type() of Linux 6.18.
_NETWORK = frozenset((3, 4, 6, 9, 10, 11, 12, 13, 14, 15, 16, 18, 19, 20, 22, 23, 25, 28, 32))
_TRACING = frozenset((2, 5, 7, 17, 24, 26, 27, 28, 29))
_NETWORK_MAPS = frozenset((14, 15, 17, 18, 25))  # devmap, sockmap, xskmap, sockhash, devmap_hash
TCP_RAW_GEN_SYNCOOKIE_IPV4 = 204  # came with Linux 6.0
_LATE_DIRECT_CALLS = frozenset(("arm64", "riscv", "powerpc"))  # architectures that had none before 6.4


def read(path: str) -> str:
    """Return a small text file stripped, "" where it cannot be read."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read(1 << 16).strip()
    except OSError:
        return ""


def read_bytes(path: str) -> bytes:
    """Return a file of some megabytes at most, b"" where it cannot be read."""
    try:
        with open(path, "rb") as file:
            return file.read(16 << 20)
    except OSError:
        return b""


def read_btf(path: str) -> Btf:
    """Read the types of a kernel from raw BTF, a kernel image or a kernel's .deb.

    Raises:
        OSError: it cannot be read.
        PackageError: it is neither.
    """
    try:
        return Btf.from_bytes(read_kernel_btf(path))
    except PackageError as exc:
        said = str(exc)
        raise PackageError(said if path in said else f"read {path}: {said}") from None


def _member_names(struct: Type, depth: int = 4) -> Iterator[str]:
    """Names of a struct's members, those of structs without a name in it too."""
    for member in struct.members:
        yield member.name
        if not member.name and depth:
            inner = struct._btf.resolve(member.type)
            if inner.kind in (STRUCT, UNION):
                yield from _member_names(inner, depth - 1)


@cache
def _running_btf() -> Btf:
    """The types of the running kernel, which do not change while it runs; reading them takes most of a check's time."""
    return read_btf(KERNEL_BTF)


class Target:
    """A kernel.

    Args:
        path: a BTF file, which then is all that is known of the kernel; None: the running one.
    """

    def __init__(self, path: str | None = None) -> None:
        self.live = path is None
        self.name = path or os.uname().release
        self._path = path
        self._probes: dict[tuple[object, ...], int] = {}

    @cached_property
    def btf(self) -> Btf | None:
        """Its types; None where the running kernel has none."""
        if self._path is not None:
            return read_btf(self._path)
        try:
            return _running_btf()
        except (OSError, PackageError):
            return None

    @cached_property
    def arch(self) -> str | None:
        """The kernel's name of its architecture; None where its types do not tell."""
        if self.live:
            return machine()
        registers = self.btf.find("pt_regs", STRUCT) if self.btf is not None else None
        return arch_of_registers(set(_member_names(registers))) if registers is not None else None

    @cached_property
    def module_names(self) -> dict[tuple[int, str], str]:
        """Types of loaded modules by (kind, name): the module. Only of the running kernel."""
        found: dict[tuple[int, str], str] = {}
        if self.live and self.btf is not None:
            for module in sorted(os.listdir("/sys/kernel/btf")):
                if module != "vmlinux":
                    for key in _split_names(f"/sys/kernel/btf/{module}", self.btf):
                        found.setdefault(key, module)
        return found

    def has(self, kind: int, name: str) -> bool | None:
        """Tell whether a type of this kind and name is there, in modules too; None without BTF."""
        if self.btf is None:
            return None
        return self.btf.find(name, kind) is not None or (kind, name) in self.module_names

    def has_function(self, name: str) -> bool | None:
        """Tell whether its BTF has a function."""
        return self.has(FUNC, name)

    def has_tracepoint(self, name: str) -> bool | None:
        """Tell whether its BTF has a raw tracepoint."""
        return self.has(TYPEDEF, f"btf_trace_{name}")

    def has_struct(self, name: str) -> bool | None:
        """Tell whether its BTF has a struct."""
        return self.has(STRUCT, name)

    def type_id(self, name: str, kind: int) -> int:
        """Return the id of a type of vmlinux, 0 where it has none."""
        found = self.btf.find(name, kind) if self.btf is not None else None
        return found.id if found is not None else 0

    def close_functions(self, name: str, prefix: str = "", kind: int = FUNC) -> list[str]:
        """Return up to three names of the same stem (`do_unlinkat`, `filename_unlinkat`), else some alike."""
        from difflib import get_close_matches

        if self.btf is None:
            return []
        stem = re.sub(r"^(_*(do|vfs|ksys|sys)_|_+)", "", name)
        ends = (name[:4], name[-4:])
        akin, close = [], []
        for each in self.btf._by_name():
            bare = each[len(prefix) :] if each.startswith(prefix) else ""
            if len(stem) > 4 and stem in bare:
                akin.append(bare)
            elif abs(len(bare) - len(name)) < 4 and (bare[:4] == ends[0] or bare[-4:] == ends[1]):
                close.append(bare)
        akin, close = ([each for each in names if self.btf.find(prefix + each, kind)] for names in (akin, close))
        return sorted(akin, key=lambda each: (len(each), each))[:3] or get_close_matches(name, close, 3, 0.75)

    @cached_property
    def _enums(self) -> dict[str, set[int]]:
        found: dict[str, set[int]] = {}
        for enum, _prefix, _names, _floors in tables.KINDS.values():
            known = self.btf.find(enum, ENUM, ENUM64) if self.btf is not None else None
            if known is not None:
                limit = [name for name, _ in known.values if name.startswith("__")]
                found[enum] = {number for name, number in known.values if name not in limit}
        return found

    def knows(self, kind: str, number: int) -> bool | None:
        """Tell by the enums in its BTF whether a number is defined there (`kind` as in tables.KINDS); None: no BTF."""
        numbers = self._enums.get(tables.KINDS[kind][0])
        return None if numbers is None else number in numbers

    # the running kernel only

    @cached_property
    def capabilities(self) -> int:
        """The effective capabilities of this process."""
        words = read("/proc/self/status").partition("CapEff:")[2].split()
        return int(words[0], 16) if words else 0

    def holds(self, capability: int) -> bool:
        """Tell whether this process has a capability; CAP_SYS_ADMIN stands for all of BPF's, as in the kernel."""
        mine = self.capabilities
        return bool(mine >> capability & 1 or (capability in (PERFMON, BPF, NET_ADMIN) and mine >> SYS_ADMIN & 1))

    @property
    def may_probe(self) -> bool:
        """Whether the running kernel lets this process try things."""
        return self.live and self.holds(BPF)

    def probe(self, name: str, *args: object) -> int:
        """Ask the core (`eu_probe_NAME`), once for each question: 1 yes, 0 no, -errno cannot be told."""
        key = (name, *(bytes(each) if isinstance(each, ffi.CData) else each for each in args))
        if key not in self._probes:
            self._probes[key] = self._refused(name, args) or getattr(lib, f"eu_probe_{name}")(*args)
        return self._probes[key]

    def _refused(self, name: str, args: tuple[object, ...]) -> int:
        """Return -EPERM where the kernel would refuse for want of a capability, which libbpf takes for a no; else 0."""
        first, second = (*args, None, None)[:2]
        wanted: list[int] = []
        if name in ("prog_type", "helper", "load", "call"):
            wanted = [cap for cap, kinds in ((NET_ADMIN, _NETWORK), (PERFMON, _TRACING)) if first in kinds]
            if name == "helper" and second in HELPERS:
                wanted.append(PERFMON)
        elif name == "map_type" and first in _NETWORK_MAPS:
            wanted = [NET_ADMIN]
        return 0 if all(self.holds(each) for each in wanted) else -EPERM

    def try_program(self, kind: int, attach: int, btf_id: int, flags: int, *, attaching: bool) -> tuple[int, bool]:
        """Load, and attach, an empty program for a type of the kernel.

        Returns:
            (0 or errno, whether it was attaching that failed).
        """
        step = ffi.new("int *")
        result = lib.eu_probe_program(kind, attach, btf_id, flags, attaching, step)
        return -result if result < 0 else 0, bool(step[0])

    @cached_property
    def symbols(self) -> dict[str, str]:
        """Functions and variables of /proc/kallsyms with nm's letter for their kind (T, W, D…); {} where unreadable."""
        try:
            with open("/proc/kallsyms", encoding="ascii", errors="replace") as file:
                rows = (line.split(None, 3) for line in file if line.count(" ") >= 2)
                return {row[2]: row[1] for row in rows}
        except OSError:
            return {}

    @property
    def has_trampolines(self) -> bool | None:
        """Whether programs can be called by functions, other programs and struct_ops; None: its BTF does not tell."""
        if self.live:
            return self.symbols.get("arch_prepare_bpf_trampoline") != "W"  # weak where none is written
        if self.arch == "arm64":  # Linux 6.0, and what is backported
            return self.has_function("prepare_trampoline") or self.knows("helper", TCP_RAW_GEN_SYNCOOKIE_IPV4)
        return True if self.arch == "x86" else None

    @property
    def has_direct_calls(self) -> bool | None:
        """Whether functions can call programs (fentry, LSM hooks), by its BTF; None: that does not tell.

        Source: DYNAMIC_FTRACE_WITH_DIRECT_CALLS in include/linux/ftrace.h; ftrace_ops.direct_call is there since 6.4.
        """
        operations = self.btf.find("ftrace_ops", STRUCT) if self.btf is not None else None
        if operations is None:
            return None if self.btf is None else False
        if self.arch == "x86" or "direct_call" in _member_names(operations):
            return True
        return False if self.arch in _LATE_DIRECT_CALLS else None

    def has_part(self, module: str, symbol: str) -> bool | None:
        """Tell whether a part of the running kernel is there: built in, loaded, or a module that can be loaded.

        Args:
            module: its module, "" where it is never one.
            symbol: one of its functions.

        Returns:
            None where neither symbols nor lists of modules can be read.
        """
        if symbol in self.symbols:
            return True
        if not self.live or not module:
            return None if not self.symbols else False
        folder = f"/lib/modules/{os.uname().release}"
        lists = [read_bytes(f"{folder}/{name}") for name in ("modules.dep", "modules.builtin")]
        if any(
            f"/{module.replace('_', '?')}.ko".encode() in each.replace(b"-", b"?").replace(b"_", b"?") for each in lists
        ):
            return read("/proc/sys/kernel/modules_disabled") != "1"
        setting = (self.configuration or {}).get(f"CONFIG_{module.upper()}")
        return None if not self.symbols and setting is None else False

    @cached_property
    def tracefs(self) -> int:
        """A descriptor of tracefs' root, negative where it cannot be reached."""
        return int(lib.eu_tracefs())

    @cached_property
    def lockdown(self) -> str:
        """`none`, `integrity` or `confidentiality`; "" where it is not in use."""
        return (self.security("lockdown") or "").partition("[")[2].partition("]")[0]

    def security(self, name: str) -> str | None:
        """Return a file of securityfs (`lsm`, `lockdown`), mounted or not; None where it cannot be read."""
        room = ffi.new("char[]", 1024)
        return text(room).strip() if lib.eu_probe_security(name.encode(), room, 1024) >= 0 else None

    @cached_property
    def configuration(self) -> dict[str, str] | None:
        """The kernel's configuration, where libbpf looks for it; None where there is none."""
        import gzip

        for path in (f"/boot/config-{os.uname().release}", "/proc/config.gz"):
            try:
                with open(path, "rb") as file:
                    data = file.read(4 << 20)
                text = (gzip.decompress(data) if path.endswith(".gz") else data).decode("ascii", "replace")
            except (OSError, EOFError):
                continue
            rows = (line.partition("=") for line in text.splitlines() if line.startswith("CONFIG_"))
            return {name: value for name, _, value in rows}
        return None

    @cached_property
    def version_code(self) -> int | None:
        """KERNEL_VERSION() of the running kernel, as libbpf gives it to LINUX_KERNEL_VERSION."""
        found = re.match(r"(\d+)\.(\d+)(?:\.(\d+))?", os.uname().release)
        if not self.live or not found:
            return None
        major, minor, patch = (int(part or 0) for part in found.groups())
        return (major << 16) + (minor << 8) + min(patch, 255)


def _split_names(path: str, base: Btf) -> Iterator[tuple[int, str]]:
    """Yield (kind, name) of a module's types, whose strings continue those of vmlinux."""
    try:
        with open(path, "rb") as file:
            data = file.read(MAX_BTF)
        own = Btf.from_bytes(data)
    except (OSError, PackageError):
        return
    start = 24 + int.from_bytes(data[8:12], "little")
    size = int.from_bytes(data[12:16], "little")
    shift = len(base._strings)
    for at in _walk(data, start, start + size)[1:]:
        name = int.from_bytes(data[at : at + 4], "little")
        if name >= shift and data[at + 7] & 31 not in (DATASEC, VAR):
            yield data[at + 7] & 31, own.string(name - shift)
        elif 0 < name < shift:
            yield data[at + 7] & 31, base.string(name)

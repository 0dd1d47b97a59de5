"""Which decoder shows a value: names of native/plan.h's numbers, what annotations say, what types and names tell.

Rules of inference are few and certain: a C type that means one thing, or a name that together with its type means one
thing. Programs keep ports in either byte order and signals in fields that JSON readers compare as numbers: such are
left to `@decode`.
"""

from __future__ import annotations

from eunomia.btf.types import ARRAY, INT, MODIFIERS, STRUCT, TYPEDEF
from eunomia.errors import PackageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from eunomia.btf.types import Btf

StaticMap = tuple[tuple[int, str], ...]

NAMES = (
    "as_is", "hex", "ip4", "ip6", "ip", "port", "signal", "errno", "syscall", "ktime_ns", "duration_ns", "duration_us",
    "device", "ksym", "mode", "tcp_state", "address_family", "mac", "bytes", "softirq", "boottime_ns", "realtime_ns",
    "unix_s", "duration_ms", "duration_s", "open_flags", "permissions", "cgroup", "container", "ifname", "majorminor",
    "disk", "pci_class", "pci_subclass", "pci_vendor", "pci_device", "kstack", "dname", "static_map", "string", "uint",
    "namespace", "ip_protocol", "socket_type", "capability", "bpf_prog_type", "bpf_map_type", "size", "pages",
    "percent", "user", "group", "irq", "clone_flags", "mmap_prot", "mmap_flags", "mount_flags", "task_state",
    "sched_policy", "exit_status", "ether_type", "tcp_flags", "block_op", "poll_events", "uuid",
)  # fmt: skip
DECODERS = {name: number for number, name in enumerate(NAMES)} | {"inet_ip": NAMES.index("ip")}
STATIC_MAP = DECODERS["static_map"]

_STRUCTS = {"in_addr": "ip4", "in6_addr": "ip6"}
_TYPEDEFS = {"umode_t": "mode", "dev_t": "device", "__kernel_dev_t": "device"}
_ADDRESSES = ("addr", "ip", "addr_v4", "addr4", "ip4")
_SIX = ("addr_v6", "addr6", "ip6", "ipv6")
_MACS = ("mac", "hwaddr", "h_source", "h_dest", "lladdr")


def parse(decode: Mapping[str, Any]) -> dict[str, int | StaticMap]:
    """Return the decoder of each field that a `decode` annotation names: a number, or the pairs of a static map.

    Raises:
        PackageError: a decoder is not known, or a static map is none.
    """
    return {name: _parsed(name, told) for name, told in decode.items()}


def _parsed(name: str, told: Any) -> int | StaticMap:
    if isinstance(told, dict) and told.get("decoder") == "static_map":
        return _static_map(name, told.get("map"))
    if told == "static_map":
        raise PackageError(f'`decode.{name}`: expected {{"decoder": "static_map", "map": {{number: name}}}}')
    number = DECODERS.get(told) if isinstance(told, str) else None
    if number is None:
        raise PackageError(f"`decode.{name}`: {told!r:.40} is none of {', '.join(DECODERS)}")
    return number


def _static_map(name: str, pairs: Any) -> StaticMap:
    if not isinstance(pairs, dict) or not pairs:
        raise PackageError(f"`decode.{name}.map`: expected {{number: name}}")
    found = {}
    for key, text in pairs.items():
        try:
            value = int(key, 0)
        except ValueError:
            raise PackageError(f"`decode.{name}.map`: {key!r:.40} is no number") from None
        if not isinstance(text, str) or not -(1 << 63) <= value < 1 << 64:
            raise PackageError(f"`decode.{name}.map.{key:.40}`: expected a name for a number of 64 bits")
        found[value] = text
    return tuple(sorted(found.items()))


def infer(btf: Btf, name: str, type_id: int) -> int:
    """Return the decoder that a member's type, or its name and type, make certain; 0: none."""
    declared = _typedefs(btf, type_id)
    found = btf.resolve(type_id)
    word = ""
    if found.kind == STRUCT:
        word = _STRUCTS.get(found.name, "")
    elif found.kind == INT:
        word = next((_TYPEDEFS[each] for each in declared if each in _TYPEDEFS), "") or _integer(
            name.lower(), found.size, declared
        )
    elif found.kind == ARRAY:
        element, count = found.array
        if btf.resolve(element).kind == INT and btf.resolve(element).size == 1:
            word = _bytes(name.lower(), count)
    return DECODERS[word] if word else 0


def _integer(name: str, size: int, declared: list[str]) -> str:
    if "__be16" in declared and name.endswith("port"):
        return "port"
    if size == 4 and (("__be32" in declared and _is(name, _ADDRESSES)) or name in {"saddr_v4", "daddr_v4"}):
        return "ip4"
    return "ip6" if size == 16 and _is(name, _SIX) else ""


def _bytes(name: str, count: int) -> str:
    if count == 6 and _is(name, _MACS):
        return "mac"
    if count == 16 and _is(name, _SIX):
        return "ip6"
    return "uuid" if count == 16 and name.endswith("uuid") else ""


def _is(name: str, words: tuple[str, ...]) -> bool:
    """Whether name is one of words, behind one letter (`saddr`) or words and `_` (`src_addr`)."""
    return any(name == word or name[1:] == word or name.endswith("_" + word) for word in words)


def _typedefs(btf: Btf, type_id: int) -> list[str]:
    names = []
    found = btf.type(type_id)
    while found.kind == TYPEDEF or found.kind in MODIFIERS:
        if found.kind == TYPEDEF:
            names.append(found.name)
        found = btf.type(found.ref)
    return names

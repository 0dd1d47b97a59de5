"""Architectures: their names, which of them a package serves, and the objects of several in one package.

`meta.eunomia.arch` lists those that the package's own object (`bpf_object`) is for; it is absent where nothing in the
object depends on the architecture, and where nobody knows. `meta.eunomia.objects` has the objects of others, where
theirs differ.
"""

from __future__ import annotations

import os
import sys

from eunomia.errors import PackageError, UnsupportedError
from eunomia.package import codec
from eunomia.package.check import check_meta, kind_of, ours

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from eunomia.package.model import Package

# The kernel's names (the folders of arch/), which are the suffixes of __TARGET_ARCH_ too.
NAMES = ("x86", "arm64", "riscv", "powerpc", "s390", "loongarch", "mips", "arm")
BIG_ENDIAN = frozenset(("s390",))
_ALIASES = {
    **dict.fromkeys(("x86_64", "x86-64", "x64", "amd64", "i686", "i386"), "x86"),
    **dict.fromkeys(("aarch64", "aarch64_be", "armv8", "armv8l"), "arm64"),
    **dict.fromkeys(("arm32", "armv7l", "armv6l", "armhf", "armel"), "arm"),
    **dict.fromkeys(("ppc", "ppc64le", "ppc64", "powerpc64", "powerpc64le", "ppc64el"), "powerpc"),
    **dict.fromkeys(("riscv64", "riscv64gc"), "riscv"),
    **dict.fromkeys(("s390x",), "s390"),
    **dict.fromkeys(("mips64", "mips64el", "mipsel"), "mips"),
    **dict.fromkeys(("loongarch64", "loong64"), "loongarch"),
}
# A member of struct pt_regs that only one architecture has.
_MARKS = {
    "orig_ax": "x86", "orig_x0": "arm64", "epc": "riscv", "orig_gpr3": "powerpc", "orig_gpr2": "s390",
    "csr_era": "loongarch", "cp0_status": "mips", "uregs": "arm",
}  # fmt: skip
_OBJECT = ("bpf_object", "bpf_object_size")


def kernel_name(name: str) -> str:
    """Return the kernel's name of an architecture, whatever people or uname call it; an unknown name in lower case."""
    name = name.lower()
    return _ALIASES.get(name, name)


def machine() -> str:
    """Return the kernel's name of this machine's architecture."""
    return kernel_name(os.uname().machine)


def arch_of_registers(names: set[str]) -> str | None:
    """Return the architecture whose struct pt_regs has members of these names, nested ones too; None: none is known."""
    return next((arch for mark, arch in _MARKS.items() if mark in names), None)


def served(package: Package) -> list[str]:
    """Return the architectures that a package says it has an object for, its own object's first."""
    own = ours(package.meta)
    found = _names(own)
    return [*found, *(name for name in _objects(own) if name not in found)]


def is_portable(package: Package) -> bool:
    """Tell whether nothing in the package's own object depends on the architecture, as far as the package says."""
    own = ours(package.meta)
    return "arch" not in own or own.get("portable") is True


def choose(package: Package, arch: str) -> Package | None:
    """Return the package as an architecture runs it, None where it has no object for it.

    Args:
        package: the package.
        arch: the kernel's name.

    Raises:
        PackageError: the package's entry for this architecture is damaged.
    """
    package = package.whole
    own = ours(package.meta)
    entry = _objects(own).get(arch)
    if entry is not None:
        return _of_entry(package, entry, arch)
    return package if arch in _names(own) or is_portable(package) else None


def refusal(package: Package, arch: str) -> UnsupportedError:
    """Return the error for an architecture that the package has no object for."""
    there = served(package.whole)
    who = f"this machine is {arch}" if arch == machine() else f"{arch} was asked for"
    again = ",".join([*there, arch] if arch in NAMES else there)
    name = package.origin or package.name
    return UnsupportedError(
        f"open {name}: made for {' and '.join(there)}, and {who} [compile its source again: ecc --target-arch {again}]"
    )


def check_byte_order(package: Package) -> None:
    """Raise UnsupportedError for an object of the other byte order, which nothing here can read."""
    order = package.object[5:6]
    if package.object[:4] == b"\x7fELF" and order in (b"\1", b"\2") and (order == b"\1") != (sys.byteorder == "little"):
        kind = "big" if order == b"\2" else "little"
        raise UnsupportedError(
            f"open {package.origin or package.name}: its object is {kind}-endian, and this machine is"
            f" {sys.byteorder}-endian [compile its source again: ecc --target-arch {machine()}]"
        )


def join(packages: Sequence[tuple[str, Package]], same: Sequence[str] = (), *, portable: bool = False) -> Package:
    """Return one package with the objects of several architectures.

    Args:
        packages: (kernel's name, package) of one source; the first becomes the package's own object, which loaders that
            do not know `meta.eunomia` take. Others are kept where their object or their meta differ.
        same: architectures whose objects do what the first one's does, if in other bytes: they are not kept.
        portable: nothing in the first object depends on the architecture: other machines may try it as well.
    """
    main_arch, main = packages[0]
    names = [main_arch]
    objects: dict[str, Any] = {}
    for arch, other in packages[1:]:
        if arch in same or (other.object == main.object and other.meta == main.meta):
            names.append(arch)
        else:
            objects[arch] = _entry(main, other)
    own = main.meta["eunomia"]
    own["arch"] = names
    if objects:
        own["objects"] = objects
    if portable:
        own["portable"] = True
    return main


def _entry(main: Package, other: Package) -> dict[str, Any]:
    """What another architecture's package has that the first one has not; null: it lacks the key."""
    entry = {"bpf_object": codec.pack(other.object, 9), "bpf_object_size": len(other.object)}
    changed = _difference(main.meta, other.meta)
    own = _difference(ours(main.meta), ours(other.meta))
    changed.pop("eunomia", None)
    return {**entry, **changed, **({"eunomia": own} if own else {})}


def _difference(main: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    keys = dict.fromkeys([*main, *other])
    return {key: other.get(key) for key in keys if key not in other or key not in main or main[key] != other[key]}


def _of_entry(package: Package, entry: dict[str, Any], arch: str) -> Package:
    """The package of one entry of `objects`."""
    from eunomia.package.model import Package

    place = f"$.meta.eunomia.objects.{arch}"
    for key, kind, name in zip(_OBJECT, (str, int), ("str", "int"), strict=True):
        if type(entry.get(key)) is not kind:
            found = f"got {kind_of(entry[key])}" if key in entry else "but missing"
            raise PackageError(f"`{place}.{key}`: expected {name}, {found}")
    if entry["bpf_object_size"] < 0:
        raise PackageError(f"`{place}.bpf_object_size`: expected a size, got {entry['bpf_object_size']}")
    own = {key: value for key, value in ours(package.meta).items() if key not in ("arch", "objects", "portable")}
    changed = entry.get("eunomia")
    if type(changed) is dict:
        own = _changed(own, changed)
    meta = _changed(package.meta, {key: value for key, value in entry.items() if key not in (*_OBJECT, "eunomia")})
    meta["eunomia"] = {**own, "version": 1, "arch": [arch]}
    check_meta(meta, place)
    found_object = codec.unpack_object(entry["bpf_object"], entry["bpf_object_size"], f"{place}.bpf_object")
    chosen = Package(found_object, meta, package.btf_archive, package.origin)
    chosen.extra = package.extra
    chosen.archive_damage = package.archive_damage
    chosen.whole = package
    return chosen


def _changed(tree: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in {**tree, **changes}.items() if value is not None}


def _names(own: dict[str, Any]) -> list[str]:
    found = own.get("arch", [])
    if type(found) is not list or not all(type(name) is str for name in found):
        raise PackageError("`$.meta.eunomia.arch`: expected array of str")
    return found


def _objects(own: dict[str, Any]) -> dict[str, dict[str, Any]]:
    found = own.get("objects", {})
    if type(found) is not dict or not all(type(entry) is dict for entry in found.values()):
        raise PackageError("`$.meta.eunomia.objects`: expected object of objects")
    return found

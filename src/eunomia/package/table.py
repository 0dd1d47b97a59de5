"""The option table: made from the object's types, or read from meta.eunomia when a package is run."""

from __future__ import annotations

from eunomia.errors import PackageError
from eunomia.package.options import NETWORK_SIZE, Option
from eunomia.package.switches import assign_switches

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from eunomia.btf.object import ObjectBtf, Variable
    from eunomia.btf.types import Btf

NETWORK = "eunomia_network"  # a structure of this name holds an address and a length, docs/writing-a-tool.md
DUMMY = "__eunomia_dummy"
_KINDS = frozenset(("int", "uint", "bool", "char", "enum", "float", "network", "string", "tristate"))
_MAX_OPTIONS = 4096
_MAX_INITIAL = 1024  # bytes of a variable whose initial value is worth showing


def from_rows(rows: Any, place: str) -> list[Option]:
    """Return the options of a compact table (docs/reference/package.md).

    Raises:
        PackageError: it is damaged.
    """
    if type(rows) is not list or len(rows) > _MAX_OPTIONS:
        raise PackageError(f"`{place}`: expected an array of at most {_MAX_OPTIONS} options")
    options = []
    for index, row in enumerate(rows):
        if type(row) is not list or len(row) != 8 or not _is_row(row):
            raise PackageError(f"`{place}[{index}]`: expected [name, section, offset, size, count, kind, type, extras]")
        options.append(Option(*row))
    assign_switches(options)
    return options


def _is_row(row: Sequence[Any]) -> bool:
    name, section, offset, size, count, kind, type_text, extras = row
    if type(name) is not str or type(section) is not str or type(type_text) is not str or type(extras) is not dict:
        return False
    if type(offset) is not int or type(size) is not int or type(count) is not int:
        return False
    if type(kind) is not str or kind not in _KINDS:
        return False
    if offset < 0 or not 0 < size <= 1 << 26 or not 0 <= count <= 1 << 26:
        return False
    if size * (count or 1) > 1 << 26:
        return False
    if (kind == "float" and size not in {4, 8}) or (kind == "network" and size != NETWORK_SIZE):
        return False
    if kind in {"int", "uint", "enum", "char", "tristate"} and size > 16:
        return False
    return all(type(extras.get(key)) in {str, type(None)} for key in ("long", "short", "help")) and _are_limits(extras)


def _are_limits(extras: dict[str, Any]) -> bool:
    limits, choices = extras.get("range"), extras.get("choices")
    if limits is not None and not (
        type(limits) is list and len(limits) == 2 and all(type(x) in {int, float, type(None)} for x in limits)
    ):
        return False
    return choices is None or (type(choices) is dict and all(type(x) in {int, float, str} for x in choices.values()))


def make_rows(sections: Sequence[dict[str, Any]], obj: ObjectBtf) -> list[list[Any]]:
    """Return the compact table of the variables of data sections, by the types that the object has for them."""
    btf = obj.btf
    rows: list[list[Any]] = []
    for section in sections:
        found = obj.sections.get(section["name"])
        if found is None or btf is None:
            continue
        places = {variable.name: variable for variable in found.variables}
        for variable in section["variables"]:
            place = places.get(variable["name"])
            if place is None or variable["name"].startswith(DUMMY):
                continue
            shape = shape_of(btf, place, found.name)
            if shape is not None:
                rows.append(_row(variable, found.name, place, shape, obj))
    return rows


def _row(
    variable: dict[str, Any], section: str, place: Variable, shape: tuple[str, int, int, Any], obj: ObjectBtf
) -> list[Any]:
    kind, size, count, choices = shape
    extras: dict[str, Any] = {}
    cmdarg = variable.get("cmdarg") or {}
    for key in ("long", "short"):
        if cmdarg.get(key):
            extras[key] = cmdarg[key]
    text = cmdarg.get("help") or variable.get("description")
    if text:
        extras["help"] = text
    default = cmdarg.get("default")
    if default is None:
        default = variable.get("value")
    if default is not None:
        extras["default"] = default
    limits = variable.get("range")
    if isinstance(limits, dict):
        extras["range"] = [limits.get("min"), limits.get("max")]
    chosen = variable.get("choices")
    if isinstance(chosen, list):
        choices = {str(item): item for item in chosen}
    elif isinstance(chosen, dict):
        choices = chosen
    if choices:
        extras["choices"] = choices
    option = Option(variable["name"], section, place.offset, size, count, kind, variable["type"], {})
    if section != ".kconfig" and size * (count or 1) <= _MAX_INITIAL:
        initial = option.decode(obj.initial(section, place.offset, size * (count or 1)))
        if initial not in (0, "", []) and not (kind == "float" and "nan" in str(initial)):
            extras["initial"] = initial
    return [variable["name"], section, place.offset, size, count, kind, variable["type"], extras]


def shape_of(btf: Btf, variable: Variable, section: str) -> tuple[str, int, int, dict[str, int] | None] | None:
    """Return (kind, size of an element, elements, choices) of a variable that can be an option, else None."""
    from eunomia.btf.types import ARRAY, BOOL, CHAR, ENUM, ENUM64, FLOAT, INT, SIGNED, STRUCT

    if section == ".kconfig" and not variable.name.startswith("CONFIG_"):
        return None  # libbpf sets the others itself: LINUX_KERNEL_VERSION and the like
    dimensions: list[int] = []
    found = btf.resolve(variable.type)
    while found.kind == ARRAY and len(dimensions) < 8:
        element, count = found.array
        dimensions.append(count)
        found = btf.resolve(element)
    is_char = found.kind == INT and found.size == 1 and (found.name == "char" or bool(found.int_encoding & CHAR))
    last = dimensions.pop() if is_char and dimensions else 0
    total = 1 if dimensions else 0
    for count in dimensions:
        total *= count
    size = last or found.size
    if size <= 0 or size * (total or 1) > 1 << 20 or (dimensions and not total) or (last == 0 and found.kind == ARRAY):
        return None
    if is_char:
        return ("string", size, total, None) if last else ("char", 1, total, None)
    if found.kind == INT and size in {1, 2, 4, 8, 16}:
        kind = "bool" if found.int_encoding & BOOL else "int" if found.int_encoding & SIGNED else "uint"
        return kind, size, total, None
    if found.kind in {ENUM, ENUM64} and size <= 8:
        if section == ".kconfig" and found.name == "libbpf_tristate":
            return "tristate", size, 0, {"n": 0, "y": 1, "m": 2}
        return "enum", size, total, dict(found.values)
    if found.kind == FLOAT and size in {4, 8}:
        return "float", size, total, None
    if found.kind == STRUCT and found.name == NETWORK and size == NETWORK_SIZE:
        return "network", size, total, None
    return None

"""Filters in the kernel: comparisons that a global variable of the package makes too, by its `@filter` annotation.

Names of variables prove nothing (upstream's opensnoop compares `targ_pid` with a thread id, and its events carry the
process id): only annotations count. What is pushed is tested again here, so that a wrong annotation can hide events,
but not show wrong ones.
"""

from __future__ import annotations

from eunomia.errors import FilterError, OptionError
from eunomia.events.filter.compiler import Compiler
from eunomia.events.filter.numbers import range_of
from eunomia.events.filter.parser import Compare, Field, Literal, Logic, Node
from eunomia.events.kinds import STRING

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from eunomia.events.filter.fields import Fields
    from eunomia.package.model import Package
    from eunomia.package.options import Option, Settings

_FLIPPED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!="}


class Wish:
    """`field operator value`, one of several that all must hold; an operator is one of == != < <= > >=."""

    __slots__ = ("field", "operator", "value")

    def __init__(self, field: str, operator: str, value: int | str) -> None:
        self.field = field
        self.operator = operator
        self.value = value


def annotated(package: Package) -> Iterator[tuple[Option, str, str]]:
    """Yield (variable, field, operator) for every variable that filters, as its annotation says."""
    options = {option.name: option for option in package.options()}
    skeleton = package.meta.get("bpf_skel")
    sections = skeleton.get("data_sections") if isinstance(skeleton, dict) else None
    for section in sections if isinstance(sections, list) else ():
        for variable in (section.get("variables") if isinstance(section, dict) else None) or ():
            value = variable.get("filter") if isinstance(variable, dict) else None
            if value is None:
                continue
            option = options.get(variable.get("name"))
            field = value.get("field") if isinstance(value, dict) else value
            operator = (value.get("op") if isinstance(value, dict) else None) or "=="
            if option is not None and isinstance(field, str) and operator in _FLIPPED:
                yield option, field, operator


def push(package: Package, wishes: list[Wish], settings: Settings, given: set[str]) -> dict[str, str]:
    """Write what the kernel side can filter into settings.

    Args:
        wishes: all must hold.
        given: the variables that the user has set, which stay as they are.

    Returns:
        Field to what was written for it, as in `target_pid = 42`.
    """
    pushed: dict[str, str] = {}
    for option, field, operator in annotated(package):
        if option.name in given or option.section == ".kconfig" or option.count:
            continue
        for wish in wishes:
            value = _same(wish, operator) if wish.field == field else None
            if value is None or not _narrows(option, operator, value):
                continue
            try:
                settings.writes.append((option.section, option.offset, option.encode(value)))
            except OptionError:
                continue  # not a value of this variable's type: it is tested here
            pushed[field] = f"{option.name} = {value}"
            break
    return pushed


def _same(wish: Wish, operator: str) -> int | str | None:
    """The value with which `field operator value` says what is wished, None where there is none."""
    if isinstance(wish.value, str) or wish.operator == "!=" or operator == "!=":
        return wish.value if wish.operator == operator else None
    low, high = range_of(wish.operator, wish.value, 1)
    if operator == "==":
        return low if low == high else None
    if operator in {">", ">="}:
        return None if low is None or high is not None else low - (operator == ">")
    return None if high is None or low is not None else high + (operator == "<")


def _narrows(option: Option, operator: str, value: int | str) -> bool:
    """Whether a value asks for less than the one that is there, of which 0, -1 and "" by custom ask for all."""
    now: Any = option.default if option.default is not None else option.initial
    if now in {0, -1, ""} or (isinstance(now, int) and now == (1 << 8 * option.size) - 1):
        return True
    if isinstance(value, str) or not isinstance(now, int):
        return False
    return value >= now if operator in {">", ">="} else value <= now if operator in {"<", "<="} else False


def wishes_of(fields: Fields, expression: str, tree: Node) -> list[Wish]:
    """Return the comparisons of fields with constants that must all hold for a filter to match."""
    compiler = Compiler(fields, expression)
    parts = tree.parts if isinstance(tree, Logic) and tree.kind == "and" else [tree]
    found = []
    for part in parts:
        if isinstance(part, Logic) and part.kind == "and":
            found += wishes_of(fields, expression, part)
        elif isinstance(part, Compare) and part.operator in _FLIPPED:
            for field, operator, constant in (
                (part.left, part.operator, part.right),
                (part.right, _FLIPPED[part.operator], part.left),
            ):
                if isinstance(field, Field):
                    found += _wish(fields, compiler, field, operator, constant)
    return found


def _wish(fields: Fields, compiler: Compiler, field: Field, operator: str, constant: Node) -> Iterator[Wish]:
    for of in fields.record_types:
        place = fields.find(of, field.path)
        if place is None:
            continue
        if place.kind == STRING and isinstance(constant, Literal) and isinstance(constant.value, bytes):
            yield Wish(field.text, operator, constant.value.decode("utf-8", "surrogateescape"))
            return
        try:
            value = compiler.whole(field, place, constant)
        except FilterError:
            continue
        if value is not None:
            yield Wish(field.text, operator, value)
            return


def role_wishes(fields: Fields, values: Mapping[str, int | str]) -> dict[str, Wish]:
    """Return the wishes that options stand for, by role (pid, comm, uid).

    Args:
        values: of the roles for which there is one.
    """
    from eunomia.events.filter.roles import Roles

    roles = Roles(fields) if values else None
    return {role: Wish(roles.name(role), "==", value) for role, value in values.items() if roles}

"""Functions that an embedder offers to guests, beside the host's own."""

from __future__ import annotations

from struct import pack, unpack

from eunomia._native import ffi
from eunomia.wasm.memory import Memory

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from eunomia.wasm.callbacks import Calls

_WORDS = {"i32": "i", "i64": "I", "f32": "f", "f64": "F"}


class HostFunction:
    """A function that guests import from `module` as `name`."""

    __slots__ = ("_python", "_takes_memory", "calls", "module", "name", "type")

    def __init__(self, module: str, name: str, type: str, function: Callable[..., Any], takes_memory: bool) -> None:
        self.module = module
        self.name = name
        self.type = core_type(type)
        self._python = function
        self._takes_memory = takes_memory
        self.calls: Calls

    def bound(self, calls: Calls) -> HostFunction:
        """Return the same function for one run."""
        other = HostFunction(self.module, self.name, "() -> ()", self._python, self._takes_memory)
        other.type, other.calls = self.type, calls
        return other

    def call(self, guest: Any, slots: Any) -> None:
        """Call it with the parameters in slots, and put its result there."""
        kinds, _, results = self.type.partition(":")
        arguments = [_value(kind, int(slots[2 * index])) for index, kind in enumerate(kinds)]
        memory = Memory(guest)
        try:
            result = self._python(memory, *arguments) if self._takes_memory else self._python(*arguments)
        finally:
            memory._close()
        if results:
            slots[0] = _bits(results, result)


def core_type(text: str) -> str:
    """Return a type as the core writes it, `ii:i`, from `(i32, i32) -> i32`.

    Raises:
        ValueError: it is none, or has several results.
    """
    parameters, arrow, result = (part.strip() for part in text.partition("->"))
    inside = parameters.removeprefix("(").removesuffix(")").strip()
    words = [word.strip() for word in inside.split(",")] if inside else []
    results = [word for word in (result.removeprefix("(").removesuffix(")").strip(),) if word]
    if not arrow or any(word not in _WORDS for word in (*words, *results)):
        raise ValueError(f"type {text!r}: expected one as in '(i32, i64) -> i32' or '(i32) -> ()'")
    return "".join(_WORDS[word] for word in words) + ":" + "".join(_WORDS[word] for word in results)


def shown_type(core: str) -> str:
    """Return a type of the core, `ii:i`, as `(i32, i32) -> i32`."""
    names = {letter: word for word, letter in _WORDS.items()}
    parameters, _, results = core.partition(":")
    shown = ", ".join(names.get(letter, letter) for letter in results)
    return f"({', '.join(names.get(letter, letter) for letter in parameters)}) -> {shown or '()'}"


def _value(kind: str, bits: int) -> int | float:
    if kind == "i":
        return (bits & 0xFFFFFFFF ^ 0x80000000) - 0x80000000
    if kind == "I":
        return (bits ^ 1 << 63) - (1 << 63)
    value: float = unpack("<f", pack("<I", bits & 0xFFFFFFFF))[0] if kind == "f" else unpack("<d", pack("<Q", bits))[0]
    return value


def _bits(kind: str, value: Any) -> int:
    if kind in ("i", "I"):
        if not isinstance(value, int):
            raise TypeError(f"its result is {type(value).__name__}, expected int")
        bits = 32 if kind == "i" else 64
        if not -1 << bits - 1 <= value < 1 << bits:
            raise OverflowError(f"its result {value} does not fit i{bits}")
        return value & (1 << bits) - 1
    if not isinstance(value, (int, float)):
        raise TypeError(f"its result is {type(value).__name__}, expected float")
    word: int = unpack("<I", pack("<f", value))[0] if kind == "f" else unpack("<Q", pack("<d", value))[0]
    return word


def c_functions(functions: list[HostFunction], kept: list[Any]) -> Any:
    """Return the array that the core takes; what it points to is appended to kept."""
    from eunomia._native import lib

    array = ffi.new("struct eu_guest_function[]", len(functions) + 1)
    kept.append(array)
    for place, function in zip(array, functions, strict=False):
        texts = [ffi.new("char[]", each.encode()) for each in (function.module, function.name, function.type)]
        handle = ffi.new_handle(function)
        kept += [*texts, handle]
        place.module, place.name, place.type = texts
        place.call, place.context = lib.eu_python_call, handle
    return array

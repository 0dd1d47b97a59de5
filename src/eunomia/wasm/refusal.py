"""Why an object of a guest does not load, and what the verifier said last. Imported only when one did not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from eunomia._native import ffi, lib, text
from eunomia.errors import PackageError
from eunomia.kernel.failure import BEGIN, END, lacks_rings, last_words, load_failure

if TYPE_CHECKING:
    from typing import Any

    from eunomia.btf.object import ObjectBtf

LINES = 5
NO_RINGS = "this kernel has no ring buffers (Linux 5.8 and newer do)"


class Failed:
    """A guest's object that did not load, as `eunomia.kernel.failure` looks at those of packages.

    Attributes:
        name: of the object.
        programs: those that were to be loaded, by name.
        package: what it is of: itself.
    """

    btf_archive = archive_damage = None

    def __init__(self, name: str, handle: Any, elf: bytes) -> None:
        self.name = name
        self._handle = handle
        self._elf = elf
        self.package = self
        info = ffi.new("struct eu_prog_info *")
        self.programs: dict[str, Refused] = {}
        for index in range(lib.eu_prog_count(handle)):
            if lib.eu_prog_get(handle, index, info) == 0 and info.autoload:
                self.programs[text(info.name)] = Refused(info)

    @property
    def types(self) -> ObjectBtf:
        """The object's types and sections."""
        from eunomia.btf.object import ObjectBtf

        return ObjectBtf(self._elf)

    def handle(self) -> Any:
        """Return the core's object."""
        return self._handle


class Refused:
    """A program: its section, and its types as libbpf loads it."""

    __slots__ = ("section", "types")

    def __init__(self, info: Any) -> None:
        self.section = text(info.section)
        self.types = int(info.type), int(info.expected_attach_type)


def explain(line: str, log: str, loading: tuple[Any, Any] | None) -> tuple[str, list[str]]:
    """Return the line about a failure, and the last lines of the verifier where it was the verifier's.

    Args:
        line: what the core says of it.
        log: what libbpf said.
        loading: the core's object and its bytes, where it was opened and did not load.
    """
    if loading is not None:
        name = line.partition(": ")[0].removeprefix("load object ")
        try:
            line = _why(Failed(name, loading[0], bytes(loading[1])))
        except PackageError:  # libbpf reads more than our own reader
            loading = None
    if BEGIN in log or END in log:
        said = log.rpartition(BEGIN)[2].partition(END)[0].splitlines()
        return line, [each.rstrip() for each in said if each.strip() and not _is_statistics(each)][-LINES:]
    if loading is None:
        words = last_words(log)
        known = line.partition(": unknown error")[0]  # libbpf's own numbers
        return f"{known}: {words}" if words and words not in line else line, []
    return line, []


def _why(failed: Failed) -> str:
    if lacks_rings(failed):
        return f"load object {failed.name}: {NO_RINGS}"
    failure = load_failure(failed)
    return str(failure.strerror) if isinstance(failure, OSError) and failure.strerror else str(failure)


def _is_statistics(line: str) -> bool:
    return line.startswith(("processed ", "verification time", "stack depth", "mark_precise: "))

"""What the core calls in Python while a guest runs: policy, failures, records, own host functions.

On the way of `ecli run GUEST.wasm`. A context is a handle of the `Calls` of a run.
"""

from __future__ import annotations

from eunomia._native import ffi, lib, text
from eunomia.wasm import kinds
from eunomia.wasm.policy import Wish

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from eunomia.wasm.functions import HostFunction
    from eunomia.wasm.policy import Policy

_STRUCT_OPS = 26
_EACCES = 13


class Calls:
    """What a run answers to the core.

    Attributes:
        policy: decides; None: everything is allowed.
        failed: told of each failure and refusal with its line, and what the verifier said last.
        note: told of warnings.
        on_record: told of each record: (map, bytes).
        kept: what the core points to while the guest runs.
        attaches: programs that it was allowed to attach.
        elves: bytes of objects that the core does not have, of packages, by the object's address.
        loading: the object that was asked for last, and where its bytes are: there until the load is over.
        losses: records that its buffers lost, by map and cause.
        asked: the maps whose losses the guest asked for: it tells its user of them.
        error: the exception of a callback that ended the guest.
    """

    __slots__ = (
        "asked", "attaches", "elves", "error", "failed", "functions", "handle", "kept", "loading", "losses",
        "note", "on_record", "policy",
    )  # fmt: skip

    def __init__(
        self,
        policy: Policy | None,
        failed: Callable[[str, list[str]], None],
        note: Callable[[str], None],
        on_record: Callable[[str, bytes], None] | None,
        functions: list[HostFunction],
    ) -> None:
        self.policy = policy
        self.failed = failed
        self.note = note
        self.on_record = on_record
        self.functions = functions
        self.error: BaseException | None = None
        self.attaches = 0
        self.losses: dict[tuple[str, str], int] = {}
        self.asked: set[str] = set()
        self.elves: dict[int, bytes] = {}
        self.loading: tuple[Any, Any] | None = None
        self.kept: list[Any] = []
        self.handle = ffi.new_handle(self)

    def decide(self, request: Any) -> str:
        """Return why a request is refused, "" where it is not."""
        what = ffi.string(request.what)
        if what == b"load":
            if request.elf != ffi.NULL:
                elf = ffi.buffer(request.elf, request.elf_size)
            else:
                elf = self.elves.get(int(ffi.cast("uintptr_t", request.object)), b"")
                if not elf:
                    return "it was asked for before, and did not load"
            self.loading = request.object, elf
        why = self._judge(what, request) if self.policy is not None else ""
        self.attaches += what == b"attach" and not why
        return why

    def _judge(self, what: bytes, request: Any) -> str:
        assert self.policy is not None
        if what == b"load":
            return self._load(self.policy, request)
        if what in (b"attach", b"bind"):
            if request.object == ffi.NULL or request.prog < 0:
                return ""
            return self.policy.refuse_attach(_wish(request.object, request.prog), text(request.target))
        if what == b"symbol":
            return self.policy.refuse_symbols(request.pid)
        return ""

    def _load(self, policy: Policy, request: Any) -> str:
        size, pins, has_tables = _maps(request.object)
        programs = _programs(request.object, has_tables)
        others = sum(_maps(request.loaded[index])[0] for index in range(request.nr_loaded))
        why = policy.refuse_load(programs, size + others, pins)
        if why:
            return why
        from eunomia.btf.elf import ElfFile
        from eunomia.package.calls import changes_of

        assert self.loading is not None
        elf = ElfFile(bytes(self.loading[1]))
        return policy.refuse_calls(*changes_of(elf, [(each.word, each.section) for each in programs]), programs)


def _wish(obj: Any, index: int) -> Wish:
    info = ffi.new("struct eu_prog_info *")
    lib.eu_prog_get(obj, index, info)
    section = text(info.section)
    return Wish(text(info.name), kinds.word_of(info.type, info.expected_attach_type, section), section)


def _programs(obj: Any, has_tables: bool) -> list[Wish]:
    """Return the programs that will be loaded.

    libbpf switches those on that a table of struct_ops has, at load. It refuses those whose section gives no type.
    """
    info = ffi.new("struct eu_prog_info *")
    found = []
    for index in range(lib.eu_prog_count(obj)):
        if lib.eu_prog_get(obj, index, info) == 0 and info.type and (info.autoload or has_tables):
            wish = _wish(obj, index)
            if info.autoload or wish.word == "struct_ops":
                found.append(wish)
    return found


def _maps(obj: Any) -> tuple[int, list[tuple[str, str]], bool]:
    """Return the bytes of all maps, about, (name, path) of those that are pinned, and if there are struct_ops."""
    info = ffi.new("struct eu_map_info *")
    size, pins, has_tables = 0, [], False
    for index in range(lib.eu_map_count(obj)):
        if lib.eu_map_get(obj, index, info) != 0:
            continue
        size += lib.eu_map_bytes(obj, index)
        has_tables |= info.type == _STRUCT_OPS
        path = text(lib.eu_map_pin_path(obj, index))
        if path:
            pins.append((text(info.name), path))
    return size, pins, has_tables


@ffi.def_extern(error=-_EACCES)  # type: ignore[untyped-decorator]
def eu_python_decides(context: Any, request: Any, reason: Any, room: int) -> int:
    """0: a guest may do what it asks; else the reason is written. What goes wrong in here refuses."""
    calls: Calls = ffi.from_handle(context)
    try:
        why = calls.decide(request)
    except Exception as exc:
        why = f"{type(exc).__name__}: {exc}"
    if not why:
        return 0
    _write(why, reason, room)
    return -_EACCES


def _write(line: str, place: Any, room: int) -> None:
    data = line.encode(errors="replace")[: max(0, room - 1)]
    ffi.memmove(place, data + b"\0", min(room, len(data) + 1))


@ffi.def_extern()  # type: ignore[untyped-decorator]
def eu_python_failed(context: Any, what: Any, line: Any, room: int) -> None:
    """Tell of a failure, with what the verifier said last where it is one of the verifier's."""
    calls: Calls = ffi.from_handle(context)
    shown = text(line)
    said: list[str] = []
    step = ffi.string(what)
    if step in (b"open", b"load") and not shown.startswith("refused"):
        from eunomia.wasm.refusal import explain

        shown, said = explain(shown, text(lib.eu_log()), calls.loading if step == b"load" else None)
        _write(shown, line, room)
    calls.failed(shown, said)


@ffi.def_extern()  # type: ignore[untyped-decorator]
def eu_python_record(context: Any, _object: int, name: Any, data: Any, size: int) -> None:
    """Hand a record on."""
    calls: Calls = ffi.from_handle(context)
    if calls.on_record is not None and calls.error is None:
        try:
            calls.on_record(text(name), bytes(ffi.buffer(data, size)))
        except BaseException as exc:  # raised where the run is waited for
            calls.error = exc


@ffi.def_extern()  # type: ignore[untyped-decorator]
def eu_python_lost(context: Any, name: Any, cause: Any, count: int, asked: int) -> None:
    """Count records that a buffer lost."""
    calls: Calls = ffi.from_handle(context)
    key = text(name), text(cause)
    calls.losses[key] = calls.losses.get(key, 0) + count
    if asked:
        calls.asked.add(key[0])


@ffi.def_extern()  # type: ignore[untyped-decorator]
def eu_python_note(context: Any, line: Any) -> None:
    """Tell of a warning."""
    calls: Calls = ffi.from_handle(context)
    calls.note(text(line))


@ffi.def_extern(error=ffi.NULL)  # type: ignore[untyped-decorator]
def eu_python_package(context: Any, data: Any, size: int, place: Any) -> Any:
    """Open the package of a guest of 2022; NULL with the core's error: it is none."""
    from eunomia.wasm.old_package import open_package

    calls: Calls = ffi.from_handle(context)
    try:
        opened, place[0], elf = open_package(bytes(ffi.buffer(data, size)))
        calls.elves[int(ffi.cast("uintptr_t", opened))] = elf
    except Exception as exc:  # what is in the package is the guest's
        lib.eu_set_error(getattr(exc, "errno", None) or 22, str(exc).encode(errors="replace"))
        return ffi.NULL
    return opened


@ffi.def_extern(error=1)  # type: ignore[untyped-decorator]
def eu_python_call(context: Any, guest: Any, slots: Any) -> int:
    """Call a function of the embedder's; 1: it raised, and the guest ends."""
    function: HostFunction = ffi.from_handle(context)
    try:
        function.call(guest, slots)
    except BaseException as exc:  # it cannot cross the guest's frames: raised again where the run is waited for
        function.calls.error = exc
        name = f"{function.module}.{function.name}"
        said = f"{type(exc).__name__}: {exc}".rstrip(": ")
        lib.eu_guest_fail(guest, f"host function {name}: {said}".encode(errors="replace"))
        return 1
    return 0

"""Packages that guests of 2022 carry: opened with their defaults and `runtime_args`, for the core to load and read."""

from __future__ import annotations

from typing import Any

from eunomia._native import error, ffi, lib
from eunomia.btf.object import PERF_EVENT_ARRAY, RINGBUF
from eunomia.errors import EunomiaError
from eunomia.package import Package


def open_package(text: bytes) -> tuple[Any, int, bytes]:
    """Return the opened object of a package, the caller's to close, the map with its events or -1, the object's bytes.

    Raises:
        EunomiaError: it is no package, or a damaged one.
        OSError: libbpf does not open the object.
    """
    package = Package.from_bytes(text, "the guest's package").here()
    arguments = package.extra.get("runtime_args")
    known = {option.name for option in package.options()}
    given = {name: value for name, value in arguments.items() if name in known} if isinstance(arguments, dict) else {}
    settings = package.settings(given)
    name = ffi.new("char[]", package.name.encode())
    options = ffi.new("struct eu_open_options *", {"name": name})
    obj = lib.eu_open(ffi.from_buffer(package.object), len(package.object), options)
    if not obj:
        raise error("open object")
    try:
        for section, offset, data in settings.writes:
            _write(obj, section, offset, data)
    except BaseException:
        lib.eu_close(obj)
        raise
    return obj, _buffer(obj), package.object


def _maps(obj: Any) -> Any:
    info = ffi.new("struct eu_map_info *")
    for index in range(lib.eu_map_count(obj)):
        if lib.eu_map_get(obj, index, info) == 0:
            yield index, info


def _write(obj: Any, section: str, offset: int, data: bytes) -> None:
    for index, info in _maps(obj):
        if info.section and ffi.string(info.section) == section.encode():
            if lib.eu_map_write_initial(obj, index, offset, data, len(data)) < 0:
                raise error(f"write section {section}")
            return
    raise EunomiaError(f"write section {section}: the object has none")


def _buffer(obj: Any) -> int:
    return next((index for index, info in _maps(obj) if info.type in (RINGBUF, PERF_EVENT_ARRAY)), -1)

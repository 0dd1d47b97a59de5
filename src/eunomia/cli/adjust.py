"""Changes to an opened object before it is loaded: programs left out, sizes of ring and perf buffers."""

from __future__ import annotations

from eunomia.cli.convert import parse_size
from eunomia.cli.parser import UsageError, did_you_mean

TYPE_CHECKING = False
if TYPE_CHECKING:
    from eunomia.cli.parser import Values
    from eunomia.kernel.map import Map
    from eunomia.kernel.object import Object

BPF_MAP_TYPE_PERF_EVENT_ARRAY = 4
BPF_MAP_TYPE_RINGBUF = 27
PACKAGE = "package"
MAX_RING = 1 << 31  # the largest power of two of 32 bits, which the kernel has for it


def adjust(live: Object, values: Values) -> None:
    """Leave programs out of loading, and size buffers: --skip, --ring-size, --perf-pages.

    Raises:
        UsageError: no such program or buffer, or a malformed size.
    """
    for name in values["skip"]:
        if name not in live.programs:
            raise UsageError(
                f"--skip: no program {name}{did_you_mean(name, live.programs)} (there are {', '.join(live.programs)})"
            )
        live.programs[name].autoload = False
    for text in values["ring-size"]:
        name, _, size = text.rpartition("=")
        wanted = None if size == PACKAGE else ring_bytes(_size(size))
        for each in _buffers(live, "--ring-size", name, BPF_MAP_TYPE_RINGBUF):
            each.resize(each.max_entries if wanted is None else wanted)
    for text in values["perf-pages"]:
        name, _, pages = text.rpartition("=")  # a power of two: run_checks.py
        for each in _buffers(live, "--perf-pages", name, BPF_MAP_TYPE_PERF_EVENT_ARRAY):
            each.set_perf_pages(int(pages))


def ring_bytes(wanted: int) -> int:
    """Return the power of two, at least a page, that holds wanted bytes: what the kernel takes as a ring's size."""
    import mmap

    return max(mmap.PAGESIZE, 1 << (wanted - 1).bit_length())


def _size(text: str) -> int:
    try:
        size = parse_size(text)
    except ValueError as exc:
        raise UsageError(f"--ring-size: {exc}") from None
    if size > MAX_RING:
        raise UsageError(f"--ring-size: {text}: a ring buffer has at most {MAX_RING >> 30}G")
    return size


def _buffers(live: Object, option: str, name: str, kind: int) -> list[Map]:
    """Return the buffers of a kind, or the one that is called name."""
    found = {each.name: each for each in live.maps.values() if each.type == kind}
    word, other = (
        ("ring", "perf buffers: --perf-pages") if kind == BPF_MAP_TYPE_RINGBUF else ("perf", "rings: --ring-size")
    )
    if not found:
        raise UsageError(f"{option}: there is no {word} buffer in it [{other}]")
    if name and name not in found:
        raise UsageError(f"{option}: no {word} buffer {name}{did_you_mean(name, found)} (there are {', '.join(found)})")
    return [found[name]] if name else list(found.values())

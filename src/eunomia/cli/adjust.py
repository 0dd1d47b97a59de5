"""Changes to an opened object before it is loaded: programs left out, sizes of ring buffers."""

from __future__ import annotations

from eunomia.cli.parser import UsageError, did_you_mean, parse_size

TYPE_CHECKING = False
if TYPE_CHECKING:
    from eunomia.kernel.object import Object

BPF_MAP_TYPE_RINGBUF = 27


def adjust(live: Object, skip: list[str], ring_sizes: list[str]) -> None:
    """Leave programs out of loading and resize ring buffers.

    Raises:
        UsageError: no such program or ring buffer, or a malformed size.
    """
    for name in skip:
        if name not in live.programs:
            raise UsageError(
                f"--skip: no program {name}{did_you_mean(name, live.programs)} (there are {', '.join(live.programs)})"
            )
        live.programs[name].autoload = False
    rings = {name: each for name, each in live.maps.items() if each.type == BPF_MAP_TYPE_RINGBUF}
    for text in ring_sizes:
        name, equals, size = text.rpartition("=")
        try:
            wanted = parse_size(size)
        except ValueError as exc:
            raise UsageError(f"--ring-size: {exc}") from None
        if not rings:
            raise UsageError("--ring-size: there is no ring buffer in it [perf buffers: --perf-pages]")
        if equals and name not in rings:
            raise UsageError(
                f"--ring-size: no ring buffer {name}{did_you_mean(name, rings)} (there are {', '.join(rings)})"
            )
        for each in [rings[name]] if equals else rings.values():
            each.resize(ring_bytes(wanted))


def ring_bytes(wanted: int) -> int:
    """Return the power of two, at least a page, that holds wanted bytes: what the kernel takes as a ring's size."""
    import mmap

    return max(mmap.PAGESIZE, 1 << (wanted - 1).bit_length())

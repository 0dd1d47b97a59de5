"""All sections that libbpf and our handlers know, found in the compiled core: no list to forget one in."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from eunomia._native import _core, ffi, lib

# Programs that only look, by enum bpf_prog_type: socket filters, kprobes, tracepoints, perf events, raw tracepoints.
LOOKING = {1, 2, 5, 7, 17}
TRACING, TRACED = 26, {23, 24, 25, 28}  # of those: tp_btf, fentry, fexit, iterators; fmod_ret is 26


@cache
def known_sections() -> dict[str, tuple[int, int]]:
    """Return (type, attach type) by section, as `SEC("…")` takes them."""
    found = {}
    kind, attach = ffi.new("int *"), ffi.new("int *")
    for word in _words(Path(_core.__file__).read_bytes()):
        if lib.eu_section_types(word, kind, attach) == 0 and b"format" not in word and not word.endswith(b"/type"):
            found[word.decode()] = (kind[0], attach[0])
    return found


def _words(data: bytes) -> set[bytes]:
    """Return the ends of all words that a NUL follows: linkers keep a string that ends another one in that."""
    return {
        text[at:].rstrip(b"+/")
        for text in re.findall(rb"[a-z][a-z0-9_./]{1,30}\+?(?=\0)", data)
        for at in range(len(text) - 1)
    }


def only_looks(kind: int, attach: int) -> bool:
    """Tell whether programs of a type change nothing, as the kernel has it."""
    return kind in LOOKING or (kind == TRACING and attach in TRACED)

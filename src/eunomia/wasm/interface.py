"""What this host offers to guests, by module and name: which age of the interface an import is of."""

from __future__ import annotations

from eunomia._native import ffi, lib, text
from eunomia.wasm.functions import shown_type

FIRST = frozenset(
    ("wasm_load_bpf_object", "wasm_close_bpf_object", "wasm_attach_bpf_program", "wasm_bpf_map_fd_by_name",
     "wasm_bpf_buffer_poll", "wasm_bpf_map_operate")
)  # fmt: skip
_EVENTS = "eunomia"
BY_DESCRIPTOR = "wasm_attach_bpf_program_fd"
AGES = {
    "2022": "of 2022, with a package in the guest",
    "env": "wasm-bpf before February 2023",
    "first": "wasm-bpf",
    "TinyGo": "wasm-bpf for TinyGo",
    "2026": "wasm-bpf's attaching to directories",
    "additions": "additions of eunomia",
    "WASI": "WASI preview 1",
    "events": "events of a package (ecli run --guest)",
}


def offered(*, to_events: bool = False) -> dict[tuple[str, str], list[str]]:
    """Return the types of what this host offers, by module and name; some have two.

    Args:
        to_events: whether to a guest of a package's events, and not to one that runs by itself.
    """
    found: dict[tuple[str, str], list[str]] = {}
    offer, index = ffi.new("struct eu_guest_offer *"), 0
    while lib.eu_guest_offer(index, offer):
        index += 1
        if text(offer.module) == _EVENTS and not to_events:
            continue
        found.setdefault((text(offer.module), text(offer.name)), []).append(shown_type(text(offer.type)))
    return found


def age_of(module: str, name: str) -> str:
    """Return the age of the interface that a function which the host offers is of, a key of AGES."""
    if module.startswith("wasi_"):
        return "WASI"
    if module == _EVENTS:
        return "events"
    if module == "callback-wrapper":
        return "TinyGo"
    if name in FIRST:
        return "env" if module == "env" else "first"
    if name == BY_DESCRIPTOR:
        return "2026"
    return "2022" if module == "env" else "additions"

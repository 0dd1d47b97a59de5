"""Values of options arrive in the kernel's maps, for every section that holds variables."""

from __future__ import annotations

import struct
from pathlib import Path

from eunomia.package import Package

DATA = Path(__file__).parents[1] / "data"


def test_values_are_in_the_maps_after_load() -> None:
    package = Package.from_object((DATA / "torture.bpf.o").read_bytes(), "torture.bpf.o", event_types={"rb": ["event"]})
    values = {
        "u32": "0x7",
        "i8": -1,
        "on": False,
        "mode": "MODE_NEGATIVE",
        "text": "hi",
        "ints": "9,-9",
        "f64": 2.5,
        "special": -1,
        "special_data": 5,
        "counter": 3,
        "in_bss": 77,
        "CONFIG_HZ": 300,
    }
    places = {option.name: option for option in package.options()}

    with package.load(values) as live:
        sections = {
            ".rodata": "torture_.rodata", ".data": "torture_.data", ".bss": "torture_.bss",
            ".rodata.custom": ".rodata.custom", ".data.custom": ".data.custom",
        }  # fmt: skip
        held = {section: next(iter(live.maps[name].items()))[1] for section, name in sections.items()}
        kconfig = next(iter(live.maps["torture.kconfig"].items()))[1]

    for name, value in values.items():
        option = places[name]
        if option.section != ".kconfig":
            expected = option.encode(value)
            assert held[option.section][option.offset : option.offset + len(expected)] == expected, name
    untouched = places["texts"]
    assert held[".rodata"][untouched.offset : untouched.offset + 24] == b"one\0\0\0\0\0two".ljust(24, b"\0")
    assert struct.pack("<i", 300) in kconfig


def test_packages_of_upstream_load_as_they_are() -> None:
    for name, programs in (("simple-0.3.3.json", 1), ("int128-0.3.2.json", 0)):
        with Package.open(DATA / name).load() as live:
            assert len(live.programs) == programs

"""Options made from global variables: names on the command line, values, ranges, bytes."""

from __future__ import annotations

import copy
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eunomia.errors import OptionError
from eunomia.package import Package
from eunomia.package.options import Option, settings
from eunomia.package.switches import assign_switches
from eunomia.package.table import from_rows


def option(package: Package, name: str) -> Option:
    return next(each for each in package.options() if each.name == name)


def written(package: Package, **values: Any) -> dict[tuple[str, int], bytes]:
    return {(section, offset): data for section, offset, data in package.settings(values).writes}


@pytest.mark.parametrize(
    ("name", "text", "data"),
    [
        ("u32", "0xffffffff", b"\xff\xff\xff\xff"),
        ("u32", "010", b"\x08\0\0\0"),
        ("u32", "0b11", b"\x03\0\0\0"),
        ("i8", "-128", b"\x80"),
        ("u8", "255", b"\xff"),
        ("i16", "-1", b"\xff\xff"),
        ("u16", "65535", b"\xff\xff"),
        ("u64", "18446744073709551615", b"\xff" * 8),
        ("i64", "-9223372036854775808", b"\0" * 7 + b"\x80"),
        ("wide", str((1 << 128) - 1), b"\xff" * 16),
        ("on", "false", b"\0"),
        ("off", "yes", b"\1"),
        ("letter", "q", b"q"),
        ("letter", "7", b"\x07"),
        ("f32", "1.25", struct.pack("<f", 1.25)),
        ("f64", "-1e300", struct.pack("<d", -1e300)),
        ("mode", "MODE_SLOW", b"\3\0\0\0"),
        ("mode", "mode_negative", b"\xfb\xff\xff\xff"),
        ("mode", "17", b"\x11\0\0\0"),
        ("text", "seven c", b"seven c\0"),
        ("text", "", bytes(8)),
        ("texts", "ab,cd", b"ab\0\0\0\0\0\0cd" + bytes(14)),
        ("ints", "1, -2,0x3", struct.pack("<4i", 1, -2, 3, 0)),
        ("matrix", "1,2,3,255", b"\1\2\3\xff"),
        ("special", "1", b"\1\0\0\0"),
        ("special_data", "1", b"\1\0\0\0"),
        ("counter", "-7", b"\xf9\xff\xff\xff"),
        ("in_bss", "5", b"\5\0\0\0"),
    ],
)
def test_text_becomes_the_bytes_of_the_variable(torture: Package, name: str, text: str, data: bytes) -> None:
    target = option(torture, name)

    assert target.encode(target.parse(text)) == data
    assert written(torture, **{name: text}) == {(target.section, target.offset): data}


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("in_bss", "5000000000", "option --in_bss: 5000000000 is out of range for int (-2147483648..2147483647)"),
        ("u32", "-1", "option --u32: -1 is out of range for __u32 (0..4294967295)"),
        ("i8", "128", "option --i8: 128 is out of range for signed char (-128..127)"),
        ("u64", "18446744073709551616", "out of range for __u64 (0..18446744073709551615)"),
        ("u32", "abc", "option --u32: expected a number, got 'abc'"),
        ("u32", "", "option --u32: expected a number, got ''"),
        ("u32", "1_000", "option --u32: expected a number, got '1_000'"),
        ("u32", "089", "option --u32: expected a number, got '089'"),
        ("u32", "1" * 5000, "option --u32: expected a number, got"),
        ("on", "maybe", "option --no-on: expected true or false, got 'maybe'"),
        ("f32", "1e39", "option --f32: 1e+39 is out of range for float"),
        ("f32", "x", "option --f32: expected a number, got 'x'"),
        ("mode", "MODE_NONE", "option --mode: 'MODE_NONE' is none of MODE_OFF, MODE_SLOW, MODE_NEGATIVE"),
        ("text", "12345678", "option --text: 8 bytes and a NUL do not fit into char[8] (8 bytes)"),
        ("text", "a\0b", "option --text: text contains a NUL character"),
        ("ints", "1,2,3,4,5", "option --ints: 5 values, `int[4]` holds 4"),
        ("ints", "1,x", "option --ints: expected a number, got 'x'"),
    ],
)
def test_wrong_text_is_refused_with_what_was_expected(torture: Package, name: str, text: str, message: str) -> None:
    with pytest.raises(OptionError) as caught:
        torture.settings({name: text})

    assert message in str(caught.value)


def test_values_of_python_are_taken_by_type(torture: Package) -> None:
    values = written(torture, u32=7, on=False, f64=2, ints=[1, 2], texts=["a"], mode=3)

    assert written(torture, text=5) == {(".rodata", 52): b"5" + bytes(7)}  # upstream's defaults may be numbers
    assert sorted(values.values()) == sorted(
        [b"\7\0\0\0", b"\0", struct.pack("<d", 2.0), struct.pack("<4i", 1, 2, 0, 0), b"a" + bytes(23), b"\3\0\0\0"]
    )
    for wrong in ({"u32": 1.5}, {"u32": True}, {"u32": [1]}, {"on": 2}, {"text": True}, {"ints": 5}, {"f64": "x"}):
        with pytest.raises(OptionError):
            torture.settings(wrong)


def test_unknown_name_has_the_nearest_one_in_its_error(torture: Package) -> None:
    with pytest.raises(
        OptionError, match=r"option countr: the package has no such variable \(did you mean counter\?\)"
    ):
        torture.settings({"countr": 1})


def test_kernel_configuration_becomes_kconfig_text(torture: Package) -> None:
    assert torture.settings({"CONFIG_HZ": "250", "CONFIG_BPF": True}).kconfig == "CONFIG_HZ=250\nCONFIG_BPF=y\n"
    assert torture.settings({"CONFIG_BPF": "no"}).kconfig == "CONFIG_BPF=n\n"
    assert torture.settings().kconfig == ""


def test_kconfig_values_are_spelled_as_the_kernel_does() -> None:
    rows = [
        ["CONFIG_A", ".kconfig", 0, 4, 0, "tristate", "enum libbpf_tristate", {"choices": {"n": 0, "y": 1, "m": 2}}],
        ["CONFIG_B", ".kconfig", 0, 16, 0, "string", "char[16]", {}],
        ["CONFIG_C", ".kconfig", 0, 1, 0, "char", "char", {}],
        ["CONFIG_D", ".kconfig", 0, 8, 0, "uint", "unsigned long", {}],
    ]
    options = from_rows(rows, "$")

    text = settings(options, {"CONFIG_A": "m", "CONFIG_B": "(none)", "CONFIG_C": "y", "CONFIG_D": "0x10"}).kconfig

    assert text == 'CONFIG_A=m\nCONFIG_B="(none)"\nCONFIG_C=y\nCONFIG_D=16\n'
    for name, value in (
        ("CONFIG_A", "x"),
        ("CONFIG_A", 9),
        ("CONFIG_B", 'a"b'),
        ("CONFIG_B", "a\nCONFIG_X=y"),
        ("CONFIG_D", "-1"),
    ):
        with pytest.raises(OptionError):
            settings(options, {name: value})


def test_nothing_is_written_for_what_nobody_named(torture: Package) -> None:
    assert torture.settings().writes == []


def test_initial_values_come_from_the_object(torture: Package) -> None:
    shown = {each.name: each.shown_default for each in torture.options()}

    assert shown["u32"] == "5"
    assert shown["i8"] == "-3"
    assert shown["on"] == "true"
    assert shown["mode"] == "MODE_SLOW"
    assert shown["text"] == "abc"
    assert shown["texts"] == "one,two"
    assert shown["ints"] == "1,2"
    assert shown["f32"] == "1.5"
    assert shown["letter"] == "x"
    assert shown["u64"] == "0"
    assert shown["CONFIG_HZ"] == ""


def test_variables_that_are_neither_numbers_nor_text_are_no_options(torture: Package) -> None:
    names = {each.name for each in torture.options()}

    assert not names & {"point", "callback", "LINUX_KERNEL_VERSION", "__eunomia_dummy_event_ptr"}


def annotated(elf: bytes, **variables: dict[str, Any]) -> Package:
    return Package.from_object(elf, "t", annotations={"variables": variables})


def test_annotations_give_names_help_and_defaults(torture_object: bytes) -> None:
    package = annotated(
        torture_object,
        u32={"cmdarg": {"default": 9, "long": "pid", "short": "p", "help": "the process"}, "description": "unused"},
        i16={"description": "a number", "value": 4},
        u8={"cmdarg": {"default": "0x10"}, "value": 3},
    )
    u32, i16, u8 = (option(package, name) for name in ("u32", "i16", "u8"))

    assert (u32.long, u32.short, u32.help, u32.default) == ("pid", "p", "the process", 9)
    assert u32.switches == {"--pid": None, "-p": None}
    assert (i16.help, i16.default) == ("a number", 4)
    assert not option(package, "i64").help
    assert written(package) == {
        (".rodata", u32.offset): b"\x09\0\0\0",
        (".rodata", i16.offset): b"\x04\0",
        (".rodata", u8.offset): b"\x10",
    }
    assert written(package, u32=1)[".rodata", u32.offset] == b"\1\0\0\0"


def test_a_default_out_of_range_names_its_option(torture_object: bytes) -> None:
    package = annotated(torture_object, u8={"cmdarg": {"default": 256}})

    with pytest.raises(OptionError, match="option --u8: 256 is out of range for __u8"):
        package.settings()


@pytest.mark.parametrize(
    ("default", "switches"),
    [
        (False, {"--enable-off": True, "-o": True, "--off": True}),
        (True, {"--disable-off": False, "-o": False, "--no-off": False}),
        (None, {"--off": True, "-o": True, "--enable-off": True, "--no-off": False, "--disable-off": False}),
    ],
)
def test_bools_are_flags_in_upstreams_spelling_first(
    torture_object: bytes, default: bool | None, switches: dict[str, bool]
) -> None:
    cmdarg = {"short": "o"} | ({} if default is None else {"default": default})
    target = option(annotated(torture_object, off={"cmdarg": cmdarg}), "off")

    assert target.switches == switches
    assert next(iter(target.switches)) == next(iter(switches))
    assert not target.takes_value


def test_upstreams_argument_fixture_has_its_spellings() -> None:
    rows = [
        ["const_val_1", ".rodata", 0, 4, 0, "int", "int", {"default": 12345, "long": "cv1", "short": "1", "help": "h"}],
        ["boolflag", ".rodata", 4, 1, 0, "bool", "bool", {}],
        ["boolflag-with-default-true", ".rodata", 5, 1, 0, "bool", "bool", {"default": True}],
        ["boolflag-with-default-false", ".rodata", 6, 1, 0, "bool", "bool", {"default": False}],
    ]
    options = from_rows(rows, "$")
    spellings = {text: value for each in options for text, value in each.switches.items()}

    assert spellings["--cv1"] is None
    assert spellings["-1"] is None
    assert spellings["--boolflag"] is True
    assert spellings["--disable-boolflag-with-default-true"] is False
    assert spellings["--enable-boolflag-with-default-false"] is True
    assert "--enable-boolflag-with-default-true" not in spellings
    assert "--disable-boolflag-with-default-false" not in spellings


def test_clashing_names_are_resolved_in_the_order_of_the_package() -> None:
    rows = [
        ["help", ".rodata", 0, 4, 0, "int", "int", {"short": "h"}],
        ["a", ".rodata", 4, 4, 0, "int", "int", {"long": "x", "short": "x"}],
        ["b", ".rodata", 8, 4, 0, "int", "int", {"long": "x", "short": "x"}],
        ["c", ".rodata", 12, 4, 0, "int", "int", {"long": "x"}],
        ["no-d", ".rodata", 16, 4, 0, "int", "int", {}],
        ["d", ".rodata", 20, 1, 0, "bool", "bool", {}],
    ]
    options = from_rows(rows, "$")

    assert [(each.long, each.short) for each in options] == [
        ("set-help", ""), ("x", "x"), ("set-x", ""), ("set-x-2", ""), ("no-d", ""), ("d", "")
    ]  # fmt: skip
    assert options[4].switches == {"--no-d": None}
    assert "--no-d" not in options[5].switches
    assert all(text not in {"--help", "-h", "--version", "-V"} for each in options for text in each.switches)


def test_range_and_choices_are_checked(torture_object: bytes) -> None:
    package = annotated(
        torture_object,
        u32={"range": {"min": 1, "max": 99}},
        i16={"range": {"max": 5}},
        u16={"choices": [80, 443]},
        i64={"choices": {"fast": 1, "slow": -1}},
        text={"choices": ["tcp", "udp"]},
    )

    assert option(package, "u32").encode("99") == b"\x63\0\0\0"
    assert option(package, "i64").encode("SLOW") == b"\xff" * 8
    assert option(package, "text").encode("udp") == b"udp" + bytes(5)
    for name, text, message in (
        ("u32", "0", r"option --u32: 0 is out of range \(1..99\)"),
        ("u32", "100", r"100 is out of range \(1..99\)"),
        ("i16", "6", r"6 is out of range \(..5\)"),
        ("u16", "81", "81 is none of 80, 443"),
        ("i64", "2", "2 is none of fast, slow"),
        ("text", "icmp", "'icmp' is none of tcp, udp"),
    ):
        with pytest.raises(OptionError, match=message):
            package.settings({name: text})


def test_the_table_in_the_package_is_the_one_made_of_its_types(torture: Package) -> None:
    bare = Package(torture.object, copy.deepcopy(torture.meta))
    del bare.meta["eunomia"]

    def facts(package: Package) -> list[tuple[Any, ...]]:
        return [tuple(getattr(each, name) for name in Option.__slots__) for each in package.options()]

    assert facts(bare) == facts(torture)


@given(st.sampled_from(["int", "uint"]), st.sampled_from([1, 2, 4, 8, 16]), st.integers())
def test_a_number_is_refused_or_read_back(kind: str, size: int, number: int) -> None:
    target = Option("x", ".rodata", 0, size, 0, kind, "int", {})
    assign_switches([target])
    bits = size * 8
    low, high = (0, (1 << bits) - 1) if kind == "uint" else (-(1 << bits - 1), (1 << bits - 1) - 1)

    if low <= number <= high:
        assert target.decode(target.encode(target.parse(str(number)))) == number
        assert target.encode(target.parse(hex(number))) == target.encode(number)
    else:
        with pytest.raises(OptionError):
            target.encode(number)


@given(
    st.sampled_from(["int", "uint", "bool", "char", "enum", "float", "string", "tristate"]),
    st.text(),
    st.integers(0, 3),
)
def test_any_text_is_a_value_or_an_error(kind: str, text: str, count: int) -> None:
    size = {"float": 8, "bool": 1, "char": 1, "string": 6}.get(kind, 4)
    target = Option("x", ".rodata", 0, size, count, kind, "t", {"choices": {"A": 1}} if kind == "enum" else {})

    try:
        data = target.encode(target.parse(text))
    except OptionError:
        return
    assert len(data) == size * (count or 1)
